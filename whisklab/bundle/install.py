"""Install whisklab from a bundle, on a laptop without a network.

    tar xf lab.bundle install.py
    python3 install.py lab.bundle whisklab --key bundle_key.pub

This file is at the root of each bundle that has whisklab in it. It needs Python 3.11 or newer with
its standard library and nothing else, so it imports nothing of whisklab. What it takes from the
bundle it compares with the manifest; the signature of that is checked by what was installed then.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from typing import Any

OLDEST = (3, 11)
MARK = ".installing"  # in a directory that was begun and is not complete
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_SYSTEMS = {"Linux": "linux", "Darwin": "macos"}
_BAD_INPUT = 2
_PROGRESS_EVERY = 2.0  # seconds


class Stop(Exception):
    """It does not go on: a sentence, and the exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def here() -> tuple[str, str]:
    """Return minor version of this Python, and platform of this laptop, as a manifest says them."""
    machine = platform.machine()
    if sys.maxsize < 2**32:  # a 32-bit Python may run on any machine
        machine = "32bit"
    system = _SYSTEMS.get(platform.system(), platform.system().lower())
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return version, f"{system}-{_MACHINES.get(machine, machine)}"


def system() -> str:
    """Return what wheels are made for: `glibc 2.36`, `macOS 14.1`; "" for what is neither."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return " ".join(platform.libc_ver()).strip()


def is_new_enough(found: str, oldest: str) -> bool:
    """Return whether a system such as `glibc 2.36` is the same or newer than another one."""
    name, _, version = found.partition(" ")
    wanted, _, least = oldest.partition(" ")
    return name == wanted and _numbers(version) >= _numbers(least)


def _numbers(version: str) -> list[int]:
    return [int(each) for each in version.split(".") if each.isdigit()]


def parts(path: Path) -> list[Path]:
    """Return the files of a bundle in their order: FILE, or FILE.001, FILE.002, ...."""
    whole = path.with_suffix("") if path.suffix[1:].isdigit() else path
    if path.is_file() and not (path != whole and whole.with_name(f"{whole.name}.001").is_file()):
        return [path]
    found = sorted(whole.parent.glob(f"{whole.name}.[0-9][0-9][0-9]"))
    if not found:
        raise Stop(
            f"{path}: there is no such bundle, and no parts of one ({whole}.001)", _BAD_INPUT
        )
    for number, each in enumerate(found, 1):
        wanted = whole.with_name(f"{whole.name}.{number:03d}")
        if each != wanted:
            raise Stop(f"{wanted}: this part is missing, and {each.name} is there: copy it, too")
    return found


class Joined(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, paths: list[Path]) -> None:
        super().__init__()
        self._files = [(each.open("rb"), each.stat().st_size) for each in paths]
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte; returns which."""
        begin = (0, self._at, sum(size for _, size in self._files))[whence]
        self._at = begin + offset
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  as the library has it
        """Read some bytes of the file that is next; returns how many."""
        start = 0
        for file, size in self._files:
            if self._at < start + size:
                file.seek(self._at - start)
                count = file.readinto(memoryview(buffer)[: start + size - self._at])
                self._at += count
                return count
            start += size
        return 0


