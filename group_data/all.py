"""Every setting with its default and its meaning, made of the models by `make settings`.

Give an environment its own values in group_data/<environment>.py;
group_data/{masters,workers,storage,registry}.py are for the machines of a group. An environment's
value beats a group's, a group's beats these.
"""

_sudo = True  # SSH logs in as an ordinary user; the work is done with sudo

# One machine, as the inventory describes it ------------------------------------------------------

# node_address: its address in the network of the cluster, which may be another than the one SSH
# goes to

# the network card that has node_address, such as "eth1", where another one has the default route;
# between nodes pods' packets go through it
node_interface = None

# `host:port` at which the laptop reaches the Kubernetes API of this machine, when that is not
# node_address
api_address = None
catalogue = "files/catalogue.yaml"  # where artifacts come from, and their checksums
mirror = None  # "cn": the laptop downloads from a mirror in China, where the catalogue has one

# http_proxy: the machine's way out of a closed network, for services that fetch something, such as
# "http://proxy.example.org:3128". It may hold a password (percent-encoded): then better read from a
# file that is not committed. The laptop's own downloads honour http_proxy, https_proxy and no_proxy
# of its environment

# https_proxy: the same for https

no_proxy = []  # what is reached without it, such as ["10.0.0.0/8", ".example.org"]; the cluster is

# the machines have no way out, and what they need came with a bundle (`whisklab bundle upload`):
# images come from the environment's own registry only, under the names that charts have, or lie on
# each node where there is none, and nobody else is asked. Other settings get other defaults by it,
# which stand beside them; what you say of them wins
offline = False

# What a machine must at least have ---------------------------------------------------------------
# The minima are those that k3s documents for an agent; group_data/masters.py has a server's.

preflight_min_cpus = 1  # processors

# memory as it was bought; what the kernel keeps for itself is allowed for
preflight_min_memory_mb = 512

# free space where /var/lib is: k3s, its images and the packages need 1.5 GB
preflight_min_disk_mb = 2048
preflight_accept = []  # findings that shall only warn, by the word before them, such as "firewall"

# Packages and kernel settings of every host ------------------------------------------------------

# Debian packages that every host has; curl is needed to ask services whether they work
base_packages = ["ca-certificates", "conntrack", "curl", "iptables", "jq"]

# kernel modules, loaded now and at each start, where the kernel has them
base_modules = ["br_netfilter", "overlay"]

# kernel settings by name; those that this kernel does not have are left out
base_sysctl = {
    "net.bridge.bridge-nf-call-ip6tables": 1,
    "net.bridge.bridge-nf-call-iptables": 1,
    "net.ipv4.ip_forward": 1,
}
base_hosts_entries = True  # whether /etc/hosts names all machines of the environment

# base_updates: whether the system's own timers look for updates. False lets none of their services
# start (apt-daily and the like), as in a closed network, where they only fail; True gives them
# back. Not said: True; with offline = True: False

# What the machines of the group storage export over NFS ------------------------------------------
# "*" is everybody who reaches the machine: right for a network of its own. Safer: clients
# ["cluster"], which are the addresses of the nodes. Clients and options are those of exports(5).

# what is exported to whom. One that leaves the list is no longer exported; its files stay
nfs_exports = [
    {
        "path": "/var/nfs/kubedata",
        "clients": ["*"],
        "options": ["rw", "sync", "no_subtree_check", "no_root_squash", "no_all_squash"],
    },
]

# Files over HTTP for closed networks, on the first machine of the group registry -----------------
fileserver_port = 8003  # on the machine's address in the cluster's network

# The private registry, on the first machine of the group registry; or one that is there ----------
registry_enabled = True  # False removes it; what was pushed stays

# of a registry that you have already, such as "https://harbor.example:8443": nodes pull from it,
# images go to it, and none is installed; None for one of your own
registry_url = None

# of that registry, or a longer path there, below which all names lie: with "lab" the image one:1 is
# lab/one:1 there
registry_project = ""

# with which nodes pull from it, such as "robot$lab+pull"; None for nobody's. Its password is in
# .secrets/<environment>/registry_account, which you write
registry_account = None

# with which images go to it, and its password in registry_push_account there; None for the same
registry_push_account = None

# path of a PEM file with its authority's certificate; None: one that everybody trusts
registry_ca = None

# of CNCF distribution, such as "v3.1.2"; None takes the catalogue's default
registry_version = None
registry_port = 5000  # where nodes pull, with the account `nodes`; nothing can be changed there
registry_push_port = 5001  # where images are pushed, with the account `push`

# registry_mirrors: registries whose images nodes ask the registry for first, such as ["docker.io"];
# an image then keeps its name, and lies there below the same path. "*" stands for all. Not said:
# []; with offline = True: ["*", "docker.io", "ghcr.io", "quay.io", "registry.k8s.io"]

