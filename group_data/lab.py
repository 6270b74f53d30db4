"""Data of the embedded lab (inventories/lab.py): its hosts have no way out."""

k3s_airgap_images = True
k3s_cgroup_v1 = True  # where this machine has that, its hosts have
openwhisk_offline = True  # False with `internet: true` and upstream's catalogue
openwhisk_public_credentials = True  # nobody but this machine reaches it
