"""The account of a service: what a machine says of it, and what is done about it."""

from __future__ import annotations

import pytest
from pyinfra.api import FactProcessError

from whisklab.engine.resources.accounts import SHELL, Account, Known, missing

GROUP = "web:x:990:"
USER = f"web:x:991:990::/srv/web:{SHELL}"


def programs(found: Account) -> list[str]:
    """The programs that would be run."""
    return [words[0] for _, words in missing(found, "web", "/srv/web")]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], ["groupadd", "useradd"]),
        ([GROUP], ["useradd"]),
        ([USER], ["groupadd", "usermod"]),
        ([GROUP, USER], []),
        ([GROUP, USER.replace(":990:", ":4:")], ["usermod"]),
        ([GROUP, USER.replace(SHELL, "/bin/sh")], ["usermod"]),
        ([GROUP, USER.replace("/srv/web", "/")], []),  # of a user that runs it cannot be changed
    ],
)
def test_only_what_lacks_is_made(lines: list[str], wanted: list[str]) -> None:
    found = Known().process(lines) if lines else Known.default()
    assert programs(found) == wanted


def test_what_is_no_line_of_an_account_is_refused() -> None:
    with pytest.raises(FactProcessError, match="getent"):
        Known().process(["getent: no such database"])


def test_a_new_user_has_the_group_and_no_shell() -> None:
    ((_, words),) = missing(Account(990, None), "web", "/srv/web")
    assert words[-5:] == ["--gid", "web", "--shell", SHELL, "web"]
    assert words[words.index("--home-dir") + 1] == "/srv/web"
