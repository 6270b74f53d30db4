# Run by `helm test`: an action is created, listed, invoked, called by its URL, and deleted.
set -e
name=helm-smoketest
actions=$WSK_API_HOST_URL/api/v1/namespaces/_/actions

as_guest() {
    printf 'user = "%s"\n' "$WSK_AUTH" | curl --config - --silent --show-error --fail "$@"
}

# expect WHAT WANTED GIVEN
expect() {
    grep -Eq "$2" <<< "$3" || { echo "FAILED: $1 answered: $3"; exit 1; }
}

as_guest -X PUT -H "Content-Type: application/json" "$actions/$name?overwrite=true" -d '{
    "exec": {"kind": "nodejs:default", "code": "function main() { return {body: \"Hello world\"} }"},
    "annotations": [{"key": "web-export", "value": true}]}' > /dev/null
trap 'as_guest -X DELETE "$actions/$name" > /dev/null' EXIT
expect "the list of actions" "\"name\": ?\"$name\"" "$(as_guest "$actions?limit=200")"
expect "the action" "\"status\": ?\"success\"" "$(as_guest -X POST "$actions/$name?blocking=true")"
expect "the web action" "Hello world" "$(curl --silent --show-error --fail "$WSK_API_HOST_URL/api/v1/web/guest/default/$name")"
echo "PASSED: created, listed, invoked, called by its URL"
