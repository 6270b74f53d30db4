"""Whether a deployed platform works; what is made for that is removed again.

pyinfra inventories/<env>.py verify.py
"""

from pyinfra import host

from deploys import declared, k3s, nfs
from whisklab.engine.run.checks import verdict
from whisklab.engine.run.stages import require_engine, stage

require_engine()
platform = k3s.platform(storage=nfs.source())
for step in host.loop([step for each in declared() for step in each.checks]):
    step.work(platform)
    stage(step.done)
verdict(name="What failed")
