"""Every default, with what it means.

Change it here for all environments, or in group_data/<environment>.py for one;
group_data/{masters,workers,storage,registry}.py are for the machines of a group. An environment's
value beats a group's, a group's beats these.
"""

_sudo = True  # SSH logs in as an ordinary user; the work is done with sudo

catalogue = "files/catalogue.yaml"  # where artifacts come from, and their checksums
mirror = None  # "cn": the laptop downloads from a mirror in China

# The machines' way out of a closed network, such as "http://proxy.example.org:3128". May hold a
# password (percent-encoded): then better read from a file that is not committed. The laptop's
# own downloads honour http_proxy, https_proxy and no_proxy of its environment.
http_proxy = None
https_proxy = None
no_proxy = []  # what is reached directly, such as ["10.0.0.0/8", ".example.org"]; the cluster is

# `whisklab forward`: further ports on the laptop, "[LOCAL:]HOST:PORT" as the first master sees
# it, such as {"registry": "5000:10.0.0.14:5000"}
forwards = {}

# Preflight: what a machine must at least have (group_data/masters.py: a server) ------------------
preflight_min_cpus = 1
preflight_min_memory_mb = 512  # as it was bought; what the kernel keeps of it is allowed for
preflight_min_disk_mb = 2048  # free where /var/lib is
preflight_accept = []  # findings that shall only warn, by the word before them, such as "firewall"

# Every machine ---------------------------------------------------------------------------------
base_packages = ["ca-certificates", "conntrack", "curl", "iptables", "jq"]
base_modules = ["br_netfilter", "overlay"]  # kernel modules, where the kernel has them
base_sysctl = {  # kernel settings, where the kernel has them
    "net.bridge.bridge-nf-call-ip6tables": 1,
    "net.bridge.bridge-nf-call-iptables": 1,
    "net.ipv4.ip_forward": 1,
}
base_hosts_entries = True  # /etc/hosts names all machines of the environment

# Storage: what the machines of the group storage export over NFS ----------------------------------
# "*" is everybody who reaches the machine: right for a network of its own. Safer: clients
# ["cluster"], which are the addresses of the nodes. What leaves this list is no longer exported;
# its files stay.
nfs_exports = [
    {
        "path": "/var/nfs/kubedata",
        "clients": ["*"],
        "options": ["rw", "sync", "no_subtree_check", "no_root_squash", "no_all_squash"],
    }
]

# k3s -------------------------------------------------------------------------------------------
k3s_version = None  # such as "v1.34.3+k3s1"; None: the catalogue's default
k3s_cluster_cidr = "10.42.0.0/16"  # network of the pods
k3s_service_cidr = "10.43.0.0/16"  # network of the services
k3s_cluster_init = True  # etcd, so that snapshots and further servers are possible
k3s_disable = ["servicelb", "traefik"]  # bundled components that are not wanted
k3s_https_listen_port = 6443  # the Kubernetes API
k3s_tls_san = []  # further names and addresses in the API's certificate
k3s_server_config = {}  # further keys of the servers' config.yaml
k3s_agent_config = {}  # further keys of the agents' config.yaml
k3s_further_keys = []  # keys of those two that are newer than deploys/k3s/keys.py
k3s_registries = None  # content of registries.yaml, such as {"mirrors": {...}}
k3s_airgap_images = False  # put k3s's own images on each node, for closed networks; off, they stay
k3s_drain = False  # move a node's pods elsewhere before its k3s is changed
k3s_foreign_files = "warn"  # what k3s reads beside our files: "warn", "refuse" or "accept"
k3s_ready_within = 300  # seconds a node may take to be Ready, with the pods it had
k3s_merge_kubeconfig = False  # also merge .secrets/<environment>/kubeconfig into ~/.kube/config

# Nodes -----------------------------------------------------------------------------------------
node_labels = {}  # such as {"openwhisk-role": "core"}
node_taints = []  # such as ["dedicated=openwhisk:NoSchedule"]

# What of the installed objects is left as it is found when somebody has changed it: "Kind/name" or
# "Kind/name field.path", * is anything, such as "Deployment/web spec.replicas". (What is added
# beside the fields of a release is never touched, nor the replicas that an autoscaler has set.)
drift_ignored = []

# Helm ------------------------------------------------------------------------------------------
helm_version = None  # of the CLI on the masters, such as "v3.19.5"; None: the catalogue's default

