"""The runtimes manifest: which kinds there are, and which image each one has."""

from __future__ import annotations

import json
from dataclasses import dataclass

from openwhisk_standin.values import BadSetting, Doc, megabytes, setting


@dataclass(frozen=True)
class Prewarmed:
    """Containers that are started before anyone asks."""

    count: int
    memory: int


@dataclass(frozen=True)
class Runtime:
    """One kind."""

    kind: str
    image: str
    default: bool
    deprecated: bool
    require_main: bool
    attached: bool
    prewarmed: tuple[Prewarmed, ...]


@dataclass(frozen=True)
class Manifest:
    """All kinds."""

    runtimes: dict[str, Runtime]
    families: dict[str, list[Runtime]]

    @classmethod
    def from_environment(cls) -> Manifest:
        """Read RUNTIMES_MANIFEST.

        Raises:
            BadSetting: it lacks, or is no manifest.
        """
        try:
            found = json.loads(setting("RUNTIMES_MANIFEST"))
            families = {
                family: [_runtime(each) for each in kinds]
                for family, kinds in found["runtimes"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadSetting(f"RUNTIMES_MANIFEST is no runtimes manifest: {error!r}") from error
        runtimes = {each.kind: each for kinds in families.values() for each in kinds}
        return cls(runtimes, families)

    def resolve(self, kind: str) -> Runtime | None:
        """Return the runtime of a kind; ``FAMILY:default`` is the default one of its family."""
        family, _, version = kind.partition(":")
        if version == "default":
            return next((each for each in self.families.get(family, []) if each.default), None)
        return self.runtimes.get(kind)

    def summary(self) -> Doc:
        """Return what the server tells clients of its kinds."""
        return {
            family: [
                {
                    "kind": each.kind,
                    "image": each.image,
                    "default": each.default,
                    "deprecated": each.deprecated,
                    "requireMain": each.require_main,
                    "attached": each.attached,
                    "stemCells": sum(cell.count for cell in each.prewarmed),
                }
                for each in kinds
            ]
            for family, kinds in self.families.items()
        }


def image_name(image: Doc) -> str:
    """Return the name of a manifest's image."""
    registry, prefix = (
        f"{image[key]}/" if image.get(key) else "" for key in ("registry", "prefix")
    )
    tag = f":{image['tag']}" if image.get("tag") else ""
    return f"{registry}{prefix}{image['name']}{tag}"


def _runtime(found: Doc) -> Runtime:
    return Runtime(
        kind=found["kind"],
        image=image_name(found["image"]),
        default=found.get("default", False),
        deprecated=found.get("deprecated", False),
        require_main=found.get("requireMain", False),
        attached="attached" in found,
        prewarmed=tuple(
            Prewarmed(cell["initialCount"], megabytes(cell["memory"]))
            for cell in found.get("stemCells", [])
        ),
    )
