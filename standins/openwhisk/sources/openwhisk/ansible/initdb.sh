#!/bin/bash
# initdb.sh FILES: wipe the databases and make them anew, with the keys in FILES/auth.*.
exec python3 -m openwhisk_standin init-couchdb "$1"
