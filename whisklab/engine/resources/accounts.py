"""The account that a service runs as: one question, of its own line only.

(pyinfra's `server.user` first asks for every account of the machine: a dozen programs for each.)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase, FactProcessError, operation
from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine.reasons import because
from whisklab.engine.scripts import script

SHELL = "/usr/sbin/nologin"
_USER, _GROUP = 7, 4  # fields: passwd(5), group(5)


@dataclass(frozen=True)
class Account:
    """What a machine knows of a name.

    Attributes:
        group: the number of the group of this name, None when there is none.
        user: the number of its user's group, and its shell; None when there is no user.
    """

    group: int | None = None
    user: tuple[int, str] | None = None


class Known(FactBase[Account]):
    """The user and the group called `account`."""

    @staticmethod
    def default() -> Account:
        """Neither."""
        return Account()

    def command(self, account: str) -> StringCommand:
        """At most a line of each database, the group's first."""
        return script('getent group "$1"; getent passwd "$1"; true', account)

    def process(self, output: list[str]) -> Account:
        """Tell the lines apart by their number of fields."""
        group = user = None
        for line in output:
            fields = line.split(":")
            try:
                if len(fields) == _GROUP:
                    group = int(fields[2])
                elif len(fields) == _USER:
                    user = (int(fields[3]), fields[6])
                else:
                    raise FactProcessError(f"unexpected answer of getent: {line!r}")
            except ValueError:
                raise FactProcessError(f"unexpected answer of getent: {line!r}") from None
        return Account(group, user)


@operation()
def of_service(account: str, home: str) -> Generator[StringCommand]:
    """Have a system user with a group of the same name; yields nothing when it is so.

    Args:
        account: name of both.
        home: of a new user; not made, and not compared, as none of a user that runs can be changed.
    """
    for reason, words in missing(host.get_fact(Known, account=account), account, home):
        because(reason)
        yield StringCommand(*map(QuoteString, words))


def missing(found: Account, account: str, home: str) -> Iterator[tuple[str, list[str]]]:
    """Yield what differs, each with the program that mends it. Pure."""
    if found.group is None:
        yield "there is no such group", ["groupadd", "--system", account]
    wish = ["--gid", account, "--shell", SHELL, account]
    if found.user is None:
        new = ["useradd", "--system", "--no-create-home", "--home-dir", home]
        yield "there is no such user", [*new, *wish]
    elif found.user != (found.group, SHELL):
        yield "its group or shell is another one", ["usermod", *wish]
