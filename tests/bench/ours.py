"""The forty items by our resources: pyinfra inventories/LAB.py tests/bench/ours.py -y."""

from deploys.base.operations import sysctl
from tests.bench.items import items, unit
from whisklab.engine.resources import files, packages, services
from whisklab.engine.resources.files import File, Link
from whisklab.engine.resources.paths import digest
from whisklab.engine.run.stages import exclusive, require_engine

# Each service is up with its process; ours also asks whether it answers.
ANSWERS = "file:///etc/hostname"
ROOT = "root:root"

require_engine()
exclusive("bench")
wanted = items()
content = {each.path: each.content for each in wanted.files}
for path in wanted.directories:
    files.directory(name=f"Directory {path}", path=path, mode="755", owner=ROOT)
for path, text in content.items():
    File(f"File {path}", path, text).have()
for link in wanted.links:
    Link(f"Link {link.path}", link.path, link.target).have()
for names in wanted.packages:
    packages.installed(name=f"Packages {names}", names=list(names))
for key, value in wanted.sysctls.items():
    sysctl(name=f"Setting {key}", wanted={key: value})
for name in wanted.services:
    wish = {unit(name): digest(content[unit(name)])}
    services.running(
        name=f"Service {name}", service=name, wish=wish, configuration=[],
        health_url=ANSWERS,
    )  # fmt: skip
