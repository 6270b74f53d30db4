"""What README and docs/ tell people to type is there, and what they point to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from deploys import models
from whisklab.cli.main import cli
from whisklab.engine.ssh.proxied import JUMP, route

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?whisklab [a-z][^`]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
README_LINES = 100  # two screens
SECRETS = {
    "bundle_key",
    "k3s_token",
    "registry_pull",
    "registry_push",
}  # files in .secrets, called like settings


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of a page, each as words; examples of a name stand for one."""
    text = page.read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    for line in [*lines, *INLINE.findall(text)]:
        words = re.sub(r"\|[a-z|]+", "", line)  # `whisklab up|status`: the first one
        words = re.sub(r"\[[^\]]*\]|\.\.\.", "", words)
        words = re.sub(r"<[a-z]+>", "name", words)
        yield shlex.split(words, comments=True)


def told() -> list[tuple[str, list[str]]]:
    return [(page.name, words) for page in PAGES for words in commands(page) if words]


def parse(words: list[str]) -> None:
    """Have click read a command without running it; usage errors are raised."""
    command: click.Command = cli
    context = click.Context(cli, info_name="whisklab")
    while isinstance(command, click.Group) and words:
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        context = click.Context(found, parent=context, info_name=name)
        command = found
    if isinstance(command, click.Group):
        return  # the page names it as a whole
    with command.make_context("whisklab", list(words), parent=context.parent):
        pass


@pytest.mark.parametrize(
    ("page", "words"), told(), ids=lambda each: " ".join(each) if isinstance(each, list) else each
)
def test_each_command_can_be_typed(page: str, words: list[str]) -> None:
    program, *arguments = words
    if program == "make":
        targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert arguments[0] in targets, page
    elif program.endswith("whisklab"):
        # A page that only names a verb leaves out what it needs.
        with suppress(click.MissingParameter):
            parse(arguments)
    else:
        assert program in {"for", "ssh", "docker", "tar", "python3"}, f"{page}: {words}"


def test_a_wrong_command_would_be_seen() -> None:
    for words in (["plam", "lab"], ["plan", "lab", "--dif"], ["images", "pull", "lab"]):
        with pytest.raises(click.UsageError):
            parse(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert (page.parent / link).exists(), link


def test_the_ssh_config_of_a_page_means_what_it_says(tmp_path: Path) -> None:
    """The first value of a file holds, so the order of its hosts counts."""
    page = (ROOT / "docs/own-machines.md").read_text()
    (tmp_path / "config").write_text(re.findall(r"^```\n(Host .*?)^```", page, re.M | re.S)[0])
    found = {name: route(name, None, None, str(tmp_path / "config"))
             for name in ("front", "inner-1", "inner-3")}  # fmt: skip
    assert found["front"].known_as == "gate.example.org"
    assert found["inner-1"].way == (JUMP, "front")
    assert (found["inner-3"].known_as, found["inner-3"].way) == ("10.8.0.3", (JUMP, "inner-1"))


def test_each_page_is_pointed_to() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []
    assert len(readme.splitlines()) < README_LINES


def test_each_setting_of_a_page_is_one() -> None:
    known = {f"{model.prefix}{name}" for model in models() for name in model.model_fields}
    prefixes = tuple({f"{model.prefix}" for model in models() if model.prefix})
    for page in PAGES:
        words = set(re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?: = [^`]*)?`", page.read_text()))
        wrong = {
            word for word in words - SECRETS if word.startswith(prefixes) and word not in known
        }
        assert wrong == set(), page.name
