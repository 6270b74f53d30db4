{{- define "openwhisk.labels" -}}
heritage: {{ .Release.Service | quote }}
release: {{ .Release.Name | quote }}
chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"
app: {{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of an object, and the labels beside it. Takes root and name. */}}
{{- define "openwhisk.metadata" -}}
name: {{ .root.Release.Name }}-{{ .name }}
labels:
  name: {{ .root.Release.Name }}-{{ .name }}
  {{- include "openwhisk.labels" .root | nindent 2 }}
{{- end }}

{{/* The DNS name of a Service of this release. Takes root and name. */}}
{{- define "openwhisk.host" -}}
{{ .root.Release.Name }}-{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.k8s.domain }}
{{- end }}

{{- define "openwhisk.db_host" -}}
{{ .Values.db.external | ternary .Values.db.host (include "openwhisk.host" (dict "root" . "name" "couchdb")) }}
{{- end }}

{{- define "openwhisk.controller_url" -}}
http://{{ include "openwhisk.host" (dict "root" . "name" "controller") }}:{{ .Values.controller.port }}
{{- end }}

{{/* HOST:PORT of each pod of a StatefulSet, or what an external one says. Takes root, name and of. */}}
{{- define "openwhisk.members" -}}
{{- if .of.external -}}
{{ .of.connect_string }}
{{- else -}}
{{- $hosts := list }}
{{- range $number := until (int .of.replicaCount) }}
{{- $pod := printf "%s-%s-%d" $.root.Release.Name $.name $number }}
{{- $hosts = append $hosts (printf "%s.%s:%d" $pod (include "openwhisk.host" $) (int $.of.port)) }}
{{- end }}
{{- join "," $hosts }}
{{- end }}
{{- end }}

{{- define "openwhisk.zookeepers" -}}
{{ include "openwhisk.members" (dict "root" . "name" "zookeeper" "of" .Values.zookeeper) }}
{{- end }}

{{- define "openwhisk.kafkas" -}}
{{ include "openwhisk.members" (dict "root" . "name" "kafka" "of" .Values.kafka) }}
{{- end }}

{{/* An image as the registry names it. Takes root and of. */}}
{{- define "openwhisk.image" -}}
"{{ .root.Values.docker.registry.name }}{{ .of.imageName }}:{{ .of.imageTag }}"
{{- end }}

{{- define "openwhisk.monitored" -}}
{{- if or .Values.metrics.prometheusEnabled .Values.metrics.userMetricsEnabled }}yes{{ end }}
{{- end }}

{{- define "openwhisk.own_tls" -}}
{{- if has .Values.whisk.ingress.type (list "NodePort" "LoadBalancer") }}yes{{ end }}
{{- end }}
