"""Containers that are pods, made through the Kubernetes API with the invoker's service account."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from openwhisk_standin.calls import Unreachable
from openwhisk_standin.cluster import Cluster, in_url, reason
from openwhisk_standin.invoker.containers import (
    STARTS_WITHIN,
    Container,
    LogsMissing,
    NoContainer,
)
from openwhisk_standin.invoker.podspec import CONTAINER, PORT, Place, pod_name, pod_of
from openwhisk_standin.life import rest, say
from openwhisk_standin.runtimes import END_OF_LOGS
from openwhisk_standin.values import Doc

_LOGS_WITHIN = 10.0
_STEP = 0.1
_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff")  # upstream's waits no longer, its step is 1 s


class Pods:
    """Starts pods."""

    def __init__(self, cluster: Cluster, place: Place, within: float = STARTS_WITHIN) -> None:
        """Take the API, whose pods they are, and how many seconds one may take to run."""
        self._cluster = cluster
        self._within = within
        self._place = place
        # Pods of an earlier process may still be ending: names differ.
        self._series = secrets.token_hex(2)
        self._count = 0

    def clean(self) -> None:
        """Remove the pods of an earlier process of this invoker.

        Raises:
            Unreachable: the API does not answer.
        """
        labels = f"invoker={self._place.invoker},release={self._place.release}"
        answer = self._cluster.call("GET", f"/pods?{urlencode({'labelSelector': labels})}")
        if not answer.ok:
            raise Unreachable(f"the Kubernetes API refused to list pods: {reason(answer)}")
        for pod in answer.json()["items"]:
            say(f"pod {pod['metadata']['name']} was left by an earlier process; it is removed")
            _Pod(self._cluster, pod["metadata"]["name"], "").remove()

    def create(self, title: str, image: str, memory: int, env: Mapping[str, str]) -> Container:
        """Start a pod and wait until it has an address and its container runs.

        Raises:
            NoContainer: it could not be made, or does not run in time.
        """
        self._count += 1
        name = pod_name(f"wsk{self._place.invoker}-{self._series}-{self._count}-{title}")
        spec = pod_of(name, image, memory, env, self._place)
        try:
            answer = self._cluster.call("POST", "/pods", spec)
            if not answer.ok:
                raise NoContainer(f"the Kubernetes API refused pod {name}: {reason(answer)}")
            return self._running(name)
        except Unreachable as error:
            _Pod(self._cluster, name, "").remove()
            raise NoContainer(str(error)) from error

    def _running(self, name: str) -> Container:
        until, pod = time.monotonic() + self._within, Doc()
        while time.monotonic() < until and not rest(_STEP):
            answer = self._cluster.call("GET", f"/pods/{name}")
            if answer.status == HTTPStatus.NOT_FOUND:
                raise NoContainer(f"pod {name} was removed by someone else")
            pod = answer.json() if answer.ok else pod
            status = pod.get("status", {})
            states = [each["state"] for each in status.get("containerStatuses", [])]
            if status.get("podIP") and any("running" in state for state in states):
                return _Pod(self._cluster, name, f"http://{in_url(status['podIP'])}:{PORT}")
            if any(state.get("waiting", {}).get("reason") in _NO_IMAGE for state in states):
                break
        _Pod(self._cluster, name, "").remove()
        raise NoContainer(f"pod {name} does not run: {_why(pod)}")


class _Pod:
    def __init__(self, cluster: Cluster, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self._cluster = cluster
        self._last = ""  # the time stamp of the last line that was read

    def logs(self) -> list[str]:
        until = time.monotonic() + _LOGS_WITHIN
        while True:
            lines, last, ends = self._since()
            # One end for each of its two streams, which the API does not tell apart.
            if ends > 1 or time.monotonic() > until or rest(_STEP):
                self._last = last
                if ends > 1:
                    return lines
                raise LogsMissing(lines)

    def _since(self) -> tuple[list[str], str, int]:
        query = {"container": CONTAINER, "timestamps": "true"}
        if self._last:
            query["sinceTime"] = self._last  # to the second: earlier lines come again
        try:
            answer = self._cluster.call("GET", f"/pods/{self.name}/log?{urlencode(query)}")
        except Unreachable as error:
            say(f"logs of {self.name}: {error}")
            return [], self._last, 0
        lines, last, ends = [], self._last, 0
        for line in answer.body.decode(errors="replace").splitlines() if answer.ok else []:
            stamp, _, text = line.partition(" ")
            if _instant(stamp) <= _instant(self._last):
                continue
            last = stamp
            if END_OF_LOGS in text:
                ends += 1
            else:
                lines.append(f"{stamp} stdout: {text}")
        return lines, last, ends

    def remove(self) -> None:
        try:
            answer = self._cluster.call("DELETE", f"/pods/{self.name}?gracePeriodSeconds=5")
        except Unreachable as error:
            say(f"pod {self.name} could not be removed: {error}")
            return
        if not answer.ok and answer.status != HTTPStatus.NOT_FOUND:
            say(f"pod {self.name} could not be removed: {reason(answer)}")


def _instant(stamp: str) -> str:
    """Return a time stamp so that text order is time order: nanoseconds have no trailing zeros."""
    whole, _, part = stamp.rstrip("Z").partition(".")
    return f"{whole}.{part:0<9}" if whole else ""


def _why(pod: Doc) -> str:
    """Return why a pod does not run, as far as its status tells."""
    status = pod.get("status", {})
    reasons = [
        f"{each['reason']}: {each.get('message', '')}"
        for found in status.get("containerStatuses", [])
        for each in found["state"].values()
        if "reason" in each
    ]
    reasons += [
        f"{each['reason']}: {each.get('message', '')}"
        for each in status.get("conditions", [])
        if each.get("status") == "False" and each.get("reason") == "Unschedulable"
    ]
    return "; ".join(reasons) or f"phase {status.get('phase', 'unknown')}"
