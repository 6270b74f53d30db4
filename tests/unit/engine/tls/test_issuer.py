"""The environment's authority and a server's certificate: whose they are, and when they are new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.tls import authority, issuer
from whisklab.engine.tls.authority import Pair
from whisklab.errors import WhisklabError

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SIGNER = authority.new("whisklab lab", NOW)
WISH = issuer.Wish(("web_certificate", "web_key"), ["nas", "10.0.0.4"])
There = Callable[[], Mapping[str, str]]


def nobody() -> Mapping[str, str]:
    raise AssertionError("the platform was asked")


def there(names: tuple[str, ...], pair: Pair) -> dict[str, str]:
    return dict(zip(names, (pair.certificate, pair.key), strict=True))


def chosen(store: SecretStore, there: There = nobody) -> Pair:
    return issuer.chosen(store, there, "lab", NOW)


def leaf(
    store: SecretStore, there: There = nobody, *, signer: Pair = SIGNER, days: int = 0,
    wish: issuer.Wish = WISH,
) -> Pair:  # fmt: skip
    return issuer.leaf(store, wish, there, signer, NOW + timedelta(days=days))


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "lab")
    first = chosen(store, dict)
    assert {each.why for each in store.proposed.values()} == {"is generated"}
    assert not (tmp_path / "lab").exists()  # a plan may be all
    assert chosen(store) == first
    store.keep()
    assert chosen(SecretStore(tmp_path / "lab")) == first
    assert first.key not in repr(first)


@pytest.mark.parametrize("lost", [*issuer.NAMES, ""])
def test_an_authority_that_the_laptop_lost_is_taken_over(tmp_path: Path, lost: str) -> None:
    """One file; with "" both."""
    kept = there(issuer.NAMES, SIGNER)
    store = SecretStore(tmp_path)
    for name in issuer.NAMES:
        if lost and name != lost:
            store.write(name, kept[name])
    found = chosen(store, lambda: kept)
    assert [text.strip() for text in kept.values()] == [
        text.strip() for text in (found.certificate, found.key)
    ]
    assert set(store.proposed) == ({lost} if lost else set(issuer.NAMES))
    whys = {each.why for each in store.proposed.values()}
    assert whys == {"is taken over from the first server"}


@pytest.mark.parametrize("lacking", issuer.NAMES)
def test_half_an_authority_is_refused(tmp_path: Path, lacking: str) -> None:
    store = SecretStore(tmp_path)
    for name, text in there(issuer.NAMES, SIGNER).items():
        if name != lacking:
            store.write(name, text)
    with pytest.raises(WhisklabError, match=f"{lacking}: not there, and ca_.* beside it is"):
        chosen(store, dict)


def test_an_authority_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    store, other = SecretStore(tmp_path), authority.new("another", NOW)
    for name, text in there(issuer.NAMES, Pair(SIGNER.certificate, other.key)).items():
        store.write(name, text)
    with pytest.raises(WhisklabError, match="do not belong together"):
        chosen(store)


def test_a_certificate_is_made_once(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    first = leaf(store, dict)
    assert authority.why_not(first, SIGNER, WISH.hosts, NOW) is None
    assert {each.why for each in store.proposed.values()} == {"is generated"}
    store.keep()
    assert leaf(SecretStore(tmp_path)) == first


@pytest.mark.parametrize("lost", [*WISH.files, ""])
def test_a_certificate_that_the_laptop_lost_is_taken_over(tmp_path: Path, lost: str) -> None:
    first = leaf(SecretStore(tmp_path / "first"), dict)
    kept, store = there(WISH.files, first), SecretStore(tmp_path / "other")
    for name in WISH.files:
        if lost and name != lost:
            store.write(name, kept[name])
    assert leaf(store, lambda: kept) == first
    assert set(store.proposed) == ({lost} if lost else set(WISH.files))
    assert {each.why for each in store.proposed.values()} == {"is taken over from the platform"}


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("change", ["hosts", "end", "authority", "half"])
def test_a_certificate_that_does_not_fit_is_made_anew(
    tmp_path: Path, change: str, *, taken: bool
) -> None:
    """One of the laptop's, or one that this run takes over."""
    kept = there(WISH.files, leaf(SecretStore(tmp_path / "first"), dict))
    if change == "half":
        del kept[WISH.files[1]]
    store = SecretStore(tmp_path / "lab")
    if not taken:
        for name, text in kept.items():
            store.write(name, text)
    hosts = [*WISH.hosts, "10.0.0.5"] if change == "hosts" else WISH.hosts
    how = {
        "signer": authority.new("another", NOW) if change == "authority" else SIGNER,
        "days": 800 if change == "end" else 0,
        "wish": issuer.Wish(WISH.files, hosts),
    }
    found = leaf(store, lambda: kept, **how)  # type: ignore[arg-type]
    assert found.certificate != kept.get(WISH.files[0])
    assert all(each.why.startswith("is made anew: it ") for each in store.proposed.values())
    store.keep()
    assert leaf(SecretStore(tmp_path / "lab"), **how) == found  # type: ignore[arg-type]
