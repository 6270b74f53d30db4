"""A registry that the settings name: what is accepted, and what the laptop must have for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.registries import named
from whisklab.engine.registries.registry import ACCOUNT, RegistrySettings
from whisklab.engine.tls import authority
from whisklab.errors import BadInput, WhisklabError

URL, ROBOT = "https://harbor.example:8443", "robot$lab+pull"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://harbor.example", "https://harbor.example"),
        ("https://Harbor.Example/", "https://harbor.example"),
        ("https://harbor.example:443", "https://harbor.example"),
        (URL, URL),
        ("https://10.0.0.9:5000", "https://10.0.0.9:5000"),
        ("https://[fd00::4]:5000", "https://[fd00::4]:5000"),
    ],
)
def test_a_url_is_in_one_form(given: str, url: str) -> None:
    assert RegistrySettings(url=given).url == url


@pytest.mark.parametrize(
    "given",
    ["harbor.example", "http://harbor.example", "https://", "https://a:b@harbor.example",
     "https://harbor.example/lab", "https://harbor.example?x=1", "https://harbor.example:port",
     "https://harbor.example:99999", "https://har bor.example", "https://[fd00::4", ""],
)  # fmt: skip
def test_what_is_no_url(given: str) -> None:
    with pytest.raises(ValidationError, match="expected https://HOST"):
        RegistrySettings(url=given)


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (
            "project",
            ["", "lab", "lab.v1/team_a/b-c"],
            ["/lab", "lab/", "Lab", "a//b", "$1", "lab\n"],
        ),
        ("account", [ROBOT, "nodes", "a@b.example"], ["", "a:b", "a b", "a\nb"]),
        ("push_account", ["robot$push"], ["", "a:b"]),
    ],
)
def test_project_and_accounts(key: str, good: list[str], bad: list[str]) -> None:
    for each in good:
        assert getattr(RegistrySettings.model_validate({"url": URL, key: each}), key) == each
    for each in bad:
        with pytest.raises(ValidationError):
            RegistrySettings.model_validate({"url": URL, key: each})


@pytest.mark.parametrize("key", ["project", "account", "push_account", "ca"])
def test_what_belongs_to_a_url_needs_one(key: str) -> None:
    given: dict[str, Any] = {key: "lab"}
    with pytest.raises(ValidationError, match=f"registry_{key} is of a registry that registry_url"):
        RegistrySettings(**given)
    assert getattr(RegistrySettings(url=URL, **given), key) == "lab"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SecretStore]:
    made = SecretStore(tmp_path / "secrets")
    made.write(ACCOUNT, "hunter2")
    yield made
    assert not made.proposed  # what the user gives is not made up


def test_how_it_is_reached(store: SecretStore, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("\n" + authority.new("lab", datetime.now(UTC)).certificate)
    found = named.reached(
        URL, ROBOT, ACCOUNT, store, project="lab", ca=str(ca), mirrors=["docker.io"]
    )
    assert (found.address, found.url, found.below) == ("harbor.example:8443", URL, "lab/")
    assert (found.account, found.password) == (ROBOT, "hunter2")
    assert found.authority == ca.read_text().strip() + "\n"
    assert found.theirs
    assert "hunter2" not in repr(found)
    nobody = named.reached(URL, None, "not there", store)
    assert (nobody.account, nobody.password, nobody.authority) == ("", "", None)


def test_a_password_that_lacks_or_is_none(store: SecretStore) -> None:
    with pytest.raises(BadInput, match=r"/other: not there: write the password of the account rob"):
        named.reached(URL, ROBOT, "other", store)
    store.write(ACCOUNT, "hunter2\nhunter3")
    with pytest.raises(BadInput, match="has more than a password in it") as refused:
        named.reached(URL, ROBOT, ACCOUNT, store)
    assert "hunter" not in str(refused.value)
    store.path(ACCOUNT).chmod(0o644)
    with pytest.raises(WhisklabError, match="others can read this secret"):
        named.reached(URL, ROBOT, ACCOUNT, store)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nx"])
def test_a_certificate_that_is_none(store: SecretStore, tmp_path: Path, content: bytes) -> None:
    ca = tmp_path / "ca.pem"
    with pytest.raises(BadInput, match=r"registry_ca: .*/ca\.pem cannot be read: No such file"):
        named.reached(URL, ROBOT, ACCOUNT, store, ca=str(ca))
    ca.write_bytes(content)
    with pytest.raises(BadInput, match=r"registry_ca: .*/ca\.pem is no certificate"):
        named.reached(URL, ROBOT, ACCOUNT, store, ca=str(ca))
