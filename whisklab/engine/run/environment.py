"""The environment of a run: the inventory's file, its groups, hosts and data, checked as a whole.

The environment is named by its inventory file (`inventories/lab.py` is `lab`), as in pyinfra,
where that name is also a group with data of its own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyinfra.api.arguments import all_argument_meta
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from whisklab.engine import runlog, runs
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.data.settings import OFFLINE, HostData, Settings, validate
from whisklab.engine.runs import Run
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.errors import BadInput

GROUPS = ("masters", "workers", "storage", "registry")


@dataclass(frozen=True)
class Environment:
    """The environment that a run works on.

    Attributes:
        name: the stem of the inventory's file.
        directory: where `.secrets/` and `group_data/` stand (the current directory).
    """

    name: str
    directory: Path

    @property
    def secrets(self) -> Path:
        """The directory of this environment's secrets."""
        return self.directory / ".secrets" / self.name

    @property
    def node_images(self) -> Path:
        """The list of the images that its nodes are given themselves; there need be none."""
        return self.directory / "inventories" / f"{self.name}.images.json"

    @property
    def logs(self) -> Path:
        """The directory of the logs of its runs."""
        return self.directory / runlog.DIRECTORY / self.name

    @cached_property
    def store(self) -> SecretStore:
        """The secrets, with those that this run proposes."""
        return SecretStore(self.secrets)


@dataclass
class _Opened:
    """A run's environment; None where config.py was not read."""

    environment: Environment | None = None


def current() -> Environment:
    """Return the environment of this run.

    Raises:
        BadInput: there is none, because config.py was not read or no inventory file was given.
    """
    run = runs.if_any()
    found = run.part(_Opened).environment if run else None
    if found is None:
        raise BadInput(
            "no environment: run `pyinfra inventories/<env>.py deploy.py`, in the "
            "directory of config.py"
        )
    return found


def check_path(given: str) -> Path:
    """Return the path of the inventory file `given` on the command line.

    Raises:
        BadInput: it is no file of `inventories/`; the sentence names the nearest one.
    """
    path = Path(given)
    if path.is_dir():
        raise BadInput(f"{given}: is a directory, name one inventory file in it")
    if path.is_file() and path.suffix == ".py":
        return path
    there = sorted(str(p) for p in Path("inventories").glob("*.py"))
    close = difflib.get_close_matches(given, there, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(there) or 'none'}"
    raise BadInput(f"{given}: no such inventory file, {hint}")


def check_groups(path: Path, groups: Mapping[str, Any]) -> None:
    """Check the groups as the inventory file wrote them, before pyinfra merges them.

    Raises:
        BadInput: an unknown group, no host at all, no master, or one name with two sets of data.
    """
    allowed = (*GROUPS, path.stem)
    for name in groups:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1)
            hint = f"did you mean {close[0]}? Known" if close else "known"
            raise BadInput(
                f"{path}: {name}: unknown group, {hint} groups: {', '.join(GROUPS)} "
                "(any list in an inventory file is a group; begin other names with _)"
            )
    seen: dict[str, Any] = {}
    for group in groups.values():
        for entry in group[0] if isinstance(group, tuple) else group:
            name, data = entry if isinstance(entry, tuple) else (entry, {})
            # A bare name in a second group repeats the host without repeating its data.
            if data and seen.get(name) and seen[name] != data:
                raise BadInput(f"{path}: {name}: two hosts of one name, with different data")
            seen[name] = data or seen.get(name)
    if not seen:
        raise BadInput(f"{path}: the inventory is empty, put at least one host into masters")
    if not groups.get("masters"):
        raise BadInput(f"{path}: masters: the group is empty, the first k3s server must be in it")


def check_data_files(directory: Path) -> None:
    """Check that each group_data file belongs to a group or to an inventory.

    Raises:
        BadInput: a file that nothing would ever read.
    """
    environments = {p.stem for p in (directory / "inventories").glob("*.py")}
    allowed = {"all", *GROUPS, *environments}
    for file in sorted((directory / "group_data").glob("*.py")):
        if file.stem not in allowed and file.stem != "__init__":
            close = difflib.get_close_matches(file.stem, allowed, n=1)
            hint = f", did you mean {close[0]}.py?" if close else ""
            raise BadInput(f"group_data/{file.name}: no group and no inventory of that name{hint}")


def open_environment(
    run: Run, path: Path, inventory: Inventory, models: Iterable[type[Settings]]
) -> Environment:
    """Validate all data of `inventory`, make it the environment of a run, and return it.

    Raises:
        BadInput: see `whisklab.engine.data.settings.validate`; also two hosts at one address.
    """
    hosts = [_host_data(path, inventory, host) for host in inventory]
    validate(run, hosts, models, _belongs_to_pyinfra)
    _check_addresses(path, hosts)
    check_offline(path, hosts)
    found = Environment(path.stem, Path.cwd())
    run.part(_Opened).environment = found
    return found


def _belongs_to_pyinfra(key: str) -> bool:
    return key in WhiskSSH.data_meta or key in all_argument_meta


def _host_data(path: Path, inventory: Inventory, host: Host) -> HostData:
    def origin(key: str) -> str:
        if key in inventory.get_override_data():
            return "--data"
        if key in host.host_data:
            return f"{path} (host {host.name})"
        for group in reversed(host.groups):
            if key in inventory.get_group_data(group):
                return f"group_data/{group}.py"
        return "group_data/all.py" if key in inventory.get_data() else f"{path} (host {host.name})"

    return HostData(host.name, host.data.dict(), origin)


def check_offline(path: Path, hosts: Sequence[HostData]) -> None:
    """Check that a network is closed for all of its machines, or for none.

    Raises:
        BadInput: it is for some.
    """
    first, *others = hosts
    for other in others:
        ours, theirs = (bool(each.values.get(OFFLINE)) for each in (first, other))
        if ours != theirs:
            raise BadInput(
                f"{path}: {OFFLINE}: {first.host} has {ours} and {other.host} {theirs}: it is for "
                "all machines, put it into group_data/all.py or the environment's file"
            )


def _check_addresses(path: Path, hosts: Iterable[HostData]) -> None:
    for keys in (("node_address",), ("ssh_hostname", "ssh_port")):
        seen: dict[tuple[Any, ...], str] = {}
        for data in hosts:
            value = tuple(data.values.get(key) for key in keys)
            if None in value:
                continue
            other = seen.setdefault(value, data.host)
            if other != data.host:
                raise BadInput(
                    f"{path}: {data.host} and {other} have the same "
                    f"{' and '.join(keys)}: {':'.join(map(str, value))}"
                )