# k3s; what is about the cluster must be the same for all its servers -----------------------------
k3s_version = None  # such as "v1.36.4+k3s1"; None takes the catalogue's default
k3s_cluster_cidr = "10.42.0.0/16"  # network of the pods
k3s_service_cidr = "10.43.0.0/16"  # network of the services

# the first server keeps its data in etcd, so that snapshots and further servers are possible
k3s_cluster_init = True
k3s_disable = ["servicelb", "traefik"]  # bundled components that are not wanted
k3s_https_listen_port = 6443  # of the Kubernetes API
k3s_tls_san = []  # further names and addresses in the API's certificate
k3s_server_config = {}  # further keys of the servers' config.yaml
k3s_agent_config = {}  # further keys of the agents' config.yaml
k3s_further_keys = []  # keys of those two that are newer than deploys/k3s/keys.py

# k3s_registries: content of registries.yaml, such as {"mirrors": {...}}; None for no such file

# have nodes run on version 1 of control groups, which from Kubernetes 1.35 on they do only when
# told so; systemd has used version 2 since 2021
k3s_cgroup_v1 = False

# k3s_airgap_images: put k3s's own images and the catalogue's archives of images on each node, for
# closed networks; switched off, they stay. Not said: False; with offline = True: True

# in a network without a gateway, give each node a default route over a card that leads nowhere, as
# k3s starts with none; a real one comes first. Such machines need node_interface in the inventory
k3s_dummy_route = False
k3s_drain = False  # move a node's pods to other nodes before its k3s is changed

# what k3s reads beside our files, and no run has written: "warn", "refuse" to change anything, or
# "accept"; another minor of k3s beside a template for containerd only with "accept"
k3s_foreign_files = "warn"

# seconds a node may take to be Ready, with the pods it had; a real k3s that must pull its images on
# a slow line needs minutes
k3s_ready_within = 300
k3s_merge_kubeconfig = False  # also merge .secrets/<environment>/kubeconfig into ~/.kube/config

# The Helm CLI on the servers ---------------------------------------------------------------------
helm_version = None  # such as "v3.19.5"; None takes the catalogue's default

# Labels and taints of a node; what is in nobody's data is not ours and stays ---------------------
node_labels = {}  # such as {"openwhisk-role": "core"}
node_taints = []  # `key=value:Effect` or `key:Effect`, such as ["dedicated=openwhisk:NoSchedule"]

# Volumes on NFS: the release openwhisk-nfs -------------------------------------------------------
provisioner_enabled = True  # False uninstalls it; claims and data stay
provisioner_version = None  # of the chart; None takes the catalogue's default

# of the provisioner, with its tag
provisioner_image = "registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2"
provisioner_namespace = "nfs-provisioner"  # of the release
provisioner_server = None  # address of the NFS server; None: the first host of the group storage
provisioner_path = None  # what it exports; None: the first export of that host
provisioner_mount_options = []  # of the volumes, such as ["nfsvers=4.1", "hard"]
provisioner_storage_class = "nfs-client"  # whose claims become directories of the export

# claims that name no class get this one; any other class, such as k3s's local-path, stops being the
# default
provisioner_default_class = False

# "Delete" or "Retain" the volume of a deleted claim; volumes that exist keep the policy they were
# made with
provisioner_reclaim_policy = "Delete"

# with Delete, rename the directory to archived-... instead of removing it
provisioner_archive_on_delete = True
provisioner_values = {}  # further values of the chart
provisioner_timeout = 300  # seconds until it must be ready

# wsk, the OpenWhisk CLI, on the masters: for the user who logs in, and for root ------------------
wsk_version = None  # such as "1.2.0"; None takes the catalogue's default
wsk_api_host = None  # `host:port` of OpenWhisk's API; None: the one of this environment

# wsk_auth: the key of the namespace that it works in; None: OpenWhisk's guest key

# OpenWhisk: the release owdev --------------------------------------------------------------------
openwhisk_enabled = True  # False uninstalls it; claims and data stay
openwhisk_version = None  # of the chart, a git commit; None takes the catalogue's default
openwhisk_release = "owdev"  # its name, and the prefix of all its objects
openwhisk_namespace = "openwhisk"  # of the release
openwhisk_api_host = None  # how users reach the API; None: the address of the first master
openwhisk_api_port = 31001  # on each node; also what wsk and `whisklab forward` use
openwhisk_storage_class = None  # of its claims; None: provisioner_storage_class

# before each image's name, such as "10.0.0.14:5000/"; "" for Docker Hub
openwhisk_image_prefix = ""
openwhisk_kafka_image = "fatal69100/kafka:2.8.1"  # the chart's own is gone from Docker Hub

# openwhisk_runtimes: kinds of actions by language, one of each the default; those of the chart:
# {"nodejs": [{"kind": "nodejs:14", "image": "openwhisk/action-nodejs-v14:1.20.0", "default": True,
# "prewarm": 2}, ...], ...}. nodejs must be there; upstream's own packages also want swift, and
# python:3 for Kafka's