class Bundle:
    """What of a bundle is needed here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            file = io.BufferedReader(Joined(parts(path)))
            self._archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115  until the end
            self.text = self._read("manifest.json")
            self.manifest = json.loads(self.text)
            self.laptops = {
                f"python{each['python']}-{each['platform']}": each["system"]
                for each in self.manifest.get("laptops", [])
            }
        except (OSError, tarfile.TarError, ValueError, TypeError, AttributeError) as error:
            raise Stop(f"{path}: is no bundle that can be read ({error}): copy it again") from error
        except KeyError:
            raise Stop(f"{path}: has no manifest, so it is no bundle, or damaged", 2) from None

    def _read(self, name: str) -> bytes:
        file = self._archive.extractfile(name)
        return file.read() if file else b""

    def items(self, kind: str, architecture: str) -> list[dict[str, Any]]:
        """Return the items of a kind that are for a laptop."""
        return [
            each for each in self.manifest["items"]
            if each["kind"] == kind and architecture in each["architectures"]
        ]  # fmt: skip

    def content(self, item: dict[str, Any]) -> bytes:
        """Return the bytes of an item, compared with the manifest."""
        name, sha256 = f"{item['kind']} {item['name']} {item['version']}", item["sha256"]
        if sha256 in self.manifest["absent"]:
            raise Stop(f"{name}: is left to an earlier bundle (--since): install from that one", 2)
        try:
            data = self._read(f"blobs/sha256/{sha256}")
        except (KeyError, OSError, tarfile.TarError):
            raise Stop(f"{name}: is not in {self.path}: copy it again, all parts of it") from None
        if len(data) != item["size"] or hashlib.sha256(data).hexdigest() != sha256:
            raise Stop(f"{name}: its bytes in {self.path} are damaged: copy the bundle again")
        return data


def require_fit(bundle: Bundle) -> str:
    """Return how the bundle calls this laptop; raise if it is not for it."""
    version, there = here()
    name = f"python{version}-{there}"
    if not bundle.laptops:
        raise Stop(f"{bundle.path}: whisklab is not in it: have it built in a git checkout", 2)
    if platform.python_implementation() != "CPython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Stop(f"{sys.executable}: is another Python than the usual one: use CPython", 2)
    if name not in bundle.laptops:
        raise Stop(
            f"{bundle.path}: is for {', '.join(sorted(bundle.laptops))}, and this is {name} "
            f"({sys.executable}): use one of those, or have it built with --python {version} "
            f"--laptop {there}", 2,
        )  # fmt: skip
    if not is_new_enough(system(), bundle.laptops[name]):
        raise Stop(
            f"{bundle.path}: is for {bundle.laptops[name]} or newer, and this laptop has "
            f"{system() or 'no glibc'}: use another laptop", 2,
        )  # fmt: skip
    return name


def begin(directory: Path, digest: str) -> None:
    """Have a directory that is new, or where a try with this bundle broke off."""
    mark = directory / MARK
    if directory.exists() and not directory.is_dir():
        raise Stop(f"{directory}: is a file: name a new directory", _BAD_INPUT)
    if directory.is_dir() and any(directory.iterdir()):
        if not mark.is_file():
            raise Stop(f"{directory}: is not empty: name a new directory", _BAD_INPUT)
        if mark.read_text() != digest:
            raise Stop(f"{directory}: holds a try with another bundle: remove it, or name a new "
                       "directory", _BAD_INPUT)  # fmt: skip
        say(f"going on in {directory}, where a try broke off")
    directory.mkdir(parents=True, exist_ok=True)
    mark.write_text(digest)


def unpack(data: bytes, directory: Path) -> None:
    """Write the files of an archive; raise if one would lie elsewhere."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for each in archive:
            path = directory / each.name
            file = archive.extractfile(each) if each.isfile() else None
            if file is None or ".." in path.parts or Path(each.name).is_absolute():
                raise Stop(f"{each.name}: is no file that whisklab has: get the bundle again")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read())
            path.chmod(path.stat().st_mode | each.mode & 0o111)


def make_venv(directory: Path) -> None:
    """Make an empty .venv; pip comes from the bundle, so nothing but the module is needed."""
    try:
        import venv  # noqa: PLC0415  some distributions leave it out
    except ImportError:
        raise Stop(f"{sys.executable}: has no module venv: install python3-venv", 2) from None
    if directory.exists():  # of a try that broke off
        shutil.rmtree(directory)
    venv.create(directory, symlinks=True, with_pip=False)


def install(bundle: Bundle, name: str, directory: Path) -> None:
    """Install the wheels for a laptop, then whisklab itself as `make` does it."""
    shelf = directory / ".wheels"
    shelf.mkdir(exist_ok=True)
    lines, pip = [], ""
    for each in bundle.items("wheel", name):
        (shelf / each["file"]).write_bytes(bundle.content(each))
        lines.append(f"{each['name']}=={each['version']} --hash=sha256:{each['sha256']}\n")
        pip = str(shelf / each["file"]) if each["name"] == "pip" else pip
    (shelf / "lock").write_text("".join(lines))
    make_venv(directory / ".venv")
    say(f"installing {len(lines)} packages into {directory / '.venv'}")
    _pip(directory, pip, "--find-links", str(shelf), "--require-hashes", "-r", str(shelf / "lock"))
    say("installing whisklab itself")
    _pip(directory, pip, "--no-build-isolation", "--editable", str(directory))
    (directory / ".venv/ready").touch()  # what the Makefile looks at
    shutil.rmtree(shelf)


