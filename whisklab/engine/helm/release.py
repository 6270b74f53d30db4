"""What a release should be, and what its record in the cluster says it is.

Helm keeps each revision in a Secret: base64 of base64 of gzip of JSON. A revision of ours says in
its description which chart and which values it was made of; a change by hand has another one.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whisklab.engine import limits
from whisklab.engine.helm import values as helm_values
from whisklab.engine.helm.charts import Chart
from whisklab.errors import WhisklabError

OF_RELEASE = "meta.helm.sh/release-name"  # annotation of each object of a release
DEPLOYED, FAILED, UNINSTALLED = "deployed", "failed", "uninstalled"
# A status that nobody ends any more when the helm that set it was killed.
INTERRUPTED = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling", "unknown")
SHORT = 16  # hexadecimal digits of a digest; enough to tell two apart, and short enough to read
_OURS = re.compile(r"whisklab: chart (?P<chart>[0-9a-f]{16}), values (?P<values>[0-9a-f]{16})")


@dataclass(frozen=True)
class Release:
    """A release as it should be.

    Attributes:
        name: of the release.
        chart: what is installed; None only with `present=False`.
        namespace: made when it is not there.
        values: laid over the chart's own; may hold secrets.
        wait: whether its pods must be ready and its Jobs done before it counts as installed.
        timeout: seconds for that.
        present: whether it should be there at all.
        keep_claims: leave PersistentVolumeClaims that it has no more, or when it goes, and with
            them the data.
        hints: what helm may say, and a sentence on what to do then.
        never_pulls: whether nodes can pull from nowhere, so that no container may ask for more than
            they have.
    """

    name: str
    chart: Chart | None
    namespace: str
    values: helm_values.Values = field(default_factory=dict, repr=False)
    wait: bool = True
    timeout: int = limits.RELEASE_WITHIN
    present: bool = True
    keep_claims: bool = True
    hints: Mapping[str, str] = field(default_factory=dict)
    never_pulls: bool = False

    def hinted(self, message: str) -> str:
        """Return what helm says, with what to do if that is known; a schema may quote a secret."""
        message = helm_values.masked(message, helm_values.secrets_in(self.values))
        found = [hint for words, hint in self.hints.items() if words in message]
        return "\n".join([f"release {self.name}: {message}", *found])

    @property
    def wanted_chart(self) -> Chart:
        """Return its chart.

        Raises:
            WhisklabError: there is none, because it should not be installed.
        """
        if self.chart is None:
            raise WhisklabError(f"release {self.name}: no chart is named")
        return self.chart

    @property
    def description(self) -> str:
        """What a revision of ours says of itself in `helm history`."""
        sha256 = hashlib.sha256(helm_values.text(self.values).encode()).hexdigest()
        return f"whisklab: chart {self.wanted_chart.digest[:SHORT]}, values {sha256[:SHORT]}"


@dataclass(frozen=True)
class Revision:
    """The newest revision of a release.

    Attributes:
        secret: the name of the Secret that holds it.
        document: all that Helm wrote down.
    """

    secret: str
    document: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Of the release."""
        return str(self.document["name"])

    @property
    def namespace(self) -> str:
        """Of the release."""
        return str(self.document["namespace"])

    @property
    def ours(self) -> bool:
        """Whether this program made it."""
        return _OURS.fullmatch(self.description) is not None

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.document["version"])

    @property
    def status(self) -> str:
        """As `helm status` says it."""
        return str(self.document["info"]["status"])

    @property
    def description(self) -> str:
        """As `helm history` says it."""
        return str(self.document["info"].get("description", ""))

    @property
    def values(self) -> helm_values.Values:
        """What was given over the chart's own."""
        found: helm_values.Values = self.document.get("config") or {}
        return found

    @property
    def manifest(self) -> str:
        """The objects, as YAML; without hooks."""
        return str(self.document.get("manifest", ""))

    @property
    def chart(self) -> str:
        """Name and version of its chart."""
        metadata = self.document["chart"]["metadata"]
        return f"{metadata['name']} {metadata['version']}"

    @property
    def hooks(self) -> list[tuple[str, str]]:
        """Kind and name of its hooks."""
        return [(hook["kind"], hook["name"]) for hook in self.document.get("hooks") or []]

    @property
    def tests(self) -> list[str]:
        """The names of the pods that `helm test` makes."""
        hooks = self.document.get("hooks") or []
        return [each["name"] for each in hooks if "test" in each.get("events", [])]

    def changed(self, **info: str) -> Revision:
        """Return it with other entries of `info`."""
        document = {**self.document, "info": {**self.document["info"], **info}}
        return Revision(self.secret, document)

    def with_manifest(self, manifest: str) -> Revision:
        """Return it with other objects."""
        return Revision(self.secret, {**self.document, "manifest": manifest})


def why(release: Release, latest: Revision | None) -> list[str]:
    """Return what differs between the record and the wish, half a sentence each. Pure."""
    if not release.present:
        gone = latest is None or latest.status == UNINSTALLED
        return [] if gone else ["it is not wanted any more"]
    if latest is None or latest.status == UNINSTALLED:
        return ["it is not installed"]
    lines = [] if (line := _state(latest)) is None else [line]
    found = _OURS.fullmatch(latest.description)
    chart, wanted = release.wanted_chart, _OURS.fullmatch(release.description)
    if latest.chart != chart.title and chart.path is not None:
        lines.append(f"its chart is {latest.chart}, not {chart.title}")
    elif found and wanted and found["chart"] != wanted["chart"]:
        lines.append(f"its chart is another {latest.chart} than {chart.title}")
    lines += helm_values.difference(latest.values, release.values)
    if not lines and latest.description != release.description:
        lines.append("its values were written otherwise")
    return lines


def _state(latest: Revision) -> str | None:
    if latest.status in INTERRUPTED:
        return f"its last change was interrupted ({latest.status})"
    if latest.status != DEPLOYED:
        return f"its last change failed: {latest.description}"
    if not latest.ours:
        return f"revision {latest.number} is not ours ({latest.description})"
    return None


def number(secret: Mapping[str, Any]) -> int:
    """Return the number of the revision that a Secret holds, as its label says.

    Raises:
        WhisklabError: it has no such label.
    """
    found = (secret["metadata"].get("labels") or {}).get("version", "")
    if not str(found).isdecimal():
        raise WhisklabError(
            f"Secret {secret['metadata']['name']} is no record of a Helm release: its label "
            f"version is {found or 'empty'!r}: delete it, or put back its labels"
        )
    return int(found)


def decode(secret: Mapping[str, Any]) -> Revision:
    """Return the revision that a Secret of the Kubernetes API holds.

    Raises:
        WhisklabError: it is not in Helm's form.
    """
    name = secret["metadata"]["name"]
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        document = json.loads(gzip.decompress(packed))
        revision = Revision(name, document)
        _ = revision.name, revision.namespace, revision.number, revision.status
        _ = revision.chart, revision.hooks
    except (KeyError, TypeError, ValueError, EOFError, OSError, zlib.error) as error:
        # The text is a secret: say what is missing, not what is there.
        raise WhisklabError(
            f"Secret {name} is no record of a Helm release ({type(error).__name__})"
        ) from None
    return revision


def encode(revision: Revision) -> dict[str, Any]:
    """Return the merge patch that writes a revision back into its Secret. Pure."""
    packed = gzip.compress(json.dumps(revision.document).encode(), mtime=0)
    data = base64.b64encode(base64.b64encode(packed)).decode()
    return {"metadata": {"labels": {"status": revision.status}}, "data": {"release": data}}
