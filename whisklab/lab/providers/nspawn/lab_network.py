"""The network of a whole lab, kept in its journal: the bridge, and the NAT where one is wished."""

from __future__ import annotations

import os

from whisklab.errors import WhisklabError
from whisklab.lab.common.process import alive, end, identify
from whisklab.lab.common.run import environment
from whisklab.lab.providers.nspawn import gate, hosts, network
from whisklab.lab.providers.nspawn.journal import Journal
from whisklab.lab.providers.nspawn.spec import LabSpec

_KILL = 10.0


def ensure(book: Journal, spec: LabSpec) -> None:
    """Make the lab's network unless it is there; then also its NAT, if it is to have one."""
    name = book.paths.netns
    if not (book.record.netns_done and network.exists(name)):
        if book.record.netns is None and network.exists(name):
            raise WhisklabError(f"the network namespace {name} exists and is not of this lab")
        remove(book)
        book.record.netns = name
        book.save()
        network.make_lab(name, spec.network, spec.gateway)
        book.record.netns_done = True
        book.save()
    if spec.internet and not alive(book.record.slirp):
        _start_nat(book, spec)


def _start_nat(book: Journal, spec: LabSpec) -> None:
    ready, write = os.pipe()

    def write_down(pid: int) -> None:
        book.record.slirp = identify(pid)
        book.save()

    try:
        gate.start(
            network.slirp_command(book.paths.netns, write),
            book.paths.slirp_log,
            write_down,
            env=environment(),
            pass_fds=[write],
        )
        os.close(write)
        network.wait_ready(ready)
    finally:
        os.close(ready)
    network.route_out(book.paths.netns, spec.network)


def remove(book: Journal) -> None:
    """Remove the lab's network, and before it whatever of the hosts runs in it."""
    for host in book.record.hosts:
        hosts.release(book, host)  # its link and its forwarder are in the lab's namespace
    if book.record.slirp:
        end(book.record.slirp, _KILL)
    if book.record.netns:
        network.remove(book.record.netns)
    book.record.netns = book.record.slirp = None
    book.record.netns_done = False
    book.save()
