"""Snapshots of all instances or of none, and sizes that were changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.lab.guests import GROUPS
from tests.unit.lab.multipass.rig import GIB, Lab
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.machine import Size
from whisklab.lab.provider import Wish
from whisklab.lab.providers.multipass.grown import judged

FILES, NOTES = {"catalogue": "upstream"}, {"deployed": ["k3s"]}


@pytest.fixture
def there(fern: Lab) -> Lab:
    """A lab that is up, with a snapshot `a`."""
    fern.provider.up(fern.wish(), fern.report)
    fern.provider.snapshot(fern.wish(), "a", FILES, NOTES, fern.report)
    fern.program.asked()
    return fern


def kept(fern: Lab) -> dict[str, set[str]]:
    return {name: set(e["snapshots"]) for name, e in fern.program.read()["instances"].items()}


def test_a_snapshot_is_of_all_and_the_lab_runs_again(there: Lab) -> None:
    taken, up = there.provider.snapshot(there.wish(), "b", FILES, NOTES, there.report)
    calls = there.program.changed()
    assert [each.split()[0] for each in calls] == ["stop"] * 3 + ["snapshot"] * 3 + ["start"] * 3
    assert calls[3].startswith("snapshot fern-master --name whisklab-b --comment whisklab: b of")
    assert up is not None
    assert set(up.machines) == set(GROUPS)
    assert (taken.name, taken.machines, taken.notes) == ("b", tuple(GROUPS), NOTES)
    assert [each.name for each in there.provider.snapshots("fern", there.report)] == ["a", "b"]
    assert there.provider.recall("fern", "b", there.report) == FILES
    assert there.provider.kept() == {"fern"}


def test_a_stopped_lab_stays_stopped(there: Lab) -> None:
    there.provider.stop("fern", there.report)
    there.program.asked()
    _, up = there.provider.snapshot(there.wish(), "b", FILES, NOTES, there.report)
    assert up is None
    assert {each.split()[0] for each in there.program.changed()} == {"snapshot"}


@pytest.mark.parametrize("failing", list(GROUPS))
def test_a_snapshot_that_fails_leaves_none(there: Lab, failing: str) -> None:
    there.program.fault(f"snapshot fern-{failing}", "snapshot failed: no room", times=9)
    with pytest.raises(WhisklabError, match=f"fern-{failing}: Multipass says: .*no room"):
        there.provider.snapshot(there.wish(), "b", FILES, NOTES, there.report)
    assert kept(there) == {f"fern-{name}": {"whisklab-a"} for name in GROUPS}
    assert set(there.program.states().values()) == {"Running"}
    assert [each.name for each in there.provider.snapshots("fern", there.report)] == ["a"]


@pytest.mark.parametrize(
    ("name", "state", "sentence"),
    [
        ("a", "Running", "fern has a snapshot 'a' already"),
        ("a.b", "Running", "'a.b': expected the name of a snapshot"),
        ("b", "Suspended", "fern-worker1 is suspended, and has no snapshot taken or"),
        ("b", "Suspending", "fern-worker1 is suspending, and has no"),
        ("b", "Deleted", "fern-worker1 is deleted, and has no"),
        ("b", "Unavailable", "fern-worker1 is unavailable, and has no"),
    ],
)
def test_what_is_refused_before_anything_is_stopped(
    there: Lab, name: str, state: str, sentence: str
) -> None:
    there.program.state("fern-worker1", state)
    with pytest.raises(WhisklabError, match=sentence):
        there.provider.snapshot(there.wish(), name, FILES, NOTES, there.report)
    assert there.program.changed() == []


@pytest.mark.parametrize("verb", ["snapshot", "restore"])
def test_a_version_without_snapshots_stops_nothing(there: Lab, verb: str) -> None:
    there.program.fault("list --snapshots", "Unknown option 'snapshots'.", times=9, exit=1)
    verbs: dict[str, Callable[[], object]] = {
        "snapshot": lambda: there.provider.snapshot(there.wish(), "b", {}, {}, there.report),
        "restore": lambda: there.provider.restore(there.wish(), "a", there.report),
    }
    with pytest.raises(WhisklabError, match="this Multipass has no snapshots: from 1.13 on"):
        verbs[verb]()
    assert there.program.changed() == []


@pytest.mark.parametrize("driver", ["applevz", "lxd", "libvirt"])
def test_a_driver_without_snapshots_stops_nothing(there: Lab, driver: str) -> None:
    there.program.change(lambda data: data["settings"].update({"local.driver": driver}))
    with pytest.raises(WhisklabError, match="^fern: Multipass's driver takes no snapshots"):
        there.provider.snapshot(there.wish(), "b", {}, {}, there.report)
    assert there.program.changed() == []


def test_a_driver_of_which_we_do_not_know_it_says_it_itself(there: Lab) -> None:
    says = "snapshot failed: The snapshots feature is not implemented on this backend."
    there.program.fault("snapshot fern-master", says)
    with pytest.raises(WhisklabError, match="^fern-master: Multipass's driver takes no snapshots"):
        there.provider.snapshot(there.wish(), "b", {}, {}, there.report)
    assert set(there.program.states().values()) == {"Running"}


def test_a_restore_has_all_as_they_were(there: Lab) -> None:
    there.program.change(
        lambda data: [each.update(release="changed") for each in data["instances"].values()]
    )
    up = there.provider.restore(there.wish(), "a", there.report)
    calls = there.program.changed()
    verbs = [each.split()[0] for each in calls]
    assert verbs == [v for v in ("stop", "snapshot", "restore", "delete", "start") for _ in GROUPS]
    assert "restore --destructive fern-master.whisklab-a" in calls
    assert {e["release"] for e in there.program.read()["instances"].values()} == {
        "Ubuntu 24.04 LTS"
    }
    assert set(up.machines) == set(GROUPS)
    assert kept(there) == {f"fern-{name}": {"whisklab-a"} for name in GROUPS}


@pytest.mark.parametrize("verb", ["snapshot", "restore"])
@pytest.mark.parametrize("failing", list(GROUPS))
def test_a_restore_that_fails_leaves_all_as_they_were(there: Lab, verb: str, failing: str) -> None:
    there.program.change(
        lambda data: [each.update(release="new") for each in data["instances"].values()]
    )
    what = "--destructive" if verb == "restore" else "--name"
    own = f"fern-{failing}.whisklab-a" if verb == "restore" else f"fern-{failing}"
    there.program.fault(f"{verb} {what} {own}", "it failed: no room", times=9)
    with pytest.raises(WhisklabError, match="no room"):
        there.provider.restore(there.wish(), "a", there.report)
    assert {each["release"] for each in there.program.read()["instances"].values()} == {"new"}
    assert kept(there) == {f"fern-{name}": {"whisklab-a"} for name in GROUPS}
    there.provider.up(there.wish(), there.report)


def test_what_cannot_be_restored_is_refused_before_anything_is_stopped(there: Lab) -> None:
    there.program.state("fern-worker1", "Suspended")
    with pytest.raises(WhisklabError, match="fern-worker1 is suspended, and has no snapshot taken"):
        there.provider.restore(there.wish(), "a", there.report)
    assert there.program.changed() == []


@pytest.mark.parametrize("verb", ["up", "rebuild", "snapshot"])
def test_a_restore_that_was_cut_short_is_to_be_repeated(there: Lab, verb: str) -> None:
    """Its machines may be of two times; SIGKILL leaves what the record says at that moment."""
    told: dict[str, str] = {}

    def note(line: str) -> None:
        if line.startswith("worker1: restoring"):
            told["record"] = records.file_of("multipass", "fern").read_text()

    there.provider.restore(there.wish(), "a", note)
    records.file_of("multipass", "fern").write_text(told["record"])
    there.program.asked()
    verbs: dict[str, Callable[[], object]] = {
        "up": lambda: there.provider.up(there.wish(), there.report),
        "rebuild": lambda: there.provider.rebuild(there.wish(), (), there.report),
        "snapshot": lambda: there.provider.snapshot(there.wish(), "b", {}, {}, there.report),
    }
    with pytest.raises(WhisklabError, match="fern: its restore to 'a' was cut short"):
        verbs[verb]()
    assert there.program.changed() == []
    there.provider.restore(there.wish(), "a", there.report)
    verbs[verb]()


def test_what_a_killed_snapshot_has_left_is_in_nobodys_way(there: Lab) -> None:
    there.program.change(
        lambda data: data["instances"]["fern-master"]["snapshots"].update({"whisklab-b": {}})
    )
    there.provider.snapshot(there.wish(), "b", FILES, NOTES, there.report)
    assert all(names == {"whisklab-a", "whisklab-b"} for names in kept(there).values())


def test_what_cannot_be_put_back_keeps_its_way_back(there: Lab) -> None:
    there.program.fault("restore", "restore failed: no room", times=9)
    with pytest.raises(WhisklabError, match="no room"):
        there.provider.restore(there.wish(), "a", there.report)
    assert all(len(names) == 2 for names in kept(there).values())


def test_one_that_cannot_be_put_back_keeps_nobody_else(there: Lab) -> None:
    """The last one's restore fails, then the way back of the first."""
    there.program.change(
        lambda data: [each.update(release="new") for each in data["instances"].values()]
    )
    first, *_, last = GROUPS
    there.program.fault(f"restore --destructive fern-{last}.whisklab-a", "no room", times=9)

    def note(line: str) -> None:
        if line.startswith(f"{last}: restoring"):
            (before,) = kept(there)[f"fern-{first}"] - {"whisklab-a"}
            there.program.fault(f"restore fern-{first}.{before}", "damaged", times=9)

    told = "no room; and what was before is not all back: .*damaged"
    with pytest.raises(WhisklabError, match=told):
        there.provider.restore(there.wish(), "a", note)
    releases = {name: each["release"] for name, each in there.program.read()["instances"].items()}
    assert {name for name, each in releases.items() if each != "new"} == {f"fern-{first}"}


