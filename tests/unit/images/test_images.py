"""Names, use by a cluster, sentences: what needs no registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.engine.registries.access import Access
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import answers, collecting, keeping, local
from whisklab.images.collecting import Going, Program
from whisklab.images.image import Image, unfit
from whisklab.images.login import Challenge, Login, challenge, subject
from whisklab.images.manifests import Descriptor, Manifest
from whisklab.images.manifests import parse as parse_manifest
from whisklab.images.names import Reference, parse
from whisklab.images.pieces import PART, SMALL, Parts, Pieces
from whisklab.images.used import used

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lab/one:1", Reference("lab/one", "1")),
        ("one", Reference("one", "latest")),
        ("docker.io/library/busybox:1.36", Reference("library/busybox", "1.36")),
        ("10.77.0.14:5001/lab/one", Reference("lab/one", "latest")),
        ("localhost/lab/one:2", Reference("lab/one", "2")),
        ("[fd00::4]:5001/lab/one:2", Reference("lab/one", "2")),
        ("lab.example/a/b__c-d.e:V_1.2-x", Reference("a/b__c-d.e", "V_1.2-x")),
    ],
)
def test_a_name_without_its_host(text: str, expected: Reference) -> None:
    assert parse(text) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "Lab/one", "lab//one", "lab/one:", f"lab/one@{DIGEST}", "a:-b", "../x", "a" * 256,
             f"one:{'t' * 129}", "lab/one:ä"],
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(BadInput):
        parse(text)


NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7), ("0", 0), ("3600", answers.LONGEST_WAIT), ("9" * 400, answers.LONGEST_WAIT),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 30), ("Sun, 29 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 29 Nov 2026 12:00:30", 30), ("", 0), ("-5", 0), ("soon", 0), ("1.5", 0), ("²", 0),
    ],
)  # fmt: skip
def test_how_long_a_registry_wants_to_be_left_alone(said: str, seconds: float) -> None:
    reply = answers.Reply(429, {"retry-after": said}, b"")
    assert answers.wait(reply, NOW) == seconds
    assert answers.wait(answers.Reply(429, {}, b""), NOW) == 0


@given(st.binary(max_size=300))
def test_a_manifest_that_is_none_is_a_sentence(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"^x: "):
        parse_manifest("x", data)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda each: (
            st.lists(each)
            | st.dictionaries(
                st.sampled_from(["config", "layers", "manifests", "digest", "size"]), each
            )
        ),
    )
)
def test_any_json_is_a_manifest_or_a_sentence(found: object) -> None:  # fmt: skip
    said = "x: "
    try:
        parse_manifest("x", json.dumps(found).encode())
    except BadInput as error:
        said = str(error)
    assert said.startswith("x: ")


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(1, 30), min_size=1))
def test_pieces_are_all_bytes_in_whatever_lengths(pieces: list[bytes], lengths: list[int]) -> None:
    whole = b"".join(pieces)
    data, found = Pieces(each for each in pieces if each), b""
    for each in lengths:
        found += b"".join(data.take(min(each, len(whole) - len(found))))
    assert found == whole[: sum(lengths)]
    found += b"".join(data.take(len(whole) - len(found)))
    assert found == whole
    with pytest.raises(WhisklabError, match="has changed while it was read"):
        list(data.take(1))


def test_parts_are_halved_down_to_a_floor_and_grow_after_an_accident() -> None:
    parts, left = Parts(), 10 * PART
    assert parts.next(left) == PART
    assert parts.next(3) == 3
    assert parts.refused(PART)
    assert parts.next(left) == PART // 2
    parts.arrived(PART // 2)
    assert parts.next(left) == PART // 2  # what was refused is not tried again
    while parts.refused(parts.next(left)):
        pass
    assert parts.next(left) == SMALL
    parts = Parts()
    for most in (PART, PART // 2):
        parts.lost(PART)
        assert parts.next(left) == SMALL
        for _ in range(20):
            parts.arrived(parts.next(left))
        assert parts.next(left) == most  # the second time it was no accident
    parts.least = 2 * PART
    assert parts.next(left) == 2 * PART
    assert not parts.refused(2 * PART)
    parts.is_whole = True
    assert parts.next(left) == left
    assert not parts.refused(left)


def test_which_images_a_cluster_uses() -> None:
    runtimes = {
        "runtimes": {"nodejs": [{"image": {"prefix": "lab", "name": "node", "tag": "n1"}}]},
        "blackboxes": [{"prefix": "openwhisk", "name": "dockerskeleton", "tag": "nightly"}],
    }
    template = {"spec": {
        "initContainers": [{"image": "init:1"}],
        "containers": [{"image": "r.example:5000/lab/web@" + DIGEST, "env": [
            {"name": "RUNTIMES_MANIFEST", "value": json.dumps(runtimes)},
            {"name": "BROKEN", "value": '{"runtimes": '},
        ]}],
    }}  # fmt: skip
    meta = {"namespace": "n", "name": "x"}
    found = used({
        "CronJob": [{"metadata": meta, "spec": {"jobTemplate": {"spec": {"template": template}}}}],
        "Pod": [{"metadata": meta, "status": {"containerStatuses": [
            {"image": "sha256:" + "b" * 64, "imageID": "r.example/lab/web@sha256:" + "c" * 64},
        ]}}],
    })  # fmt: skip
    assert set(found.names) == {
        ("init", "1"), ("lab/node", "n1"), ("openwhisk/dockerskeleton", "nightly"),
    }  # fmt: skip
    assert found.digests == {
        DIGEST: ("cronjob n/x",),
        **{f"sha256:{each * 64}": ("pod n/x",) for each in "bc"},
    }
    assert found.of(Reference("mirror/lab/node", "n1"), ()) == ("cronjob n/x",)
    assert found.of(Reference("otherlab/node", "n1"), ()) == ()


def _image(*architectures: str) -> Image:
    config = Descriptor("c", DIGEST, 1)
    manifest = Manifest("m", b"{}", config, ())
    return Image(("one:1",), manifest, (manifest,), {}, frozenset(architectures))


def test_an_image_that_no_node_can_run() -> None:
    nodes = {"a": "amd64", "b": "amd64"}
    assert unfit(_image("arm64"), nodes) == "is for arm64, and the nodes are amd64"
    assert unfit(_image("arm64", "amd64", "unknown"), nodes) is None
    assert unfit(_image("unknown"), nodes) is None  # an artifact
    assert unfit(_image(), nodes) is None
    assert unfit(_image("arm64"), {"a": "amd64", "b": "arm64"}) is None


def test_what_the_look_tells() -> None:
    told = f"blob {DIGEST}\nmanifest lab/one {DIGEST}\nbytes 10\nbytes 5\nupload 100\n"
    going = collecting.parsed(told)
    assert going == Going((("lab/one", DIGEST),), (DIGEST,), 15, (100,))
    assert going.lines == f"manifest lab/one {DIGEST}\nblob {DIGEST}\n"
    assert collecting.parsed("").is_nothing
    with pytest.raises(WhisklabError, match="unexpected answer"):
        collecting.parsed("panic: x")
    running = {"metadata": {}, "status": {"imageID": f"x@{DIGEST}"}}
    assert keeping.endangered(going, used({"Pod": [running]})) == [("lab/one", DIGEST)]
    assert keeping.endangered(going, used({})) == []
    assert parse(f"lab/one:{keeping.tag_of(DIGEST)}").tag == "in-use-aaaaaaaaaaaa"


def test_systemd_replaces_nothing_in_the_unit_s_script() -> None:
    """systemd.service(5): ${NAME} within a word, and $NAME as a whole one; $$ is a single $."""
    command = collecting.collect(Program("b", "c", "u", "d", "s"), "f")
    raw = command.get_raw_value()
    assert "${" not in raw
    assert "$$" not in raw
    assert "ExecStopPost=/bin/systemctl start s" in raw


@pytest.mark.parametrize(
    ("status", "said", "full"),
    [(507, "", True), (500, f"write x: {answers.FULL}", True), (500, "panic", False),
     (400, answers.FULL, False)],
)  # fmt: skip
def test_which_answers_say_that_the_disk_is_full(status: int, said: str, full: bool) -> None:
    assert answers.is_full(status, said) is full


def test_only_the_path_of_a_location_is_used() -> None:
    for told in (
        "http://other.example:1/v2/a/blobs/uploads/u?_state=s",
        "/v2/a/blobs/uploads/u?_state=s",
    ):
        reply = answers.Reply(202, {"location": told}, b"")
        assert reply.location == "/v2/a/blobs/uploads/u?_state=s"


def test_images_of_a_program_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local.split("a/b.tar") is None
    assert local.split("docker://lab/one:1") == ("docker", "lab/one:1")
    for wrong in ("podman://x", "docker://", "docker://--help"):
        with pytest.raises(BadInput):
            local.split(wrong)
    monkeypatch.setenv("PATH", "/nonexistent")
    with (
        pytest.raises(BadInput, match="there is no ctr on this machine"),
        local.saved("containerd", "x"),
    ):
        pass


def test_a_name_below_a_project_is_used_by_whichever_name_a_cluster_has() -> None:
    def naming(image: str) -> set[str]:
        pod = {
            "metadata": {"namespace": "n", "name": "p"},
            "spec": {"containers": [{"image": image}]},
        }
        return used({"Pod": [pod]}, "team/").naming(parse("lab/one:1"))

    for image in ("r.example/team/lab/one:1", "docker.io/lab/one:1", "lab/one:1"):
        assert naming(image) == {"pod n/p"}
    for image in ("r.example/team/lab/two:1", "r.example/other/lab/one:1", "lab/one:2"):
        assert naming(image) == set()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer realm="https://r/t",service="s",scope="repository:a/b:pull,push"',
         Challenge("https://r/t", "s", "repository:a/b:pull,push")),
        ('bearer  Realm="https://r/t"', Challenge("https://r/t")),
        ('Basic realm="x"', Challenge()),
        ('Basic realm="x", Bearer realm="https://r/t",service="s"', Challenge("https://r/t", "s")),
        ('Bearer realm="https://r/t",service="s", Basic realm="x"', Challenge("https://r/t", "s")),
        ('Bearer service="s"', None), ("", None), ("Negotiate", None),
    ],
)  # fmt: skip
def test_what_a_registry_asks_for(header: str, expected: Challenge | None) -> None:
    assert challenge(header) == expected


@given(st.text())
def test_any_header_is_a_challenge_or_none(header: str) -> None:
    assert isinstance(challenge(header), Challenge | None)


def test_what_a_request_is_about() -> None:
    blobs = "/v2/a/b/blobs"
    assert subject("HEAD", f"{blobs}/sha256:x") == subject("GET", "/v2/a/b/tags/list?n=1")
    assert subject("POST", f"{blobs}/uploads/") == subject("PATCH", f"{blobs}/uploads/u?_state=s")
    assert subject("PUT", "/v2/a/b/manifests/1") != subject("DELETE", "/v2/a/b/manifests/1")
    assert subject("GET", "/v2/a/c/tags/list") != subject("GET", "/v2/a/b/tags/list")
    assert subject("GET", "/v2/") == "/v2/"


def test_a_token_is_renewed_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [1000.0], []

    def send(method: str, url: str, headers: Mapping[str, str]) -> answers.Reply:
        asked.append((method, url, headers["Authorization"]))
        token = {"access_token": f"t{len(asked)}", "expires_in": 100}
        return answers.Reply(200, {}, json.dumps(token).encode())

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    login = Login(Access("r.example", "me", "hunter2", None), send)
    wanted = 'Bearer realm="https://t.example/token?a=b",service="r",scope="repository:x:pull"'
    assert login.headers("reads x") == {}
    assert login.learn("reads x", wanted)
    for at, token in ((0, "t1"), (74, "t1"), (76, "t2"), (150, "t2"), (152, "t3")):
        now[0] = 1000.0 + at
        assert login.headers("reads x") == {"Authorization": f"Bearer {token}"}
    url = "https://t.example/token?a=b&service=r&scope=repository%3Ax%3Apull&account=me"
    assert set(asked) == {("GET", url, "Basic bWU6aHVudGVyMg==")}
    # One that has ended before is asked for anew, though the answer does not say where any more.
    assert login.learn("reads x", 'Basic realm="r"')
    assert login.headers("reads x") == {"Authorization": "Bearer t4"}
    assert login.headers("reads y") == {}
