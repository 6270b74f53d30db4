"""What programs trust is made anew when it lacks the authority, on a machine of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploys.authority import operations, render
from tests.contract.test_base_operations import NOTHING, Machine, Outcome, a_machine
from whisklab.engine.tls import authority

# Of Debian, as far as it goes: all that is there, in one file.
UPDATE = f'tell "$@"; cat /usr/local/share/ca-certificates/*.crt > {render.BUNDLE}; echo 1 added'
MADE = ["update-ca-certificates", ">", "/dev/null"]


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Authorities by a letter."""
    now = datetime.now(UTC)
    return {name: authority.new(name, now).certificate for name in "abx"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that trusts others."""
    found = a_machine(tmp_path, "/etc", "/usr/local/share")
    found.stub("update-ca-certificates", UPDATE)
    return found


def have(machine: Machine, made: dict[str, str], source: str, bundle: str | None) -> None:
    machine.put(render.CERTIFICATE, "".join(made[each] for each in source))
    machine.at(render.BUNDLE).parent.mkdir(parents=True, exist_ok=True)
    if bundle is not None:
        machine.put(render.BUNDLE, "".join(made[each] for each in bundle))


def test_an_authority_that_is_trusted_needs_nothing(machine: Machine, made: dict[str, str]) -> None:
    have(machine, made, "a", "xa")
    before = machine.tree()
    assert machine.run(operations.trusted, certificate=made["a"]) == NOTHING
    assert (machine.tree(), machine.ran()) == (before, [])


@pytest.mark.parametrize("bundle", [None, "", "x", "b", "bx"])
@pytest.mark.parametrize("wanted", ["a", "ab"])
def test_one_that_is_not_is_made_trusted_once(
    machine: Machine, made: dict[str, str], bundle: str | None, wanted: str
) -> None:
    have(machine, made, wanted, bundle)
    certificate = "".join(made[each] for each in wanted)
    outcome = machine.run(operations.trusted, certificate=certificate)
    assert outcome == Outcome([MADE], [], failed=False)
    assert machine.ran() == [["update-ca-certificates"]]
    assert machine.run(operations.trusted, certificate=certificate) == NOTHING


def test_a_bare_machine_is_planned(machine: Machine, made: dict[str, str]) -> None:
    """Nothing is there yet: no directory, no program, no certificate."""
    (machine.root / "bin/update-ca-certificates").unlink()
    machine.stub("update-ca-certificates", "mkdir -p /etc/ssl/certs; touch /etc/made")
    outcome = machine.run(operations.trusted, certificate=made["a"])
    assert (outcome.yielded, outcome.failed) == ([MADE], False)


def test_a_program_that_fails_fails_the_machine(machine: Machine, made: dict[str, str]) -> None:
    have(machine, made, "a", "x")
    machine.stub("update-ca-certificates", "echo no space left >&2; exit 1")
    outcome = machine.run(operations.trusted, certificate=made["a"])
    assert (outcome.said, outcome.failed) == (["no space left"], True)