# Volumes on NFS: the release openwhisk-nfs ------------------------------------------------------
provisioner_enabled = True  # False uninstalls it; claims and data stay
provisioner_version = None  # of the chart; None: the catalogue's default
provisioner_image = "registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2"
provisioner_namespace = "nfs-provisioner"
provisioner_server = None  # address of the NFS server; None: the first host of the group storage
provisioner_path = None  # what it exports; None: its first export
provisioner_mount_options = []  # such as ["nfsvers=4.1", "hard"]
provisioner_storage_class = "nfs-client"
provisioner_default_class = False  # True: for claims that name no class, instead of local-path
provisioner_reclaim_policy = "Delete"  # of the volume of a deleted claim; or "Retain"
provisioner_archive_on_delete = True  # with Delete: rename its directory, do not remove it
provisioner_values = {}  # further values of the chart
provisioner_timeout = 300  # seconds until it must be ready

# OpenWhisk: the release owdev -------------------------------------------------------------------
openwhisk_enabled = True  # False uninstalls it; claims and data stay
openwhisk_version = None  # of the chart, a git commit; None: the catalogue's default
openwhisk_release = "owdev"
openwhisk_namespace = "openwhisk"
openwhisk_api_host = None  # how users reach the API; None: the address of the first master
openwhisk_api_port = 31001  # on each node; also what wsk and `whisklab forward` use
openwhisk_storage_class = None  # of its claims; None: provisioner_storage_class
openwhisk_image_prefix = ""  # before each image's name, such as "10.0.0.14:5000/"
openwhisk_kafka_image = "fatal69100/kafka:2.8.1"  # the chart's own is gone from Docker Hub
# openwhisk_runtimes: kinds of actions by language, one of each the default; those of the chart
#   {"nodejs": [{"kind": "nodejs:14", "image": "openwhisk/action-nodejs-v14:1.20.0",
#                "default": True, "prewarm": 2}]}
#   nodejs must be there; upstream's own packages also want swift, and python:3 for Kafka's
openwhisk_invokers = 1  # each on a node of its own that has the label openwhisk-role=invoker
openwhisk_user_memory_mb = 2048  # of an invoker for actions: 2048 / 256 = 8 actions at once
openwhisk_action_memory_mb = 256  # of an action that does not say
openwhisk_action_memory_max_mb = 512
openwhisk_invocations_per_minute = 60  # of one namespace; load tests want 100000; 999999 at most
openwhisk_invocations_concurrent = 30
openwhisk_triggers_per_minute = 60
openwhisk_alarms = True  # the provider of timed triggers
openwhisk_kafka_provider = True  # the provider of triggers from Kafka
openwhisk_scheduler = False  # the newer scheduler, with etcd
openwhisk_metrics = False  # Prometheus, Grafana, user events
openwhisk_controller_heap_mb = None  # None: the chart's
openwhisk_invoker_heap_mb = None
openwhisk_certificate = None  # path of a PEM file for the API; None: one is made, `wsk -i`
openwhisk_certificate_key = None
# The chart publishes keys and a password that everybody knows. True takes them; False takes
# openwhisk_guest_auth, openwhisk_system_auth, openwhisk_db_password, or generates what is not given
# in .secrets/<environment>/. The password: letters, digits and . _ ~ - only.
openwhisk_public_credentials = False
openwhisk_architectures = ["amd64"]  # of the nodes; upstream's images are for no other
openwhisk_offline = False  # True: its jobs get what they clone from our own file server
openwhisk_sources_url = None  # where those archives are, instead of our file server
# Changes of the chart's files, such as {"file": "configMapFiles/initCouchDB/initdb.sh", "anchor":
# "a whole line of it", "text": "what takes its place", "where": "replace"}, or before, or after.
# An anchor that is not there is an error. ${RELEASE}, ${NAMESPACE} and ${SOURCES} are filled in;
# $${NAME} stays ${NAME}.
openwhisk_chart_edits = []
openwhisk_chart_files = {}  # {path in the chart: path on the laptop}
openwhisk_values = {}  # further values of the chart, over all of the above
openwhisk_timeout = 900  # seconds until it must be ready

# A file server for closed networks, on the first machine of the group registry --------------------
fileserver_port = 8003

# wsk, the OpenWhisk CLI, on the masters ---------------------------------------------------------
wsk_version = None  # such as "1.2.0"; None: the catalogue's default
wsk_api_host = None  # "host:port" of OpenWhisk's API; None: ours
# wsk_auth: the key of the namespace it works in; without it OpenWhisk's guest key

# Releases: charts of your own, installed after the platform -------------------------------------
# {"my-app": {"chart": "charts/my-app", "namespace": "my-team", "values": {"replicas": 2}}}
#   chart         a directory, an archive (.tgz), or a product of the catalogue
#   version       of the chart, None takes the one that is there
#   values_files  paths; secrets belong into a file below .secrets/<environment>/
#   wait, timeout whether its pods must be ready (True), and within how many seconds (300)
#   present       False uninstalls it; its claims and their data stay, unless keep_claims is False
releases = {}
