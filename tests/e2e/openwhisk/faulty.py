"""A second OpenWhisk beside the first, on which faults are tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import TRIAL, append

SPACE, RELEASE, PORT = "faulty", "owfault", 31017
DATA = f"""
openwhisk_release = "{RELEASE}"
openwhisk_namespace = "{SPACE}"
openwhisk_api_port = {PORT}
openwhisk_alarms = openwhisk_kafka_provider = False
openwhisk_user_memory_mb = 512
openwhisk_timeout = 120
"""


@contextmanager
def second_openwhisk(trial: Site) -> Iterator[Site]:
    """Have the environment of a second OpenWhisk; it is gone afterwards, with its claims."""
    append(trial, "group_data/{env}.py", DATA)
    yield trial
    helm = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml"
    trial.root("master", f"{helm} -n {SPACE} uninstall {RELEASE} --ignore-not-found")
    if trial.kubectl("get", "namespace", SPACE, "--ignore-not-found"):
        # What waits in a loop does not hear that it is to end.
        trial.kubectl("-n", SPACE, "delete", "pods", "--all", "--grace-period=0", "--force")
    trial.kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--timeout=120s")


def deploy(site: Site) -> Run:
    """Deploy the second one."""
    return site.whisklab("apply", TRIAL, "--only", "openwhisk")


def say(site: Site, text: str) -> None:
    """Say more in its data."""
    append(site, "group_data/{env}.py", text)
