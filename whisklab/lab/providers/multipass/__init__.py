"""Machines that are instances of Multipass, Canonical's small virtual machines."""
