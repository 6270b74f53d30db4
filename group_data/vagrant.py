"""Settings of the virtual machines of inventories/vagrant.py; group_data/all.py lists them all.

They have a way out, so all defaults fit. Where that is missing, and whisklab says that stand-ins
are used, they need what group_data/lab.py has.
"""
