"""What to change on a node: only what is ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deploys.labels.render import OUR_LABELS, OUR_TAINTS, NodeState, patch

KEYS = st.sampled_from(["a", "b", "c", "d"])
LABELS = st.dictionaries(KEYS, st.sampled_from(["1", "2"]))
EFFECTS = st.sampled_from(["NoSchedule", "NoExecute"])
TAINTS = st.lists(st.builds("{}=x:{}".format, KEYS, EFFECTS), unique=True)


def state(labels: dict[str, str], *, ours: list[str] | None = None) -> NodeState:
    notes = {} if ours is None else {OUR_LABELS: json.dumps(ours)}
    return NodeState(labels, (), notes, "7")


def applied(before: NodeState, change: dict[str, Any] | None) -> NodeState:
    """Apply a JSON merge patch as the API does."""
    if change is None:
        return before
    metadata = change["metadata"]
    labels = {**before.labels, **metadata.get("labels", {})}
    notes = {**before.annotations, **metadata.get("annotations", {})}
    taints = before.taints
    if "spec" in change:
        taints = tuple(
            (t["key"], t.get("value", ""), t["effect"]) for t in change["spec"]["taints"]
        )
    return NodeState(
        {k: v for k, v in labels.items() if v is not None},
        taints,
        {k: v for k, v in notes.items() if v is not None},
        "8",
    )


@given(LABELS, LABELS, TAINTS, LABELS, TAINTS)
def test_applied_once_it_is_done_and_strangers_stay(
    theirs: dict[str, str],
    first: dict[str, str],
    first_taints: list[str],
    second: dict[str, str],
    second_taints: list[str],
) -> None:
    foreign = ("node.kubernetes.io/not-ready", "", "NoExecute")
    begin = NodeState(theirs, (foreign,), {}, "1")
    middle = applied(begin, patch(begin, first, first_taints))
    assert patch(middle, first, first_taints) is None
    end = applied(middle, patch(middle, second, second_taints))
    assert patch(end, second, second_taints) is None
    assert second.items() <= end.labels.items()
    assert foreign in end.taints
    assert len(end.taints) == 1 + len(second_taints)
    untouched = {k: v for k, v in theirs.items() if k not in first and k not in second}
    assert untouched.items() <= end.labels.items()


def test_what_we_set_and_the_data_no_longer_name_is_removed() -> None:
    change = patch(state({"a": "1", "b": "1"}, ours=["a"]), {}, [])
    assert change == {
        "metadata": {
            "labels": {"a": None},
            "annotations": {OUR_LABELS: None},
            "resourceVersion": "7",
        }
    }


def test_an_annotation_that_somebody_broke_removes_nothing() -> None:
    broken = NodeState({"a": "1"}, (), {OUR_LABELS: "{", OUR_TAINTS: "3"}, "7")
    change = patch(broken, {}, [])
    assert change is not None
    assert "labels" not in change["metadata"]
