"""What differs between two bundles, and a bundle's contents as an SBOM. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from whisklab.bundle.manifest import PACKAGE, UNKNOWN, Item, Manifest

_PURL = "pkg:"  # SPDX 2.3, annex F
_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")  # SPDX 2.3, 3.2: what an identifier may not have


@dataclass(frozen=True)
class Difference:
    """What has become of the items.

    Attributes:
        added: only the second has them.
        removed: only the first has them.
        changed: both have them, with other bytes; before and after.
        bytes_new: of all blobs that only the second has.
    """

    added: Sequence[Item]
    removed: Sequence[Item]
    changed: Sequence[tuple[Item, Item]]
    bytes_new: int


def difference(before: Manifest, after: Manifest) -> Difference:
    """Return what differs between two bundles."""
    old = {each.key: each for each in before.items}
    new = {each.key: each for each in after.items}
    known = before.sizes
    return Difference(
        [each for key, each in new.items() if key not in old],
        [each for key, each in old.items() if key not in new],
        [
            (old[key], each)
            for key, each in new.items()
            if key in old and old[key].sha256 != each.sha256
        ],
        sum(size for sha256, size in after.sizes.items() if sha256 not in known),
    )


def sbom(manifest: Manifest, items: Iterable[Item], created: datetime) -> dict[str, Any]:
    """Return items of a bundle as an SPDX 2.3 document.

    Args:
        manifest: of the bundle.
        items: of it.
        created: when, in UTC.
    """
    digest = hashlib.sha256(manifest.text()).hexdigest()
    packages = [_package(each) for each in items]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"whisklab bundle of {manifest.environment}",
        # Unique as the specification wants it, of a scheme that names nobody's host.
        "documentNamespace": f"urn:whisklab:bundle:{digest}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {manifest.made_by.replace(' ', '-')}"],
        },
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": each["SPDXID"],
            }
            for each in packages
        ],
    }


def _package(item: Item) -> dict[str, Any]:
    named = "-".join(item.key)
    licence = "NOASSERTION" if item.licence == UNKNOWN else item.licence
    found = {
        "SPDXID": f"SPDXRef-{_PLAIN.sub('-', named)}-{item.sha256[:12]}",
        "name": item.name,
        "versionInfo": item.version,
        "downloadLocation": item.source if "://" in item.source else "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": item.sha256}],
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "comment": f"{item.kind} for {', '.join(item.architectures)}",
    }
    if (purl := _purl(item)) is not None:
        found["externalRefs"] = [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": purl,
        }]  # fmt: skip
    return found


def _purl(item: Item) -> str | None:
    """Return how scanners name what is of an archive of packages (purl-spec)."""
    if item.kind != PACKAGE:
        return item.source if item.source.startswith(_PURL) else None
    system, _, name = item.name.partition("/")
    architecture = item.file.removesuffix(".deb").rpartition("_")[2]
    distribution, version = system.partition("-")[0], quote(item.version, safe="")
    return (
        f"{_PURL}deb/{distribution}/{quote(name, safe='')}@{version}"
        f"?arch={architecture}&distro={system}"
    )
