"""Hosts with a kernel of their own: User-mode Linux, an ordinary process of this machine.

For what the machine's kernel cannot do, such as serving NFS. Part of the nspawn provider, and as
that standard library only: the same images, networks, records and keepers, another way to boot.
"""
