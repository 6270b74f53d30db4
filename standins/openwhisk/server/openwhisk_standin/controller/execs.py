"""What an action runs: the `exec` of a PUT, checked against the runtimes."""

from __future__ import annotations

import re
from collections.abc import Callable

from openwhisk_standin.controller.refusals import bad, malformed
from openwhisk_standin.manifest import Manifest
from openwhisk_standin.values import Doc, Value

SEQUENCE = "sequence"
_BASE64 = re.compile(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")


def is_binary(code: str) -> bool:
    """Tell whether code is an archive in base64, as upstream tells it."""
    text = code.strip()
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None


def full_name(given: str, namespace: str) -> str:
    """Return NAMESPACE/[PACKAGE/]NAME of a name that may begin with `/`, and `_` for the user's.

    Raises:
        Refusal: it has too few parts or too many.
    """
    parts = given.strip("/").split("/")
    if not given.startswith("/") and len(parts) == 1:
        parts.insert(0, namespace)
    if not 2 <= len(parts) <= 3 or not all(parts):  # noqa: PLR2004 - as the name says
        raise malformed(
            "The fully qualified name of the entity must contain at least the namespace and the"
            " name of the entity."
        )
    return "/".join([namespace if parts[0] == "_" else parts[0], *parts[1:]])


def exec_of(given: Value, manifest: Manifest, namespace: str) -> Doc:
    """Return what is stored for the `exec` of a request.

    Raises:
        Refusal: it lacks something, or its kind is none of the manifest's.
    """
    if not isinstance(given, dict):
        raise bad("exec undefined")
    kind = given.get("kind")
    if not isinstance(kind, str):
        raise malformed("'kind' must be a string defined in 'exec'")
    special: dict[str, Callable[[], Doc]] = {
        SEQUENCE: lambda: _sequence(given, namespace),
        "blackbox": lambda: _blackbox(given),
    }
    return special.get(kind, lambda: _code(given, kind, manifest))()


def _sequence(given: Doc, namespace: str) -> Doc:
    components = given.get("components")
    if not isinstance(components, list):
        raise malformed("'components' must be defined for sequence kind")
    return {
        "kind": SEQUENCE,
        "components": [f"/{full_name(str(each), namespace)}" for each in components],
    }


def _blackbox(given: Doc) -> Doc:
    if not isinstance(given.get("image"), str):
        raise malformed("'image' must be a string defined in 'exec' for 'blackbox' actions")
    code = given.get("code") or ""
    found = {"kind": "blackbox", "image": given["image"], "binary": is_binary(code)}
    return {**found, **_optional(given), **({"code": code} if code else {})}


def _code(given: Doc, kind: str, manifest: Manifest) -> Doc:
    runtime = manifest.resolve(kind)
    if runtime is None:
        known = ", ".join(f"'{name}'" for name in manifest.runtimes)
        raise malformed(
            f"The specified runtime '{kind}' is not supported by this platform."
            f" Valid values are: {known}."
        )
    if runtime.deprecated:
        raise bad(
            f"The '{runtime.kind}' runtime is no longer supported."
            " You may read and delete but not update or invoke this action."
        )
    code = given.get("code")
    if not isinstance(code, str):
        raise malformed(f"'code' must be a string defined in 'exec' for '{runtime.kind}' actions")
    if runtime.require_main and not given.get("main"):
        raise malformed(f"'main' must be a string defined in 'exec' for '{runtime.kind}' actions")
    return {"kind": runtime.kind, "code": code, "binary": is_binary(code), **_optional(given)}


def _optional(given: Doc) -> Doc:
    return {"main": given["main"]} if given.get("main") else {}
