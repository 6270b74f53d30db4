"""When the certificates of an environment end; nothing is changed.

`whisklab certs <env>` shows it. A machine that does not answer is left out.
"""

from deploys import declared, k3s, nfs
from whisklab.engine.tls import expiry

expiry.tell(declared(), k3s.platform(storage=nfs.source()))
