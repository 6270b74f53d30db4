#!/bin/bash
# installCatalog.sh AUTH EDGE_HOST DB_URL DB_PREFIX API_HOST: add Message Hub to messaging.
export WHISK_AUTH=$1 WHISK_API_HOST_URL=$5
exec python3 -m openwhisk_standin install-packages "$(dirname "$0")/packages/messagehub"
