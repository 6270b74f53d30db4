"""Which packages follow from which: alternatives, virtual ones, versions, what is installed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.debian.packages import package, pool
from whisklab.engine.debian.closure import Pool, Unsatisfied, closure
from whisklab.engine.debian.package import Package
from whisklab.engine.debian.relations import Control, Relation


def found(wanted: str, archive: Pool, *there: Control) -> list[str]:
    wishes = dict.fromkeys(wanted.split(), "the test")
    return [str(each) for each in closure(wishes, archive, there)]


def why(wanted: str, archive: Pool, *there: Control) -> list[str]:
    with pytest.raises(Unsatisfied) as raised:
        found(wanted, archive, *there)
    return list(map(str, raised.value.missing))


ARCHIVE = pool(
    package("nfs", "1:2.0", "libnfs (= 1:2.0), rpc | portmap, mta | mail"),
    package("libnfs", "1:2.0", "libc (>= 2)"),
    package("libc", "2.1"),
    package("portmap", "1", "libc"),
    package("exim", "4", "libc", "mail (= 1)"),
    package("courier", "1", "", "mail"),
    package("loop", "1", "pool, loop"),
    package("pool", "1", "loop"),
)


def test_of_alternatives_the_first_that_is_there_and_of_providers_the_first_by_name() -> None:
    assert found("nfs", ARCHIVE) == [
        "courier 1", "libc 2.1", "libnfs 1:2.0", "nfs 1:2.0", "portmap 1",
    ]  # fmt: skip
    assert found("loop", ARCHIVE) == ["loop 1", "pool 1"]
    assert found("", ARCHIVE) == []


@pytest.mark.parametrize("there", ["portmap", "rpc"])
def test_the_alternative_that_a_machine_has_chosen_is_enough(there: str) -> None:
    assert "portmap 1" not in found("nfs", ARCHIVE, Control(there, "1"))
    assert "courier 1" not in found("nfs", ARCHIVE, Control("mta", "1"))
    assert "courier 1" not in found("nfs", ARCHIVE, Control("postfix", "1", provides="mail"))


def test_what_is_installed_stays_and_what_is_too_old_is_renewed() -> None:
    both = Control("libc", "3"), Control("portmap", "0.1")
    assert found("nfs", ARCHIVE, *both) == ["courier 1", "libnfs 1:2.0", "nfs 1:2.0"]
    assert "libc 2.1" in found("nfs", ARCHIVE, Control("libc", "1.9"))
    assert found("libc", ARCHIVE, Control("libc", "1.9")) == []


def test_what_cannot_be_had_is_named_with_who_wants_it() -> None:
    archive = pool(
        package("a", "1", "b (>= 2), c | d"), package("b", "1"), package("e", "1", "f (= 2)"),
        package("f", "1"),
    )  # fmt: skip
    assert why("a e none", archive) == [
        "the test wants none",
        "the test -> a 1 wants b (>= 2)",
        "the test -> a 1 wants c | d",
        "the test -> e 1 wants f (= 2)",
    ]


def test_a_machine_that_is_newer_is_not_set_back() -> None:
    (said,) = why("nfs", ARCHIVE, Control("libnfs", "1:2.1"))
    assert said == "the test -> nfs 1:2.0 wants libnfs (= 1:2.0)"
    with pytest.raises(Unsatisfied) as raised:
        found("nfs", ARCHIVE, Control("libnfs", "1:2.1"))
    (missing,) = raised.value.missing
    assert (missing.offered, missing.there) == (("libnfs 1:2.0",), ("libnfs 1:2.1",))


def test_who_fits_the_old_version_only_is_renewed_too() -> None:
    archive = pool(
        package("tool", "2", "lib (>= 2)"), package("lib", "2"), package("lib-dev", "2", "lib (=2)")
    )
    old = Control("lib", "1"), Control("lib-dev", "1", "lib (= 1)"), Control("other", "1", "lib")
    assert found("tool", archive, *old) == ["lib 2", "lib-dev 2", "tool 2"]
    # Where the bundle has no newer one, apt says what of it cannot be.
    theirs = Control("theirs", "1", "lib (= 1)")
    assert found("tool", archive, *old, theirs) == ["lib 2", "lib-dev 2", "tool 2"]


# Any archive: up to eight packages that depend on one another, with versions 1 to 3.
NAMES = [f"p{number}" for number in range(8)]
VIRTUAL = ["v0", "v1"]
_relation = st.builds(
    lambda name, operator, version: Relation(name, operator, version if operator else ""),
    st.sampled_from([*NAMES, *VIRTUAL]),
    st.sampled_from(["", "", "<=", ">=", "="]),
    st.sampled_from("123"),
)
_group = st.lists(_relation, min_size=1, max_size=2).map(lambda each: " | ".join(map(str, each)))
_package = st.tuples(
    st.sampled_from("123"),
    st.lists(_group, max_size=3).map(", ".join),
    st.lists(st.sampled_from([*VIRTUAL, "v0 (= 2)"]), max_size=1).map(", ".join),
)
_archive = st.lists(_package, min_size=8, max_size=8).map(
    lambda rows: [package(name, *row) for name, row in zip(NAMES, rows, strict=True)]
)
_installed = st.dictionaries(st.sampled_from(NAMES), _package, max_size=4).map(
    lambda rows: [Control(name, *row) for name, row in rows.items()]
)
_wanted = st.sets(st.sampled_from([*NAMES, *VIRTUAL]), min_size=1, max_size=3)


def right(wanted: set[str], archive: Sequence[Package], there: Sequence[Control]) -> None:
    """What is chosen is all that is wanted, with all that it depends on; else it says why."""
    before = {each.name: each for each in there}
    try:
        chosen = closure(dict.fromkeys(sorted(wanted), "the test"), pool(*archive), there)
    except Unsatisfied:
        return
    after = {**before, **{each.name: each.control for each in chosen}}
    new = {each.name for each in chosen}

    def has(relations: Sequence[Relation]) -> bool:
        return any(each.satisfies(one) for one in relations for each in after.values())

    assert all(has((Relation(name),)) for name in wanted)
    assert all(has(group) for name in new for group in after[name].groups)
    for each in chosen:
        assert each.name not in before or each.version > before[each.name].version


@given(_wanted, _archive, _installed)
def test_all_that_is_chosen_has_what_it_depends_on(
    wanted: set[str], archive: list[Package], there: list[Control]
) -> None:
    right(wanted, archive, there)


@given(_wanted, _archive)
def test_the_same_lock_gives_the_same_packages(wanted: set[str], archive: list[Package]) -> None:
    """What was chosen of an archive is chosen again of what was chosen."""
    wishes = dict.fromkeys(wanted, "the test")
    try:
        first = closure(wishes, pool(*archive))
    except Unsatisfied:
        return
    assert closure(wishes, pool(*first)) == first
    for each in first:  # no other one would do: each is needed by one of the rest
        rest = [one for one in first if one is not each]
        try:
            again = closure(wishes, pool(*rest))
        except Unsatisfied:
            continue
        assert len(again) < len(first)
