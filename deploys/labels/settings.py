"""What `labels` reads from the data."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from whisklab.engine.data.settings import Settings

# Kubernetes documentation, "Labels and Selectors": an optional DNS prefix, a name of at most 63.
NAME = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _labels(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        if not NAME.fullmatch(key) or not VALUE.fullmatch(value):
            raise ValueError(f"{key}={value} is no Kubernetes label such as openwhisk-role=core")
    return labels


def _taints(taints: list[str]) -> list[str]:
    for taint in taints:
        body, _, effect = taint.rpartition(":")
        key, _, value = body.partition("=")
        if effect not in EFFECTS or not NAME.fullmatch(key) or not VALUE.fullmatch(value):
            raise ValueError(
                f"{taint} is no taint such as dedicated=openwhisk:NoSchedule "
                f"(effects: {', '.join(EFFECTS)})"
            )
    return taints


class NodeSettings(Settings):
    """Labels and taints of a node; what is in nobody's data is not ours and stays.

    Attributes:
        labels: such as {"openwhisk-role": "core"}.
        taints: `key=value:Effect` or `key:Effect`, such as ["dedicated=openwhisk:NoSchedule"].
    """

    prefix: ClassVar[str] = "node_"

    labels: Annotated[dict[str, str], AfterValidator(_labels)] = {}
    taints: Annotated[list[str], AfterValidator(_taints)] = []
