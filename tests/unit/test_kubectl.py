"""What kubectl is to read, when it runs on another machine."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from whisklab.cli.kubectl import standard_input
from whisklab.errors import BadInput


@pytest.mark.parametrize(
    ("arguments", "reads"),
    [
        (["get", "nodes"], False),
        (["apply", "-f", "-"], True),
        (["apply", "-f-"], True),
        (["apply", "--filename=-"], True),
        (["create", "--filename", "-"], True),
        (["exec", "web", "--", "sort", "-f", "-"], False),
        (["exec", "-i", "web", "--", "sh"], True),
        (["exec", "web", "--", "tool", "-i"], False),
        (["logs", "-f", "deploy/web"], False),
        (["logs", "-f", "/"], False),  # it follows, and the name is that of something here
        (["get", "-f", "https://example.org/web.yaml"], False),
        (["delete", "--force", "pod/x"], False),
        (["apply", "-f"], False),
    ],
)
def test_stdin_is_read_when_kubectl_reads_it(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, reads: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"text")))
    assert standard_input(arguments) == (b"text" if reads else b"")


@pytest.mark.parametrize(
    "form", [["-f", "{}"], ["-f{}"], ["-f={}"], ["--filename={}"], ["-k", "{}"], ["-f", "-,{}"]]
)
def test_a_file_of_the_laptop_is_refused_with_the_way_to_give_it(
    tmp_path: Path, form: list[str]
) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("{}")
    with pytest.raises(BadInput, match=rf"{path} is on this machine.*: give it by"):
        standard_input(["apply", *(each.format(path) for each in form)])
    with pytest.raises(BadInput, match=f"{tmp_path} is on this machine.*: join its files"):
        standard_input(["apply", *(each.format(tmp_path) for each in form)])
