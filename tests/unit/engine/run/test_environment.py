"""The inventory as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whisklab.engine.data.settings import HostData
from whisklab.engine.run.environment import (
    check_data_files,
    check_groups,
    check_offline,
    check_path,
)
from whisklab.errors import BadInput

INVENTORY = Path("inventories/lab.py")


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ({}, "the inventory is empty"),
        ({"masters": []}, "the inventory is empty"),
        ({"workers": ["w"]}, "masters: the group is empty"),
        ({"mastres": ["m"]}, "mastres: unknown group, did you mean masters?"),
        ({"masters": ["m"], "dns": ["1.1.1.1"]}, "dns: unknown group, known groups: masters"),
        ({"masters": [("m", {"a": 1})], "workers": [("m", {"a": 2})]}, "two hosts of one name"),
    ],
)
def test_wrong_groups(groups: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match="inventories/lab.py") as raised:
        check_groups(INVENTORY, groups)
    assert sentence in str(raised.value)


def test_a_host_in_several_groups() -> None:
    check_groups(
        INVENTORY,
        {
            "masters": [("m", {"a": 1})],
            "storage": [("s", {"a": 2})],
            "registry": ["s", ("m", {"a": 1})],
            "lab": (["m"], {}),
        },
    )


def test_path_of_the_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories/lab.py").touch()
    monkeypatch.chdir(tmp_path)
    assert check_path("inventories/lab.py") == INVENTORY
    with pytest.raises(BadInput, match=r"did you mean inventories/lab\.py"):
        check_path("inventories/lba.py")
    with pytest.raises(BadInput, match="is a directory"):
        check_path("inventories")
    with pytest.raises(BadInput, match="there are: inventories/lab.py"):
        check_path("10.0.0.1,10.0.0.2")


def test_a_data_file_that_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "group_data").mkdir()
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories/lab.py").touch()
    for name in ("all", "masters", "lab"):
        (tmp_path / f"group_data/{name}.py").touch()
    check_data_files(tmp_path)
    (tmp_path / "group_data/mastres.py").touch()
    with pytest.raises(BadInput, match=r"mastres\.py: .* did you mean masters\.py"):
        check_data_files(tmp_path)


def test_a_network_is_closed_for_all_or_for_none() -> None:
    closed, open_, silent = (
        HostData(name, values, lambda _: "f")
        for name, values in (("a", {"offline": True}), ("b", {"offline": False}), ("c", {}))
    )
    check_offline(INVENTORY, [closed, closed])
    check_offline(INVENTORY, [open_, silent])
    with pytest.raises(BadInput) as raised:
        check_offline(INVENTORY, [closed, silent])
    assert str(raised.value) == (
        "inventories/lab.py: offline: a has True and c False: it is for all machines, put it into "
        "group_data/all.py or the environment's file"
    )
