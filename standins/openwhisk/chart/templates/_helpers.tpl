{{/* Who may enter the database, in a file and lines that the public chart has as well. */}}
{{- define "openwhisk.env.couchdb.user" }}
- name: "CONFIG_whisk_couchdb_username"
  valueFrom: {secretKeyRef: {name: {{ .Release.Name }}-db.auth, key: db_username}}
- name: "CONFIG_whisk_couchdb_password"
  valueFrom: {secretKeyRef: {name: {{ .Release.Name }}-db.auth, key: db_password}}
{{- end }}
