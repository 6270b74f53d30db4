"""Machines to deploy to: providers, topology, stand-ins."""
