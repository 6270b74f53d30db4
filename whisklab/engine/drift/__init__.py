"""Objects of a cluster compared with what was wished, field by field, and put back.

Compared is what the wish sets; what controllers, defaults and people add beside it is theirs.
"""

from whisklab.engine.drift.compare import Drift
from whisklab.engine.drift.look import Found, Wanted, look
from whisklab.engine.drift.mend import mend, put_back

__all__ = ["Drift", "Found", "Wanted", "look", "mend", "put_back"]
