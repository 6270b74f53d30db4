"""pyinfra's connector `@multipass`: all instances that run, or `@multipass/NAME`.

Those of our labs are reached as their labs are; others by the user's own key, as Multipass's user.
It is loaded with every run of pyinfra, so what it needs is loaded when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyinfra.api.exceptions import InventoryError
from pyinfra.connectors.base import BaseConnector

_PROVIDER = "multipass"
_USER = "ubuntu"  # of Multipass's images
NamesData = tuple[str, dict[str, Any], list[str]]


class MultipassInventory(BaseConnector):
    """Tells pyinfra which instances there are; SSH does the rest."""

    handles_execution = False

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[NamesData]:
        """Return name, data and groups of each instance that runs and has an address.

        Raises:
            InventoryError: there is none (of that name), or Multipass cannot be asked.
        """
        from whisklab.errors import WhisklabError  # noqa: PLC0415
        from whisklab.lab.providers.multipass.client import Client  # noqa: PLC0415

        try:
            yield from _found(Client(), name)
        except WhisklabError as error:
            raise InventoryError(str(error)) from error


def _found(client: Any, name: str | None) -> Iterator[NamesData]:  # noqa: ANN401  loaded there
    from whisklab.lab.providers.multipass.addresses import candidates  # noqa: PLC0415
    from whisklab.lab.providers.multipass.instances import State  # noqa: PLC0415

    there = [each for each in client.list().values() if name in (None, each.name)]
    running = [each for each in there if each.state is State.RUNNING and each.addresses]
    if not running:
        state = f": it is {str(there[0].state).lower()}" if name and there else ""
        raise InventoryError(f"Multipass has no {name or 'instance'} that runs{state}")
    ours = _ours()
    for each in running:
        before, data = ours.get(each.name, (None, {"ssh_user": _USER}))
        address = candidates(each.addresses, before)[0]
        yield f"@multipass/{each.name}", {"ssh_hostname": str(address), **data}, ["@multipass"]


def _ours() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Of each instance of our labs: its last address, and how it lets us in."""
    from whisklab.lab import state  # noqa: PLC0415
    from whisklab.lab.common.guest import record as records  # noqa: PLC0415

    found = {}
    for path in records.directory(_PROVIDER).glob("*.json"):
        if record := records.read(_PROVIDER, path.stem):
            known = state.paths(record.lab).known_hosts
            data = {
                "ssh_user": record.user, "ssh_key": str(record.key),
                "ssh_known_hosts_file": str(known), "ssh_strict_host_key_checking": "yes",
            }  # fmt: skip
            for name, member in record.members.items():
                found[record.instance(name)] = member.address, data
    return found
