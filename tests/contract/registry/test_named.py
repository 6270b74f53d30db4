"""A registry that a lab has already: logins, projects, rights, and what stands in front of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.registry.doors import NAMES, Doors
from tests.contract.registry.harbor import Account, Harbor
from tests.contract.registry.making import Made, docker, image, layer, single, written
from tests.contract.registry.pushing import push, reached
from tests.contract.registry.test_list_and_remove import NOBODY
from tests.contract.registry.test_push import pulled
from whisklab.engine.registries.access import Access
from whisklab.engine.tls import authority
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import content, listing, pieces
from whisklab.images.client import Registry
from whisklab.images.names import parse
from whisklab.images.removal import removals

PUSHES, PULLS = "robot$lab+push", "robot$lab+pull"
ADMIN = "admin"
MB = 1 << 20
SMALL = image([layer(1, 200_000), layer(2, 50_000)])
LARGE = image([layer(3, 3 * MB)])
RIGHTS = {"pull", "push", "delete"}


@pytest.fixture
def harbor(doors: Doors) -> Iterator[Harbor]:
    """A Harbor with the project lab, a robot that may push there and one that may not."""
    made = Harbor(doors)
    made.projects.add("lab")
    made.accounts = {
        PUSHES: Account("s3cret-push", {"lab": set(RIGHTS)}),
        PULLS: Account("s3cret-pull", {"lab": {"pull"}}),
        ADMIN: Account("s3cret-admin", {"lab": set(RIGHTS)}, creates=True),
    }
    yield made
    made.close()


def access(harbor: Harbor, account: str = PUSHES, **more: Any) -> Access:
    known = harbor.accounts.get(account)
    given: dict[str, Any] = {
        "address": harbor.address, "account": account,
        "password": known.password if known else "", "authority": harbor.doors.ca.read_text(),
        "project": "lab", "theirs": True, "account_file": ".secrets/test/registry_account",
        "authority_file": "lab.pem",
    }  # fmt: skip
    return Access(**{**given, **more})


def named(harbor: Harbor, account: str = PUSHES, **more: Any) -> Registry:
    return reached(access(harbor, account, **more))


def saved(directory: Path, made: Made, name: str) -> Path:
    return written(directory / "saved.tar", single(made, name))


def left(harbor: Harbor) -> int:
    """Bytes of uploads that are not ended; of one that is taken away distribution keeps 108."""
    files = (file for each in harbor.doors.under_way() for file in each.rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 1 MB, so that a small image has several; cuts are not waited for."""
    monkeypatch.setattr("whisklab.images.pieces.PART", MB)
    monkeypatch.setattr("whisklab.images.uploads.PAUSE", 0.001)


@pytest.mark.parametrize("basic", [False, True])
@pytest.mark.parametrize("project", ["lab", "lab/team", ""])
def test_an_image_lies_below_the_project(
    harbor: Harbor, uploads: Path, tmp_path: Path, project: str, *, basic: bool
) -> None:
    harbor.front.basic = basic
    name = "lab/one:1" if not project else "one:1"
    registry = named(harbor, project=project)
    (done,) = push(registry, uploads, saved(tmp_path, SMALL, name), None)
    there = f"{project}/one" if project else "lab/one"
    assert done.name == name
    assert pulled(harbor.doors, there, "1") == (SMALL.digest, dict(SMALL.blobs))
    assert bool(harbor.given) is not basic


@pytest.mark.parametrize("of", ["{}/lab/one:1", "docker.io/one:1", "one:1"])
def test_a_name_with_the_registry_s_own_address_is_whole(
    harbor: Harbor, uploads: Path, tmp_path: Path, of: str
) -> None:
    source = saved(tmp_path, SMALL, of.format(harbor.address))
    (done,) = push(named(harbor), uploads, source, None)
    assert done.name == "one:1"
    assert pulled(harbor.doors, "lab/one", "1")[0] == SMALL.digest
    with pytest.raises(BadInput, match=r"other/one:1: is not below the project lab"):
        push(named(harbor), uploads, source, f"{harbor.address}/other/one:1")


