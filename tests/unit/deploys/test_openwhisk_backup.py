"""What people have in OpenWhisk, out to a file and in again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.openwhisk import portable
from deploys.openwhisk.backup import Imported, Outcome, export, restore
from tests.unit.deploys.openwhisk_server import Platform, serving
from whisklab.cli import actions
from whisklab.cli.actions import told
from whisklab.errors import BadInput

LIMITS = {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1}


def entity(name: str, **more: Any) -> dict[str, Any]:
    space, _, plain = f"guest/{name}".rpartition("/")
    return {"name": plain, "namespace": space, "version": "0.0.7", "updated": 5, "publish": False,
            "annotations": [], "parameters": [], **more}  # fmt: skip


def action(name: str, kind: str = "nodejs:14", **exec_: Any) -> dict[str, Any]:
    code = {"kind": kind, "binary": False, **exec_}
    notes = [{"key": "web-export", "value": True}, {"key": "exec", "value": kind}]
    return entity(name, exec=code, limits=dict(LIMITS), annotations=notes)


def sequence(name: str, *components: str) -> dict[str, Any]:
    parameters = [{"key": "_actions", "value": list(components)}]
    made = action(name, "sequence", components=list(components))
    return {**made, "parameters": parameters}


def full() -> Platform:
    """A platform with one of everything."""
    secret, unit = [{"key": "token", "value": "s3cret"}], [{"key": "unit", "value": "m"}]
    note = {"key": "description", "value": "for all"}
    actions = [
        sequence("chain", "/guest/all", "/guest/tools/say"),
        sequence("all", "/guest/tools/say", "/whisk.system/utils/echo"),
        {**action("tools/say", code="function main() {}", main=""), "parameters": secret},
        action("jar", "java:8", code="AAAA", main="Hello", binary=True),
        action("own", "blackbox", image="me/mine", code="x"),
    ]
    feed = [{"key": "feed", "value": "/whisk.system/alarms/interval"}]
    ends = {"trigger": {"path": "guest", "name": "tick"},
            "action": {"path": "guest/tools", "name": "say"}}  # fmt: skip
    packages = [
        entity("tools", binding={}, parameters=unit, annotations=[note]),
        entity("bound", binding={"namespace": "guest", "name": "tools"},
               parameters=[{"key": "mine", "value": 1}],
               annotations=[{"key": "binding", "value": {"namespace": "guest", "name": "tools"}},
                            note]),
    ]  # fmt: skip
    kept = {
        "packages": {portable.full_name(each): each for each in packages},
        "actions": {portable.full_name(each): each for each in actions},
        "triggers": {"tick": entity("tick", annotations=feed)},
        "rules": {"r": entity("r", **ends, status="inactive", annotations=[note])},
    }
    return Platform(kept=kept)


@pytest.fixture
def there() -> Iterator[Platform]:
    with serving(full()) as found:
        yield found


@pytest.fixture
def empty() -> Iterator[Platform]:
    with serving(Platform(namespace="other")) as found:
        yield found


def quiet(_: str) -> None:
    """Say nothing."""


def exported(platform: Platform) -> portable.Document:
    """Return the export as it is after a file."""
    return portable.read(export(platform.client(), quiet).model_dump_json())


def put(platform: Platform) -> list[str]:
    return [path.partition("?")[0] for method, path in platform.requests if method == "PUT"]


def test_the_export_has_nothing_of_the_platform(there: Platform) -> None:
    said: list[str] = []
    found = export(there.client(), said.append)
    text = found.model_dump_json()
    for word in ('"updated"', '"version":"0', '"binary"', "/guest/", '"key":"exec"', "_actions"):
        assert word not in text
    say = next(each for each in found.actions if each["name"] == "tools/say")
    assert say["exec"] == {"kind": "nodejs:14", "code": "function main() {}"}
    assert say["limits"] == LIMITS
    assert say["parameters"] == [{"key": "token", "value": "s3cret"}]  # none of the package's
    assert found.rules == [
        {
            "name": "r",
            "trigger": "/_/tick",
            "action": "/_/tools/say",
            "status": "inactive",
            "annotations": [{"key": "description", "value": "for all"}],
        }
    ]
    # What a bound package shows of the other one is not its own.
    bound = next(each for each in found.packages if each["name"] == "bound")
    assert bound["parameters"] == [{"key": "mine", "value": 1}]
    assert bound["annotations"] == [{"key": "description", "value": "for all"}]
    assert bound["binding"] == {"namespace": "_", "name": "tools"}
    assert "action tools/say" in said
    assert {method for method, _ in there.requests} == {"GET"}


def test_into_an_empty_namespace_and_again(there: Platform, empty: Platform) -> None:
    document = exported(there)
    result = restore(empty.client(), document, quiet, overwrite=False)
    assert len(result.names[Outcome.CREATED]) == 9
    assert result.refusals == []
    order = put(empty)
    assert [path.split("/")[3] for path in order] == (
        ["packages"] * 2 + ["actions"] * 5 + ["triggers", "rules"]
    )
    named = [path.split("/", 4)[4] for path in order]
    assert named.index("tools") < named.index("bound")
    assert named.index("tools/say") < named.index("all") < named.index("chain")
    assert empty.kept["rules"]["r"]["status"] == "inactive"
    assert empty.kept["triggers"]["tick"]["annotations"] == []
    (note,) = result.notes
    assert note.startswith("trigger tick can be fired by hand, but its feed /whisk.system/alarms/")
    empty.requests.clear()
    again = restore(empty.client(), document, quiet, overwrite=True)
    assert len(again.names[Outcome.EQUAL]) == 9
    assert {method for method, _ in empty.requests} == {"GET"}


def test_what_differs_is_left_unless_it_is_to_be_replaced(there: Platform) -> None:
    document = exported(there)
    there.kept["actions"]["tools/say"]["exec"]["code"] = "other"
    there.kept["rules"]["r"]["status"] = "active"
    there.kept["actions"]["extra"] = action("extra", code="x")
    result = restore(there.client(), document, quiet, overwrite=False)
    assert result.names[Outcome.LEFT] == ["action tools/say", "rule r"]
    assert put(there) == []
    result = restore(there.client(), document, quiet, overwrite=True)
    assert result.names[Outcome.REPLACED] == ["action tools/say", "rule r"]
    assert there.kept["actions"]["tools/say"]["exec"]["code"] == "function main() {}"
    assert there.kept["rules"]["r"]["status"] == "inactive"
    assert "extra" in there.kept["actions"]  # nothing is deleted


def test_parameters_of_a_package_stay_its_own(there: Platform) -> None:
    document = exported(there)
    say = there.kept["actions"]["tools/say"]
    say["parameters"] = [{"key": "unit", "value": "km"}]  # another value is the action's own
    assert exported(there).actions[-1]["parameters"] == [{"key": "unit", "value": "km"}]
    restore(there.client(), document, quiet, overwrite=True)
    assert there.kept["actions"]["tools/say"]["parameters"] == [{"key": "token", "value": "s3cret"}]
    asked = [path for _, path in there.requests if path == "/namespaces/_/packages/tools"]
    assert len(asked) == 6  # two exports and one import: for itself, and once for all below it


def test_a_file_of_an_earlier_whisklab_is_equal(there: Platform) -> None:
    document = exported(there)
    for each in document.actions:
        if each["name"] == "all":
            each["parameters"] = [{"key": "_actions", "value": ["/guest/tools/say"]}]
        if each["name"] == "tools/say":
            each["parameters"].append({"key": "unit", "value": "m"})
    result = restore(there.client(), document, quiet, overwrite=False)
    assert result.names[Outcome.LEFT] == []


def test_annotations_that_the_file_lacks_go(there: Platform) -> None:
    document = exported(there)
    for name in ("own", "chain"):
        there.kept["actions"][name]["annotations"].append({"key": "extra", "value": 1})
    for outcome in (Outcome.REPLACED, Outcome.EQUAL):
        result = restore(there.client(), document, quiet, overwrite=True)
        assert "action own" in result.names[outcome]
        assert "action chain" in result.names[Outcome.REPLACED]  # OpenWhisk keeps a sequence's


def test_limits_of_a_newer_platform_are_its_own(there: Platform) -> None:
    document = exported(there)
    there.kept["actions"]["jar"]["limits"]["instances"] = 10
    result = restore(there.client(), document, quiet, overwrite=False)
    assert result.names[Outcome.LEFT] == []


def test_what_is_refused_is_named_and_the_rest_goes_on(there: Platform, empty: Platform) -> None:
    why = {"error": "The 'java:8' runtime is not there.", "code": "x"}
    empty.faults["PUT", "/namespaces/_/actions/jar"] = [(400, why)]
    result = restore(empty.client(), exported(there), quiet, overwrite=False)
    assert result.refusals == ["action jar: The 'java:8' runtime is not there"]
    assert result.names[Outcome.REFUSED] == ["action jar"]
    assert len(result.names[Outcome.CREATED]) == 8
    assert told(result)[-1] == "8 created, 1 refused"


def test_a_binding_that_is_to_be_a_package_is_refused_by_name(there: Platform) -> None:
    """The server answers 200 and keeps the binding, at each run."""
    document = export(there.client(), lambda _: None)
    bound = next(each for each in document.packages if each["name"] == "bound")
    del bound["binding"]
    result = restore(there.client(), document, lambda _: None, overwrite=True)
    assert result.names[Outcome.REFUSED] == ["package bound"]
    assert "package bound: it is a binding there" in result.refusals[0]
    assert result.names[Outcome.REPLACED] == []
    assert there.kept["packages"]["bound"]["binding"]["name"] == "tools"


def test_a_package_that_is_to_be_a_binding_is_refused_by_name_as_is_what_needs_it(
    there: Platform,
) -> None:
    document = export(there.client(), quiet)
    document.actions.append(
        {**portable.portable("actions", sequence("through", "/guest/bound/say"), "guest")}
    )
    document.rules.append(
        {"name": "late", "trigger": "/_/tick", "action": "/_/bound/say", "status": "active"}
    )
    del there.kept["packages"]["bound"]["binding"]
    why = {"error": "The requested resource does not exist.", "code": "x"}
    there.faults["PUT", "/namespaces/_/actions/through"] = [(404, why)]
    there.faults["PUT", "/namespaces/_/rules/late"] = [(404, why)]
    result = restore(there.client(), document, quiet, overwrite=True)
    assert result.names[Outcome.REFUSED] == ["package bound", "action through", "rule late"]
    package, action_, rule = result.refusals
    assert package.startswith("package bound: it is a package there, and cannot become a binding")
    for each in (action_, rule):
        assert each.endswith("does not exist (it needs package bound, which was refused)")
    assert "binding" not in there.kept["packages"]["bound"]


def test_each_need_of_what_is_refused_is_named() -> None:
    rule = {"trigger": "/_/tick", "action": "/_/tools/say"}
    assert portable.needs("rules", rule) == ["trigger tick", "package tools", "action tools/say"]
    assert portable.needs("rules", {"trigger": "/_/t", "action": "/other/x"}) == ["trigger t"]
    bound = {"binding": {"namespace": "_", "name": "tools"}}
    assert portable.needs("packages", bound) == ["package tools"]
    assert portable.needs("packages", {"binding": {"namespace": "other", "name": "x"}}) == []
    assert portable.needs("triggers", {"name": "t"}) == []
    one = {"name": "b/s", "exec": {"components": ["/_/a", "/whisk.system/utils/echo"]}}
    assert portable.needs("actions", one) == ["package b", "action b/s", "action a"]


def test_kinds_are_mapped_and_only_those(there: Platform, empty: Platform) -> None:
    document = portable.of_kinds(exported(there), {"nodejs:14": "nodejs:20"})
    restore(empty.client(), document, quiet, overwrite=False)
    kinds = {name: each["exec"]["kind"] for name, each in empty.kept["actions"].items()}
    assert kinds == {"tools/say": "nodejs:20", "jar": "java:8", "own": "blackbox",
                     "all": "sequence", "chain": "sequence"}  # fmt: skip
    again = restore(empty.client(), document, quiet, overwrite=False)
    assert len(again.names[Outcome.EQUAL]) == 9


def test_bad_mappings_of_kinds(there: Platform) -> None:
    file, document = Path("f.json"), exported(there)
    assert actions._of_kinds(file, document, ()) == document
    for pair in ("nodejs:14", "=nodejs:20", "nodejs:14="):
        with pytest.raises(BadInput, match=f"--kind {pair}: expected OLD=NEW"):
            actions._of_kinds(file, document, (pair,))
    told = r"--kind: f.json: no action is of kind go:1; there are blackbox, java:8, nodejs:14"
    with pytest.raises(BadInput, match=told):
        actions._of_kinds(file, document, ("go:1=go:2",))


def test_a_kind_that_the_platform_lacks_is_told_with_what_helps() -> None:
    result = Imported(refusals=["action a: The specified runtime 'nodejs:14' is not supported"])
    assert told(result)[1].startswith("what usually helps: --kind OLD=NEW")


def test_a_sequence_goes_in_after_what_it_names_through_a_binding() -> None:
    parts = {
        "aseq": sequence("aseq", "/_/bnd/echo"),
        "zshared/echo": action("zshared/echo"),
    }
    actions = [{**each, "name": name} for name, each in parts.items()]
    packages = [
        entity("bnd", binding={"namespace": "_", "name": "zshared"}),
        entity("far", binding={"namespace": "whisk.system", "name": "utils"}),
        entity("zshared"),
    ]
    order = [each["name"] for each in portable.in_order(actions, packages)]
    assert order == ["zshared/echo", "aseq"]
    document = portable.Document(namespace="guest", packages=packages, actions=actions)
    assert [each["name"] for each in document.of("actions")] == order


def test_a_sequence_of_itself() -> None:
    first = {"name": "a", "exec": {"components": ["/_/b"]}}
    second = {"name": "b", "exec": {"components": ["/_/a"]}}
    with pytest.raises(BadInput, match="the sequence [ab] is part of itself"):
        portable.in_order([first, second])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no JSON"),
        ("[]", "is no export of whisklab"),
        ('{"format": "x", "namespace": "guest"}', "format"),
        ('{"version": 2, "namespace": "guest"}', "version"),
        ("{}", "namespace"),
        ('{"namespace": "guest", "apis": []}', "apis"),
        ('{"namespace": "guest", "rules": [{"name": "r"}]}', "rules: r: no trigger"),
        ('{"namespace": "guest", "actions": [{}]}', "one without a name: no name"),
        (
            '{"namespace": "guest", "actions": [{"name": "a", "exec": "s3cret"}]}',
            "a: no annotations",
        ),
    ],
)
def test_what_is_no_export(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as raised:
        portable.read(text)
    assert sentence in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_what_became_of_it_in_words() -> None:
    result = Imported()
    assert told(result) == ["the file is empty"]
    result.names[Outcome.EQUAL].append("action a")
    result.names[Outcome.LEFT].append("action b")
    assert told(result) == [
        "left, it differs from the file (--overwrite replaces it): action b",
        "1 equal, 1 left",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot be read"), ("{", "is no JSON"), ("{}", "namespace")]
)
def test_a_bad_file_is_named(tmp_path: Path, content: str | None, sentence: str) -> None:
    file = tmp_path / "actions.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadInput, match=sentence) as raised:
        actions._read(file)
    assert str(raised.value).startswith(f"{file}: ")


def test_the_verb_ends_with_bad_input_and_no_traceback() -> None:
    code = "from whisklab.cli.main import main; main()"
    argv = [sys.executable, "-c", code, "actions", "import", "lab", "no-such-file"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("whisklab: no-such-file: cannot be read")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_export_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "thesis.json"
    actions._require_export(file)
    file.write_text(json.dumps({"mine": 1}))
    with pytest.raises(BadInput, match="name another file, it is not replaced"):
        actions._require_export(file)