def test_a_snapshot_that_cannot_be_deleted_somewhere_is_deleted_elsewhere(there: Lab) -> None:
    first, *others = GROUPS
    there.program.fault(f"delete --purge fern-{first}.whisklab-a", "busy", times=9)
    with pytest.raises(WhisklabError, match="busy"):
        there.provider.delete("fern", "a", there.report)
    assert kept(there) == {f"fern-{first}": {"whisklab-a"}, **{f"fern-{n}": set() for n in others}}


@pytest.mark.parametrize("lost", list(GROUPS))
def test_a_part_that_is_gone_refuses_the_whole(there: Lab, lost: str) -> None:
    """By hand, one instance's snapshot; then the instance."""
    there.program.change(lambda data: data["instances"][f"fern-{lost}"].update(snapshots={}))
    for verb in (there.provider.recall, lambda *_: there.provider.restore(
        there.wish(), "a", there.report
    )):  # fmt: skip
        with pytest.raises(WhisklabError, match=f"fern-{lost} has no snapshot whisklab-a any more"):
            verb("fern", "a", there.report)
    there.program.change(lambda data: data["instances"].pop(f"fern-{lost}"))
    with pytest.raises(WhisklabError, match=f"the machine {lost} is gone"):
        there.provider.restore(there.wish(), "a", there.report)
    assert there.program.changed() == []


