"""What a running platform has and this laptop lacks: secrets, and the kubeconfig.

`whisklab adopt <env>` runs it; nothing on a machine is changed.
"""

from pyinfra import host

from deploys import k3s, openwhisk
from whisklab.engine.keeping import secrets_kept
from whisklab.engine.stages import require_engine, stage

require_engine()
if host.name == k3s.leader().name:
    k3s.adopt()
    openwhisk.adopt(api=k3s.api())
secrets_kept(name="Secrets on the laptop", by=k3s.leader().name)
stage("the laptop has them")
