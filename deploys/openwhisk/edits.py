"""Changes of the chart, tied to its lines (commit 108f3275). Pure.

`${NAME}` is filled in by render.py; everything else with a dollar is the script's own.
"""

from __future__ import annotations

from whisklab.engine.helm.overlay import Edit

INITDB = "configMapFiles/initCouchDB/initdb.sh"
PACKAGES = "configMapFiles/installPackages/myTask.sh"
PACKAGES_BEGIN = "export OPENWHISK_HOME=/openwhisk"
CLONE_FOR_INIT = "git clone https://github.com/apache/openwhisk /openwhisk"

# A Job that is made anew (an upgrade that changes its template, a repair) runs this script again,
# and it would recreate the databases with every action in them. The marker is its own last word.
DATA_SAFETY = (
    Edit(
        INITDB,
        CLONE_FOR_INIT,
        """\
database=$DB_PROTOCOL://$DB_HOST:$DB_PORT
until curl --silent --output /dev/null "$database"; do
    echo "whisklab: waiting for CouchDB"
    sleep 1
done
answer=$(printf 'user = "%s:%s"\\n' "$COUCHDB_USER" "$COUCHDB_PASSWORD" |
    curl --silent --config - --output /dev/null --write-out '%{http_code}' \\
    "$database/ow_kube_couchdb_initialized_marker")
case "$answer" in
    200) echo "whisklab: the databases are there, they stay as they are"; exit 0 ;;
    404) echo "whisklab: no databases yet" ;;
    401) echo "whisklab: CouchDB refuses the password: it was started with another one"
         exit 1 ;;
    *) echo "whisklab: CouchDB answers $answer, so nothing is touched"; exit 1 ;;
esac""",
        "before",
    ),
)

# CouchDB takes its password when it starts, and keeps none with its data; the others ask with the
# one that they have started with. All are given it by reference, so a new one would restart nobody
# but the controller, which then waits for ever.
NEW_PASSWORD = tuple(
    Edit(
        f"templates/{file}",
        f'- name: "{anchor}"',
        """\
- name: "WHISKLAB_PASSWORD"
  value: {{ .Values.db.auth.password | sha256sum | quote }}""",
        "before",
    )
    for file, anchor in (
        ("couchdb-pod.yaml", "NODENAME"),
        ("_helpers.tpl", "CONFIG_whisk_couchdb_username"),  # of controller, invoker, scheduler
        ("provider-alarm-pod.yaml", "DB_PREFIX"),
        ("provider-kafka-pod.yaml", "DB_PREFIX"),
    )
)
# With a registry the chart gives each pod a pull secret, without an account an empty one. The
# kubelet passes that on, and containerd does not look into registries.yaml where a pull brings its
# own (containerd 2.1, internal/cri/server/images/image_pull.go).
NODES_PULL = (
    Edit(
        "templates/_helpers.tpl",
        """\
{{- if ne .Values.docker.registry.name "" }}
imagePullSecrets:""",
        """\
{{- if .Values.docker.registry.username }}
imagePullSecrets:""",
    ),
)
# The chart puts a certificate of one's own, and its key, into a ConfigMap, and starts nothing anew
# for another one. Its digest is in the Secret's name: a new one is rolled out as a new image is.
CERTIFICATE_SECRET = "certificate-"  # noqa: S105  a name, behind the release's
CERTIFICATE_TEMPLATE = "templates/whisklab-certificate.yaml"


def _secret_name(file: str) -> str:
    digest = f'{{{{ .Files.Get "{file}" | sha256sum | trunc 8 }}}}'
    return f"{{{{ .Release.Name }}}}-{CERTIFICATE_SECRET}{digest}"


def certificate(file: str, key: str) -> str:
    """Return the template of the Secret.

    Args:
        file: of the chart, with the certificate.
        key: likewise.
    """
    return f"""\
apiVersion: v1
kind: Secret
metadata:
  name: {_secret_name(file)}
type: kubernetes.io/tls
data:
  tls.crt: {{{{ .Files.Get "{file}" | b64enc }}}}
  tls.key: {{{{ .Files.Get "{key}" | b64enc }}}}
  sslPassword: {{{{ .Values.nginx.certificate.sslPassword | b64enc | quote }}}}
"""


