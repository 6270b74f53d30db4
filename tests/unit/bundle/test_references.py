"""Images in the objects of a chart: which texts are some, which look so, which are none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.bundle.names import ImageName, matched, parse
from whisklab.bundle.references import search
from whisklab.engine.kubernetes.objects import Id
from whisklab.errors import BadInput

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("openwhisk/controller:ef725a6", "docker.io/openwhisk/controller:ef725a6"),
        ("index.docker.io/library/busybox:1", "docker.io/library/busybox:1"),
        ("quay.io/coreos/etcd:v3.4.0", "quay.io/coreos/etcd:v3.4.0"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        ("10.0.0.14:5000/a/b", "10.0.0.14:5000/a/b:latest"),
        ("[fd00::4]:5000/a:1", "[fd00::4]:5000/a:1"),
        (f"a/b@{DIGEST}", f"docker.io/a/b@{DIGEST}"),
        (f"x.example/a:1.4.0@{DIGEST}", f"x.example/a:1.4.0@{DIGEST}"),
    ],
)
def test_names(text: str, whole: str) -> None:
    found = parse(text, "test")
    assert str(found) == whole
    assert parse(whole, "test") == found


@pytest.mark.parametrize("text", ["", "A/b", "a//b", "a:", "a:b:c", "a@sha256:1", "https://x/y:1"])
def test_no_names(text: str) -> None:
    assert matched(text) is None
    with pytest.raises(BadInput, match=r"^test: .* is no name of an image"):
        parse(text, "test")


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_none(text: str) -> None:
    found = matched(text)
    assert found is None or matched(str(found)) == found


def pod(**container: Any) -> dict[Id, Any]:
    spec = {"containers": [container]}
    return {Id("Pod", "", "p"): {"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}}


def data(text: str, kind: str = "ConfigMap") -> dict[Id, Any]:
    return {Id(kind, "", "c"): {"kind": kind, "data": {"text": text}}}


def found(objects: dict[Id, Any], *ignored: str) -> list[str]:
    """Images, and what looks like one with a question mark."""
    images, doubts = search(objects, ignored)
    return sorted({str(each.image) for each in images} | {f"{each.text}?" for each in doubts})


SIDE = "x.example/demo/side"


@pytest.mark.parametrize(
    ("container", "wanted"),
    [
        ({"image": "busybox"}, ["docker.io/library/busybox:latest"]),
        ({"image": f"{SIDE}@{DIGEST}"}, [f"{SIDE}@{DIGEST}"]),
        ({"image": "{{ .Values.image }}"}, ["{{ .Values.image }}?"]),
        ({"args": [f"--reloader-image={SIDE}:v0.9", "--pull=Always"]}, [f"{SIDE}:v0.9"]),
        ({"args": ["--image", "busybox"]}, ["docker.io/library/busybox:latest"]),
        ({"args": ["--image", "--verbose"]}, []),
        ({"args": ["--images=a:1,b:2"]}, ["docker.io/library/a:1", "docker.io/library/b:2"]),
        ({"args": [f"--sidecar={SIDE}:1"]}, [f"{SIDE}:1"]),
        ({"args": ["--runner=demo/side:1"]}, ["demo/side:1?"]),
        ({"args": ["--runner=demo/side"]}, []),
        ({"args": ["--pull-image=true", "--image-pull-policy=Always"]}, []),
        ({"args": [f"docker run {SIDE}:1 sh -c 'echo image: yes'"]}, [f"{SIDE}:1"]),
        ({"args": ["docker run demo/side:1"]}, ["demo/side:1?"]),
        ({"args": [f"{SIDE}:$TAG"]}, [f"{SIDE}:$TAG?"]),
        ({"args": ["https://x.example/a/b:1", "/etc/x:/y:ro", "kafka.ow.svc:9092/x:y"]}, []),
        ({"args": [f"docker://{SIDE}:1"]}, [f"{SIDE}:1"]),
        ({"env": [{"name": "SIDE_IMAGE", "value": "demo/side"}]}, ["docker.io/demo/side:latest"]),
        (
            {"env": [{"name": "SIDE_IMAGE", "value": SIDE}, {"name": "SIDE_TAG", "value": "3"}]},
            [f"{SIDE}:3"],
        ),
        (
            {"env": [{"name": "A_REPOSITORY", "value": SIDE}, {"name": "A_VERSION", "value": "3"}]},
            [f"{SIDE}:3"],
        ),
        ({"env": [{"name": "A_REPOSITORY", "value": SIDE}]}, [f"{SIDE}?"]),
        ({"env": [{"name": "GIT_REPOSITORY", "value": "https://x.example/a"}]}, []),
        ({"env": [{"name": "IMAGE_TAG", "value": "1.2"}, {"name": "IMAGE_PREFIX", "value": ""}]},
         []),
        ({"env": [{"name": "A_IMAGE", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}, []),
        ({"env": [{"name": "DB_PASSWORD", "value": "team/word:1"}]}, []),
        ({"volumeMounts": [{"mountPath": "/a/b:1", "name": "x"}]}, []),
    ],
)  # fmt: skip
def test_fields(container: dict[str, Any], wanted: list[str]) -> None:
    assert found(pod(**container)) == sorted(wanted)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (
            {"nodejs": [{"image": {"prefix": "demo", "name": "action", "tag": "1.2"}}]},
            ["docker.io/demo/action:1.2"],
        ),
        ([{"prefix": "", "name": "busybox", "tag": "1"}], ["docker.io/library/busybox:1"]),
        ({"image": {"repository": SIDE, "tag": 3}}, [f"{SIDE}:3"]),
        (
            {"image": {"registry": "x.example", "repository": "a/b", "tag": "1"}},
            ["x.example/a/b:1"],
        ),
        ({"image": {"repository": SIDE, "digest": DIGEST}}, [f"{SIDE}@{DIGEST}"]),
        ({"chart": {"repository": "https://x.example/charts", "tag": "1"}}, []),
        ({"image": f"{SIDE}:1", "policy": "Always"}, [f"{SIDE}:1"]),
    ],
)
def test_json_in_a_string(value: Any, wanted: list[str]) -> None:
    assert found(pod(env=[{"name": "CONFIG", "value": json.dumps(value)}])) == wanted
    assert found({Id("Custom", "", "c"): {"kind": "Custom", "spec": value}}) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"spec:\n  image: {SIDE}:2\n  other: x\n", [f"{SIDE}:2"]),
        ('pods:\n- image: "busybox:1"\n', ["docker.io/library/busybox:1"]),
        ("an image: this\nand prose\n", []),
        ("image: {{ side }}\nx: y\n", ["{{ side }}?"]),
        ("git clone https://x.example/a /b\necho a/b\nnode-role.kubernetes.io/x: y\n", []),
        ("mount x.example/share:/data\nnfs 10.0.0.1:/export\n", []),
    ],
)
def test_texts_of_config_maps(text: str, wanted: list[str]) -> None:
    assert found(data(text)) == wanted


def test_a_secret_is_searched_and_never_shown() -> None:
    def packed(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    objects = data(packed(f"image: {SIDE}:2\nx: y"), "Secret")
    assert found(objects) == [f"{SIDE}:2"]
    assert found(data(packed("docker run team/password:1"), "Secret")) == []
    assert found(data("no base64", "Secret")) == []


def test_where_it_stands_and_what_is_ignored() -> None:
    objects = pod(args=["--runner=demo/side:1"], image="busybox")
    images, doubts = search(objects)
    assert images[0].image == ImageName("docker.io", "library/busybox", "latest")
    assert images[0].where == "Pod/p spec.containers[0].image"
    assert (doubts[0].text, doubts[0].where) == ("demo/side:1", "Pod/p spec.containers[0].args[0]")
    assert found(objects, "demo/side:1") == ["docker.io/library/busybox:latest"]
    # What another field names surely is no doubt.
    assert found(pod(args=["--runner=demo/side:1"], image="demo/side:1")) == [
        "docker.io/demo/side:1"
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=9), each,
                                                                  max_size=3),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_object_can_be_searched(value: Any) -> None:
    search({Id("Any", "", "a"): {"kind": "Any", "spec": value}})
