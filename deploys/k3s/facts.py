"""Facts of `k3s`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from deploys.k3s.render import BINARY
from whisklab.engine import documents
from whisklab.engine.resources.placed import DIGEST
from whisklab.engine.scripts import script

WITHIN = "30"  # seconds; the first start of k3s unpacks itself


class TokenDigest(FactBase[str | None]):
    """SHA-256 of the token that the cluster of a server has, in the short form; None without one.

    `path` is k3s's own copy, which it never changes but by `k3s token rotate`; it holds the long
    form, `K10<hash of the CA>::<user>:<token>`.
    """

    def command(self, path: str) -> StringCommand:
        """Print the digest."""
        return script(
            "test -f \"$1\" || exit 0; sed 's/^K10[^:]*::[^:]*://' \"$1\" | tr -d '\\n' "
            "| sha256sum | cut -d ' ' -f 1",
            path,
        )

    def process(self, output: list[str]) -> str:
        """Take the one line."""
        return output[0]


class PackedManifests(FactBase[str]):
    """The manifests that k3s itself has written on a server and applied; empty without any.

    `directory` is server/manifests below its data; `names` are the files and directories there that
    are k3s's own, of which it leaves out what is disabled.
    """

    def command(self, directory: str, names: list[str]) -> StringCommand:
        """Print them as one YAML stream."""
        return script(
            'cd "$1" 2>/dev/null || exit 0; shift; for each; do '
            'for file in "$each" "$each"/*.yaml; do '
            'if test -f "$file"; then echo "---"; cat "$file"; echo; fi; done; done',
            directory,
            *names,
        )

    @staticmethod
    def default() -> str:
        """Nothing."""
        return ""

    def process(self, output: list[str]) -> str:
        """Join the lines."""
        return "\n".join(output)


@dataclass(frozen=True)
class Machine:
    """How a machine stands to its cluster.

    Attributes:
        started: when it was started, by its own clock, in seconds since 1970.
        up: for how many seconds it has been running.
        password: whether it has the password that a node is known by, so is no new machine.
    """

    started: float
    up: float
    password: bool


class MachineState(FactBase[Machine]):
    """When the machine was started (its first process: containers share a kernel), and whether it
    has `path`, the password of its node.
    """  # noqa: D205

    def command(self, path: str) -> StringCommand:
        """Print process 1, the kernel's uptime, a second's ticks, the time, and yes or no."""
        return script(
            "cat /proc/1/stat /proc/uptime; getconf CLK_TCK; date +%s.%N; "
            'if test -s "$1"; then echo yes; else echo no; fi',
            path,
        )

    def process(self, output: list[str]) -> Machine:
        """Subtract: field 22 of the stat is when the process was started, in ticks (proc(5))."""
        try:
            stat, uptime, ticks, now, known = output
            began = int(stat.rpartition(")")[2].split()[19]) / int(ticks)
            up = float(uptime.split()[0]) - began
            return Machine(float(now) - up, up, known == "yes")
        except (ValueError, IndexError):
            raise FactProcessError(f"unexpected answer on the machine: {output}") from None


class FixedSettings(FactBase[Mapping[str, object]]):
    """Those of `keys` that a config.yaml at `path` sets at its top level, each in one line.

    Of `secret` keys it is only said that they are there.
    """

    @staticmethod
    def default() -> Mapping[str, object]:
        """None of them."""
        return {}

    def command(self, path: str, keys: list[str], secret: list[str]) -> StringCommand:
        """Print just these lines: others may hold secrets."""
        pattern, hidden = (
            rf"^[\"']?({'|'.join(each)})[\"']?[[:space:]]*:" for each in (keys, secret)
        )
        return script(
            'if test -f "$1"; then sed -n -E -e "s/$3.*/\\1: true/p; t" -e "/$2/p" "$1"; fi',
            path, pattern, hidden,
        )  # fmt: skip

    def process(self, output: list[str]) -> Mapping[str, object]:
        """Parse them."""
        try:
            found = documents.read("\n".join(output))
        except yaml.YAMLError:
            raise FactProcessError(f"no YAML: {output}") from None
        return found if isinstance(found, dict) else {}


class ForeignFiles(FactBase[list[str]]):
    """Files of glob patterns, separated by spaces, whose first line is not `header`."""

    @staticmethod
    def default() -> list[str]:
        """None."""
        return []

    def command(self, patterns: str, header: str) -> StringCommand:
        """Print their paths."""
        return script(
            'for each in $1; do if test -f "$each" && ! head -n 1 "$each" | grep -qxF -e "$2"; '
            'then echo "$each"; fi; done',
            patterns,
            header,
        )

    def process(self, output: list[str]) -> list[str]:
        """Take the lines."""
        return sorted(output)


class Mentions(FactBase[Mapping[str, str]]):
    """Where files of glob patterns, separated by spaces, have one of `words`: place to word.

    A place is `path, line N`. Comments do not count, and of a line nothing else is shown.
    """

    @staticmethod
    def default() -> Mapping[str, str]:
        """Nowhere."""
        return {}

    def command(self, patterns: str, words: list[str]) -> StringCommand:
        """Print word, number of the line, and path."""
        return script(
            'patterns=$1; shift; for file in $patterns; do test -f "$file" || continue; '
            'for word; do WORD=$word awk \'!/^[[:space:]]*#/ && index($0, ENVIRON["WORD"]) '
            '{ print ENVIRON["WORD"], FNR, FILENAME }\' "$file"; done; done',
            patterns,
            *words,
        )

    def process(self, output: list[str]) -> Mapping[str, str]:
        """Parse them."""
        found = {}
        for line in output:
            word, number, path = line.split(maxsplit=2)
            found[f"{path}, line {number}"] = word
        return found


class ControlGroups(FactBase[int]):
    """Which version of control groups the machine has: 2 where all of them are in one hierarchy."""

    def command(self) -> StringCommand:
        """Print the kind of file system, as systemd tells them apart."""
        return script("stat -f -c %T /sys/fs/cgroup")

    def process(self, output: list[str]) -> int:
        """Know the one of version 2 (cgroups(7))."""
        return 2 if output == ["cgroup2fs"] else 1


class OtherVersion(FactBase[str | None]):
    """The version of the k3s at `path`, unless it is the wanted file; None when there is no k3s.

    The wanted one is known by its checksum, so the binary, whose start takes a while, is run just
    before an upgrade.
    """

    @staticmethod
    def may_be_asked_ahead(path: str, sha256: str) -> bool:  # noqa: ARG004  the fact's arguments
        """Tell whether a file may say so: it runs what is at the path, as root."""
        return path == BINARY

    def command(self, path: str, sha256: str) -> StringCommand:
        """Print the first line of `k3s --version` of another file."""
        return script(
            f'test -x "$1" || exit 0; test "$({DIGEST} "$1")" = "$2" || '
            'timeout -s KILL "$3" "$1" --version | head -n 1',
            path,
            sha256,
            WITHIN,
        )

    def process(self, output: list[str]) -> str | None:
        """Take the version from `k3s version VERSION (...)`; another program has none."""
        words = output[0].split()
        is_k3s = words[:2] == ["k3s", "version"] and len(words) > 2  # noqa: PLR2004
        return words[2] if is_k3s else None


# Either containerd says that plugins cannot have the database, and k3s waits for it for ever, or it
# ends: then bbolt's lines of the trace come before its own. (k3s itself has bbolt too, in etcd.)
# A service that is not active is started again and again, so its last minutes tell enough.
_BROKEN = r"""
systemctl is-active -q -- "$1" && exit 0
made=$(stat -c %Y -- "$2/io.containerd.metadata.v1.bolt" 2>/dev/null) || exit 0
since=$(($(date +%s) - 600)); test "$since" -gt "$made" || since=$made
if test -s "$2/containerd.log"; then tail -n 1000 "$2/containerd.log"
else journalctl --no-pager -q -o cat --since "@$since" -u "$1"; fi | awk '
  /^(panic|fatal error|unexpected fault)/ { crash = $0; bolt = 0 }
  crash && /bbolt/ { bolt = 1 }
  bolt && /containerd\/containerd/ { found = crash }
  /failed to load plugin/ && /metadata\.v1\.bolt/ { found = $0; sub(/.* error=/, "", found) }
  END { if (found) print found }'
"""


class BrokenRecords(FactBase[str | None]):
    """Why containerd, whose root is `directory`, cannot read its own records; None when it can.

    Looked for only while `service`, which runs containerd, is not active, in containerd's own log
    (where k3s writes one), else in the service's since these records were begun.
    """

    def command(self, service: str, directory: str) -> StringCommand:
        """Print the line of a crash, or nothing."""
        return script(_BROKEN, service, directory)

    def process(self, output: list[str]) -> str:
        """Take the line."""
        return output[0].strip()
