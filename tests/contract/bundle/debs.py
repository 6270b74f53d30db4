"""An archive of Debian packages on loopback: tiny ones, by dpkg-deb, indexed and signed."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.contract.bundle.upstream import Upstream

PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": lambda data: gzip.compress(data, mtime=0), ".xz": lzma.compress,
}  # fmt: skip


def built(directory: Path, name: str, version: str, **fields: str) -> Path:
    """Make a package whose only file is /opt/<name>, which has its version.

    Args:
        directory: where it goes.
        name: of it.
        version: of it.
        fields: further ones, `Pre_Depends` for Pre-Depends.
    """
    plain = f"{name}_{version.rpartition(':')[2]}_{fields.get('Architecture', 'all')}"
    root = directory / plain
    (root / "DEBIAN").mkdir(parents=True)
    (root / "opt").mkdir()
    (root / "opt" / name).write_text(f"{version}\n")
    control = {
        "Package": name, "Version": version, "Architecture": "all", "Maintainer": "test <t@t>",
        "Description": "test", **{key.replace("_", "-"): text for key, text in fields.items()},
    }  # fmt: skip
    lines = [f"{key}: {text}\n" for key, text in control.items()]
    (root / "DEBIAN/control").write_text("".join(lines))
    path = directory / f"{plain}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(root), str(path)],
        check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
    )  # fmt: skip
    return path


@dataclass
class DebArchive:
    """What it has; `publish` makes it known.

    Attributes:
        upstream: the server.
        directory: for what is made.
        place: below the server's address.
        suite: of it.
        files: path of each package below the archive, and its bytes.
        stanzas: of these, as the index has them.
    """

    upstream: Upstream
    directory: Path
    place: str = "/debian"
    suite: str = "stable"
    files: dict[str, bytes] = field(default_factory=dict)
    stanzas: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.upstream.url + self.place

    def line(self, options: str = "trusted=yes") -> str:
        """The source that a user writes."""
        return f"deb [{options}] {self.url} {self.suite} main"

    def add(self, name: str, version: str, **fields: str) -> bytes:
        """Have a package; returns its bytes."""
        return self.keep(built(self.directory, name, version, **fields))

    def keep(self, path: Path) -> bytes:
        """Have a package that is a file already; returns its bytes."""
        name, data = path.name, path.read_bytes()
        shown = subprocess.run(
            ["dpkg-deb", "--field", str(path)], check=True, capture_output=True, text=True
        )
        there = f"pool/main/{name[0]}/{path.name}"
        self.files[there] = data
        self.stanzas[there] = (
            f"{shown.stdout}Filename: {there}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
        return data

    def remove(self, name: str) -> None:
        """Have a package no longer."""
        for path in [each for each in self.files if each.split("/")[-1].startswith(f"{name}_")]:
            del self.files[path], self.stanzas[path]

    def publish(
        self,
        *,
        endings: Sequence[str] = ("", ".gz", ".xz"),
        sign: Callable[[bytes], bytes] | None = None,
        more: str = "",
        architectures: Sequence[str] = ("amd64",),
    ) -> None:
        """Serve it as it is now, in the place of what was.

        Args:
            endings: of the indexes that are served; all are in the Release.
            sign: makes the InRelease; None: there is a Release alone.
            more: further lines of the Release.
            architectures: that have an index.
        """
        for path in [each for each in self.upstream.files if each.startswith(f"{self.place}/")]:
            del self.upstream.files[path]
        for path, data in self.files.items():
            self.upstream.files[f"{self.place}/{quote(path, safe='/~:')}"] = data
        base = f"{self.place}/dists/{self.suite}"
        sums = ["SHA256:"]
        for architecture in architectures:
            index = "\n".join(self.stanzas.values()).encode()
            for ending, pack in PACKED.items():
                data = pack(index)
                name = f"main/binary-{architecture}/Packages{ending}"
                sums.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}")
                if ending in endings:
                    self.upstream.files[f"{base}/{name}"] = data
        release = "\n".join([f"Suite: {self.suite}", *([more] if more else []), *sums, ""]).encode()
        name = "InRelease" if sign else "Release"
        self.upstream.files[f"{base}/{name}"] = sign(release) if sign else release


class Signer:
    """A key of a test's own."""

    def __init__(self, home: Path, name: str = "archive") -> None:
        self._home = home
        home.mkdir(mode=0o700)
        self._run("--quick-gen-key", f"{name} <{name}@archive.example>", "ed25519", "sign", "never")
        self.keyring = home / "keys.gpg"
        self.keyring.write_bytes(self._run("--export"))
        self.armoured = home / "keys.asc"
        self.armoured.write_bytes(self._run("--armor", "--export"))

    def _run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--passphrase", "",
             "--pinentry-mode", "loopback", *arguments],
            input=stdin, capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout

    def sign(self, data: bytes) -> bytes:
        """Return an InRelease."""
        return self._run("--clear-sign", stdin=data)

    def end(self) -> None:
        """End the agent that gpg has started for it."""
        subprocess.run(
            ["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=True,
            capture_output=True,
        )  # fmt: skip