def _pip(directory: Path, wheel: str, *arguments: str) -> None:
    """Run pip out of its own wheel, without what the laptop has configured for it."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))
    }
    environment |= {"PIP_CONFIG_FILE": os.devnull, "TMPDIR": str(directory / ".wheels")}
    argv = [str(directory / ".venv/bin/python"), f"{wheel}/pip", "install", "--quiet", "--no-input",
            "--disable-pip-version-check", "--no-cache-dir", "--no-index", "--no-deps"]  # fmt: skip
    log = directory / ".wheels/log"
    with log.open("w") as file, subprocess.Popen(
        [*argv, *arguments], env=environment, stdout=file, stderr=subprocess.STDOUT
    ) as process:  # fmt: skip
        code = _waited(process, directory / ".venv")
    if code:
        words = log.read_text(errors="replace").strip().splitlines()
        raise Stop(f"pip does not install it: {words[-1] if words else code}")


def _waited(process: subprocess.Popen[bytes], venv: Path) -> int:
    """Wait for pip, telling now and then how far it is; returns its exit code."""
    while True:
        try:
            return process.wait(_PROGRESS_EVERY)
        except subprocess.TimeoutExpired:
            done = len(list(venv.glob("lib/*/site-packages/*.dist-info")))
            say(f"  {done} packages are there")


def verify(directory: Path, bundle: Path, key: Path) -> None:
    """Have the new whisklab check the bundle's signature."""
    say(f"checking the signature of {bundle}")
    argv = [str(directory / ".venv/bin/whisklab"), "bundle", "verify", str(bundle)]
    if subprocess.run([*argv, "--key", str(key)], cwd=directory, check=False).returncode:
        raise Stop(f"{bundle}: is not right, see above: do not use {directory}")


def say(line: str) -> None:
    """Tell what begins."""
    print(line, flush=True)


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description="Install whisklab from a bundle.")
    parser.add_argument("bundle", type=Path, help="the bundle, or its parts by its name")
    parser.add_argument("directory", type=Path, help="a new one, for whisklab")
    parser.add_argument("--key", type=Path, help="the bundle_key.pub of who built it")
    given = parser.parse_args()
    path, directory = given.bundle.absolute(), given.directory.absolute()
    if given.key and not given.key.is_file():
        raise Stop(
            f"{given.key}: is not there: give the bundle_key.pub of who built it", _BAD_INPUT
        )
    bundle = Bundle(path)
    name = require_fit(bundle)
    begin(directory, hashlib.sha256(bundle.text).hexdigest())
    say(f"unpacking whisklab into {directory}")
    for each in bundle.items("tool", "all"):
        unpack(bundle.content(each), directory)
    install(bundle, name, directory)
    key = f" --key {given.key.absolute()}" if given.key else ""
    if given.key:
        verify(directory, path, given.key.absolute())
    (directory / MARK).unlink()
    environment = bundle.manifest["environment"]
    say(f"whisklab is there. Next:\n  cd {directory}\n  .venv/bin/whisklab bundle upload {path} "
        f"{environment}{key}\n  .venv/bin/whisklab apply {environment}")  # fmt: skip
    if not given.key:
        say(f"The signature was not checked: .venv/bin/whisklab bundle verify {path} --key FILE")


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit("whisklab needs Python 3.11 or newer, not %d.%d" % sys.version_info[:2])  # noqa: UP031
    try:
        main()
    except Stop as stop:
        print(f"install.py: {stop}", file=sys.stderr)
        sys.exit(stop.code)
    except KeyboardInterrupt:
        print("install.py: stopped: the same command goes on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        sys.exit(f"install.py: {error}: make room, or name another directory")
