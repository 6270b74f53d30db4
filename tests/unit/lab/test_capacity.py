"""Whether a computer can have the machines that are to be made. Pure functions."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.unit.lab.multipass.rig import BIG, GIB
from whisklab.errors import BadInput
from whisklab.lab.common.guest import capacity
from whisklab.lab.common.guest.capacity import Computer
from whisklab.lab.common.machine import Machine, Size


def machine(name: str, cpus: int = 2, memory: int = 6, disk: int = 50) -> Machine:
    size = Size(cpus, memory * GIB, disk * GIB)
    return Machine(name, (), IPv4Address("10.77.0.11"), size=size)


@pytest.mark.parametrize(
    ("machines", "others", "sentence"),
    [
        ([machine("a", cpus=17)], 0, "a: 17 processors are more than this computer has .16."),
        ([machine("a", disk=901)], 0, "a: its disk of 901G is bigger than that of this computer"),
        ([machine("a", memory=65)], 0, "need 66560 MB of memory, and this computer has 65536 MB"),
        ([machine("a"), machine("b", memory=40)], 20, "memory, beside 20480 MB of those"),
        ([machine("a"), machine("b", memory=38)], 20, ""),
        ([], 99, ""),
    ],
)
def test_what_a_computer_cannot_have(machines: list[Machine], others: int, sentence: str) -> None:
    if sentence:
        with pytest.raises(BadInput, match=sentence):
            capacity.refuse(machines, others * GIB, BIG)
    else:
        capacity.refuse(machines, others * GIB, BIG)


def test_disks_that_may_outgrow_the_computers_are_said() -> None:
    assert capacity.remark([machine("a")], 0, BIG) == ""
    little = Computer(16, 64 * GIB, 900 * GIB, 60 * GIB)
    said = capacity.remark([machine("a"), machine("b")], 0, little)
    assert said.startswith("disks may grow to 102400 MB in all, and 61440 MB are free here")


def test_what_others_may_have_counts_as_well() -> None:
    little = Computer(16, 64 * GIB, 900 * GIB, 60 * GIB)
    assert capacity.remark([machine("a")], 10 * GIB, little) == ""
    said = capacity.remark([machine("a")], 11 * GIB, little)
    assert "51200 MB in all, beside at most 11264 MB of others (some of it is used" in said
    assert capacity.remark([], 99 * GIB, little) == ""


def test_this_computer_is_looked_at() -> None:
    found = capacity.here([Path("/nowhere"), Path("/")])
    assert found.cpus > 0
    assert found.memory > 2**28
    assert found.disk > found.free > 0
