"""Artifacts: fetched once on the laptop, checked, pushed to the hosts that lack them."""

from __future__ import annotations

import gzip
import secrets
import shutil
from collections.abc import Generator
from pathlib import Path
from urllib.parse import unquote, urlparse

from gevent.lock import BoundedSemaphore
from pyinfra import host, logger
from pyinfra.api import FactBase, FactProcessError, operation
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.host import Host

from whisklab.engine.cache import cached, sha256_of, writing
from whisklab.engine.catalogue import Artifact
from whisklab.engine.connector import WhiskSSH
from whisklab.engine.downloads import download, wrong_checksum
from whisklab.engine.files import SHA256_HEX, script
from whisklab.engine.reasons import because
from whisklab.engine.remote import call
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

CHUNK = 1 << 20
COMPRESSED = (".gz", ".tgz", ".zst", ".xz", ".bz2")
# What did not arrive whole must not stay: it is large, and nobody may come back for it.
_PUT = """
set -e; new="$1.whisklab-new"; mkdir -p "$(dirname "$1")"
trap 'rm -f "$new"' EXIT
if test "$4" = packed; then gzip -dc > "$new"; else cat > "$new"; fi
sum=$(sha256sum < "$new")
if test "${sum%% *}" != "$3"; then echo "it arrived broken" >&2; exit 1; fi
chown 0:0 "$new"; chmod "$2" "$new"; mv -f "$new" "$1"
"""
_one_at_a_time = BoundedSemaphore()


def fetch(artifact: Artifact) -> Path:
    """Return the artifact's file on the laptop, downloading it into the cache when it lacks.

    Idempotent; a file is in the cache only after its checksum was right.

    Raises:
        WhisklabError: the source does not answer, breaks off, or has another checksum; or the
            cache cannot be written.
    """
    with _one_at_a_time:
        return _fetch(artifact)


def _fetch(artifact: Artifact) -> Path:
    url = urlparse(artifact.source.url)
    if url.scheme == "file":
        path = Path(unquote(url.path))
        if not path.is_file():
            raise WhisklabError(f"{artifact}: {path} is not there: build or copy it again")
        _check(artifact, path)
        return path
    path = cached(artifact.source.sha256, artifact.file_name)
    if not path.is_file():
        download(str(artifact), artifact.source.url, path, artifact.source.sha256, logger.info)
    return path


def _check(artifact: Artifact, path: Path) -> None:
    found = sha256_of(path)
    if found != artifact.source.sha256:
        raise WhisklabError(
            wrong_checksum(str(artifact), artifact.source.url, artifact.source.sha256, found)
        )


class Sha256(FactBase[str | None]):
    """SHA-256 of a large file at `path`, None when there is none.

    The host remembers it by inode, size and change time in /run, because it takes half a second
    for 140 MB.
    """

    def command(self, path: str) -> StringCommand:
        """Print the remembered digest when the file is the same, else compute it."""
        return script(
            'test -f "$1" || exit 0; id=$(stat -c "%i.%s.%z" "$1"); '
            'memo=/run/whisklab/digests/$(printf %s "$1" | tr / _); '
            'if test -f "$memo" && test "$(head -n 1 "$memo")" = "$id"; then tail -n 1 "$memo"; '
            'else sum=$(sha256sum < "$1"); sum=${sum%% *}; mkdir -p /run/whisklab/digests '
            '&& printf "%s\\n%s\\n" "$id" "$sum" > "$memo"; echo "$sum"; fi',
            path,
        )

    def process(self, output: list[str]) -> str:
        """One line of 64 hexadecimal digits."""
        if len(output[0]) != SHA256_HEX:
            raise FactProcessError(f"unexpected answer of sha256sum: {output[:2]}")
        return output[0]


@operation()
def fetched(artifact: Artifact, path: str) -> Generator[FunctionCommand]:
    """Have the artifact in the laptop's cache if this host lacks it at `path`.

    Its own operation, so that a run can fetch everything before it changes any host.
    """
    if host.get_fact(Sha256, path=path) != artifact.source.sha256:
        because(f"{artifact} is not on this host")

        def fetch_to_cache(_: Host) -> None:
            _to_push(artifact)

        yield call(fetch_to_cache)


@operation()
def pushed(artifact: Artifact, path: str, mode: str = "755") -> Generator[FunctionCommand]:
    """Have the artifact at `path`: uploaded beside it, verified there, then renamed.

    So a running binary can be replaced, and a broken upload leaves the old file.

    Args:
        artifact: what to put there.
        path: absolute; missing directories are made.
        mode: octal.
    """
    if host.get_fact(Sha256, path=path) != artifact.source.sha256:
        because(f"it is not {artifact}")

        def push_to_host(target: Host) -> None:
            push(target, artifact, path, mode)

        yield call(push_to_host)


def push(target: Host, artifact: Artifact, path: str, mode: str) -> None:
    """Upload the artifact to one host, compressed on the way if it is not yet.

    Raises:
        WhisklabError: the host refused it, or what arrived has another checksum.
    """
    connector = target.connector
    if not isinstance(connector, WhiskSSH):
        raise WhisklabError(f"{target.name} is not reached over SSH")
    source = _to_push(artifact)
    packed = not artifact.file_name.endswith(COMPRESSED)
    command = script(
        _PUT,
        path,
        mode,
        artifact.source.sha256,
        "packed" if packed else "plain",
    )
    ok, stderr = connector.stream(command, source)
    if not ok:
        raise WhisklabError(
            f"{target.name}: {artifact} could not be put at {path}: "
            f"{stderr.strip() or 'the connection broke'}"
        )


def _to_push(artifact: Artifact) -> Path:
    """Return the file to send, compressed if it is not yet; both stay in the cache."""
    local = fetch(artifact)
    if local.name.endswith(COMPRESSED):
        return local
    packed = cache_dir() / "packed" / f"{artifact.source.sha256}.gz"
    with _one_at_a_time, writing(packed.parent):
        if not packed.is_file():
            _pack(local, packed)
    return packed


def _pack(local: Path, packed: Path) -> None:
    packed.parent.mkdir(parents=True, exist_ok=True)
    part = packed.with_name(f".{packed.name}.{secrets.token_hex(4)}")
    try:
        # Fast compression: the network is a lab's.
        with local.open("rb") as plain, gzip.open(part, "wb", compresslevel=1) as file:
            shutil.copyfileobj(plain, file, CHUNK)
        part.replace(packed)
    finally:
        part.unlink(missing_ok=True)
