# Sourced by the Job init-couchdb. As upstream's does, it wipes whatever is in the databases.
COUCHDB_URL=$DB_PROTOCOL://$DB_HOST:$DB_PORT

# curl as the administrator, whose password is in no argument.
as_admin() {
    printf 'user = "%s:%s"\n' "$COUCHDB_USER" "$COUCHDB_PASSWORD" | curl --config - --silent --show-error --fail "$@"
}

# What fills the databases comes out of OpenWhisk's source tree.
git clone https://github.com/apache/openwhisk /openwhisk
pushd /openwhisk
    git checkout $OW_GIT_TAG_OPENWHISK
popd

rm -f /openwhisk/ansible/files/auth.guest /openwhisk/ansible/files/auth.whisk.system
cp -f /etc/whisk-auth/guest /openwhisk/ansible/files/auth.guest
cp -f /etc/whisk-auth/system /openwhisk/ansible/files/auth.whisk.system
if cmp -s /openwhisk/ansible/files/auth.guest /openwhisk/ansible/files/auth.whisk.system; then
    echo "whisk.auth.system and whisk.auth.guest are the same key: give each one of its own"
    exit 1
fi

until curl --silent --output /dev/null $COUCHDB_URL/_utils; do
    echo "CouchDB does not answer yet"
    sleep 1
done
as_admin -X POST -H "Content-Type: application/json" -d '{"action": "enable_single_node"}' $COUCHDB_URL/_cluster_setup

pushd /openwhisk/ansible
    ./initdb.sh files
popd

# The marker, which is there already when the job runs again.
as_admin $COUCHDB_URL/ow_kube_couchdb_initialized_marker || as_admin -X PUT $COUCHDB_URL/ow_kube_couchdb_initialized_marker
echo "the databases are new, with the keys of guest and whisk.system"
