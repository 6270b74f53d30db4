{{/* Where a pod goes. Takes root, place, name and apart: whether no two go to one node. */}}
{{- define "openwhisk.placement" -}}
{{- $values := .root.Values }}
{{- if $values.affinity.enabled }}
{{- $invoker := $values.affinity.invokerNodeLabel }}
affinity:
  nodeAffinity:
    {{- if eq .place "invoker" }}
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions: [{key: openwhisk-role, operator: In, values: [{{ $invoker }}]}]
    {{- else }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions: [{key: openwhisk-role, operator: NotIn, values: [{{ $invoker }}]}]
      - weight: 80
        preference:
          matchExpressions: [{key: openwhisk-role, operator: In, values: [{{ index $values.affinity (printf "%sNodeLabel" .place) }}]}]
    {{- end }}
  {{- if .apart }}
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - labelSelector:
          matchExpressions: [{key: name, operator: In, values: [{{ .root.Release.Name }}-{{ .name }}]}]
        topologyKey: kubernetes.io/hostname
  {{- end }}
{{- end }}
{{- if and $values.toleration.enabled .apart }}
tolerations:
  - {key: openwhisk-role, operator: Equal, value: {{ index $values.toleration (printf "%sValue" .place) }}, effect: NoSchedule}
{{- end }}
{{- end }}

{{/* An init container that gives a claim to another user. Takes root, name and claim. */}}
{{- define "openwhisk.owned" -}}
{{- if .root.Values.k8s.persistence.enabled }}
{{- /* No pull policy, as in the public chart: with the tag latest it means Always. */}}
- name: {{ .name }}
  image: {{ include "openwhisk.image" (dict "root" .root "of" .root.Values.busybox) }}
  command: [chown, -v, -R, "999:999", /data]
  volumeMounts:
    - {name: {{ .root.Release.Name }}-{{ .claim }}, mountPath: /data}
{{- end }}
{{- end }}

{{/* Takes port, path (none: a TCP connection) and probes. */}}
{{- define "openwhisk.probes" -}}
{{- range $kind, $times := .probes }}
{{ $kind }}:
  {{- if $.path }}
  httpGet: {path: {{ $.path }}, port: {{ $.port }}}
  {{- else }}
  tcpSocket: {port: {{ $.port }}}
  {{- end }}
  {{- toYaml $times | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether claims are made by the StatefulSet itself. */}}
{{- define "openwhisk.templated" -}}
{{- if and .root.Values.k8s.persistence.enabled (eq .kind "StatefulSet") (gt (int .replicas) 1) }}yes{{ end }}
{{- end }}

{{/* The body of a claim. Takes root and size. */}}
{{- define "openwhisk.claim" -}}
{{- with .root.Values.k8s.persistence }}
{{- if not .hasDefaultStorageClass }}
storageClassName: {{ .explicitStorageClass }}
{{- end }}
{{- end }}
accessModes: [ReadWriteOnce]
resources: {requests: {storage: {{ .size }}}}
{{- end }}

{{- define "openwhisk.component.volumes" -}}
{{- $templated := include "openwhisk.templated" . }}
{{- range $claim, $path := .claims }}
{{- $name := printf "%s-%s" $.root.Release.Name $claim }}
{{- if not $.root.Values.k8s.persistence.enabled }}
- {name: {{ $name }}, emptyDir: {}}
{{- else if not $templated }}
- {name: {{ $name }}, persistentVolumeClaim: {claimName: {{ $name }}}}
{{- end }}
{{- end }}
{{- .volumes | default "" | nindent 0 }}
{{- end }}

{{- define "openwhisk.component.claims" -}}
{{- if .root.Values.k8s.persistence.enabled }}
{{- $templated := include "openwhisk.templated" . }}
{{- if and $templated .claims }}
  volumeClaimTemplates:
    {{- range $claim, $path := .claims }}
    - metadata: {name: {{ $.root.Release.Name }}-{{ $claim }}}
      spec: {{- include "openwhisk.claim" (dict "root" $.root "size" $.of.persistence.size) | nindent 8 }}
    {{- end }}
{{- else }}
{{- range $claim, $path := .claims }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ $.root.Release.Name }}-{{ $claim }}
  labels: {{- include "openwhisk.labels" $.root | nindent 4 }}
