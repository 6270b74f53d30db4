"""Data of the k3s servers."""

preflight_min_cpus = 2  # what k3s asks of a server
preflight_min_memory_mb = 2048
node_labels = {"openwhisk-role": "core"}
