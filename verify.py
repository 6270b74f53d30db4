"""Whether a deployed platform works; what is made for that is removed again.

pyinfra inventories/<env>.py verify.py
"""

from pyinfra import host

from deploys import k3s
from whisklab.engine.checks import verdict
from whisklab.engine.stages import require_engine, stage

require_engine()

if host.name == k3s.leader().name:
    k3s.verify()
stage("the nodes were tried")

verdict(name="What failed")