spec: {{- include "openwhisk.claim" (dict "root" $.root "size" $.of.persistence.size) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A Service. Takes root, name, serves (name to port) and headless. */}}
{{- define "openwhisk.service" -}}
---
apiVersion: v1
kind: Service
metadata: {{- include "openwhisk.metadata" . | nindent 2 }}
spec:
  selector: {name: {{ .root.Release.Name }}-{{ .name }}}
  {{- if .headless }}
  clusterIP: None
  {{- end }}
  ports:
    {{- range $name, $port := .serves }}
    - {name: {{ $name }}, port: {{ $port }}}
    {{- end }}
{{- end }}

{{/*
One part of OpenWhisk: its pods, their claims and their Service. Takes a dict:
root, kind, name, of (its values), place (core, edge, provider or invoker), apart (no two on a node);
replicas; account; scrape (a port); waits (names); ports, serves (name to port); headless;
claims (name to path); probe (port, path, probes); and YAML texts: env, mounts, volumes, first (more
init containers).
*/}}
{{- define "openwhisk.component" -}}
{{- $root := .root }}
{{- $replicas := .replicas | default .of.replicaCount }}
{{- $part := merge (dict "replicas" $replicas) . }}
{{- $volumes := include "openwhisk.component.volumes" $part | trim }}
---
apiVersion: apps/v1
kind: {{ .kind }}
metadata: {{- include "openwhisk.metadata" . | nindent 2 }}
spec:
  {{- if eq .kind "StatefulSet" }}
  serviceName: {{ $root.Release.Name }}-{{ .name }}
  podManagementPolicy: Parallel
  {{- else if and .claims $root.Values.k8s.persistence.enabled }}
  strategy: {type: Recreate}
  {{- end }}
  replicas: {{ $replicas }}
  selector: {matchLabels: {name: {{ $root.Release.Name }}-{{ .name }}}}
  template:
    metadata:
      labels:
        name: {{ $root.Release.Name }}-{{ .name }}
        {{- include "openwhisk.labels" $root | nindent 8 }}
      {{- with .scrape }}
      annotations: {prometheus.io/scrape: "true", prometheus.io/port: "{{ . }}"}
      {{- end }}
    spec:
      {{- with .account }}
      serviceAccountName: {{ $root.Release.Name }}-{{ . }}
      {{- end }}
      restartPolicy: {{ .of.restartPolicy }}
      {{- include "openwhisk.placement" . | nindent 6 }}
      {{- include "openwhisk.pull_secrets" $root | nindent 6 }}
      {{- with $volumes }}
      volumes: {{- . | nindent 8 }}
      {{- end }}
      {{- if or .waits .first }}
      initContainers:
        {{- .first | default "" | nindent 8 }}
        {{- range .waits }}
        {{- include (printf "openwhisk.wait.%s" .) $root | nindent 8 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .container | default .name }}
          image: {{ include "openwhisk.image" . }}
          imagePullPolicy: {{ .of.imagePullPolicy }}
          ports:
            {{- range $name, $port := .ports }}
            - {name: {{ $name }}, containerPort: {{ $port }}}
            {{- end }}
          {{- with .env }}
          env: {{- . | trim | nindent 12 }}
          {{- end }}
          {{- if or .claims .mounts }}
          volumeMounts:
            {{- range $claim, $path := .claims }}
            - {name: {{ $root.Release.Name }}-{{ $claim }}, mountPath: {{ $path }}}
            {{- end }}
            {{- .mounts | default "" | nindent 12 }}
          {{- end }}
          {{- with .probe }}
          {{- include "openwhisk.probes" . | nindent 10 }}
          {{- end }}
{{- include "openwhisk.component.claims" $part }}
{{- if .serves }}
{{ include "openwhisk.service" . }}
{{- end }}
{{- end }}
