"""`whisklab bundle upload` as a user types it, up to where a machine would be needed.

One bundle for all, as its charts take long to render.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.contract.bundle.site import NAME, Site
from whisklab.bundle import keys
from whisklab.engine.data.secrets import SecretStore


def test_what_is_wrong_is_said_before_anything_is_brought(site: Site, tmp_path: Path) -> None:
    bundle = site.build()
    inside = Site(site.path, site.upstream, tmp_path / "inside", dict(site.data))
    site.upstream.faults = lambda _: (503, {}, b"")

    def said(code: int, *arguments: str) -> str:
        done = inside.run("upload", *arguments)
        assert done.returncode == code, done.stderr
        assert not list((tmp_path / "inside").glob("whisklab/artifacts/*"))
        return done.stderr

    assert "nobody" in said(2, str(bundle), "nobody")
    assert "there is no such bundle" in said(2, str(tmp_path / "none.bundle"), NAME)
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[: len(whole) // 2])
    assert "are missing: copy it again" in said(1, str(bundle), NAME)
    middle = len(whole) // 2
    bundle.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert "copy it again" in said(1, str(bundle), NAME)
    bundle.write_bytes(whole)
    secrets = site.path / ".secrets" / NAME
    for each in ("bundle_key", "bundle_key.pub"):
        (secrets / each).rename(secrets / f"{each}.kept")
    assert f"there is no .secrets/{NAME}/bundle_key.pub to check its signature with: put" in said(
        2, str(bundle), NAME
    )
    stranger = SecretStore(tmp_path / "stranger")
    keys.signer(stranger)
    other = ("--key", str(stranger.path(keys.PUBLIC)))
    assert "is by the key SHA256:" in said(1, str(bundle), NAME, *other)
    (secrets / "bundle_key.pub.kept").replace(secrets / "bundle_key.pub")  # which is enough

    # Right so far: the cache is filled, and the registry's first deploy finds all in it.
    done = inside.run("upload", str(bundle), NAME)
    assert done.returncode == 2, done.stderr
    assert "files: " in done.stdout
    assert "of them new" in done.stdout
    assert (
        f"not there: deploy the registry first (`whisklab apply {NAME} --only "
        "base,authority,registry`)" in done.stderr
    )
    files = [each for each in site.manifest()["items"] if each["kind"] == "file"]
    cached = tmp_path / "inside/whisklab/artifacts"
    assert {each.name for each in cached.iterdir()} == {each["sha256"] for each in files}
    again = inside.run("upload", str(bundle), NAME)
    assert f"files: {len(files)} in this laptop's cache, 0 of them new" in again.stdout
    site.say(registry_enabled=False)
    _without_a_registry(site, Site(site.path, site.upstream, tmp_path / "second", {}), bundle)


def _without_a_registry(site: Site, inside: Site, bundle: Path) -> None:
    """Images are archived for nodes, and the list names them."""
    done = inside.run("upload", str(bundle), NAME)
    assert done.returncode == 0, done.stderr
    items = site.manifest()["items"]
    names = {(each["name"], each["sha256"]) for each in items if each["kind"] == "image"}
    assert f"images: {len(names)} in this laptop's cache, {len(names)} of them new" in done.stdout
    assert f"`whisklab apply {NAME}` puts them on its nodes" in done.stdout
    path = site.path / f"inventories/{NAME}.images.json"
    listed = json.loads(path.read_text())
    assert {
        (each["name"].rpartition(":")[0], each["digest"].removeprefix("sha256:"))
        for each in listed["images"]
    } == names
    cached = {each.parent.name for each in inside.cache.rglob("*.oci.tar")}
    assert cached == {
        archive["sha256"] for each in listed["images"] for archive in each["archives"].values()
    }
    before = path.stat().st_mtime_ns
    again = json.loads(inside.run("upload", str(bundle), NAME, "--json").stdout)
    assert again["archives"] == {"total": len(names), "brought": 0, "size": 0}
    assert (again["images"], again["sent"], path.stat().st_mtime_ns) == ([], 0, before)
    path.write_text("{")
    wrong = inside.run("upload", str(bundle), NAME)
    assert (wrong.returncode, "is no list of images" in wrong.stderr) == (2, True), wrong.stderr
