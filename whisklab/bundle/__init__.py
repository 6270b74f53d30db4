"""Bundles for closed networks: all that an environment needs, in one signed archive.

Sources of the forms: the OCI image layout and distribution specifications, SPDX 2.3, POSIX tar.
"""
