"""What belongs to a snapshot besides the disks, as files by name: to be kept, and to come back.

Keys and topology from the lab's state, `.secrets/<lab>`, and the environment's inventory, topology
and data; contents are in base64.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.lab import state
from whisklab.lab.provider import Wish
from whisklab.lab.state import StatePaths, write_bytes
from whisklab.lab.topology import Topology, parse

SECRETS = Path(".secrets")
# What makes an environment of a lab, below the current directory; {} is its name.
DATA = ("inventories/{}.py", "inventories/{}.yaml", "group_data/{}.py")
CATALOGUE = "catalogue"
_STATE, _SECRET, _DATA = "state/", "secret/", "data/"
_MODES = {_STATE: 0o600, _SECRET: 0o600, _DATA: 0o644}


def of_lab(name: str, lab: state.Lab) -> dict[str, str]:
    """What belongs to a snapshot besides the disks: names to contents, in base64 where secret."""
    paths = state.paths(name)
    own = [paths.key, paths.public_key, paths.topology]
    own += [path for host in lab.hosts for path in paths.host_key(host.name).parent.glob("*")]
    found = {f"{_STATE}{path.relative_to(paths.top)}": _encoded(path) for path in own}
    for path in sorted((SECRETS / name).glob("*")):
        if path.is_file():
            found[f"{_SECRET}{path.name}"] = _encoded(path)
    for pattern in DATA:
        file = Path(pattern.format(name))
        if file.is_file():
            found[f"{_DATA}{pattern}"] = _encoded(file)
    return {**found, CATALOGUE: lab.catalogue}


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _decoded(files: Mapping[str, str], prefix: str) -> Iterator[tuple[str, bytes]]:
    """The files of one kind: their names without the prefix, and what is in them."""
    for name, text in files.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), base64.b64decode(text)


def topology(files: Mapping[str, str], name: str) -> Topology:
    """The topology of the lab when the snapshot was taken."""
    text = dict(_decoded(files, _STATE))["topology.json"].decode()
    return parse(text, f"the topology of {name}")


def wish(files: Mapping[str, str], plan: Topology, name: str) -> Wish:
    """The lab of a snapshot under a name, with the keys that are on its disks."""
    own = {file: content.decode() for file, content in _decoded(files, _STATE)}
    machines = plan.machines()
    return Wish(
        name=name,
        user=plan.user,
        authorized_key=own["id_ed25519.pub"],
        key=state.paths(name).key,
        network=plan.network,
        internet=plan.internet is True,
        options=plan.options(),
        machines=machines,
        host_keys={each.name: own[f"host_keys/{each.name}"] for each in machines},
    )


def write_state(files: Mapping[str, str], paths: StatePaths) -> None:
    """Have the keys and the topology of the snapshot in the lab's state."""
    for name, content in _decoded(files, _STATE):
        _write(paths.top / name, content, _MODES[_STATE])


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o755 if mode & 0o044 else 0o700, parents=True, exist_ok=True)
    write_bytes(path, content, mode)


def put_secrets(files: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Have the secrets of the snapshot in `.secrets/<lab>`; others that are there are put aside."""
    kept = []
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    for file, content in _decoded(files, _SECRET):
        path = SECRETS / name / file
        if path.is_file() and path.read_bytes() != content:
            aside = path.with_name(f"{file}.before-restore-{stamp}")
            path.rename(aside)
            kept.append(aside)
        if not path.is_file():
            _write(path, content, _MODES[_SECRET])
    return tuple(kept)


def differing(files: Mapping[str, str], name: str) -> Iterator[Path]:
    """Files of data that are not as they were when the snapshot was taken."""
    for pattern, content in _decoded(files, _DATA):
        path = Path(pattern.format(name))
        if not path.is_file() or path.read_bytes() != content:
            yield path


def refuse_strange(files: Mapping[str, str], name: str, other: str) -> None:
    """Refuse to write over what somebody has under the name of the clone.

    Raises:
        BadInput: names the file.
    """
    wanted = {Path(pattern.format(other)): text for pattern, text in _decoded(files, _DATA)}
    wanted |= {SECRETS / other / file: text for file, text in _decoded(files, _SECRET)}
    for path, content in wanted.items():
        if path.name != "kubeconfig" and path.is_file() and path.read_bytes() != content:
            raise BadInput(
                f"{path} is there already and differs from that of {name}: remove it, or take"
                " another name for the clone"
            )


def write_environment(files: Mapping[str, str], other: str) -> None:
    """Give the clone an inventory, data and secrets like those of the original."""
    for pattern, content in _decoded(files, _DATA):
        _write(Path(pattern.format(other)), content, _MODES[_DATA])
    for file, content in _decoded(files, _SECRET):
        _write(SECRETS / other / file, content, _MODES[_SECRET])
