"""What an environment is like now; little is asked, and nothing is changed.

`whisklab status <env>` shows it. A machine that does not answer is left out.
"""

from pyinfra import host

from deploys import declared, k3s, nfs
from whisklab.engine.tls import expiry

platform = k3s.platform(storage=nfs.source())
for each in host.loop(declared()):
    each.status(platform)
expiry.tell(declared(), platform)
