"""The whole platform, in order.

pyinfra inventories/<env>.py deploy.py
"""

from pyinfra import host

from deploys import helm, k3s, nfs, provisioner, releases, wsk
from deploys.base import base
from deploys.labels import labels
from deploys.preflight import preflight, remember
from whisklab.engine.capability import check_selection
from whisklab.engine.stages import exclusive, require_engine, stage

require_engine()
k3s.check()
check_selection()
exclusive()
stage("no other run is going on")

# Nothing is changed before all hosts are known to be fit and everything is on the laptop.
preflight(
    ports=k3s.ports(),
    open_ports=k3s.open_ports() | nfs.open_ports(),
    containers=k3s.is_node(),
)
stage("all machines are fit")
if k3s.is_node():
    k3s.fetch()
if k3s.is_server():
    helm.fetch()
    wsk.fetch()
server, path = nfs.source()
if host.name == k3s.leader().name:
    provisioner.fetch(server=server, path=path, api=k3s.api())
    releases.fetch(api=k3s.api())
stage("all artifacts are on the laptop")

remember()
base()
nfs.nfs(mounts=k3s.is_node(), cluster=k3s.addresses())
if k3s.joins():
    k3s.install()
if k3s.is_server():
    helm.install()
    wsk.install(server=k3s.leader())
stage("everything is in place")

# Servers, then the agents that work already, one after the other; new agents all at once.
for name in host.loop(k3s.turns()):
    stage(f"{name} may change")
    if name == host.name:
        k3s.change()
stage("the servers run")
if k3s.joins() and not k3s.is_server():
    k3s.start()
stage("the agents run")

if host.name == k3s.leader().name:
    k3s.ready()
    labels(nodes=k3s.nodes(), api=k3s.api())
stage("the cluster is ready")

if host.name == k3s.leader().name:
    provisioner.provisioner(server=server, path=path, api=k3s.api())
    releases.releases(api=k3s.api())
stage("the releases are installed")
