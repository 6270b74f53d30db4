"""Errors that a person reads: one sentence that names the thing and what to do."""

from __future__ import annotations


class WhisklabError(Exception):
    """The work could not be done. The command ends with exit code 1."""

    exit_code = 1


class BadInput(WhisklabError):
    """What was given cannot be right; nothing was done. The command ends with exit code 2."""

    exit_code = 2
