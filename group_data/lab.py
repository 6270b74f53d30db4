"""Data of the embedded lab (inventories/lab.py)."""

from pathlib import Path

from whisklab.lab.inventory import closed

k3s_airgap_images = True
k3s_cgroup_v1 = True  # where this machine has that, its hosts have
openwhisk_offline = closed(Path(__file__).stem)  # not with upstream's artifacts and a way out
openwhisk_public_credentials = True  # nobody but this machine reaches it
