"""The whole platform, in order.

pyinfra inventories/<env>.py deploy.py
"""

from functools import partial

from pyinfra import host

from deploys import (
    fileserver,
    helm,
    k3s,
    labels,
    nfs,
    openwhisk,
    provisioner,
    releases,
    wsk,
)
from deploys.base import base
from deploys.preflight import preflight, remember
from whisklab.engine.capability import check_selection
from whisklab.engine.keeping import secrets_kept
from whisklab.engine.stages import exclusive, require_engine, stage

require_engine()
k3s.check()
openwhisk.check(
    k3s.leader(),
    roles=labels.values(k3s.nodes(), "openwhisk-role"),
    files_url=fileserver.url(),
)
check_selection()
exclusive()
stage("no other run is going on")

# Nothing is changed before all hosts are known to be fit and everything is on the laptop.
preflight(
    ports=k3s.ports() | fileserver.ports(),
    open_ports=k3s.open_ports()
    | nfs.open_ports()
    | fileserver.open_ports()
    | (openwhisk.open_ports(k3s.leader()) if k3s.is_node() else {}),
    containers=k3s.is_node(),
)
if nfs.is_server():
    nfs.fit(cluster=k3s.addresses())
stage("all machines are fit")
if k3s.is_node():
    k3s.fetch()
if k3s.is_server():
    helm.fetch()
    wsk.fetch()
if fileserver.is_server():
    fileserver.fetch(served=openwhisk.served(k3s.leader()))
server, path = nfs.source()
site = openwhisk.Site(
    single_node=len(k3s.nodes()) == 1,
    storage_class=provisioner.storage_class(k3s.leader()),
    files_url=fileserver.url(),
    domain=k3s.domain(),
)
if host.name == k3s.leader().name:
    provisioner.fetch(server=server, path=path, api=k3s.api())
    openwhisk.fetch(
        site, api=k3s.api(), earlier=partial(provisioner.archived, server=server, path=path)
    )
    releases.fetch(api=k3s.api())
secrets_kept(name="Secrets on the laptop", by=k3s.leader().name)
stage("artifacts and secrets are on the laptop")

remember()
base()
nfs.nfs(mounts=k3s.is_node(), cluster=k3s.addresses())
if fileserver.is_server():
    fileserver.install(served=openwhisk.served(k3s.leader()))
if k3s.joins():
    k3s.install()
if k3s.is_server():
    helm.install()
    wsk.install(
        api_host=openwhisk.api_host(k3s.leader()),
        auth=lambda: openwhisk.keys_of(k3s.leader(), k3s.api()).guest,
    )
stage("everything is in place")

# Servers, then the agents that work already, one after the other; new agents all at once.
for name in host.loop(k3s.turns()):
    stage(f"{name} may change")
    if name == host.name:
        k3s.change(replaced=[openwhisk.ACTION_PODS])
stage("the servers run")
if k3s.joins() and not k3s.is_server():
    k3s.start()
stage("the agents run")

if host.name == k3s.leader().name:
    k3s.ready()
    labels.labels(nodes=k3s.nodes(), api=k3s.api())
stage("the cluster is ready")

if host.name == k3s.leader().name:
    provisioner.provisioner(server=server, path=path, api=k3s.api(), nodes=k3s.nodes())
stage("claims are served")
if host.name == k3s.leader().name:
    openwhisk.openwhisk(site, api=k3s.api())
stage("functions can be invoked")

if host.name == k3s.leader().name:
    releases.releases(api=k3s.api())
stage("the releases are installed")
