"""Bundles made wrong on purpose: with other manifests, without blobs, signed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from whisklab.bundle import keys, reading, tar, verifying, volume
from whisklab.bundle.manifest import Manifest, read
from whisklab.engine.data.secrets import SecretStore

Data = dict[str, Any]


def quiet(_: str) -> None:
    """Hear nothing."""


def contents(bundle: Path) -> dict[str, bytes]:
    """The files of a bundle in their order."""
    with volume.opened(bundle) as found:
        found_entries, offset = {}, 0
        while entry := tar.parsed(found.read(offset, tar.BLOCK)):
            found_entries[entry.name] = found.read(offset + tar.BLOCK, entry.size)
            offset += entry.span
        return found_entries


def written(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write files as a bundle has them."""
    with path.open("wb") as file:
        for name, data in files.items():
            file.writelines(tar.framed(tar.Entry(name, len(data)), [data]))
        file.write(tar.END)
    return path


def changed(
    bundle: Path, store: SecretStore, change: Callable[[Data, dict[str, bytes]], None]
) -> Path:
    """Write a bundle beside another one, with another manifest and files, signed by the same key.

    Args:
        bundle: the right one.
        store: of the key.
        change: changes the manifest's data and the files.
    """
    files = contents(bundle)
    data = json.loads(files[tar.MANIFEST])
    change(data, files)
    for each in data["documents"]:
        if each["name"] in files:
            content = files[each["name"]]
            each |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    text = Manifest.model_validate(data).text()
    files[tar.MANIFEST] = text
    files[tar.SIGNATURE] = keys.signature(keys.signer(store), text)
    return written(bundle.with_name("changed.bundle"), files)


def without(data: Data, files: dict[str, bytes], index: int, *, need: bool) -> str:
    """Leave an item out as a builder that has forgotten it would; returns its title.

    Args:
        data: of the manifest.
        files: of the bundle.
        index: which item.
        need: also forget that it is needed.
    """
    item = data["items"].pop(index)
    kept = {part for each in data["items"] for part in each["parts"]}
    gone = [part for part in item["parts"] if part not in kept]
    data["blobs"] = [each for each in data["blobs"] if each["sha256"] not in gone]
    for each in gone:
        del files[tar.BLOBS + each]
    if item["kind"] == "image":
        layout = json.loads(files[tar.INDEX])
        layout["manifests"] = [
            each for each in layout["manifests"]
            if each["annotations"]["io.containerd.image.name"] not in _names(item)
        ]  # fmt: skip
        files[tar.INDEX] = json.dumps(layout).encode()
    if need:
        same = ("kind", "name", "version")
        data["needs"] = [
            each for each in data["needs"]
            if [each[key] for key in same] != [item[key] for key in same]
            or not set(each["architectures"]) <= set(item["architectures"])
        ]  # fmt: skip
    title: str = f"{item['kind']} {item['name']}"
    return title


def _names(item: Data) -> tuple[str, str]:
    return f"{item['name']}:{item['version']}", f"{item['name']}@{item['version']}"


def problems(bundle: Path, store: SecretStore, *, blobs: bool = True) -> list[str]:
    """What `verify` finds."""
    key = keys.trusted(store)
    assert key is not None
    with volume.opened(bundle) as found:
        return verifying.verify(found, key, quiet, blobs=blobs).problems


def manifest_of(bundle: Path) -> Manifest:
    with volume.opened(bundle) as found:
        return read(reading.head(found).text, "test")
