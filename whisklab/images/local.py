"""Images that a program of this machine has: saved by it into an archive, for a while."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.errors import BadInput, WhisklabError
from whisklab.paths import cache_dir

# Scheme of a source to the command that saves an image: a file and the image's name follow.
PROGRAMS = {
    "docker": ("docker", "save", "--output"),
    "containerd": ("ctr", "images", "export"),
}


def split(source: str) -> tuple[str, str] | None:
    """Return scheme and name of `docker://NAME` or `containerd://NAME`; None for a path.

    Raises:
        BadInput: another scheme, or no name.
    """
    scheme, mark, name = source.partition("://")
    if not mark:
        return None
    if scheme not in PROGRAMS or not name or name.startswith("-"):
        raise BadInput(
            f"{source}: expected a file, a directory, or one of "
            f"{', '.join(f'{each}://NAME' for each in PROGRAMS)}"
        )
    return scheme, name


@contextmanager
def saved(scheme: str, name: str) -> Iterator[Path]:
    """Have an image as an archive, removed at the end.

    It lies in whisklab's cache: /tmp may be small, or memory.

    Raises:
        BadInput: the program is not there.
        WhisklabError: it fails, such as for an image that it does not have.
    """
    program, *arguments = PROGRAMS[scheme]
    if shutil.which(program) is None:
        raise BadInput(
            f"{scheme}://{name}: there is no {program} on this machine: save the image where it "
            "is, and push the file"
        )
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="saved-", dir=cache_dir()) as directory:
        file = Path(directory) / "image.tar"
        done = subprocess.run(
            [program, *arguments, str(file), name], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise WhisklabError(f"{scheme}://{name}: {program} cannot save it: {said}")
        yield file
