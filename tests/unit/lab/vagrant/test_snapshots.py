"""Snapshots of machines that Vagrant makes."""

from __future__ import annotations

import pytest

from tests.unit.lab.guests import GROUPS
from tests.unit.lab.vagrant.rig import Lab, up
from whisklab.errors import BadInput, WhisklabError


def test_a_snapshot_of_a_lab_with_one_machine_off(fern: Lab) -> None:
    before = fern.provider.up(fern.wish(), fern.report)
    fern.double.made["worker1"].state = "poweroff"
    _, again = fern.provider.snapshot(fern.wish(), "a", {}, {}, fern.report)
    assert again is not None
    assert again.machines["worker1"] == before.machines["worker1"]
    assert fern.double.made["worker1"].state == "poweroff"


def test_snapshots_are_of_all_or_none(fern: Lab) -> None:
    up(fern)
    taken, again = fern.provider.snapshot(fern.wish(), "a", {"catalogue": "x"}, {}, fern.report)
    assert again is not None
    assert taken.machines == tuple(GROUPS)
    assert [each.name for each in fern.provider.snapshots("fern", fern.report)] == ["a"]
    fern.double.faults = [("snapshot save worker1", "no room")]
    with pytest.raises(WhisklabError, match="vagrant snapshot save worker1: Vagrant says: no room"):
        fern.provider.snapshot(fern.wish(), "b", {}, {}, fern.report)
    fern.double.faults = []
    assert {frozenset(each.snapshots) for each in fern.double.made.values()} == {
        frozenset({"whisklab-a"})
    }
    assert {each.state for each in fern.double.made.values()} == {"running"}
    fern.double.changed()
    fern.provider.restore(fern.wish(), "a", fern.report)
    restored = [call for call in fern.double.changed() if call.startswith("snapshot restore")]
    assert restored == [
        f"snapshot restore --no-provision --no-start {name} whisklab-a" for name in GROUPS
    ]
    del fern.double.made["worker1"].snapshots["whisklab-a"]
    with pytest.raises(WhisklabError, match="fern-worker1 has no snapshot whisklab-a any more"):
        fern.provider.restore(fern.wish(), "a", fern.report)
    fern.provider.delete("fern", "a", fern.report)
    assert not any(each.snapshots for each in fern.double.made.values())


def test_a_clone_is_refused(fern: Lab) -> None:
    with pytest.raises(BadInput, match="fern: Vagrant copies no machines"):
        fern.provider.clone(fern.wish(), "moss", None, "t", fern.report)


def test_a_failed_snapshot_and_a_failed_start_are_both_told(fern: Lab) -> None:
    up(fern)
    fern.double.faults = [("snapshot save worker1", "no room"), ("up master", "no memory")]
    with pytest.raises(WhisklabError, match=r"Vagrant says: no room; and afterwards: .*no memory"):
        fern.provider.snapshot(fern.wish(), "a", {}, {}, fern.report)
