"""What each part of the bench makes of what it was told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

import pytest

from tests.bench import bundles, cold, compare, delay, noop, peers, playbook, scale
from tests.bench.hosts import Host
from tests.bench.items import expected, items, look, removal, unit, values
from tests.bench.measure import Median
from tests.bench.scale import Scaled
from whisklab.engine.resources.units import recorder
from whisklab.lab import topology

MARKS = [("Connect", 0.5, 0.4), ("Prepare", 0.7, 0.45), ("look", 0.8, 0.5), ("looked", 1.0, 0.6),
         ("Execute", 1.5, 0.9), ("Stage: first", 1.6, 1.0), ("Stage: second", 1.9, 1.1),
         ("Disconnect", 2.0, 1.2), ("ended", 2.1, 1.3)]  # fmt: skip
HOST = Host("one", "127.0.0.1", 2201, "lab", "/key", "/known hosts")


def took(wall: float, cpu: float, peak: float = 90.0) -> Median:
    return Median(wall, cpu, peak, (wall,), (cpu,))


def rounded(parts: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    return [(name, round(wall, 3), round(cpu, 3)) for name, wall, cpu in parts]


def test_parts_of_a_run_add_up_to_it() -> None:
    found = noop.parts(MARKS)
    assert rounded(found)[0] == ("start to inventory", 0.5, 0.4)
    assert rounded(found)[3] == ("look (one command a host)", 0.2, 0.1)
    assert sum(wall for _, wall, _ in found) == pytest.approx(2.1)
    with pytest.raises(RuntimeError, match="no look"):
        noop.parts([each for each in MARKS if each[0] != "look"])


def test_medians_of_parts_are_taken_part_by_part() -> None:
    runs = [[("a", 1.0, 3.0), ("b", 9.0, 1.0)], [("a", 2.0, 2.0), ("b", 8.0, 1.0)],
            [("a", 3.0, 1.0), ("b", 7.0, 1.0)]]  # fmt: skip
    assert noop.medians(runs) == [("a", 2.0, 2.0), ("b", 8.0, 1.0)]


def test_stages_of_a_converge_are_called_by_their_ends() -> None:
    assert rounded(cold.stages(MARKS)) == [
        ("first", 1.6, 1.0), ("second", 0.3, 0.1), ("the end", 0.2, 0.2),
    ]  # fmt: skip
    assert cold.result(cold.stages(MARKS)).rows[-1] == ("all of it", "2.1", "1.3")


def test_there_are_forty_items_and_all_are_looked_at() -> None:
    wanted = items()
    assert len(wanted) == 40
    assert len(expected(wanted)) == 40 + 4  # each list of packages has two
    assert len(playbook.playbook(wanted)[0]["tasks"]) == 40


def test_what_hosts_are_told_is_shell() -> None:
    wanted = items()
    scripts = [look(wanted), values(wanted), removal(wanted, "net.ipv4.conf.lo.arp_ignore = 0")]
    for script in scripts:
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_what_is_not_there_is_seen() -> None:
    """The look of a machine that has none of it, which this one is."""
    wanted = items()
    done = subprocess.run(
        ["sh", "-s"], input=look(wanted), text=True, check=True, capture_output=True
    )
    files = {line for line in expected(wanted) if line.startswith(("file", "directory", "link"))}
    assert not files & set(done.stdout.splitlines())


def test_the_units_record_as_ours_do() -> None:
    wanted = items()
    contents = {each.path: each.content for each in wanted.files}
    for name in wanted.services:
        assert f"ExecStartPre={recorder(name, [unit(name)])}\n" in contents[unit(name)]


def test_an_inventory_for_ansible_checks_host_keys() -> None:
    found = playbook.inventory([HOST])["all"]["hosts"]["one"]
    assert "StrictHostKeyChecking=yes" in found["ansible_ssh_common_args"]
    assert "'UserKnownHostsFile=/known hosts'" in found["ansible_ssh_common_args"]


def test_a_recap_of_ansible_is_added_up() -> None:
    line = "one : ok=40   changed=2  unreachable=0  failed={}  skipped=0\n"
    assert peers.recap(f"PLAY RECAP ***\n{line.format(0)}{line.format(0)}") == 4
    for output in (line.format(1), "nothing"):
        with pytest.raises(RuntimeError, match="did not reach"):
            peers.recap(output)


def test_what_pyinfra_changed_is_added_up() -> None:
    results = {"failed_hosts": [], "operations": [{"success": ["one", "two"]}, {"success": []}]}
    assert peers.succeeded(json.dumps({"results": results})) == 2
    with pytest.raises(RuntimeError, match="one"):
        peers.succeeded(json.dumps({"results": results | {"failed_hosts": ["one"]}}))


def test_the_versions_are_those_of_the_lock() -> None:
    assert set(peers.locked(("ansible-core", "mitogen"))) == {"ansible-core", "mitogen"}
    assert "://" not in peers.LOCK.read_text()


def test_ratios_are_to_ours() -> None:
    found = compare.result({"theirs": took(6.0, 2.0), peers.OURS: took(2.0, 1.0)}, 40, 4)
    assert found.rows[0] == ("theirs", "6.00", "3.0", "2.00", "2.0")
    assert found.quotes == [
        ("40 items in place on 4 hosts, theirs", "3.0 times ours (CPU 2.0 times)")
    ]


def test_ours_asks_each_host_by_one_command() -> None:
    compare.counted({"a": 1, "b": 1}, ["b", "a"])
    for seen in ({"a": 1}, {"a": 1, "b": 2}):
        with pytest.raises(RuntimeError, match="one command for each"):
            compare.counted(seen, ["a", "b"])


def test_what_one_host_more_costs() -> None:
    found = [Scaled(4, took(1, 1.0), 0, 20.0), Scaled(24, took(2, 2.0), 1, 20.0)]
    assert scale.slope(found) == 0.05
    assert scale.slope(found[:1]) is None
    assert scale.result(found).rows[1] == ("24", "2.00", "2.00", "83", "90", "1", "20")
    assert "50 ms of CPU" in scale.result(found).about


def test_a_lab_of_many_hosts_is_a_topology() -> None:
    found = topology.parse(scale.topology(64), "bench")
    assert len(found.machines()) == 64
    assert [each.groups for each in found.machines()[:2]] == [("masters",), ("workers",)]


def test_a_long_way_is_told_in_round_trips() -> None:
    found = delay.result({delay.DIRECT: took(1.5, 1.0), delay.DELAYED: took(2.25, 1.1)})
    assert "0.75 s more (the median of the turns), or at most 15 round trips" in found.about


def test_the_relay_has_the_hosts_keys() -> None:
    assert delay.elsewhere("[127.0.0.1]:2201 ssh-ed25519 A\n") == "[127.0.0.2]:2201 ssh-ed25519 A\n"


def test_a_bundle_is_compared_turn_by_turn() -> None:
    found = {
        bundles.UPLOAD: Median(8.0, 4.0, 90.0, (8.0, 6.0, 9.0), (4.0, 4.0, 4.0)),
        bundles.PULL: Median(2.0, 0.0, 0.0, (2.0, 2.0, 1.0), (0.0, 0.0, 0.0)),
        bundles.SCP: Median(5.0, 1.0, 9.0, (5.0, 4.0, 10.0), (1.0, 1.0, 1.0)),
        bundles.THERE: Median(10.0, 1.0, 9.0, (10.0, 8.0, 20.0), (1.0, 1.0, 1.0)),
    }
    assert bundles.result(found, 3).rows == [
        ("whisklab bundle upload", "8.0", "1.5", "0.8"),
        ("the same and pulled by 3 nodes at once", "10.0", "2.0", "1.0"),
        ("scp to one node", "5.0", "1.0", "0.5"),
        ("scp to the registry's host", "10.0", "2.0", "1.0"),
    ]
