"""Data of the k3s agents."""

node_labels = {"openwhisk-role": "invoker"}
