{{/* Variables from a ConfigMap or Secret of this release. Takes root, kind, from and keys: NAME to key. */}}
{{- define "openwhisk.env.refer" -}}
{{- range $name, $key := .keys }}
- name: {{ $name }}
  valueFrom: { {{ $.kind }}KeyRef: {name: {{ $.root.Release.Name }}-{{ $.from }}, key: {{ $key }}}}
{{- end }}
{{- end }}

{{/* Variables with plain values. Takes a dict NAME to value. */}}
{{- define "openwhisk.env.plain" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* Where the database is and who may enter. Takes root, config and secret: NAME to key. */}}
{{- define "openwhisk.env.database" -}}
{{- include "openwhisk.env.refer" (dict "root" .root "kind" "configMap" "from" "db.config" "keys" .config) }}
{{- include "openwhisk.env.refer" (dict "root" .root "kind" "secret" "from" "db.auth" "keys" .secret) }}
{{- end }}

{{- define "openwhisk.env.couchdb" -}}
{{- $config := dict
    "CONFIG_whisk_couchdb_port" "db_port" "CONFIG_whisk_couchdb_protocol" "db_protocol"
    "CONFIG_whisk_couchdb_provider" "db_provider"
    "CONFIG_whisk_couchdb_databases_WhiskActivation" "db_whisk_activations"
    "CONFIG_whisk_couchdb_databases_WhiskEntity" "db_whisk_actions"
    "CONFIG_whisk_couchdb_databases_WhiskAuth" "db_whisk_auths" }}
{{- include "openwhisk.env.database" (dict "root" . "config" $config "secret" dict) }}
{{- include "openwhisk.env.couchdb.user" . }}
{{- include "openwhisk.env.plain" (dict "CONFIG_whisk_couchdb_host" (include "openwhisk.db_host" .)) }}
{{- end }}

{{- define "openwhisk.env.admin" -}}
{{- $config := dict "DB_PROTOCOL" "db_protocol" "DB_HOST" "db_host" "DB_PORT" "db_port" "DB_PREFIX" "db_prefix" }}
{{- $secret := dict "COUCHDB_USER" "db_username" "COUCHDB_PASSWORD" "db_password" }}
{{- include "openwhisk.env.database" (dict "root" . "config" $config "secret" $secret) }}
{{- include "openwhisk.env.plain" (dict "NODENAME" "couchdb0") }}
{{- end }}

{{- define "openwhisk.env.limits" -}}
{{- $limits := .Values.whisk.limits }}
{{- include "openwhisk.env.plain" (dict
    "LIMITS_ACTIONS_INVOKES_PERMINUTE" (int64 $limits.actionsInvokesPerminute)
    "LIMITS_ACTIONS_INVOKES_CONCURRENT" (int64 $limits.actionsInvokesConcurrent)
    "LIMITS_TRIGGERS_FIRES_PERMINUTE" (int64 $limits.triggersFiresPerminute)
    "LIMITS_ACTIONS_SEQUENCE_MAXLENGTH" (int64 $limits.actionsSequenceMaxlength)
    "CONFIG_whisk_activation_payload_max" $limits.activation.payload.max) }}
{{- range $setting, $name := dict
    "time" "timeLimit" "memory" "memory" "concurrency" "concurrencyLimit" "log" "logLimit" }}
{{- $bounds := index $limits.actions $setting }}
{{- range $bound := list "min" "max" "std" }}
{{- include "openwhisk.env.plain" (dict (printf "CONFIG_whisk_%s_%s" $name $bound) (index $bounds $bound)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "openwhisk.env.topics" -}}
{{- include "openwhisk.env.plain" (dict
    "KAFKA_HOSTS" (include "openwhisk.kafkas" .)
    "CONFIG_whisk_kafka_replicationFactor" .Values.whisk.kafka.replicationFactor
    "CONFIG_whisk_kafka_topics_prefix" .Values.whisk.kafka.topics.prefix) }}
{{- range $topic, $settings := omit .Values.whisk.kafka.topics "prefix" }}
{{- range $key, $value := $settings }}
{{- include "openwhisk.env.plain" (dict (printf "CONFIG_whisk_kafka_topics_%s_%s" $topic $key) $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* With the newer scheduler. */}}
{{- define "openwhisk.env.etcd" -}}
{{- $hosts := printf "%s:%d" (include "openwhisk.host" (dict "root" . "name" "etcd")) (int .Values.etcd.port) }}
{{- include "openwhisk.env.plain" (dict
    "CONFIG_whisk_cluster_name" .Values.etcd.clusterName "CONFIG_whisk_etcd_hosts" $hosts
    "CONFIG_whisk_etcd_lease_timeout" .Values.etcd.leaseTimeout
    "CONFIG_whisk_etcd_pool_threads" .Values.etcd.poolThreads) }}
{{- end }}

{{- define "openwhisk.env.metrics" -}}
{{- $metrics := .Values.metrics }}
{{- if $metrics.prometheusEnabled }}
{{- include "openwhisk.env.plain" (dict "OPENWHISK_ENCODED_CONFIG" (.Files.Get $metrics.whiskconfigFile | b64enc)) }}
{{- end }}
{{- if or $metrics.kamonEnabled $metrics.prometheusEnabled }}
{{- include "openwhisk.env.plain" (dict "METRICS_KAMON" "true") }}
{{- end }}
{{- if $metrics.kamonTags }}
{{- include "openwhisk.env.plain" (dict "METRICS_KAMON_TAGS" "true") }}
{{- end }}
{{- if $metrics.userMetricsEnabled }}
{{- include "openwhisk.env.plain" (dict "CONFIG_whisk_userEvents_enabled" "true") }}
{{- end }}
{{- end }}

{{/* What the controller, the scheduler and the invoker share. Takes root and of. */}}
{{- define "openwhisk.env.server" -}}
{{- include "openwhisk.env.plain" (dict
    "JAVA_OPTS" (printf "-Xmx%sM %s" .of.jvmHeapMB .of.jvmOptions) "CONFIG_logback_log_level" .of.loglevel
    "RUNTIMES_MANIFEST" (required "whisk.runtimes names no file of this chart" (.root.Files.Get .root.Values.whisk.runtimes))) }}
{{- include "openwhisk.env.refer" (dict
    "root" .root "kind" "configMap" "from" "whisk.config" "keys" (dict "CONFIG_whisk_info_date" "whisk_info_date")) }}
{{- include "openwhisk.env.limits" .root }}
{{- include "openwhisk.env.topics" .root }}
{{- include "openwhisk.env.couchdb" .root }}
{{- if .root.Values.scheduler.enabled }}
{{- include "openwhisk.env.etcd" .root }}
{{- end }}
{{- include "openwhisk.env.metrics" .root }}
{{- end }}

{{/* Takes root and keys. */}}
{{- define "openwhisk.env.config" -}}
{{- include "openwhisk.env.refer" (dict "root" .root "kind" "configMap" "from" "whisk.config" "keys" .keys) }}
{{- end }}

{{/* The database of the providers. Takes root, config, secret (NAME to key) and external (NAME to value). */}}
{{- define "openwhisk.env.providers" -}}
{{- if .root.Values.providers.db.external }}
{{- include "openwhisk.env.plain" .external }}
{{- else }}
{{- include "openwhisk.env.database" . }}
{{- end }}
{{- end }}
