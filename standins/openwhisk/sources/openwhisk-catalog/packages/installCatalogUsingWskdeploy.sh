#!/bin/bash
# installCatalogUsingWskdeploy.sh AUTH API_HOST WSK: make the packages of this directory.
export WHISK_AUTH=$1 WHISK_API_HOST_URL=$2
exec python3 -m openwhisk_standin install-packages "$(dirname "$0")"
