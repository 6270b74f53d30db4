"""Data of the embedded lab (inventories/lab.py)."""

k3s_airgap_images = True  # its hosts have no way out