def test_a_machine_that_came_later_is_named(there: Lab) -> None:
    more = there.wish({**GROUPS, "worker2": ("workers",)})
    there.provider.up(more, there.report)
    there.program.asked()
    with pytest.raises(BadInput, match="fern@a is older than worker2: remove these"):
        there.provider.restore(more, "a", there.report)
    assert there.program.changed() == []


def test_a_snapshot_is_deleted_everywhere(there: Lab) -> None:
    assert there.provider.delete("fern", "a", there.report).machines == tuple(GROUPS)
    assert kept(there) == {f"fern-{name}": set() for name in GROUPS}
    for verb in (there.provider.delete, there.provider.recall):
        with pytest.raises(BadInput, match="fern has no snapshot 'a'; it has none"):
            verb("fern", "a", there.report)


def test_snapshots_go_with_the_instances(there: Lab) -> None:
    there.provider.down("fern", there.report)
    assert there.provider.snapshots("fern", there.report) == ()
    assert there.provider.kept() == frozenset()


def test_a_machine_that_was_never_ready_is_left_out_of_what_is_reached(there: Lab) -> None:
    """Of a rebuild that has failed, for one; the others' snapshot is taken."""
    there.program.fault("launch fern-worker1", "launch failed: no room", times=9)
    with pytest.raises(WhisklabError, match="no room"):
        there.provider.rebuild(there.wish(), ("worker1",), there.report)
    taken, up = there.provider.snapshot(there.wish(), "b", {}, {}, there.report)
    assert up is not None
    assert taken.machines == tuple(up.machines) == ("master", "storage")


