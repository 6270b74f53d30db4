"""Releases: what differs is named, what is equal is nothing, and no secret is shown."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.helm import charts, manifests, preview, program, release, values
from whisklab.engine.helm.charts import Chart, chart
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release, Revision, why
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.objects import Id, objects
from whisklab.errors import BadInput, WhisklabError

HELLO = Path(__file__).parents[3] / "charts/hello"
SERVER: Any = SimpleNamespace(name="m1", state=SimpleNamespace())
SHA = "a" * 64
WISH = Release(
    "hello", Chart("hello 1.0.0", SHA, HELLO), "apps", {"a": {"b": 1}, "password": "x1y2"}
)


def revision(
    status: str = "deployed", description: str | None = None, number: int = 1, **more: Any
) -> Revision:
    document = {
        "name": WISH.name,
        "namespace": WISH.namespace,
        "version": number,
        "info": {"status": status, "description": description or WISH.description},
        "chart": {"metadata": {"name": "hello", "version": "1.0.0"}},
        "config": json.loads(values.text(WISH.values)),
        "manifest": "",
        **more,
    }
    return Revision(f"sh.helm.release.v1.hello.v{number}", document)


def test_equal_is_nothing() -> None:
    assert why(WISH, revision()) == []


@pytest.mark.parametrize(
    ("latest", "reasons"),
    [
        (None, ["it is not installed"]),
        (revision("uninstalled"), ["it is not installed"]),
        (revision("pending-install", "Initial install underway"),
         ["its last change was interrupted (pending-install)"]),
        (revision("uninstalling"), ["its last change was interrupted (uninstalling)"]),
        (revision("failed", "context deadline exceeded"),
         ["its last change failed: context deadline exceeded"]),
        (revision(description="Upgrade complete", number=7),
         ["revision 7 is not ours (Upgrade complete)"]),
        (revision(config={"a": {"b": 2}, "password": "other"}),
         ["value a.b is 2, not 1", "value password differs"]),
        (revision(chart={"metadata": {"name": "hello", "version": "0.9"}}),
         ["its chart is hello 0.9, not hello 1.0.0"]),
        (revision(description=WISH.description.replace("aaaa", "bbbb")),
         ["its chart is another hello 1.0.0 than hello 1.0.0"]),
        (revision(description=WISH.description[:-4] + "0000"),
         ["its values were written otherwise"]),
    ],
)  # fmt: skip
def test_what_differs_is_named(latest: Revision | None, reasons: list[str]) -> None:
    assert why(WISH, latest) == reasons


def test_what_should_be_gone() -> None:
    gone = Release("hello", None, "apps", present=False)
    assert why(gone, None) == why(gone, revision("uninstalled")) == []
    for status in ("deployed", "failed", "uninstalling"):
        assert why(gone, revision(status)) == ["it is not wanted any more"]
    with pytest.raises(WhisklabError, match="no chart is named"):
        _ = gone.wanted_chart


def as_secret(found: Revision) -> dict[str, Any]:
    patch = release.encode(found)
    return {"metadata": {"name": found.secret, **patch["metadata"]}, "data": patch["data"]}


def test_a_record_is_written_back_as_it_was_read() -> None:
    before = revision("pending-upgrade", manifest="kind: A\n", hooks=[{"kind": "Job", "name": "h"}])
    after = release.decode(as_secret(before))
    assert after == before
    assert after.hooks == [("Job", "h")]
    cleared = release.encode(after.changed(status="failed"))
    assert cleared["metadata"]["labels"] == {"status": "failed"}
    packed = base64.b64decode(base64.b64decode(cleared["data"]["release"]))
    document = json.loads(gzip.decompress(packed))
    assert document["info"] == {"status": "failed", "description": WISH.description}
    assert {**document, "info": 0} == {**before.document, "info": 0}


@pytest.mark.parametrize("data", [{}, {"release": "!"}, {"release": "aGVsbG8="}])
def test_a_secret_that_is_no_record(data: dict[str, str]) -> None:
    with pytest.raises(WhisklabError, match="Secret x is no record of a Helm release") as caught:
        release.decode({"metadata": {"name": "x"}, "data": data})
    assert "hello" not in str(caught.value)


word = st.text(max_size=5)
tree = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | word,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=3),
    max_leaves=6,
)
# A busy machine is no finding.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)


@unhurried
@given(st.dictionaries(word, tree, max_size=4))
def test_values_are_equal_to_themselves_only(given_values: dict[str, Any]) -> None:
    again = json.loads(values.text(given_values))
    assert values.difference(given_values, again) == []
    assert values.merged(given_values, given_values) == given_values
    assert values.difference(given_values, {**given_values, "new one": "x"})


def test_differences_of_values() -> None:
    before = {"n": 1, "t": True, "gone": "x", "list": [{"token": "abcd", "name": "a"}], "f": 2.0}
    after = {"n": "1", "t": 1, "list": [{"token": "efgh", "name": "b"}], "f": 2, "empty": {}}
    assert values.difference(before, after) == [
        "value empty is unset, not {}",
        'value gone is "x", not unset',
        'value list[0].name is "a", not "b"',
        "value list[0].token differs",
        'value n is 1, not "1"',
        "value t is true, not 1",
    ]
    long = values.difference({"a": "x" * 100}, {"a": "x" * 99 + "y"})
    assert len(long) == 1
    assert len(long[0]) < 160


def test_values_files_are_merged_as_helm_does(tmp_path: Path) -> None:
    one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
    one.write_text("a: {b: 1, c: 2}\nlist: [1]\n")
    two.write_text("a: {b: 3}\nlist: [2]\nnothing: null\n")
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n")
    assert values.read([one, two, empty]) == {
        "a": {"b": 3, "c": 2}, "list": [2], "nothing": None}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [("22:30", "22:30"), ("1e3", 1000.0), ("0644", 420), ("0o17", 15), ("=", "="), ("1.5", 1.5),
     ("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"), ("-7", -7), ("0x1f", 31), ("yes", True)],
)  # fmt: skip
def test_values_are_read_as_helm_reads_them(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(f"a: {text}\n")
    assert repr(values.read([path])["a"]) == repr(value)
    assert repr(objects(f"kind: A\na: {text}")[Id("A", "", "")]["a"]) == repr(value)


@pytest.mark.parametrize("text", ["- a", "password: [s3cret", "s3cret"])
def test_a_bad_values_file_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"values\.yaml: ") as caught:
        values.read([path])
    assert "s3cret" not in str(caught.value)
    with pytest.raises(BadInput, match="cannot be read"):
        values.read([tmp_path / "none.yaml"])


def test_values_that_are_no_json() -> None:
    for value in (float("nan"), {1, 2}):
        with pytest.raises(BadInput, match="cannot be written as JSON"):
            values.text({"a": value})


def test_a_number_that_helm_would_round_is_refused() -> None:
    assert values.text({"a": 2**53}) == '{"a": 9007199254740992}'
    with pytest.raises(BadInput, match=r"value a\.b is a number too long") as caught:
        values.text({"a": {"b": 12345678901234567890}})
    assert "1234" not in str(caught.value)


def test_secrets_are_found_by_their_keys() -> None:
    found = values.secrets_in(
        {"auth": {"guest": "key-one"}, "db": {"password": "pw-two", "name": "couch"}, "pin_key": 1}
    )
    assert found == {"key-one", "pw-two"}
    assert values.masked("a key-one b pw-two", found) == "a *** b ***"


def test_an_environment_variable_says_by_its_name_that_it_is_secret() -> None:
    was, wanted = ({"env": [{"name": "DB_PASSWORD", "value": each}]} for each in ("old1", "new1"))
    assert values.difference(was, wanted) == ["value env[0].value (secret) differs"]
    assert values.secrets_in(was) == {"old1"}
    assert values.secrets_in({"env": [{"name": "COLOUR", "value": "blue"}]}) == set()


def test_what_helm_quotes_of_a_secret_is_not_shown() -> None:
    wish = Release("r", None, "n", values={"password": "hunter2"}, present=False)
    assert wish.hinted("at '/password': 'hunter2' does not match") == (
        "release r: at '/password': '***' does not match")  # fmt: skip


def test_kinds_that_a_chart_brings_itself_are_no_reason_to_refuse_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = program.Answer(1, "", f"Error: no matches for kind X\n{preview.NO_KIND}")
    monkeypatch.setattr(preview, "helm", lambda *_, **__: answer)
    cluster: Any = SimpleNamespace(server=None, endpoint=SimpleNamespace(kubeconfig="/k"))
    (tmp_path / "Chart.yaml").write_text("{name: a, version: 1.0.0}")
    wish = Release("a", chart(str(tmp_path), None, catalogue(tmp_path)), "n")
    with pytest.raises(WhisklabError, match="no matches for kind X"):
        preview.preview(cluster, wish, None)
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds/x.yaml").write_text("kind: CustomResourceDefinition")
    assert preview.preview(cluster, wish, None).comparison == manifests.compare({}, {})
    failed = Revision("s", {"version": 1, "info": {"status": "failed"}})
    with pytest.raises(WhisklabError, match="no matches for kind X"):
        preview.preview(cluster, wish, failed)


def test_what_basic_authentication_makes_of_a_password_is_hidden_too() -> None:
    found = values.secrets_in({"db": {"auth": {"username": "whisk_admin", "password": "pw-two"}}})
    header = base64.b64encode(b"whisk_admin:pw-two").decode()
    digest = hashlib.sha256(b"pw-two").hexdigest()
    shown = values.masked(f"wget --header='Authorization: Basic {header}' {digest}", found)
    assert shown == "wget --header='Authorization: Basic ***' ***"
    assert values.secrets_in({"password": "pw-two", "username": 7}) == {
        "pw-two", base64.b64encode(b"7:pw-two").decode()}  # fmt: skip
    assert values.secrets_in({"password": "pw-two"}) == {"pw-two"}


MANIFEST = """\
---
# Source: hello/templates/a.yaml
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {password: c2VjcmV0}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: other}
data: {day: 2024-01-01, text: "a --- b"}
"""


def test_objects_of_a_manifest() -> None:
    found = objects(MANIFEST)
    assert list(map(str, found)) == ["Secret/s", "PersistentVolumeClaim/data", "ConfigMap/c"]
    assert found[Id("ConfigMap", "other", "c")]["data"]["day"] == "2024-01-01"
    assert "c2VjcmV0" not in manifests.shown(found[Id("Secret", "", "s")], ())
    assert "a --- b" not in manifests.shown(found[Id("ConfigMap", "other", "c")], {"a --- b"})
    assert manifests.shown(None, ()) == ""
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE"
    files = {"tls.key": "MIIE", "both.pem": pem, "tls.crt": "yes"}
    private = manifests.shown({"kind": "ConfigMap", "data": files}, ())
    assert "MIIE" not in private
    assert "tls.crt: 'yes'" in private
    listed = objects("kind: List\nitems: [{kind: A, metadata: {name: x}}]")
    assert list(listed) == [Id("A", "", "x")]


def test_claims_are_taken_out_of_a_manifest_and_nothing_else() -> None:
    before, after = objects(MANIFEST), objects(
        manifests.without_claims(MANIFEST))  # fmt: skip
    claim = Id("PersistentVolumeClaim", "", "data")
    assert after == {key: value for key, value in before.items() if key != claim}
    assert manifests.without_claims("kind: A\n") == "kind: A\n"


def test_a_namespace_stays_with_the_claims_in_it() -> None:
    text = "kind: Namespace\nmetadata: {name: app}\n---\nkind: A\nmetadata: {name: a}\n"
    before = objects(text)
    assert list(map(str, objects(manifests.without_claims(text)))) == ["A/a"]
    found = manifests.compare(before, {})
    assert (list(map(str, found.gone)), list(map(str, found.kept))) == (["A/a"], ["Namespace/app"])


def test_a_comparison_never_deletes_a_claim() -> None:
    before = objects(MANIFEST)
    secret, config = Id("Secret", "", "s"), Id("ConfigMap", "other", "c")
    after = {secret: {**before[secret], "data": {}}, Id("Job", "", "j"): {}}
    found = manifests.compare(before, after)
    assert (found.changed, found.gone, list(map(str, found.kept))) == (
        [secret], [config], ["PersistentVolumeClaim/data"])  # fmt: skip
    assert manifests.describe(found, [Id("Pod", "", "p"), Id("Job", "", "k")]) == [
        "changes Secret/s",
        "adds Job/j",
        "removes ConfigMap/c",
        "recreates, because its template cannot be changed, Job/k",
        "recreates, because a pod cannot be changed so, Pod/p",
        "leaves, although the chart has it no more, PersistentVolumeClaim/data",
    ]
    assert manifests.describe(manifests.compare(before, before)) == []
    taken = manifests.compare(before, after, keep_claims=False)
    assert (list(map(str, taken.gone)), taken.kept) == (
        ["ConfigMap/c", "PersistentVolumeClaim/data"], [])  # fmt: skip


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


flat = st.dictionaries(st.sampled_from("abc"), st.integers() | st.lists(st.integers(), max_size=2))
spec = st.dictionaries(st.sampled_from("abc"), st.integers() | flat)


def test_the_patch_of_a_class_is_what_it_may_not_change() -> None:
    old = {"kind": "StorageClass", "metadata": {"name": "a"}, "reclaimPolicy": "Delete",
           "parameters": {"archiveOnDelete": "true", "onDelete": "x"}}  # fmt: skip
    new = {**old, "metadata": {"name": "b"}, "reclaimPolicy": "Retain",
           "parameters": {"archiveOnDelete": "true"}}  # fmt: skip
    assert manifests.fixed_patch("StorageClass", old, new) == {
        "reclaimPolicy": "Retain",
        "parameters": {"archiveOnDelete": "true", "onDelete": None},
    }
    assert manifests.fixed_patch("Job", {}, {"spec": {"a": 1}}) == {"spec": {"a": 1}}


@unhurried
@given(spec, spec)
def test_a_patch_leads_from_one_spec_to_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert merge(before, manifests.job_patch(before, after)) == after


def test_a_pod_s_patch_has_what_differs_and_leaves_what_the_api_has_added() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"x": 1}}, {"name": "C"}]
    old = {"restartPolicy": "Always", "gone": 1, "containers": [{"name": "c", "env": env}]}
    new = {
        "restartPolicy": "Always",
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [
            {"name": "c", "env": [env[0], {"name": "B", "value": "2"}], "command": ["x"]}
        ],
    }
    assert manifests.pod_patch(old, new) == {
        "gone": None,
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [
            {
                "name": "c",
                "command": ["x"],
                "env": [
                    {"name": "B", "value": "2", "valueFrom": None},
                    {"name": "C", "$patch": "delete"},
                ],
            }
        ],
    }
    assert manifests.pod_patch(new, new) == {}
    assert manifests.pod_patch(new, {"containers": new["containers"]}) == {
        "restartPolicy": None, "imagePullSecrets": None}  # fmt: skip


class Api:
    """The API of a cluster with one bare pod, which changes no pod's spec; and helm's rendering."""

    path = "/api/v1/namespaces/apps/pods/admin"

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        self.wanted, self.there = wanted, True
        self.asked: list[tuple[str, str]] = []

    def request(
        self, _: Any, __: Any, method: str, path: str, body: Any = None, **_how: str
    ) -> Any:
        self.asked.append((method, path))
        if not path.startswith(self.path) or not self.there:
            raise kube.Refused(404, "not found")
        if method == "PATCH" and body["spec"]:
            raise kube.Refused(422, 'Pod "admin" is invalid: spec: Forbidden: pod updates may not '
                               "change fields other than `spec.containers[*].image`")  # fmt: skip
        self.there = method != "DELETE"
        return {}

    def helm(self, *_: Any, **__: Any) -> program.Answer:
        return program.Answer(0, values.text(self.wanted), "")


def bare_pod(**spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "admin"}, "spec": spec}


@pytest.mark.parametrize(
    ("wanted", "recreated"),
    [
        (bare_pod(imagePullSecrets=[{"name": "registry"}]), ["Pod/admin"]),
        ({**bare_pod(), "metadata": {"name": "admin", "labels": {"a": "b"}}}, []),
        (bare_pod(), []),
    ],
)
def test_a_pod_that_cannot_be_changed_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any], recreated: list[str]
) -> None:
    api = Api(wanted)
    monkeypatch.setattr(preview, "helm", api.helm)
    monkeypatch.setattr(kube, "request", api.request)
    cluster = Cluster(SERVER, kube.Endpoint("", 0))
    latest = revision(manifest=values.text(bare_pod()))
    found = preview.preview(cluster, WISH, latest)
    assert list(map(str, found.recreated)) == recreated
    assert {method for method, _ in api.asked} <= {"PATCH"}
    assert all(path == f"{api.path}?dryRun=All&fieldManager=whisklab" for _, path in api.asked)
    cluster.remove(WISH, found.recreated)
    assert api.there is not bool(recreated)


def catalogue(tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        "nfs: {default: '4.0', versions: {'4.0': {chart: {all: "
        f"{{url: 'https://x.test/nfs-4.0.tgz', sha256: {SHA}}}" + "}}}}"
    )
    return Catalogue(path)


def test_charts(tmp_path: Path) -> None:
    known = catalogue(tmp_path)
    directory = chart(str(HELLO), "1.0.0", known)
    assert directory.title == "hello 1.0.0"
    assert "chart/Chart.yaml" in dict(directory.files())
    archive = tmp_path / "hello.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(HELLO, "hello")
    found = chart(str(archive), None, known)
    assert (found.title, found.argument) == ("hello 1.0.0", "chart.tgz")
    named = chart("nfs", None, known)
    assert (named.title, named.digest, named.lacks) == ("nfs 4.0", SHA, True)


def test_a_chart_s_digest_is_its_content(tmp_path: Path) -> None:
    copy = tmp_path / "hello"
    copy.mkdir()
    (copy / "Chart.yaml").write_text("{name: hello, version: 1}")
    first = chart(str(copy), None, catalogue(tmp_path)).digest
    (copy / ".git").mkdir()
    (copy / ".git/x").write_text("x")
    assert chart(str(copy), None, catalogue(tmp_path)).digest == first
    (copy / "values.yaml").write_text("a: 1")
    assert chart(str(copy), None, catalogue(tmp_path)).digest != first


@pytest.mark.parametrize(
    ("wanted", "version", "sentence"),
    [
        (str(HELLO), "2.0.0", "is version 1.0.0 of the chart, not 2.0.0"),
        ("charts/none", None, "no such chart"),
        ("https://x.test/a.tgz", None, "belongs into .*catalogue.yaml"),
        ("oci://x.test/a", None, "belongs into .*catalogue.yaml"),
        ("none", None, "has no none"),
        ("nfs", "9", "has no nfs 9; it has 4.0"),
        (str(HELLO.parent), None, "Chart.yaml cannot be read"),
        (str(HELLO / "values.yaml"), None, "is no chart archive"),
    ],
)
def test_a_chart_that_is_none(
    tmp_path: Path, wanted: str, version: str | None, sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        chart(wanted, version, catalogue(tmp_path))


def test_what_goes_to_the_server_is_private() -> None:
    with tarfile.open(fileobj=io.BytesIO(program.bundle(WISH))) as archive:
        entries = {entry.name: entry for entry in archive}
        file = archive.extractfile(program.VALUES)
        assert file is not None
        assert json.loads(file.read()) == WISH.values
    assert entries[program.VALUES].mode == 0o600
    assert f"{charts.DIRECTORY}/templates/objects.yaml" in entries
    for arguments in (
        program.upgrade_arguments(WISH),
        program.render_arguments(WISH, upgrade=True),
    ):
        assert "x1y2" not in " ".join(arguments)
        assert "--atomic" not in arguments
    assert "--no-hooks" in program.render_arguments(WISH, upgrade=True)  # they are made anew anyway


@pytest.mark.parametrize(
    ("code", "stderr", "message"),
    [
        (1, "level=WARN x\nError: no\nmore\n\nUse --debug flag\n", "no\nmore"),
        (1, "sh: no\n", "sh: no"),
        (137, "Killed", "it was ended by signal 9"),
        (2, "\n", "it ended with exit code 2"),
    ],
)
def test_helm_s_own_message(code: int, stderr: str, message: str) -> None:
    assert program.Answer(code, "", stderr).message == message
