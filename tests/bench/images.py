"""The push of an image beside skopeo's, each into a new registry on loopback. No assertions."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from tests.contract.registry.doors import Doors, distribution
from tests.contract.registry.making import image, layer, single, written
from whisklab.engine.registries.secrets import PUSHER

MEGABYTES, LAYERS, TIMES = 500, 5, 5


def main() -> None:
    """Print the ratio."""
    if not shutil.which("skopeo"):
        sys.exit("images push: not compared, skopeo is not installed: apt-get install skopeo")
    ours, theirs = (statistics.median(each) for each in zip(*measured(), strict=True))
    what = f"images push of {MEGABYTES} MB"
    print(f"{what:<34} {ours:7.3f} s   {theirs / ours:5.2f} times as fast as skopeo copy")


def measured() -> list[tuple[float, float]]:
    """Return the seconds of both, measured in turns so that noise meets both."""
    program = distribution()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "image.tar"
        parts = [layer(number, (MEGABYTES << 20) // LAYERS) for number in range(LAYERS)]
        written(source, single(image(parts), "lab/big:1"))

        def one(push: Callable[[Doors, Path], None]) -> float:
            # A new one each time, or blobs would be there already.
            doors = Doors(program, Path(tempfile.mkdtemp(dir=name)) / "registry")
            doors.start(doors.push)
            try:
                start = time.perf_counter()
                push(doors, source)
                return time.perf_counter() - start
            finally:
                doors.stop_all()
                shutil.rmtree(doors.directory)

        return [(one(_ours), one(_skopeo)) for _ in range(TIMES)]


def _ours(doors: Doors, source: Path) -> None:
    argv = [sys.executable, "-m", "tests.contract.registry.pushing", doors.url(doors.push),
            str(doors.ca), str(doors.directory / "uploads"), str(source), ""]  # fmt: skip
    _run(argv, doors.known.passwords[PUSHER])


def _skopeo(doors: Doors, source: Path) -> None:
    accounts, address = doors.directory / "accounts.json", f"127.0.0.1:{doors.push.port}"
    login = b64encode(f"{PUSHER}:{doors.known.passwords[PUSHER]}".encode()).decode()
    accounts.write_text(json.dumps({"auths": {address: {"auth": login}}}))
    trusted = doors.directory / "trusted"  # of the server; beside a key it would be a client's
    trusted.mkdir()
    shutil.copy(doors.ca, trusted)
    _run(["skopeo", "--insecure-policy", "copy", "--quiet", f"--authfile={accounts}",
          f"--dest-cert-dir={trusted}", f"oci-archive:{source}",
          f"docker://{address}/lab/big:1"])  # fmt: skip


def _run(argv: list[str], line: str = "") -> None:
    subprocess.run(argv, input=f"{line}\n".encode(), check=True, capture_output=True)


if __name__ == "__main__":
    main()