def test_tokens_are_given_elsewhere(harbor: Harbor, uploads: Path, tmp_path: Path) -> None:
    elsewhere = Harbor(harbor.doors)
    elsewhere.accounts, elsewhere.tokens = harbor.accounts, harbor.tokens
    harbor.front.realm = f"https://localhost:{elsewhere.port}/service/token?of=lab"
    try:
        push(named(harbor), uploads, saved(tmp_path, SMALL, "one:1"), None)
    finally:
        elsewhere.close()
    assert (harbor.given, elsewhere.given > 0) == (0, True)
    harbor.front.realm = "http://127.0.0.1:1/service/token"
    with pytest.raises(WhisklabError, match="wants the password at http://.* not encrypted"):
        push(named(harbor), uploads, saved(tmp_path, SMALL, "one:1"), None)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_blobs_that_lie_in_a_store_of_their_own(
    harbor: Harbor, uploads: Path, tmp_path: Path, *, elsewhere: bool
) -> None:
    """Its URLs are for whoever has them; the login is for the registry alone."""
    store = Harbor(harbor.doors)
    harbor.front.store = f"https://localhost:{store.port}" if elsewhere else ""
    harbor.front.store = harbor.front.store or f"https://{harbor.address}"
    source = saved(tmp_path, SMALL, "one:1")
    try:
        push(named(harbor), uploads, source, None)
        (again,) = push(named(harbor), uploads, source, "one:2")
        found = listing.listed(named(harbor), NOBODY)
    finally:
        store.close()
    assert again.sent == 0
    assert {each.architectures for each in found} == {("amd64",)}
    assert bool(store.seen) is elsewhere


def test_who_may_pull_and_push_needs_no_more(harbor: Harbor, uploads: Path, tmp_path: Path) -> None:
    """Without the right to delete an upload that was begun for a try stays, and is forgotten."""
    harbor.accounts[PUSHES].rights["lab"] = {"pull", "push"}
    push(named(harbor), uploads, saved(tmp_path, SMALL, "one:1"), None)
    assert pulled(harbor.doors, "lab/one", "1")[0] == SMALL.digest


def test_a_token_that_ends_in_the_middle_is_asked_for_anew(
    harbor: Harbor, uploads: Path, tmp_path: Path, small_parts: None
) -> None:
    """By a revocation that nobody foresees: the part is refused once it was sent."""
    harbor.front.revoked_after = MB + MB // 2
    (done,) = push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert done.sent <= sum(map(len, LARGE.blobs.values())) + MB  # one part at most twice
    assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))
    assert not list(uploads.iterdir())


def _wrong_password(harbor: Harbor) -> Registry:
    return named(harbor, password="wrong")  # noqa: S106


def _nobody(harbor: Harbor) -> Registry:
    return named(harbor, "")


def _no_push(harbor: Harbor) -> Registry:
    return named(harbor, PULLS)


def _no_rights(harbor: Harbor) -> Registry:
    harbor.accounts[PUSHES].rights.clear()
    return named(harbor)


def _sick(harbor: Harbor) -> Registry:
    harbor.front.sick = ("database", "jobservice")
    return named(harbor)


def _no_project(harbor: Harbor) -> Registry:
    return named(harbor, project="none/deep")


def _no_token(harbor: Harbor) -> Registry:
    harbor.front.realm = f"https://{harbor.address}/api/v2.0/health?x="
    return named(harbor)


