"""The command line of Multipass: each call has a deadline, and what it fails with is a sentence.

Texts, exit codes and what is printed as JSON are those of Multipass 1.13 to 1.16 (its documentation
and sources, src/client/cli); others are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from whisklab.lab.common.ended import Ended, run
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.providers.multipass.failures import (
    LOST,
    NO_SERVER,
    UNREACHED,
    Failed,
    failure,
)
from whisklab.lab.providers.multipass.instances import Instance, parse_list, parse_snapshots
from whisklab.lab.sizes import written

PROGRAM = "multipass"
_MISSING = "install Multipass (Linux: snap install multipass; macOS: brew install --cask multipass)"
_QUICK, _SLOW = 60.0, 600.0  # seconds for what only asks, and for what changes disks
_AGAIN_WITHIN, _AGAIN_AFTER = 60.0, 2.0  # seconds; a daemon takes some to start
# A daemon that starts or is refreshed, or has not got all addresses yet.
_PASSING = (UNREACHED, "IP not available")
_NONE, _NO_SNAPSHOT = "does not exist", "No such snapshot"


@dataclass(frozen=True)
class Launch:
    """What a new instance is to be; sizes in bytes, `within` in seconds."""

    name: str
    image: str
    cpus: int
    memory: int
    disk: int
    user_data: str = field(repr=False)
    within: int = 900


# Runs a command with its standard input; ends it after so many seconds, or once it is unwanted.
Program = Callable[[Sequence[str], str, float, Callable[[], bool]], Ended]


def multipass(
    arguments: Sequence[str], stdin: str, within: float, unwanted: Callable[[], bool]
) -> Ended:
    """Run Multipass's client, as the user has it."""
    return run([PROGRAM, *arguments], within, missing=_MISSING, stdin=stdin, unwanted=unwanted)


class Client:
    """What is asked of Multipass.

    Args:
        program: runs its client.
        clock: by which it waits.
    """

    def __init__(self, program: Program = multipass, clock: Clock | None = None) -> None:
        self._program, self._clock = program, clock or Clock()

    def list(self) -> dict[str, Instance]:
        """Return all instances, by name, also those of others and deleted ones."""
        return parse_list(self._asked("list", "--format", "json"))

    def snapshots(self) -> dict[str, frozenset[str]]:
        """Return the names of all snapshots, by instance."""
        return parse_snapshots(self._asked("list", "--snapshots", "--format", "json"))

    def setting(self, key: str) -> str:
        """Return a setting, such as local.NAME.cpus; "" for an empty one."""
        return self._asked("get", "--raw", key).strip()

    def set(self, key: str, value: str) -> None:
        """Change a setting; those of an instance only while it is stopped."""
        self._changed("set", f"{key}={value}", within=_QUICK)

    def launch(self, wish: Launch) -> None:
        """Make and start an instance, and wait for it; its user data go through standard input.

        (The snap sees neither dot-directories nor /tmp, so that no path would be safe.)

        Raises:
            SlowStart: it is there, and not ready yet.
            Taken: the name is taken, be it by a deleted one.
        """
        self._changed(
            "launch", wish.image, "--name", wish.name, "--cpus", str(wish.cpus),
            "--memory", written(wish.memory), "--disk", written(wish.disk),
            "--timeout", str(wish.within), "--cloud-init", "-",
            stdin=wish.user_data, within=2 * wish.within + _QUICK,
        )  # fmt: skip

    def start(self, name: str, within: int) -> None:
        """Start an instance that is stopped or suspended.

        Raises:
            SlowStart: it runs, and is not ready yet.
        """
        self._changed("start", name, "--timeout", str(within), within=2 * within + _QUICK)

    def stop(self, name: str, within: float) -> None:
        """Power an instance off.

        Raises:
            Late: it did not in time.
        """
        self._changed("stop", name, within=within)

    def stay(self, name: str) -> None:
        """Take a delayed shutdown back."""
        self._changed("stop", "--cancel", name, within=_QUICK)

    def delete(self, name: str) -> None:
        """Remove an instance for good, with its snapshots; nothing when there is none."""
        try:
            self._changed("delete", "--purge", name, within=_SLOW)
        except Failed as error:
            if _NONE not in error.said:
                raise

    def recover(self, name: str) -> None:
        """Bring back an instance that was deleted, and not purged; it is stopped then."""
        self._changed("recover", name, within=_QUICK)

    def snapshot(self, name: str, called: str, comment: str) -> None:
        """Take a snapshot of a stopped instance."""
        self._changed("snapshot", name, "--name", called, "--comment", comment, within=_SLOW)

    def restore(self, name: str, called: str) -> None:
        """Have a stopped instance as it was; what it is now is lost."""
        self._changed("restore", "--destructive", f"{name}.{called}", within=_SLOW)

    def delete_snapshot(self, name: str, called: str) -> None:
        """Remove a snapshot; nothing when there is none."""
        try:
            self._changed("delete", "--purge", f"{name}.{called}", within=_SLOW)
        except Failed as error:
            if _NO_SNAPSHOT not in error.said and _NONE not in error.said:
                raise

    def _asked(self, *arguments: str) -> str:
        """Ask, for a minute where the daemon does not answer: to ask twice does no harm."""
        return self._run(arguments, within=_QUICK, passing=(*_PASSING, LOST))

    def _changed(self, *arguments: str, within: float, stdin: str = "") -> None:
        # A daemon that was not reached has done nothing; one that died may have.
        self._run(arguments, within=within, stdin=stdin, passing=_PASSING[:1])

    def _run(self, arguments: Sequence[str], *, within: float, passing: Sequence[str],
             stdin: str = "") -> str:  # fmt: skip
        over = self._clock.now() + _AGAIN_WITHIN
        unreached = True  # its image server: once more, it may have just been started
        while True:
            ended = self._program(arguments, stdin, within, self._clock.is_over)
            if ended.code == 0:
                return ended.out
            again = any(words in ended.said for words in passing) and self._clock.now() < over
            if not again and not (unreached and NO_SERVER in ended.said):
                raise failure(arguments, ended.said or ended.out)
            unreached = unreached and NO_SERVER not in ended.said
            self._clock.sleep(_AGAIN_AFTER)
