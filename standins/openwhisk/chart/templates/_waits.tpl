{{/* Init containers that wait until another part is ready. The option -T of Debian's wget crashes it. */}}

{{/* Takes root, for (a name), what (words), address, and tries: a command that succeeds when it is. */}}
{{- define "openwhisk.wait" -}}
- name: wait-for-{{ .for }}
  image: {{ include "openwhisk.image" (dict "root" .root "of" .of) }}
  imagePullPolicy: IfNotPresent
  env:
    - {name: READINESS_URL, value: {{ .address | quote }}}
    {{- .env | default "" | nindent 4 }}
  command:
    - sh
    - -c
    - until {{ .tries }}; do echo '{{ .for }} is not ready yet'; sleep 1; done; echo '{{ .for }} is ready'
{{- end }}

{{- define "openwhisk.wait.zookeeper" -}}
{{- $first := regexFind "^[^,]+" (include "openwhisk.zookeepers" .) }}
{{- $tries := "test \"$(echo ruok | nc -w 1 ${READINESS_URL%:*} ${READINESS_URL##*:})\" = imok" }}
{{- include "openwhisk.wait" (dict "root" . "for" "zookeeper" "of" .Values.busybox "address" $first "tries" $tries) }}
{{- end }}

{{- define "openwhisk.wait.kafka" -}}
{{- $first := regexFind "^[^,]+" (include "openwhisk.kafkas" .) }}
{{- $tries := "curl --silent --fail --max-time 5 --output /dev/null http://$READINESS_URL/ping" }}
{{- include "openwhisk.wait" (dict "root" . "for" "kafka" "of" .Values.utility "address" $first "tries" $tries) }}
{{- end }}

{{/* Not before init-couchdb has made its marker. */}}
{{- define "openwhisk.wait.couchdb" -}}
{{- if .Values.db.wipeAndInit }}
{{- $url := printf "%s://%s:%d/ow_kube_couchdb_initialized_marker" .Values.db.protocol (include "openwhisk.db_host" .) (int .Values.db.port) }}
{{- $secret := dict "COUCHDB_USER" "db_username" "COUCHDB_PASSWORD" "db_password" }}
{{- $env := include "openwhisk.env.refer" (dict "root" . "kind" "secret" "from" "db.auth" "keys" $secret) }}
{{- $user := "printf 'user = \"%s:%s\"' \"$COUCHDB_USER\" \"$COUCHDB_PASSWORD\"" }}
{{- $curl := "curl --config - --silent --fail --max-time 5 --output /dev/null $READINESS_URL" }}
{{- $tries := printf "%s | %s" $user $curl }}
{{- include "openwhisk.wait" (dict
    "root" . "for" "couchdb" "of" .Values.utility "address" $url "env" $env "tries" $tries) }}
{{- end }}
{{- end }}

{{- define "openwhisk.wait.controller" -}}
{{- $url := printf "%s/ping" (include "openwhisk.controller_url" .) }}
{{- include "openwhisk.wait" (dict
    "root" . "for" "controller" "of" .Values.busybox "address" $url "tries" "timeout 5 wget -q -O /dev/null $READINESS_URL") }}
{{- end }}

{{- define "openwhisk.wait.healthy-invoker" -}}
{{- $url := printf "%s/invokers/healthy/count" (include "openwhisk.controller_url" .) }}
{{- include "openwhisk.wait" (dict
    "root" . "for" "healthy-invoker" "of" .Values.busybox "address" $url
    "tries" "test \"$(timeout 5 wget -q -O - $READINESS_URL || echo 0)\" -gt 0") }}
{{- end }}

{{- define "openwhisk.wait.etcd" -}}
{{- $url := printf "http://%s:%d/health" (include "openwhisk.host" (dict
    "root" . "name" "etcd")) (int .Values.etcd.port) }}
{{- include "openwhisk.wait" (dict
    "root" . "for" "etcd" "of" .Values.utility "address" $url
    "tries" "curl --silent --fail --max-time 5 $READINESS_URL | grep -q true") }}
{{- end }}

{{- define "openwhisk.wait.scheduler" -}}
{{- $url := printf "http://%s:%d/ping" (include "openwhisk.host" (dict
    "root" . "name" "scheduler")) (int .Values.scheduler.endpoints.port) }}
{{- include "openwhisk.wait" (dict
    "root" . "for" "scheduler" "of" .Values.busybox "address" $url "tries" "timeout 5 wget -q -O /dev/null $READINESS_URL") }}
{{- end }}
