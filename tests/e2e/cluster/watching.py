"""Programs that watch machines during a run: every exec, every file that others can read."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.cluster.faults import fault
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

_PROGRAMS = Path(__file__).with_name("watch")
_EXECS = _PROGRAMS / "execs"
_TRACER = _PROGRAMS / "execs.pl"
_READABLE = _PROGRAMS / "readable.pl"
_TURN = "/run/turn"  # whose files wait until the watcher has looked at everything
# Where a run writes, or might.
WRITTEN = ("/etc", "/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root", "/usr/local",
           "/var/log", "/var/lib/whisklab", "/var/lib/rancher", "/opt/whisklab")  # fmt: skip
# Programs that end a state of a file; each waits until the watcher has seen that state.
STEPPED = ("/usr/bin/chmod", "/usr/bin/chown", "/usr/bin/mv", "/usr/bin/rm")
_STEP = f"""#!/bin/sh
if true > {_TURN}/$$; then
  tries=0
  while test -e {_TURN}/$$; do
    tries=$((tries + 1))
    test $tries -lt 3000 || {{ echo "nobody watches this machine" >&2; exit 1; }}
    sleep 0.005
  done
fi 2> /dev/null
exec PROGRAM "$@"
"""


@contextmanager
def execs(site: Site, seen: Mapping[str | None, Path]) -> Iterator[None]:
    """Note argv and environment of every exec on hosts (None: on this machine), none missed.

    Args:
        site: with the hosts.
        seen: by host, gets lines: `cmdline` or `environ`, user id, text; the last one says how many
            could not be noted: `lost 0`.
    """
    program = seen[None].with_name("watch-execs")
    subprocess.run(["go", "build", "-o", program, "."], cwd=_EXECS, check=True)
    with ExitStack() as stack:
        shared = [f"{seen[None]}=self"]
        for host, path in seen.items():
            if host is None:
                continue
            if space := _space(site, host):
                shared.append(f"{path}={space}")
            else:
                tracer = _on(site, host, "sudo", "perl", "-e", _TRACER.read_text())
                stack.enter_context(_watching(tracer, "", path))
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        said = seen[None].with_name("watch-execs.said")
        stack.enter_context(_watching([*sudo, str(program), *shared], "", said))
        yield


def _space(site: Site, host: str) -> str | None:
    """Return the PID namespace of a host that runs on this machine's own kernel, else None."""
    kernel, space = site.root(host, "uname -rv; stat -Lc %i /proc/1/ns/pid").splitlines()
    own = os.uname()
    return space if kernel == f"{own.release} {own.version}" else None


@contextmanager
def readable(site: Site, host: str, needles: Iterable[str], seen: Path) -> Iterator[None]:
    """Note every file that the user `nobody` can read, if only for a moment, and holds a needle.

    Args:
        site: with the host.
        host: its name.
        needles: what to look for.
        seen: gets the paths, one a line.
    """
    argv = _on(site, host, "sudo", "-u", "nobody", "perl", "-e", _READABLE.read_text(),
               "always", _TURN, *WRITTEN)  # fmt: skip
    turn = f"install -d -m 777 {_TURN}"
    with (
        fault(site, host, turn, f"rm -r {_TURN}"),
        _watching(argv, _lines(needles), seen),
        _stepped(site, host),
    ):
        yield


@contextmanager
def _stepped(site: Site, host: str) -> Iterator[None]:
    do, undo = ["set -e"], []
    for path in STEPPED:
        true, step = (f"/run/{kind}{path.replace('/', '-')}" for kind in ("true", "step"))
        script = _STEP.replace("PROGRAM", true)
        do += [f"cp -p {path} {true}", f"printf %s {shlex.quote(script)} > {step}",
               f"/run/true-usr-bin-chmod 755 {step}"]  # fmt: skip
        undo += [f"umount -l {path}"]  # somebody may be in the middle of it
    do += [f"mount --bind /run/step{path.replace('/', '-')} {path}" for path in STEPPED]
    undo += ["rm -f /run/true-usr-bin-* /run/step-usr-bin-*"]
    with fault(site, host, "\n".join(do), "\n".join(undo)):
        yield


def readable_now(site: Site, host: str, needles: Iterable[str], since: int) -> list[str]:
    """Return all files of the host that `nobody` can read, changed since then, with a needle."""
    program = _READABLE.read_text()
    done = subprocess.run(
        _on(site, host, "sudo", "-u", "nobody", "perl", "-e", program, "once", str(since), "/"),
        input=_lines(needles), capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    first, *found, last = done.stdout.splitlines()
    assert (first, last) == ("watching as nobody", "done"), done
    return found


def _lines(needles: Iterable[str]) -> str:
    return "".join(f"{each}\n" for each in needles) + "\n"


def _on(site: Site, host: str, *argv: str) -> list[str]:
    return [*site.ssh_command(host), shlex.join(argv)]


@contextmanager
def _watching(argv: list[str], given: str, seen: Path) -> Iterator[None]:
    with (
        seen.open("w") as output,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=output, text=True) as watcher,
    ):
        assert watcher.stdin
        watcher.stdin.write(given)
        watcher.stdin.flush()
        try:
            until("it watches", lambda: _watches(watcher, seen))
            yield
        finally:
            watcher.stdin.close()
    assert watcher.returncode == 0, argv


def _watches(watcher: subprocess.Popen[str], seen: Path) -> bool:
    assert watcher.poll() is None, "this machine cannot be watched: see stderr"
    return "watching" in seen.read_text(errors="replace")
