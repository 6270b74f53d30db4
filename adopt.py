"""What a running platform has and this laptop lacks: secrets, and the kubeconfig.

`whisklab adopt <env>` runs it; nothing on a machine is changed.
"""

from pyinfra import host

from deploys import declared, k3s, nfs
from whisklab.engine.run.keeping import secrets_kept
from whisklab.engine.run.stages import require_engine, stage

require_engine()
platform = k3s.platform(storage=nfs.source())
for each in host.loop(declared()):
    each.adopt(platform)
secrets_kept(name="Secrets on the laptop", by=platform.leader.name)
stage("the laptop has them")