def mounted(file: str) -> Edit:
    """Return the change by which nginx has that Secret."""
    return Edit(
        "templates/nginx-pod.yaml",
        "configMap:\n  name: {{ .Release.Name }}-gen-certs",
        f"secret:\n  secretName: {_secret_name(file)}",
    )


# The packages of alarms name a kind of their own, which openwhisk_runtimes need not have.
RUNTIME = (Edit(PACKAGES, PACKAGES_BEGIN, "export ACTION_RUNTIME_VERSION=nodejs:default", "after"),)


def _fetched(name: str, tag: str, directory: str) -> str:
    return (
        f"mkdir -p {directory}\n"
        f"curl --silent --show-error --fail --location --retry 5 --retry-connrefused "
        f'"${{SOURCES}}/{name}-${tag}.tar.gz" |\n'
        f"    tar -xz --strip-components=1 -C {directory}"
    )


def _instead_of_cloning(file: str, clone: str, name: str, tag: str, directory: str) -> list[Edit]:
    return [
        Edit(file, clone, _fetched(name, tag, directory)),
        Edit(file, f"git checkout ${tag}", ":  # whisklab: the archive is of this commit"),
    ]


HOST = "https://github.com/apache"
OPENWHISK, CATALOG = "OW_GIT_TAG_OPENWHISK", "OW_GIT_TAG_OPENWHISK_CATALOG"
ALARMS, KAFKA = "OW_GIT_TAG_OPENWHISK_PACKAGE_ALARMS", "OW_GIT_TAG_OPENWHISK_PACKAGE_KAFKA"
# What the jobs clone: repository, the value of the chart below whisk.versions, and its commit.
SOURCES = (
    ("openwhisk", "openwhisk", "ef725a653ab112391f79c274d8e3dcfb915d59a3"),
    ("openwhisk-catalog", "openwhiskCatalog", "1.0.0"),
    ("openwhisk-package-alarms", "openwhiskPackageAlarms", "2.3.0"),
    ("openwhisk-package-kafka", "openwhiskPackageKafka", "2.1.0"),
)
OFFLINE = (
    *_instead_of_cloning(INITDB, CLONE_FOR_INIT, "openwhisk", OPENWHISK, "/openwhisk"),
    *_instead_of_cloning(
        PACKAGES, f"git clone {HOST}/openwhisk openwhisk", "openwhisk", OPENWHISK, "openwhisk"
    ),
    *_instead_of_cloning(
        PACKAGES,
        f"git clone {HOST}/openwhisk-catalog openwhisk-catalog",
        "openwhisk-catalog",
        CATALOG,
        "openwhisk-catalog",
    ),
    *_instead_of_cloning(
        PACKAGES,
        f"git clone {HOST}/openwhisk-package-alarms.git",
        "openwhisk-package-alarms",
        ALARMS,
        "/openwhisk-package-alarms",
    ),
    *_instead_of_cloning(
        PACKAGES,
        f"git clone {HOST}/openwhisk-package-kafka.git",
        "openwhisk-package-kafka",
        KAFKA,
        "/openwhisk-package-kafka",
    ),
)
# Route management runs `npm install`, and so do the catalogue's websocket and both providers: where
# npm has no way out the Job cannot end well, whichever providers there are.
NPM_CACHE = "npm-cache.tar.gz"  # beside the archives; one directory, which npm has filled
NPM_OFFLINE = (
    Edit(
        PACKAGES,
        PACKAGES_BEGIN,
        "npm_cache=${SOURCES}/"
        + NPM_CACHE
        + """
curl --silent --show-error --fail --location --retry 5 --retry-connrefused \\
    --output /tmp/npm-cache.tar.gz "$npm_cache" || {
    echo "whisklab: $npm_cache cannot be fetched, and off-line npm has nothing else"
    exit 1
}
mkdir -p /tmp/npm-cache
tar -xzf /tmp/npm-cache.tar.gz --strip-components=1 -C /tmp/npm-cache
export npm_config_cache=/tmp/npm-cache npm_config_offline=true""",
        "before",
    ),
)
