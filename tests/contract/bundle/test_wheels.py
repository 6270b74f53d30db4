"""pip as what fetches wheels for other laptops, out of a directory in place of an index."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.contract.bundle.changing import quiet
from tests.unit.bundle.making_wheels import file_name, wheel
from whisklab.bundle import laptops, wheels
from whisklab.bundle.manifest import Laptop
from whisklab.bundle.requirements import Pin
from whisklab.bundle.wheels import Wheel
from whisklab.errors import WhisklabError

# Of shared/faults, case 41.
CLIENT = (
    'lab-toml>=1.0; python_version < "3.12"',
    'lab-keyring>=2.0; sys_platform == "darwin"',
    'lab-fast>=3.0; platform_machine == "aarch64"',
)
FOUR = [
    laptops.laptop(python, platform)
    for python in ("3.11", "3.13")
    for platform in ("linux-amd64", "linux-arm64")
]
MAC = laptops.laptop("3.13", "macos-arm64")


@dataclass
class Index:
    """Packages that pip finds, and the lock of them."""

    path: Path
    pins: dict[str, Pin] = field(default_factory=dict)

    def add(
        self, name: str, version: str, requires: Iterable[str] = (), *tags: str, also: bytes = b""
    ) -> None:
        """Offer a package, and pin it; `also` is locked and not offered."""
        hashes = [hashlib.sha256(also).hexdigest()] if also else []
        for tag in tags or ("py3-none-any",):
            data = wheel(name, version, requires, tag)
            (self.path / file_name(name, version, tag)).write_bytes(data)
            hashes.append(hashlib.sha256(data).hexdigest())
        self.pins[name] = Pin(name, version, frozenset(hashes))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    directory = tmp_path / "index"
    directory.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    found = Index(directory)
    found.add("lab-client", "1.0", CLIENT)
    found.add("lab-toml", "1.1")
    found.add("lab-keyring", "2.0")
    found.add("lab-fast", "3.0", (), "cp311-cp311-manylinux_2_17_aarch64",
              "cp313-cp313-manylinux_2_28_aarch64")  # fmt: skip
    return found


def found_of(index: Index, promised: Sequence[Laptop] = FOUR) -> list[Wheel]:
    return wheels.wheels([Requirement("lab-client")], index.pins, promised, quiet)


def test_each_laptop_gets_what_it_needs(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the second time nobody is asked."""
    found = found_of(index)
    assert {each.path.name: [str(one) for one in each.laptops] for each in found} == {
        "lab_client-1.0-py3-none-any.whl": list(map(str, FOUR)),
        "lab_toml-1.1-py3-none-any.whl": list(map(str, FOUR[:2])),
        "lab_fast-3.0-cp311-cp311-manylinux_2_17_aarch64.whl": ["python3.11-linux-arm64"],
        "lab_fast-3.0-cp313-cp313-manylinux_2_28_aarch64.whl": ["python3.13-linux-arm64"],
    }
    assert all(hashlib.sha256(each.path.read_bytes()).hexdigest() == each.sha256 for each in found)
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.path.parent))
    assert found_of(index) == found
    with pytest.raises(WhisklabError, match=r"^lab-client 1.0: has no wheel for python3.13-macos"):
        found_of(index, [*FOUR, MAC])


def test_the_choice_does_not_depend_on_what_the_cache_has(index: Index) -> None:
    """A wheel for all is in the cache, and the laptop that can gets the better one."""
    index.add("lab-client", "2.0", (), "py3-none-any", "cp313-cp313-manylinux_2_28_x86_64")
    names = {str(laptop): found_of(index, [laptop])[0].path.name for laptop in (FOUR[0], FOUR[2])}
    assert names == {
        "python3.11-linux-amd64": "lab_client-2.0-py3-none-any.whl",
        "python3.13-linux-amd64": "lab_client-2.0-cp313-cp313-manylinux_2_28_x86_64.whl",
    }


def test_what_has_no_wheel_is_named_all_at_once(index: Index) -> None:
    """One only has a source package, one only wheels for others, one is not there at all."""
    archive = index.path / "lab_source-1.0.tar.gz"
    with tarfile.open(archive, "w:gz"):
        pass
    index.pins["lab-source"] = Pin(
        "lab-source", "1.0", frozenset([hashlib.sha256(archive.read_bytes()).hexdigest()])
    )
    index.add("lab-other", "1.0", (), "cp313-cp313-win_amd64")
    index.pins["lab-gone"] = Pin("lab-gone", "1.0", frozenset(["0" * 64]))
    index.add("lab-client", "1.1", ["lab-source", "lab-other", "lab-gone", "lab-unlocked"])
    index.add("lab-fine", "1.0")
    with pytest.raises(WhisklabError) as raised:
        found_of(index, FOUR[:2])
    remedy = "leave that laptop out (--python, --laptop), or lock a version that has one"
    assert str(raised.value).splitlines() == [
        f"{name} 1.0: has no wheel for python3.11-linux-{machine}: {remedy}"
        for machine in ("amd64", "arm64")
        for name in ("lab-gone", "lab-other", "lab-source")
    ]


def test_what_the_lock_lacks_is_named(index: Index) -> None:
    del index.pins["lab-fast"]
    index.add("lab-toml", "0.9")
    with pytest.raises(WhisklabError) as raised:
        found_of(index)
    first, second, third, _ = str(raised.value).splitlines()
    assert first.startswith("lab-client 1.0 needs lab-toml>=1.0 on python3.11-linux-amd64, not 0.9")
    assert second.startswith("lab-client 1.0 needs lab-toml>=1.0 on python3.11-linux-arm64")
    assert third.startswith("lab-client 1.0 needs lab-fast on python3.11-linux-arm64: requirements")


def test_another_file_than_the_lock_has(index: Index) -> None:
    pin = index.pins["lab-toml"]
    index.pins["lab-toml"] = Pin(pin.name, pin.version, frozenset(["0" * 64]))
    with pytest.raises(WhisklabError) as raised:
        found_of(index, FOUR[:1])
    assert str(raised.value).startswith(
        "lab-toml 1.1: pip does not fetch its wheel for python3.11-linux-amd64 ("
    )


def test_a_damaged_cache_is_mended(index: Index) -> None:
    found = found_of(index, FOUR[2:3])
    found[0].path.write_bytes(b"x")
    assert found_of(index, FOUR[2:3]) == found
    assert hashlib.sha256(found[0].path.read_bytes()).hexdigest() == found[0].sha256


def test_without_a_network(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.path.parent))
    with pytest.raises(WhisklabError) as raised:
        found_of(index, FOUR[:1])
    assert str(raised.value).startswith("wheels for python3.11-linux-amd64: pip reaches nobody (")
    assert not list((index.path.parent / "cache/whisklab").glob(".wheels-*"))
