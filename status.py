"""What an environment is like now; little is asked, and nothing is changed.

`whisklab status <env>` shows it. A machine that does not answer is left out.
"""

from pyinfra import host

from deploys import helm, k3s, nfs, openwhisk, provisioner

if nfs.is_server():
    nfs.status(cluster=k3s.addresses())
if host.name == k3s.leader().name:
    k3s.status()
    provisioner.status(api=k3s.api(), nodes=k3s.nodes())
    helm.status(api=k3s.api())
    openwhisk.status(api=k3s.api())
