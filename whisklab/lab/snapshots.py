"""Snapshots and clones of a lab, as the user has them: disks, keys, secrets and data together.

What belongs to a snapshot besides the disks is handed to the provider as files, by name: those of
the lab's state, of `.secrets/<lab>`, and the environment's inventory, topology and data. So a
snapshot is whole by itself, also after `down`, in another checkout, or when files were lost.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import manage, state
from whisklab.lab import provider as providers
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Snapshot, Up, Wish
from whisklab.lab.state import StatePaths, write, write_bytes
from whisklab.lab.topology import Topology, check_lab_name, parse
from whisklab.lab.user_lock import user_lock

SECRETS = Path(".secrets")
# What makes an environment of a lab, below the current directory; {} is its name.
DATA = ("inventories/{}.py", "inventories/{}.yaml", "group_data/{}.py")
_CATALOGUE = "catalogue"
_STATE, _SECRET, _DATA = "state/", "secret/", "data/"
_TOKEN = "clone.json"  # noqa: S105  a file of a clone that is being made
_MODES = {_STATE: 0o600, _SECRET: 0o600, _DATA: 0o644}


@dataclass(frozen=True)
class Restored:
    """What a restore or a clone has done.

    Attributes:
        up: how the machines are reached.
        dropped: machines that the lab had and the snapshot has not.
        kept: files of the user's that were put aside, as they differ from the snapshot's.
        changed: data files that differ from those of the snapshot, and stay as they are.
        notes: what was said of the snapshot when it was taken.
    """

    up: Up
    dropped: tuple[str, ...] = ()
    kept: tuple[Path, ...] = ()
    changed: tuple[Path, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


def take(name: str, snapshot: str | None, notes: Mapping[str, Any], report: Report) -> Snapshot:
    """Take a snapshot of a lab; one that runs is stopped for it, and started again.

    Args:
        name: of the lab.
        snapshot: its name; None for the time of day.
        notes: what is to be said of it in a list.
        report: hears of the steps.

    Raises:
        BadInput: no such lab, or the name is taken.
    """
    paths, plan = state.paths(name), manage.remembered(name)
    with user_lock(name, report):
        lab = _known(name)
        wish = manage.wish_of(name, plan, paths)
        called = snapshot or time.strftime("%Y-%m-%d-%H%M%S")
        provider = providers.get(plan.provider)
        taken, up = provider.snapshot(wish, called, _files(name, lab), notes, report)
        _write_state(name, plan, paths, up, lab.catalogue)
        return taken


def listed(name: str, report: Report) -> tuple[Snapshot, ...]:
    """All snapshots of a lab, which need not be there, the oldest first."""
    check_lab_name(name)
    return manage.provider_of(name).snapshots(name, report)


def delete(name: str, snapshot: str, report: Report) -> Snapshot:
    """Remove a snapshot; returns what it was.

    Raises:
        BadInput: there is none of that name.
    """
    check_lab_name(name)
    with user_lock(name, report) as lock:
        gone = manage.provider_of(name).delete(name, snapshot, report)
        if state.load(name) is None:
            lock.unlink()  # there is nothing that it would lock
        return gone


def restore(name: str, snapshot: str | None, report: Report) -> Restored:
    """Have a lab as it was when a snapshot was taken, running; the lab need not be there.

    Args:
        name: of the lab.
        snapshot: its name; None for the newest.
        report: hears of the steps.

    Raises:
        BadInput: there is no such snapshot.
        WhisklabError: something of it is missing; nothing was changed.
    """
    paths, before = state.paths(name), state.load(name)
    with user_lock(name, report):
        provider = manage.provider_of(name)
        there = {each.name: each for each in provider.snapshots(name, report)}
        called = snapshot or _newest(name, there)
        files = provider.recall(name, called, report)
        plan = _plan(files, name)
        report(f"restoring {name} to {called}")
        had = {host.name for host in before.hosts} if before else set()
        up = provider.restore(_wish(files, plan, name), called, report)
        _write_files(files, _STATE, paths.top)
        manage.write_down(name, plan, paths, up, files[_CATALOGUE])
        return Restored(
            up,
            dropped=tuple(sorted(had - set(up.ports))),
            kept=_put_secrets(files, name),
            changed=tuple(_differing(files, name)),
            notes=there[called].notes,
        )


def clone(name: str, snapshot: str | None, other: str, report: Report) -> Restored:
    """Make a lab `other` as a copy of `name`, side by side with it, running.

    Inside it is the same: names, addresses, keys. Outside it has what is its own: network, ports,
    inventory, data, secrets, known hosts.

    Args:
        name: of the lab that is copied.
        snapshot: of which snapshot; None for the lab as it is now, which is stopped for a moment.
        other: name of the copy.
        report: hears of the steps.

    Raises:
        BadInput: no such lab or snapshot, or there is something called `other` already.
    """
    check_lab_name(other)
    if other == name:
        raise BadInput(f"a clone of {name!r} needs another name than {name!r}")
    with user_lock(min(name, other), report), user_lock(max(name, other), report):
        if state.load(other) is not None:
            raise BadInput(f"there is a lab {other!r} already: take another name for the clone")
        provider = manage.provider_of(name)
        files = provider.recall(name, snapshot, report) if snapshot else _files(name, _known(name))
        plan, paths = _plan(files, name), state.paths(other)
        _refuse_strange(files, name, other)
        token = _token(paths)
        report(f"cloning {name}{f'@{snapshot}' if snapshot else ''} as {other}")
        wish = _wish(files, plan, other)
        up, again = provider.clone(wish, name, snapshot, token, report)
        _write_files(files, _STATE, paths.top)
        _write_environment(files, other)
        if again:
            _write_state(name, plan, state.paths(name), again, files[_CATALOGUE])
        manage.write_down(other, plan, paths, up, files[_CATALOGUE])
        (paths.top / _TOKEN).unlink()
        return Restored(up)


def _known(name: str) -> state.Lab:
    lab = state.load(name)
    if lab is None:
        raise BadInput(f"there is no lab {name!r}: run `whisklab up {name}`")
    return lab


def _newest(name: str, there: Mapping[str, Snapshot]) -> str:
    if not there:
        raise BadInput(
            f"the lab {name!r} has no snapshot: take one with `whisklab snapshot {name}`"
        )
    return list(there)[-1]


def _write_state(name: str, plan: Topology, paths: StatePaths, up: Up | None, source: str) -> None:
    """Write down how a lab is reached that was stopped and, unless `up` is None, started again."""
    if up is None:
        manage.mark_stopped(name)
    else:
        manage.write_down(name, plan, paths, up, source)


def _files(name: str, lab: state.Lab) -> dict[str, str]:
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
    return {**found, _CATALOGUE: lab.catalogue}


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _decoded(files: Mapping[str, str], prefix: str) -> Iterator[tuple[str, bytes]]:
    """The files of one kind: their names without the prefix, and what is in them."""
    for name, text in files.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), base64.b64decode(text)


def _plan(files: Mapping[str, str], name: str) -> Topology:
    text = dict(_decoded(files, _STATE))["topology.json"].decode()
    return parse(text, f"the topology of {name}")


def _wish(files: Mapping[str, str], plan: Topology, name: str) -> Wish:
    """The lab of a snapshot under a name, with the keys that are on its disks."""
    own = {file: content.decode() for file, content in _decoded(files, _STATE)}
    machines = plan.machines()
    return Wish(
        name=name,
        user=plan.user,
        authorized_key=own["id_ed25519.pub"],
        network=plan.network,
        internet=plan.internet,
        machines=machines,
        host_keys={each.name: own[f"host_keys/{each.name}"] for each in machines},
    )


def _write_files(files: Mapping[str, str], prefix: str, top: Path) -> None:
    for name, content in _decoded(files, prefix):
        _write(top / name, content, _MODES[prefix])


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o755 if mode & 0o044 else 0o700, parents=True, exist_ok=True)
    write_bytes(path, content, mode)


def _put_secrets(files: Mapping[str, str], name: str) -> tuple[Path, ...]:
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


def _differing(files: Mapping[str, str], name: str) -> Iterator[Path]:
    """Files of data that are not as they were when the snapshot was taken."""
    for pattern, content in _decoded(files, _DATA):
        path = Path(pattern.format(name))
        if not path.is_file() or path.read_bytes() != content:
            yield path


def _refuse_strange(files: Mapping[str, str], name: str, other: str) -> None:
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


def _write_environment(files: Mapping[str, str], other: str) -> None:
    """Give the clone an inventory, data and secrets like those of the original."""
    for pattern, content in _decoded(files, _DATA):
        _write(Path(pattern.format(other)), content, _MODES[_DATA])
    for file, content in _decoded(files, _SECRET):
        _write(SECRETS / other / file, content, _MODES[_SECRET])


def _token(paths: StatePaths) -> str:
    """The word by which a clone is known again that was begun, and not ended, before."""
    file = paths.top / _TOKEN
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["token"])
    except FileNotFoundError:
        token = secrets.token_hex(8)
    except (ValueError, KeyError, TypeError):
        raise WhisklabError(f"{file} is damaged: remove it") from None
    paths.top.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(file, json.dumps({"token": token}) + "\n")
    return token