REFUSALS: dict[str, tuple[Callable[[Harbor], Registry], str]] = {
    "password": (
        _wrong_password,
        (
            r"does not know the account robot\$lab\+push with the password in "
            r"\.secrets/test/registry_account: put the right one there$"
        ),
    ),
    "nobody": (_nobody, "lets nobody in without an account: name one in registry_account$"),
    "no push": (
        _no_push,
        (
            r"does not let the account robot\$lab\+pull push to lab/one "
            r"\(unauthorized to access repository: lab/one, action: push\): ask those"
        ),
    ),
    "no rights": (_no_rights, r"push to lab/one \(unauthorized.*action: pull\): ask those"),
    "sick": (_sick, r"\(Harbor\) is not healthy: database: ask those who run it"),
    "project": (
        _no_project,
        r"lacks the project none, and the account robot\$lab\+push may make none: ask those",
    ),
    "token": (_no_token, "refuses GET https://.*status 200, and no token"),
}


@pytest.mark.parametrize("basic", [False, True])
@pytest.mark.parametrize("kind", REFUSALS)
def test_what_would_fail_is_a_sentence_before_the_first_byte(
    harbor: Harbor, uploads: Path, tmp_path: Path, kind: str, *, basic: bool
) -> None:
    """One that knows no tokens says of a missing project and a missing right the same."""
    make, sentence = REFUSALS[kind]
    harbor.front.basic = basic
    if basic and kind == "project":
        sentence = r"push to none/deep/one \(unauthorized.*\): ask those"
    if basic and kind == "token":
        harbor.front.basic = False
    with pytest.raises(WhisklabError) as refused:
        push(make(harbor), uploads, saved(tmp_path, SMALL, "one:1"), None)
    assert re.search(sentence, str(refused.value)), str(refused.value)
    assert str(refused.value).startswith(f"the registry at https://{harbor.address}")
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert harbor.part_bytes == 0
    assert not list((harbor.doors.data).rglob("_layers"))


def test_a_missing_project_is_made_by_who_may(
    harbor: Harbor, uploads: Path, tmp_path: Path
) -> None:
    push(named(harbor, ADMIN, project="new"), uploads, saved(tmp_path, SMALL, "one:1"), None)
    assert harbor.projects == {"lab", "new"}
    assert pulled(harbor.doors, "new/one", "1")[0] == SMALL.digest
    assert harbor.seen.count("POST /api/v2.0/projects") == 1


def test_all_missing_projects_are_named_at_once(
    harbor: Harbor, uploads: Path, tmp_path: Path
) -> None:
    names = ["lab/one:1", "b/two:1", "a/three:1", "a/four:1"]
    source = written(tmp_path / "many.tar", docker([layer(1, 1000)], names))
    with pytest.raises(WhisklabError, match="lacks the projects a, b, and the account") as refused:
        push(named(harbor, project=""), uploads, source, None)
    assert "registry_project" in str(refused.value)
    assert harbor.part_bytes == 0


@pytest.mark.parametrize("kind", ["foreign", "expired", "name"])
def test_a_certificate_that_is_not_trusted_is_a_sentence(
    doors: Doors, uploads: Path, tmp_path: Path, kind: str
) -> None:
    now = datetime.now(UTC) - timedelta(days=2000 if kind == "expired" else 0)
    signer = authority.new("lab", now)
    names = ["other.example"] if kind == "name" else NAMES
    leaf = authority.issue(signer, names, now)
    files = (tmp_path / "tls.crt", tmp_path / "tls.key")
    files[0].write_text(leaf.certificate)
    files[1].write_text(leaf.key)
    harbor = Harbor(doors, (str(files[0]), str(files[1])))
    trusted = doors.ca.read_text() if kind == "foreign" else signer.certificate
    word = {
        "foreign": "self-signed|unable to get|signature", "expired": "expired",
        "name": "IP address mismatch",
    }  # fmt: skip
    try:
        with pytest.raises(WhisklabError) as refused:
            push(named(harbor, authority=trusted), uploads, saved(tmp_path, SMALL, "a:1"), None)
    finally:
        harbor.close()
    said = str(refused.value)
    assert "shows a certificate that is refused" in said
    assert re.search(word[kind], said), said
    assert "its authority must be lab.pem): name its authority in registry_ca, or ask" in said
    assert harbor.seen == []  # nobody was sent a password


