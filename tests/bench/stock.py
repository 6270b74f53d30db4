"""The forty items by pyinfra's own operations, its own connector and no config.py.

It is run where there is neither our package nor our repository; the items come as JSON.
"""

import json
from io import StringIO
from pathlib import Path

from pyinfra.operations import apt, files, server, systemd

wanted = json.loads(Path("items.json").read_text())
for path in wanted["directories"]:
    files.directory(name=f"Directory {path}", path=path, mode="755", user="root", group="root")
for file in wanted["files"]:
    files.put(
        name=f"File {file['path']}",
        src=StringIO(file["content"]),
        dest=file["path"],
        mode="644",
        user="root",
        group="root",
    )
for link in wanted["links"]:
    files.link(name=f"Link {link['path']}", path=link["path"], target=link["target"])
for names in wanted["packages"]:
    apt.packages(name=f"Packages {names}", packages=names)
for key, value in wanted["sysctls"].items():
    server.sysctl(name=f"Setting {key}", key=key, value=value)
for service in wanted["services"]:
    systemd.service(name=f"Service {service}", service=service, running=True, enabled=True)
