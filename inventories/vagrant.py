"""Virtual machines: those that `whisklab up vagrant` made (inventories/vagrant.yaml)."""

from pathlib import Path

from whisklab.lab.inventory import groups

_groups = groups(Path(__file__).stem)

masters = _groups["masters"]
workers = _groups["workers"]
storage = _groups["storage"]
registry = _groups["registry"]