@pytest.mark.parametrize("limit", [MB, 300_000, 70_000])
def test_a_front_end_s_limit_of_a_body_is_found_by_trying(
    harbor: Harbor, uploads: Path, tmp_path: Path, limit: int
) -> None:
    harbor.front.body_limit = limit
    (done,) = push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert harbor.largest <= limit < 2 * max(harbor.largest, pieces.SMALL)
    assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))
    assert harbor.part_bytes == sum(map(len, [*LARGE.blobs.values(), LARGE.manifest]))
    assert done.digest == LARGE.digest


def test_a_limit_below_the_floor_is_a_sentence_and_nothing_is_left(
    harbor: Harbor, uploads: Path, tmp_path: Path
) -> None:
    harbor.front.body_limit = 20_000
    with pytest.raises(WhisklabError, match=r"refuses a request of \d+ bytes \(413\): allow it"):
        push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert left(harbor) < 1000
    assert not list(uploads.iterdir())


@pytest.mark.parametrize("limit", [1 << 30, MB])
def test_a_front_end_that_takes_no_parts(
    harbor: Harbor, uploads: Path, tmp_path: Path, small_parts: None, limit: int
) -> None:
    harbor.front.no_parts, harbor.front.body_limit = True, limit
    source = saved(tmp_path, LARGE, "one:1")
    if limit > MB:
        push(named(harbor), uploads, source, None)
        assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))
        return
    with pytest.raises(WhisklabError, match=r"\(413\), and it takes no parts: allow it larger"):
        push(named(harbor), uploads, source, None)
    assert left(harbor) < 1000


@pytest.mark.parametrize(("limit", "fits"), [(900_000, True), (500_000, False)])
def test_the_least_that_a_part_must_have_is_kept(
    harbor: Harbor, uploads: Path, tmp_path: Path, limit: int, *, fits: bool
) -> None:
    harbor.front.says = [("POST", "OCI-Chunk-Min-Length", "600000")]
    harbor.front.body_limit = limit
    source = saved(tmp_path, LARGE, "one:1")
    if fits:
        push(named(harbor), uploads, source, None)
        assert 600_000 <= harbor.largest <= limit
        assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))
        return
    with pytest.raises(WhisklabError, match=r"refuses a request of 600000 bytes \(413\)"):
        push(named(harbor), uploads, source, None)


def test_a_part_that_was_not_taken_whole_is_asked_about(
    harbor: Harbor, uploads: Path, tmp_path: Path, small_parts: None
) -> None:
    """The answer to a part says less than was sent, the upload itself how much is there."""
    harbor.front.says = [("PATCH", "Range", "0-9")]
    push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))
    assert harbor.part_bytes == sum(map(len, [*LARGE.blobs.values(), LARGE.manifest]))


def test_what_was_kept_is_compared(harbor: Harbor, uploads: Path, tmp_path: Path) -> None:
    other = f"sha256:{'0' * 64}"
    harbor.front.says = [("PUT", "Docker-Content-Digest", other)]
    with pytest.raises(WhisklabError, match=f"one: the registry has kept {other} instead of sha"):
        push(named(harbor), uploads, saved(tmp_path, SMALL, "one:1"), None)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *((method, fault) for method in ("POST", "PATCH", "PUT", "HEAD")
          for fault in (504, 0, "lost")),
        *(("PATCH", status) for status in (408, 429, 502, 503)),
    ],
)  # fmt: skip
def test_what_a_later_try_may_do_is_tried_again(
    harbor: Harbor, uploads: Path, tmp_path: Path, small_parts: None, method: str,
    fault: int | str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("whisklab.images.client.PAUSE", 0.001)
    registry = named(harbor)
    push(registry, uploads, saved(tmp_path, SMALL, "before:1"), None)
    harbor.front.faults = [(method, fault)]
    push(registry, uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert not harbor.front.faults
    assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))


