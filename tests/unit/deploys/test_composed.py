"""Which pods a drain may end though they have no controller."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploys import openwhisk, provisioner, releases
from deploys.composed import replaced

PLATFORM: Any = SimpleNamespace(leader=None)


def pod(*, label: str = "app", release: str | None = None) -> dict[str, Any]:
    annotations = {} if release is None else {"meta.helm.sh/release-name": release}
    return {"metadata": {"name": "p", "labels": {label: "true"}, "annotations": annotations}}


def test_pods_of_functions_and_of_this_run_s_releases_are_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, names in ((openwhisk, ["owdev"]), (provisioner, []), (releases, ["mine"])):
        monkeypatch.setattr(module, "release_names", lambda _leader, names=names: names)
    is_replaced = replaced(PLATFORM)
    assert is_replaced(pod(label="user-action-pod"))
    assert is_replaced(pod(release="owdev"))
    assert is_replaced(pod(release="mine"))
    assert not is_replaced(pod())
    assert not is_replaced(pod(release="theirs"))
    assert not is_replaced({"metadata": {"name": "bare"}})
