"""What makes pyinfra a strict, fast playbook engine; knows nothing of k3s or OpenWhisk."""
