"""Whether something may be removed: asked at the terminal, or said beforehand."""

from __future__ import annotations

import sys

import click

from whisklab.errors import BadInput


def require(question: str, *, yes: bool) -> None:
    """Do nothing if the user wants it, as `yes` says or he answers.

    Raises:
        BadInput: there is nobody to ask.
        click.Abort: he does not.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("nothing was removed: there is no terminal to ask at, say --yes")
    click.confirm(question, abort=True)
