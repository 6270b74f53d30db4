"""The whole platform, in order.

pyinfra inventories/<env>.py deploy.py
"""

from functools import partial

from pyinfra import host

from deploys import (
    authority,
    declared,
    fileserver,
    helm,
    k3s,
    labels,
    nfs,
    openwhisk,
    provisioner,
    registry,
    releases,
    selectable,
    wsk,
)
from deploys.base import base
from deploys.base import fetch as fetch_base
from deploys.composed import openwhisk_site, replaced
from deploys.preflight import preflight, remember
from whisklab.engine.run.capability import check_selection
from whisklab.engine.run.declared import open_ports, ports
from whisklab.engine.run.keeping import secrets_kept
from whisklab.engine.run.stages import exclusive, require_engine, stage
from whisklab.engine.tls.expiry import note_authorities

require_engine()
check_selection(selectable())
exclusive()
platform = k3s.platform(storage=nfs.source())
leads = host.name == platform.leader.name
k3s.check()
registry.check()
openwhisk.check(
    platform.leader,
    roles=labels.values(platform.nodes, "openwhisk-role"),
    files_url=fileserver.url(),
)
stage("no other run is going on")

# Nothing is changed before all hosts are known to be fit and everything is on the laptop.
preflight(
    ports=ports(declared(), platform),
    open_ports=open_ports(declared(), platform),
    nodes=platform.nodes,
    makes_route=k3s.makes_route(),
)
if nfs.is_server():
    nfs.fit(cluster=platform.addresses)
stage("all machines are fit")
fetch_base()
nfs.fetch(mounts=k3s.is_node())
if k3s.is_node():
    k3s.fetch(replaced(platform))
if k3s.is_server():
    helm.fetch()
    wsk.fetch()
registry.fetch()
if fileserver.is_server():
    fileserver.fetch(served=openwhisk.served(platform.leader))
site = openwhisk_site(platform)
if leads:
    note_authorities()
    provisioner.fetch(platform)
    openwhisk.fetch(
        site, api=platform.api, earlier=partial(provisioner.archived, storage=platform.storage)
    )
    releases.fetch(api=platform.api)
secrets_kept(name="Secrets on the laptop", by=platform.leader.name)
stage("artifacts and secrets are on the laptop")

remember()
base()
authority.install(platform)
nfs.nfs(mounts=k3s.is_node(), cluster=platform.addresses)
if fileserver.is_server():
    fileserver.install(served=openwhisk.served(platform.leader))
registry.install()
stage("the registry runs")
if k3s.joins():
    k3s.install()
if k3s.is_server():
    helm.install()
    wsk.install(
        api_host=openwhisk.api_host(platform.leader),
        auth=lambda: openwhisk.keys_of(platform.leader, platform.api).guest,
    )
stage("everything is in place")

# Servers, then the agents that work already, one after the other; new agents all at once.
for name in host.loop(k3s.turns()):
    stage(f"{name} may change")
    if name == host.name:
        k3s.change(replaced(platform))
stage("the servers run")
if k3s.joins() and not k3s.is_server():
    k3s.start()
stage("the agents run")

if leads:
    k3s.ready()
    labels.labels(nodes=platform.nodes, api=platform.api)
stage("the cluster is ready")

if leads:
    provisioner.provisioner(platform)
stage("claims are served")
if leads:
    openwhisk.openwhisk(site, api=platform.api)
stage("functions can be invoked")

if leads:
    releases.releases(api=platform.api)
stage("the releases are installed")
