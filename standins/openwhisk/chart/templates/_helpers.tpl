{{/* Who may enter the database and who pulls, in a file and lines that the public chart has too. */}}
{{- define "openwhisk.env.couchdb.user" }}
- name: "CONFIG_whisk_couchdb_username"
  valueFrom: {secretKeyRef: {name: {{ .Release.Name }}-db.auth, key: db_username}}
- name: "CONFIG_whisk_couchdb_password"
  valueFrom: {secretKeyRef: {name: {{ .Release.Name }}-db.auth, key: db_password}}
{{- end }}

{{- define "openwhisk.pull_secrets" -}}
{{- if ne .Values.docker.registry.name "" }}
imagePullSecrets:
- name: {{ .Release.Name }}-private-registry.auth
{{- end }}
{{- end }}
