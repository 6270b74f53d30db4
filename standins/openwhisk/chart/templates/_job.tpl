{{/*
A Job that runs a script of configMapFiles. Takes root, name, map (of its script, without the
release), script (its file name), and YAML texts: env, waits, account, volumes, mounts.
*/}}
{{- define "openwhisk.job" -}}
---
apiVersion: batch/v1
kind: Job
metadata: {{- include "openwhisk.metadata" . | nindent 2 }}
spec:
  backoffLimit: 3
  template:
    metadata: {{- include "openwhisk.metadata" . | nindent 6 }}
    spec:
      {{- with .account }}
      serviceAccountName: {{ $.root.Release.Name }}-{{ . }}
      {{- end }}
      restartPolicy: Never
      volumes:
        - {name: task-dir, configMap: {name: {{ .root.Release.Name }}-{{ .map }}}}
        {{- .volumes | default "" | nindent 8 }}
      {{- include "openwhisk.pull_secrets" .root | nindent 6 }}
      {{- if .waits }}
      initContainers:
        {{- range .waits }}
        {{- include (printf "openwhisk.wait.%s" .) $.root | nindent 8 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "openwhisk.image" (dict "root" .root "of" .root.Values.utility) }}
          imagePullPolicy: {{ .root.Values.utility.imagePullPolicy }}
          command: [/bin/bash, -c, set -e; . /task/{{ .script }}]
          volumeMounts:
            - {name: task-dir, mountPath: /task/{{ .script }}, subPath: {{ .script }}}
            {{- .mounts | default "" | nindent 12 }}
          env: {{- .env | trim | nindent 12 }}
{{- end }}

{{/* A ConfigMap with the files of a folder of configMapFiles. Takes root, name and files. */}}
{{- define "openwhisk.files" -}}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels: {{- include "openwhisk.labels" .root | nindent 4 }}
data: {{- (.root.Files.Glob (printf "configMapFiles/%s/*" .files)).AsConfig | nindent 2 }}
{{- end }}

{{/* Whether each provider is installed. */}}
{{- define "openwhisk.env.installed" -}}
{{- include "openwhisk.env.plain" (dict
    "OW_INSTALL_ALARM_PROVIDER" (.Values.providers.alarm.enabled | ternary "yes" "no")
    "OW_INSTALL_KAFKA_PROVIDER" (.Values.providers.kafka.enabled | ternary "yes" "no")) }}
{{- end }}