def test_a_registry_that_says_when_is_left_alone_so_long(
    harbor: Harbor, uploads: Path, tmp_path: Path, small_parts: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    slept: list[float] = []
    monkeypatch.setattr("whisklab.images.uploads.time.sleep", slept.append)
    harbor.front.faults = [("PATCH", 429)]
    harbor.front.says = [("PATCH", "Retry-After", "17")]
    push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert slept.count(17) == 1
    assert pulled(harbor.doors, "lab/one", "1") == (LARGE.digest, dict(LARGE.blobs))


def test_a_front_end_that_always_gives_up_is_a_sentence(
    harbor: Harbor, uploads: Path, tmp_path: Path, small_parts: None
) -> None:
    harbor.front.faults = [("PATCH", 504)] * 20
    with pytest.raises(WhisklabError, match=r"has no time for PATCH /v2/lab/one.*\(status 504\)"):
        push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert list(uploads.iterdir())  # the next try goes on there
    harbor.front.faults = []
    push(named(harbor), uploads, saved(tmp_path, LARGE, "one:1"), None)
    assert pulled(harbor.doors, "lab/one", "1")[0] == LARGE.digest


@pytest.mark.parametrize("project", ["lab", "lab/team", ""])
def test_list_and_rm_by_harbor_s_api(
    harbor: Harbor, uploads: Path, tmp_path: Path, project: str
) -> None:
    registry = named(harbor, project=project)
    name = "one" if project else "lab/one"
    other = image([layer(9, 1000)])
    for tag, made in (("1", SMALL), ("2", SMALL), ("3", other)):
        push(registry, uploads, saved(tmp_path, made, f"{name}:{tag}"), None)
    push(named(harbor), uploads, saved(tmp_path, other, "beside:1"), None)
    there = listing.listed(registry, NOBODY)
    found = {"one:1", "one:2", "one:3"} | ({"beside:1"} if project != "lab/team" else set())
    below = "" if project else "lab/"
    assert {str(each.name) for each in there} == {f"{below}{each}" for each in found}
    (going,) = removals(there, [parse(f"{name}:1")], NOBODY)
    assert content.untag(registry, going.name)
    assert not content.untag(registry, going.name)
    path = f"{project}/one" if project else "lab/one"
    assert pulled(harbor.doors, path, "2")[0] == SMALL.digest
    with pytest.raises(WhisklabError, match=r"does not let the account robot\$lab\+pull DELETE"):
        content.untag(named(harbor, PULLS, project=project), parse(f"{name}:2"))


def test_many_repositories_come_in_pages(harbor: Harbor) -> None:
    root = harbor.doors.data / "docker/registry/v2/repositories/lab"
    names = [f"r{number:03}" for number in range(205)]
    for each in names:
        (root / each / "_manifests").mkdir(parents=True)
    assert content.repositories(named(harbor)) == names


def test_one_that_is_no_harbor(harbor: Harbor, uploads: Path, tmp_path: Path) -> None:
    """Tokens, but no API: its catalogue tells what is there."""
    harbor.front.is_harbor = False
    registry = named(harbor)
    push(registry, uploads, saved(tmp_path, SMALL, "one:1"), None)
    assert [str(each.name) for each in listing.listed(registry, NOBODY)] == ["one:1"]
    with pytest.raises(WhisklabError, match=r"refuses DELETE /v2/lab/one/manifests/1: unsupported"):
        content.untag(registry, parse("one:1"))
    with pytest.raises(WhisklabError, match=r"push to none/one \(project none not found\)"):
        push(named(harbor, project="none"), uploads, saved(tmp_path, SMALL, "one:1"), None)


def test_the_password_is_in_no_name(harbor: Harbor) -> None:
    assert "s3cret" not in repr(named(harbor)) + repr(access(harbor))
    assert json.dumps(harbor.seen) == "[]"