def sized(fern: Lab, **change: int) -> Wish:
    wish = fern.wish()
    sizes = {"cpus": 2, "memory": 6 * GIB, "disk": 50 * GIB, **change}
    (one, *rest) = wish.machines
    made = type(one)(one.name, one.groups, one.address, size=Size(**sizes))
    return type(wish)(**{**vars(wish), "machines": (made, *rest)})


@pytest.mark.parametrize(
    ("change", "call"),
    [
        ({"cpus": 4}, "set local.fern-master.cpus=4"),
        ({"memory": 8 * GIB}, "set local.fern-master.memory=8G"),
        ({"memory": 3 * GIB // 2}, "set local.fern-master.memory=1536M"),
        ({"disk": 60 * GIB}, "set local.fern-master.disk=60G"),
    ],
)
def test_a_stopped_machine_gets_the_size_that_it_should_have(
    there: Lab, change: dict[str, int], call: str
) -> None:
    key = next(iter(change))
    there.provider.up(sized(there, **change), there.report)
    assert there.program.changed() == []
    assert any(f"master: its {key} is" in line and "stop the lab" in line for line in there.said)
    there.provider.stop("fern", there.report)
    there.program.asked()
    there.provider.up(sized(there, **change), there.report)
    assert there.program.changed()[0] == call
    there.program.asked()
    there.provider.up(sized(there, **change), there.report)
    assert there.program.changed() == []


def test_a_disk_that_has_not_grown_inside_is_told(there: Lab) -> None:
    """Once, by the run that has made it bigger."""
    there.machines.disks = disks(60, 48, 47)
    there.provider.stop("fern", there.report)
    for _ in range(2):
        there.provider.up(sized(there, disk=60 * GIB), there.report)
    (said,) = [line for line in there.said if "has grown, and" in line]
    assert said == (
        "master: its disk has grown, and its root's partition has not (48G of 60G): `sudo growpart "
        "/dev/sda 1`, then `sudo resize2fs /dev/sda1` there makes it grow"
    )


def disks(disk: int, part: int, system: int, name: str = "sda", root: str = "sda1") -> str:
    """What a machine says: gigabytes of its disk, of the root's partition, and of what is in it."""
    return (
        f"disk {name} {disk * GIB} \npart {root} {part * GIB} /\npart {root[:-1]}15 111149056 "
        f"/boot/efi\npart {root[:-1]}16 957349888 /boot\nloop loop0 67108864 /snap/core22/1\n"
        f"rom sr0 54272 \n1B-blocks\n{system * GIB}\n"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (disks(60, 59, 58), ""),
        (disks(60, 59, 47), "file system has not (47G of 59G): `sudo resize2fs /dev/sda1` there"),
        (disks(60, 48, 47, "nvme0n1", "nvme0n1p1"), "`sudo growpart /dev/nvme0n1 1`, then"),
        (disks(60, 48, 47, "vda", "vda1"), "`sudo growpart /dev/vda 1`, then `sudo resize2fs"),
        (disks(6, 5, 5), ""),
        ("", ""),
        ("lsblk: not found\n", ""),
    ],
)
def test_what_has_not_grown(text: str, sentence: str) -> None:
    found = judged(text)
    assert sentence in found
    assert bool(found) == bool(sentence)


def test_a_smaller_disk_is_only_said(there: Lab) -> None:
    there.provider.stop("fern", there.report)
    there.program.asked()
    there.provider.up(sized(there, disk=20 * GIB), there.report)
    assert not any(call.startswith("set") for call in there.program.changed())
    assert any("master: its disk has 50G, and the topology says 20G" in e for e in there.said)
