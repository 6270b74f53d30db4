"""Data of the k3s servers."""

node_labels = {"openwhisk-role": "core"}
