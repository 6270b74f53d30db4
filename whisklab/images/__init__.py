"""A user's own images in the environment's registry: pushed, listed, removed, collected.

Source of what goes over the wire: the OCI distribution and image specifications, and the source of
CNCF distribution 3.1 where they leave something open.
"""
