"""Certificates that end soon, made anew: the environment's own, then k3s's, node by node.

`whisklab certs renew <env>` runs it. Pods go on; what a killed run has left, the next one does.
"""

from functools import partial

from pyinfra import host

from deploys import declared, k3s, nfs, openwhisk, provisioner
from deploys.composed import openwhisk_site
from whisklab.engine.run.keeping import secrets_kept
from whisklab.engine.run.stages import exclusive, require_engine, stage

require_engine()
exclusive("renew")
platform = k3s.platform(storage=nfs.source())
leads = host.name == platform.leader.name
stage("no other run is going on")

if k3s.is_node():
    k3s.renewable()
site = openwhisk_site(platform)
if leads:
    openwhisk.fetch(
        site, api=platform.api, earlier=partial(provisioner.archived, storage=platform.storage)
    )
secrets_kept(name="Secrets on the laptop", by=platform.leader.name)
stage("it can be done")

# Those of the environment's own authority: each capability has its own.
for each in host.loop(declared()):
    each.renew(platform)
stage("the environment's own on machines are renewed")

for name in host.loop(k3s.renewals()):
    stage(f"{name} may restart")
    if name == host.name:
        k3s.renew()
stage("those of k3s are renewed")

if leads:
    openwhisk.openwhisk(site, api=platform.api)
stage("OpenWhisk shows its own")

if leads:
    k3s.save_kubeconfig()
stage("the laptop's kubeconfig is renewed")