openwhisk_invokers = 1  # how many, each on a node of its own with the label openwhisk-role=invoker
openwhisk_user_memory_mb = 2048  # of an invoker for actions: 2048 / 256 = 8 actions at once
openwhisk_action_memory_mb = 256  # of an action that does not say
openwhisk_action_memory_max_mb = 512  # what an action may ask for
openwhisk_invocations_per_minute = 60  # of one namespace; load tests want 100000; 999999 at most
openwhisk_invocations_concurrent = 30  # of one namespace at one time
openwhisk_triggers_per_minute = 60  # of one namespace
openwhisk_alarms = True  # the provider of timed triggers
openwhisk_kafka_provider = True  # the provider of triggers from Kafka
openwhisk_scheduler = False  # the newer scheduler, which brings etcd
openwhisk_metrics = False  # Prometheus, Grafana and user events
openwhisk_controller_heap_mb = None  # Java heap of the controller; None: the chart's
openwhisk_invoker_heap_mb = None  # Java heap of an invoker; None: the chart's

# path of a PEM file for the API, with those that lead to its authority; None: one is made, which
# the environment's authority signs, and which nodes trust
openwhisk_certificate = None
openwhisk_certificate_key = None  # path of its key
openwhisk_certificate_names = []  # further names and addresses by which the API is reached

# take the keys and the password that the chart publishes and everybody knows. False takes those
# below, or generates what is not given in .secrets/<environment>/
openwhisk_public_credentials = False

# openwhisk_guest_auth: key of the namespace `guest`

# openwhisk_system_auth: key of the namespace `whisk.system`

# openwhisk_db_password: of CouchDB; letters, digits and `._~-`, as the chart's scripts quote
# nothing

# of the nodes that its images run on; all of upstream's are for amd64
openwhisk_architectures = ["amd64"]

# openwhisk_offline: True: its jobs get what they clone from our own file server. Not said: False;
# with offline = True: True

openwhisk_sources_url = None  # where those archives are, instead of our file server

# changes of the chart's files, such as {"file": "configMapFiles/initCouchDB/initdb.sh", "anchor":
# "a whole line of it", "text": "what takes its place", "where": "replace"}, or "before", or
# "after". An anchor that is not there is an error. ${RELEASE}, ${NAMESPACE} and ${SOURCES} are
# filled in; $${NAME} stays ${NAME}
openwhisk_chart_edits = []
openwhisk_chart_files = {}  # {path in the chart: path on the laptop}
openwhisk_values = {}  # further values of the chart, over all of the above
openwhisk_timeout = 900  # seconds until it must be ready

# Releases: charts of your own, installed after the platform, in this order -----------------------
# {"my-app": {"chart": "charts/my-app", "namespace": "my-team", "values": {"replicas": 2}}}
#   chart         a directory, an archive (.tgz), or a product of the catalogue
#   version       of the chart, None takes the one that is there
#   values_files  paths; secrets belong into a file below .secrets/<environment>/
#   wait, timeout whether its pods must be ready (True), and within how many seconds (300)
#   present       False uninstalls it; its claims and their data stay, unless keep_claims is False
#   variables     {"DOMAIN": "lab.example"}: ${DOMAIN}, ${RELEASE} and ${NAMESPACE} are filled in
#                 in strings of values and values_files, and in filled_files of a chart directory

releases = {}  # name of the release to what it is

# What of the installed objects is left as it is found when somebody has changed it ---------------
# What is added beside the fields of a release is never touched, nor the replicas that an
# autoscaler has set.

# "Kind/name" or "Kind/name field.path", * is anything, such as "Deployment/web spec.replicas"
drift_ignored = []

# `whisklab forward`: further ports on the laptop -------------------------------------------------

# "[LOCAL:]HOST:PORT" by name, as the first master sees it, such as {"registry":
# "5000:10.0.0.14:5000"}
forwards = {}

# Certificates that end ---------------------------------------------------------------------------

# how many days before its end a certificate is told by status and plan, and renewed
certs_days = 30

# Bundles for closed networks (`whisklab bundle`) -------------------------------------------------
bundle_images = []  # further images that it holds, such as ["docker.io/library/alpine:3.20"]

# texts in charts that look like images and are none, such as ["team/app:rw"]; each as `bundle
# build` shows it
bundle_ignored = []

# registry to the URL of another one where the same images are, for building, such as {"docker.io":
# "https://mirror.example:5000"}
bundle_mirrors = {}

# registry, or host of a mirror, to the account by which it is read for building, such as
# {"docker.io": "lab"}: many let known ones read more in an hour. Its password is in
# .secrets/ENVIRONMENT/upstream_REGISTRY
bundle_accounts = {}

# system to the archives of its packages, for building, in place of those that this laptop's apt has
# if it is of that system, as lines of apt's sources.list, such as {"debian-12": ["deb
# [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm
# main"]}
bundle_packages = {}
