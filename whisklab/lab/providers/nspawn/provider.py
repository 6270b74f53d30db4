"""The provider's face: asks root, in a process of its own, for what only root can do."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Any, ClassVar

from whisklab.errors import BadInput
from whisklab.lab.common.machine import RUNNING, SSH, STOPPED
from whisklab.lab.common.process import alive, boot_id
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Reached, Snapshot, Stopped, Unused, Up, Wish
from whisklab.lab.providers.nspawn import kernel
from whisklab.lab.providers.nspawn import record as records
from whisklab.lab.providers.nspawn.layout import SNAPSHOTS, record_of
from whisklab.lab.providers.nspawn.network import UPLINK_NETWORK
from whisklab.lab.providers.nspawn.root import ask


class Nspawn:
    """Hosts that are containers of systemd-nspawn, or processes of User-mode Linux."""

    keys: ClassVar = frozenset({"internet", "network", "address", "forward", "kernel"})
    defaults: ClassVar[Mapping[str, str]] = MappingProxyType({})
    asks: ClassVar = False

    def check(self, wish: Wish) -> None:
        """Refuse a network that is the NAT's own."""
        if wish.internet and wish.network.overlaps(IPv4Network(UPLINK_NETWORK)):
            raise BadInput(
                f"network: expected another network than {UPLINK_NETWORK}, the NAT's own"
            )

    def prepare(self, wish: Wish, report: Report) -> None:
        """Make the images of the hosts."""
        ask("prepare", _request(wish, None), report)

    def up(
        self,
        wish: Wish,
        report: Report,
        *,
        prune: bool = False,
        recover: bool = False,  # noqa: ARG002  what is deleted here is gone
    ) -> Up:
        """Make and start what is missing."""
        return _up(wish, ask("up", {**_request(wish, report), "prune": prune}, report))

    def rebuild(self, wish: Wish, only: tuple[str, ...], report: Report) -> Up:
        """Give hosts fresh disks; ports, addresses and keys stay."""
        return _up(wish, ask("rebuild", {**_request(wish, report), "only": list(only)}, report))

    def stop(self, lab: str, report: Report) -> Stopped:
        """Power the hosts off, those of the group storage last."""
        result = ask("stop", {"name": lab}, report)
        return Stopped(tuple(result["stopped"]), tuple(result["killed"]))

    def down(self, lab: str, report: Report) -> tuple[str, ...]:
        """Remove exactly what the record names."""
        return tuple(ask("down", {"name": lab}, report)["removed"])

    def knows(self, lab: str) -> bool:
        """Whether there is a record."""
        return record_of(lab).exists()

    def machines(self, lab: str) -> Mapping[str, str]:
        """The hosts of the record; one runs when its keeper is alive."""
        record = records.read(record_of(lab))
        if record is None:
            return {}
        record.after_reboot(boot_id())
        hosts = record.hosts.items()
        return {name: RUNNING if alive(host.keeper) else STOPPED for name, host in hosts}

    def snapshot(
        self,
        wish: Wish,
        name: str,
        files: Mapping[str, str],
        notes: Mapping[str, Any],
        report: Report,
    ) -> tuple[Snapshot, Up | None]:
        """Copy all disks while the hosts are stopped."""
        kept = {"snapshot": name, "files": dict(files), "notes": dict(notes)}
        result = ask("snapshot", {**_request(wish, report), **kept}, report)
        return _snapshot(result["snapshot"]), _up(wish, result) if result["running"] else None

    def snapshots(self, lab: str, report: Report) -> tuple[Snapshot, ...]:
        """All snapshots of a lab, the oldest first."""
        listed = ask("snapshots", {"name": lab}, report)["snapshots"]
        return tuple(_snapshot(each) for each in listed)

    def recall(self, lab: str, name: str, report: Report) -> Mapping[str, str]:
        """The files that were kept with a snapshot."""
        files = ask("recall", {"name": lab, "snapshot": name}, report)["files"]
        return {str(key): str(text) for key, text in files.items()}

    def restore(self, wish: Wish, name: str, report: Report) -> Up:
        """Put a copy of the snapshot's disks in place of the lab's."""
        return _up(wish, ask("restore", {**_request(wish, report), "snapshot": name}, report))

    def clone(
        self, wish: Wish, source: str, name: str | None, token: str, report: Report
    ) -> tuple[Up, Up | None]:
        """Make a lab of a copy of another one's disks."""
        of = {"source": source, "snapshot": name, "token": token}
        result = ask("clone", {**_request(wish, report), **of}, report)
        again = result.get("source")
        # Inside, the original has the addresses that its copy has.
        return _up(wish, result), _up(wish, again) if again and again["running"] else None

    def delete(self, lab: str, name: str, report: Report) -> Snapshot:
        """Remove a snapshot with its disks."""
        return _snapshot(ask("delete", {"name": lab, "snapshot": name}, report)["removed"])

    def kept(self) -> frozenset[str]:
        """Labs with a directory of descriptions, which are root's to read."""
        return frozenset(path.name for path in SNAPSHOTS.glob("*"))

    def clean(self, report: Report, *, dry: bool = False) -> tuple[Unused, ...]:
        """Remove images that no lab and no snapshot uses."""
        removed = ask("clean", {"dry": dry}, report)["removed"]
        return tuple(Unused(f"image {name}", size) for name, size in removed)


PROVIDER = Nspawn


def _request(wish: Wish, report: Report | None) -> dict[str, Any]:
    """What root needs to know; `spec.parse` reads it. Without `report` nothing is built for it."""
    hosts = [kernel.decided(each) for each in wish.machines]
    mount_nfs = kernel.nfs_client(hosts, report) if report else None
    return {
        "name": wish.name,
        "user": wish.user,
        "authorized_key": wish.authorized_key,
        "network": str(wish.network),
        "internet": wish.internet,
        "mount_nfs": str(mount_nfs) if mount_nfs else None,
        "hosts": [{**each.as_data(), "host_key": wish.host_keys[each.name]} for each in hosts],
    }


def _up(wish: Wish, result: Mapping[str, Any]) -> Up:
    inside = {each.name: each.address for each in wish.machines}
    machines = {}
    for name, ports in result["hosts"].items():
        if name not in inside:
            continue  # left over from an earlier topology
        local = {int(port): int(at) for port, at in ports.items()}
        machines[name] = Reached(inside[name], "127.0.0.1", local.pop(SSH), forwards=local)
    return Up(
        machines=machines,
        started=tuple(result.get("started", ())),
        left=tuple(result.get("left", ())),
        removed=tuple(result.get("removed", ())),
        seconds=dict(result.get("seconds", {})),
    )


def _snapshot(data: Mapping[str, Any]) -> Snapshot:
    notes = {k: v for k, v in data.items() if k not in {"name", "created", "size", "hosts"}}
    return Snapshot(data["name"], data["created"], data["size"], tuple(data["hosts"]), notes)
