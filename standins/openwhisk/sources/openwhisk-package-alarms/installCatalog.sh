#!/bin/bash
# installCatalog.sh AUTH EDGE_HOST API_HOST WORKER DB_URL DB_PREFIX: make the package alarms.
export WHISK_AUTH=$1 WHISK_API_HOST_URL=$3
exec python3 -m openwhisk_standin install-packages "$(dirname "$0")/packages"
