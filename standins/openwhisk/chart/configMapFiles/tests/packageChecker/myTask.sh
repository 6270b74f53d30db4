# Run by `helm test`: are the shared packages there for a guest, and does one of their actions run?
set -e

as_guest() {
    printf 'user = "%s"\n' "$WSK_AUTH" | curl --config - --silent --show-error --fail "$@"
}

wanted="github samples slack utils websocket"
if [ "$OW_INSTALL_ALARM_PROVIDER" == "yes" ]; then wanted="$wanted alarms"; fi
if [ "$OW_INSTALL_KAFKA_PROVIDER" == "yes" ]; then wanted="$wanted messaging"; fi
found=$(as_guest "$WSK_API_HOST_URL/api/v1/namespaces/whisk.system/packages?limit=200")
for name in $wanted; do
    grep -Eq "\"name\": ?\"$name\"" <<< "$found" || { echo "there is no package $name in /whisk.system"; exit 1; }
done

answer=$(as_guest -X POST -H "Content-Type: application/json" -d '{"msg": "HelloWhisker"}' \
    "$WSK_API_HOST_URL/api/v1/namespaces/whisk.system/actions/utils/echo?blocking=true&result=true")
grep -q HelloWhisker <<< "$answer" || { echo "utils/echo answered: $answer"; exit 1; }
echo "PASSED: $wanted; utils/echo answers"
