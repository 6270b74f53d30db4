"""Snapshots and clones of a lab, as the user has them: disks, keys, secrets and data together.

What belongs to a snapshot besides the disks is handed to the provider as files, by name: those of
the lab's state, of `.secrets/<lab>`, and the environment's inventory, topology and data. So a
snapshot is whole by itself, also after `down`, in another checkout, or when files were lost.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import kept, manage, records, state
from whisklab.lab import provider as providers
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Snapshot, Up
from whisklab.lab.state import StatePaths, write
from whisklab.lab.topology import Topology, check_lab_name
from whisklab.lab.user_lock import user_lock

_TOKEN = "clone.json"  # noqa: S105  a file of a clone that is being made


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
    paths, plan = state.paths(name), records.remembered(name)
    with user_lock(name, report):
        lab = _known(name)
        wish = records.wish_of(name, plan, paths)
        called = snapshot or time.strftime("%Y-%m-%d-%H%M%S")
        provider = providers.get(plan.provider)
        taken, up = provider.snapshot(wish, called, kept.of_lab(name, lab), notes, report)
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
        plan = kept.topology(files, name)
        report(f"restoring {name} to {called}")
        had = {host.name for host in before.hosts} if before else set()
        up = provider.restore(kept.wish(files, plan, name), called, report)
        kept.write_state(files, paths)
        records.write_down(name, plan, paths, up, files[kept.CATALOGUE])
        return Restored(
            up,
            dropped=tuple(sorted(had - set(up.machines))),
            kept=kept.put_secrets(files, name),
            changed=tuple(kept.differing(files, name)),
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
        files = (
            provider.recall(name, snapshot, report) if snapshot else kept.of_lab(name, _known(name))
        )
        plan, paths = kept.topology(files, name), state.paths(other)
        kept.refuse_strange(files, name, other)
        token = _token(paths)
        report(f"cloning {name}{f'@{snapshot}' if snapshot else ''} as {other}")
        wish = kept.wish(files, plan, other)
        up, again = provider.clone(wish, name, snapshot, token, report)
        kept.write_state(files, paths)
        kept.write_environment(files, other)
        if again:
            _write_state(name, plan, state.paths(name), again, files[kept.CATALOGUE])
        records.write_down(other, plan, paths, up, files[kept.CATALOGUE])
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
        records.mark_stopped(name)
    else:
        records.write_down(name, plan, paths, up, source)


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
