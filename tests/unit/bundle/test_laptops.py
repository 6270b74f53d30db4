"""Wheels for somebody else's Python: conditions, tags and closures of each laptop. Pure."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence

import pytest
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from tests.unit.bundle.making_wheels import file_name, metadata, wheel
from whisklab.bundle import closure, laptops, requirements
from whisklab.bundle.closure import Package
from whisklab.errors import BadInput, WhisklabError

# Of shared/faults, case 41: what only another Python, system or machine needs.
CLIENT = metadata(
    "lab-client", "1.0",
    [
        'lab-toml>=1.0; python_version < "3.12"',
        'lab-colour>=0.4; sys_platform == "win32"',
        'lab-keyring>=2.0; sys_platform == "darwin"',
        'lab-fast>=3.0; platform_machine == "aarch64"',
        'lab-old>=1; python_full_version < "3.11.4"',
        'lab-extra>=1; extra == "more"',
        'lab-c>=1; platform_python_implementation == "CPython" and os_name == "posix"',
    ],
    "Requires-Python: >=3.9", "License-Expression: MIT",
)  # fmt: skip
ALWAYS = {"lab-client", "lab-c"}


def shelf(**packages: Sequence[str]) -> closure.Bring:
    """Packages of version 2.0 and what they need."""
    there = {"lab-client": closure.described(CLIENT)}
    for name in ("toml", "colour", "keyring", "fast", "old", "extra", "c"):
        there[f"lab-{name}"] = Package(f"lab-{name}", "3.0")
    for key, lines in packages.items():
        name = key.replace("_", "-")
        there[name] = Package(name, "2.0", [Requirement(each) for each in lines])

    def bring(names: Sequence[str]) -> Mapping[str, Package]:
        return {each: there[each] for each in names if each in there}

    return bring


@pytest.mark.parametrize(
    ("python", "platform", "more"),
    [
        ("3.11", "linux-amd64", {"lab-toml", "lab-old"}),
        ("3.11", "linux-arm64", {"lab-toml", "lab-old", "lab-fast"}),
        ("3.11", "macos-arm64", {"lab-toml", "lab-old", "lab-keyring"}),
        ("3.12", "linux-amd64", set()),
        ("3.13", "linux-amd64", set()),
        ("3.13", "linux-arm64", {"lab-fast"}),
        ("3.13", "macos-arm64", {"lab-keyring"}),
    ],
)
def test_conditions_are_the_laptops(python: str, platform: str, more: set[str]) -> None:
    laptop = laptops.laptop(python, platform)
    found, wrong = closure.needed([Requirement("Lab.Client")], laptop, shelf())
    assert wrong == []
    assert found.keys() == ALWAYS | more
    assert found["lab-client"].licence == "MIT"
    assert found["lab-c"].licence == "unknown"


def test_extras_and_rings() -> None:
    laptop = laptops.laptop("3.12", "linux-amd64")
    bring = shelf(one=["two[more]", "lab-client[more]"], two=["one", "three; extra == 'more'"],
                  three=[])  # fmt: skip
    found, wrong = closure.needed([Requirement("one")], laptop, bring)
    assert wrong == []
    assert found.keys() == {"one", "two", "three", "lab-extra"} | ALWAYS
    found, _ = closure.needed([Requirement("two")], laptop, bring)
    assert "three" in found  # another package wants the extra
    only = [Requirement("one; sys_platform == 'darwin'")]
    assert closure.needed(only, laptop, bring) == ({}, [])


def test_what_a_closure_lacks_is_named_all_at_once() -> None:
    laptop = laptops.laptop("3.13", "macos-arm64")
    bring = shelf(one=["none>=1", "two<2"], two=["nothing; python_version >= '3.13'"])
    _, wrong = closure.needed([Requirement("one"), Requirement("never")], laptop, bring)
    assert wrong == [
        "whisklab needs never on python3.13-macos-arm64",
        "one 2.0 needs none on python3.13-macos-arm64",
        "one 2.0 needs two<2 on python3.13-macos-arm64, not 2.0",
        "two 2.0 needs nothing on python3.13-macos-arm64",
    ]


@pytest.mark.parametrize(
    ("tag", "python", "platform", "right"),
    [
        ("py3-none-any", "3.13", "macos-arm64", True),
        ("py2.py3-none-any", "3.11", "linux-amd64", True),
        ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "3.11", "linux-amd64", True),
        ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "3.12", "linux-amd64", False),
        ("cp311-cp311-manylinux2014_aarch64", "3.11", "linux-amd64", False),
        ("cp39-abi3-manylinux_2_28_x86_64", "3.13", "linux-amd64", True),
        ("cp313-cp313t-manylinux_2_28_x86_64", "3.13", "linux-amd64", False),
        ("cp313-abi3-manylinux_2_28_x86_64", "3.12", "linux-amd64", False),
        ("cp311-cp311-manylinux_2_34_x86_64", "3.11", "linux-amd64", False),
        ("cp311-cp311-manylinux1_x86_64", "3.11", "linux-amd64", True),
        ("cp311-cp311-musllinux_1_2_x86_64", "3.11", "linux-amd64", False),
        ("cp312-cp312-manylinux_2_28_aarch64", "3.12", "linux-arm64", True),
        ("cp312-cp312-macosx_11_0_arm64", "3.12", "macos-arm64", True),
        ("cp312-cp312-macosx_10_9_universal2", "3.12", "macos-arm64", True),
        ("cp312-cp312-macosx_10_9_x86_64", "3.12", "macos-arm64", False),
        ("cp312-cp312-macosx_99_0_arm64", "3.12", "macos-arm64", False),
        ("pp311-pypy311_pp73-manylinux2014_x86_64", "3.11", "linux-amd64", False),
    ],
)
def test_which_wheels_a_laptop_takes(tag: str, python: str, platform: str, *, right: bool) -> None:
    tags = parse_wheel_filename(f"a-1-{tag}.whl")[3]
    assert laptops.takes(laptops.laptop(python, platform), tags) is right


def test_a_wheel_says_what_it_is() -> None:
    data = wheel("Lab.Client", "1.0", ["two>=1"])
    found = closure.package(io.BytesIO(data), file_name("Lab.Client", "1.0"))
    assert (str(found), [str(each) for each in found.requires]) == ("lab-client 1.0", ["two>=1"])
    for wrong in (b"", data[:-9], wheel("a", "1", ["=!="])):
        with pytest.raises(WhisklabError, match=r"^it: is no wheel that can be read"):
            closure.package(io.BytesIO(wrong), "it")


def test_what_options_name() -> None:
    mine = laptops.named(None, None)
    assert [each.python for each in mine] == [f"{sys.version_info[0]}.{sys.version_info[1]}"]
    found = laptops.named("3.12, 3.11,3.12", "linux-amd64,macos-arm64")
    assert list(map(str, found)) == [
        "python3.11-linux-amd64", "python3.11-macos-arm64",
        "python3.12-linux-amd64", "python3.12-macos-arm64",
    ]  # fmt: skip
    assert laptops.told(found) == (
        "Python 3.11 or 3.12 with its standard library, on linux-amd64 (glibc 2.28 or newer), "
        "macos-arm64 (macOS 11.0 or newer)"
    )
    for python, platform, said in (
        ("3.10,3.9", None, "--python: 3.10, 3.9: expected versions such as"),
        ("3.11,", None, "--python: '3.11,': expected names"),
        (None, "linux-s390x", "--laptop: linux-s390x: expected some of linux-amd64, "),
    ):
        with pytest.raises(BadInput, match=said):
            laptops.named(python, platform)


A, B = "a" * 64, "b" * 64


def test_a_lock_is_read() -> None:
    text = (
        f"# by pip-compile\nOne_x==1.0 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n"
        f"    # via\n    #   two\ntwo==2 --hash=sha256:{B}\n"
    )
    found = requirements.pins(text, "lock")
    assert list(map(str, found.values())) == ["one-x 1.0", "two 2"]
    assert found["one-x"].hashes == {A, B}
    assert found["one-x"].line == f"one-x==1.0 --hash=sha256:{A} --hash=sha256:{B}"
    for wrong in ("one==1", f"one>=1 --hash=sha256:{A}", "one==1 --hash=md5:0", "-r other"):
        with pytest.raises(BadInput, match=r"^lock: \S+: expected NAME==VERSION and hashes"):
            requirements.pins(wrong, "lock")


def test_the_repositorys_own_files_name_what_is_needed() -> None:
    with open(requirements.PROJECT) as project, open(requirements.LOCK) as lock:  # noqa: PTH123
        roots = requirements.roots(project.read(), "it")
        pins = requirements.pins(lock.read(), "it")
    names = {each.name for each in roots}
    assert {"pyinfra", "pip", "setuptools"} <= names
    assert not {"pytest", "mypy", "ruff", "kubernetes"} & names
    assert names <= pins.keys()
    for wrong in ("", "[project]\nname = 'x'\ndependencies = []", "x ="):
        assert not requirements.is_whisklab(wrong)
        with pytest.raises(BadInput, match=r"^it: does not name what whisklab needs"):
            requirements.roots(wrong, "it")
