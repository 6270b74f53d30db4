"""Asking root to do its part of a lab: as a process of its own, with sudo if needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import whisklab
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.run import Report

_ELSEWHERE = "deploy to machines you have instead (inventories/example.py)"


def command(verb: str, *, system: str, is_root: bool, sudo: str | None) -> list[str]:
    """The command that does `verb` as root.

    Raises:
        WhisklabError: this machine has no way; names the other one.
    """
    if system != "linux":
        raise WhisklabError(f"the nspawn provider needs Linux and this is {system}; {_ELSEWHERE}")
    if not is_root and not sudo:
        raise WhisklabError(f"the nspawn provider needs root or sudo; {_ELSEWHERE}")
    # Root imports this very package and the standard library: no virtualenv, no current directory,
    # and no files of root's left in the user's tree.
    package = Path(whisklab.__file__).resolve().parent.parent
    python = [
        "env", f"PYTHONPATH={package}", "PYTHONDONTWRITEBYTECODE=1",
        sys.executable, "-P", "-S", "-m", "whisklab.lab.providers.nspawn", verb,
    ]  # fmt: skip
    return python if is_root else ["sudo", "--", *python]


def _end(process: subprocess.Popen[str]) -> None:
    """End root's part; when it is not ours to signal, its next report does."""
    with suppress(PermissionError):
        process.terminate()
    if process.stdout:
        process.stdout.close()


def ask(verb: str, request: dict[str, Any], report: Report) -> dict[str, Any]:
    """Do `verb` as root, passing on its progress; return its result.

    Raises:
        WhisklabError: it failed, or root could not be asked. BadInput likewise.
    """
    argv = command(verb, system=sys.platform, is_root=os.geteuid() == 0, sudo=shutil.which("sudo"))
    text = json.dumps({**request, "owner": os.getuid()})
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        try:
            process.stdin.write(text)
            process.stdin.close()
        except BrokenPipeError:  # it ended early; its exit code is told below
            report("root's part of the lab ended early")
        for line in process.stdout:
            event = json.loads(line)
            value = event["value"]
            if event["event"] == "result":
                return dict(value)
            if event["event"] == "error":
                kind = BadInput if value["exit_code"] == BadInput.exit_code else WhisklabError
                raise kind(value["message"])
            try:
                report(value)
            except WhisklabError:  # what we do is not wanted any more (`lab.beside`)
                _end(process)
                raise
    raise WhisklabError(f"root's part of the lab ended with exit code {process.returncode}")
