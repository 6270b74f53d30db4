"""Whether a deployed platform works; what is made for that is removed again.

pyinfra inventories/<env>.py verify.py
"""

from pyinfra import host, inventory

from deploys import k3s, nfs, openwhisk, provisioner
from whisklab.engine.checks import verdict
from whisklab.engine.stages import require_engine, stage

require_engine()
active = {each.name for each in inventory.get_active_hosts()}
nodes = [each.name for each in k3s.nodes() if each.name in active]

if nfs.is_server():
    nfs.served(cluster=k3s.addresses())
stage("the storage was tried")
if k3s.is_node():
    nfs.written()
stage("each node has written")
if k3s.is_node():
    nfs.read(nodes=nodes)
stage("each node has read")
if k3s.is_node():
    nfs.cleaned()

if host.name == k3s.leader().name:
    k3s.verify()
    provisioner.verify(server=nfs.source()[0], api=k3s.api(), served=nfs.SERVED, nodes=k3s.nodes())
stage("the cluster was tried")
if host.name == k3s.leader().name:
    openwhisk.verify(api=k3s.api(), after=(nfs.SERVED, k3s.READY))
stage("functions were tried")

verdict(name="What failed")
