"""What the bench makes of what it measured: ratios, usage, medians."""

from __future__ import annotations

import resource
import sys

import pytest

from tests.bench import measure
from tests.bench.measure import Usage


def used(wall: float, cpu: float = 0.0, peak: float = 0.0) -> Usage:
    return Usage(wall, cpu, peak, 0, "", "")


def test_what_the_kernel_says_of_a_child_is_in_our_units() -> None:
    said = resource.struct_rusage((1.25, 0.5, 3072, *(0,) * 13))
    found = measure.usage(2.0, said, 3, "out", "err")
    assert found == Usage(2.0, 1.75, 3.0, 3, "out", "err")


def test_a_median_is_taken_of_each_number() -> None:
    found = measure.median([used(3, 1, 9), used(1, 2, 7), used(2, 3, 8)])
    assert (found.wall, found.cpu, found.peak) == (2, 2, 8)
    assert (found.walls, found.cpus) == ((3, 1, 2), (1, 2, 3))


def test_a_ratio_says_how_many_times_as_much() -> None:
    assert measure.ratio([3.0, 8.0, 9.0], [1.5, 2.0, 1.0]) == 4.0
    with pytest.raises(ValueError, match="no ratio"):
        measure.ratio([3.0], [0.0])


def test_programs_take_turns() -> None:
    order: list[str] = []

    def work(name: str) -> Usage:
        order.append(name)
        return used(len(order))

    found = measure.interleaved({"a": lambda: work("a"), "b": lambda: work("b")}, 3)
    assert order == ["a", "b"] * 3
    assert {name: each.wall for name, each in found.items()} == {"a": 3, "b": 4}


def test_a_program_is_run_and_its_children_count() -> None:
    child = "sum(range(10**6)); b = bytearray(30 << 20)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    done = measure.run([sys.executable, "-c", f"{program}; print('said'); sys.exit(3)"])
    assert (done.code, done.stdout, done.stderr) == (3, "said\n", "")
    assert done.cpu > 0
    assert done.peak > 30


def test_a_program_that_hangs_is_ended() -> None:
    done = measure.run(["sleep", "60"], within=0.2)
    assert done.code < 0


def test_a_run_that_is_not_what_was_to_be_measured_says_what_it_printed() -> None:
    done = Usage(1, 1, 1, 2, "out", "no such host")
    with pytest.raises(RuntimeError, match=r"theirs: exit code 2:\noutno such host"):
        done.expect(ok=False, what="theirs")
    assert done.expect(ok=True, what="theirs") is done
