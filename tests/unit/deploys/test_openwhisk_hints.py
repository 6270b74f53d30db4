"""Hints go with the cause that is told, not with the stage alone."""

from __future__ import annotations

import pytest

from deploys.openwhisk import stages
from deploys.openwhisk.hints import IMAGES, LOGS, PLACES, UNBOUND, hints
from deploys.openwhisk.settings import OpenWhiskSettings

STAGES = {each.name: each for each in stages.stages(OpenWhiskSettings())}


@pytest.mark.parametrize(
    ("stage", "line", "expected"),
    [
        ("kafka", "pod k is not ready: ErrImagePull (container kafka)",
         [STAGES["kafka"].helps, IMAGES]),
        ("kafka", "log of kafka: FATAL There is insufficient memory: Cannot allocate memory",
         ["it has less memory than it needs"]),
        ("kafka", "log of kafka: java.lang.IllegalStateException: cluster id differs", [LOGS]),
        ("couchdb", "pod c is not ready: ImagePullBackOff (container couchdb)", [IMAGES]),
        ("nginx", "log of nginx: [emerg] cannot load certificate /etc/nginx/tls.crt", [LOGS]),
        ("nginx", "log of nginx: bind() to 0.0.0.0:443 failed (98: Address already in use)",
         [STAGES["nginx"].helps]),
        ("invoker", "pod i is not ready: not scheduled: 0/3 nodes are available",
         [STAGES["invoker"].helps, PLACES]),
        ("invoker", "log of invoker: Error: no Kafka", [LOGS]),
        ("zookeeper", f"pod z is not ready: not scheduled: {UNBOUND}", ["its claims are not"]),
        ("couchdb", "container couchdb ended before: OOMKilled, code 137",
         ["it has less memory than it needs"]),
        ("couchdb", "log of couchdb: eacces: No space left on device", ["a file system is full"]),
        ("couchdb", "event of c: Failed: ErrImagePull: write /a: no space left on device",
         ["a file system is full"]),
        ("init-couchdb", "log of init: fatal: unable to access 'https://x/': Could not resolve",
         ["it fetches from GitHub or npm"]),
        ("init-couchdb", "log of init: whisklab: CouchDB refuses the password", [LOGS]),
        ("redis", "pod r is not ready: ContainerCreating (container redis)", ["on a slow line"]),
        ("redis", "pod r is not ready: Pending", []),
        ("install-packages", "pod p is not ready: Pending", [STAGES["install-packages"].helps]),
    ],
)  # fmt: skip
def test_hints(stage: str, line: str, expected: list[str]) -> None:
    found = hints([f"stage {stage} blocks", line], STAGES[stage].helps, STAGES[stage].on)
    assert len(found) == len(expected)
    for said, begins in zip(found, expected, strict=True):
        assert said.startswith(begins)
