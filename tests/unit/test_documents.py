"""Transcripts of pages are compared by what counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import QUICKSTART, README, Step, commands, difference, steps
from tests.picture import picture

SHOWN = """\
NAME     STATUS  AGE    VERSION
master   Ready   2m10s  v1.36.3+k3s1
worker1  Ready   95s    v1.36.3+k3s1
"""
PAGE = """\
Text with a `$ sign`.

```sh
make lab   # all of it
make test
```
```console
$ first --now
one
...
three
$ second
```
```text
$ not a command
```
"""


def test_a_page_is_read(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert commands(page) == ["make lab   # all of it", "make test"]
    assert steps(page) == [Step("first --now", "one\n...\nthree\n"), Step("second", "")]


@pytest.mark.parametrize(
    "printed",
    [
        SHOWN,
        SHOWN.replace("2m10s", "3d").replace("95s", "1d2h"),
        SHOWN.replace("  ", "    "),
        SHOWN.replace("Ready", "\x1b[32mReady\x1b[0m"),
    ],
)
def test_what_is_another_each_time_is_no_difference(printed: str) -> None:
    assert difference(SHOWN, printed) == ""


@pytest.mark.parametrize(
    "printed",
    [
        SHOWN.replace("v1.36.3", "v1.36.4"),
        SHOWN.replace("master ", "master0"),
        SHOWN.replace("Ready ", "Ready,", 1),
        SHOWN.removesuffix("worker1  Ready   95s    v1.36.3+k3s1\n"),
        SHOWN + "worker2  Ready   95s    v1.36.3+k3s1\n",
        "",
    ],
)
def test_everything_else_is(printed: str) -> None:
    assert "Expected:" in difference(SHOWN, printed)


def test_dots_stand_for_anything() -> None:
    assert difference("one\n...\nthree\n", "one\ntwo\nand a half\nthree\n") == ""
    assert difference("one in 1.5 s\n", "one in 20 ms\n") == ""
    assert difference("at 127.0.0.1:31001\n", "at 127.0.0.1:4711\n") == ""
    assert difference("one\n...\nthree\n", "one\ntwo\n") != ""


def test_the_picture_is_of_the_quickstart() -> None:
    """Which is compared with what is printed; `python -m tests.picture > docs/make-lab.svg`."""
    file = QUICKSTART.with_name("make-lab.svg")
    assert file.read_text() == picture(steps(QUICKSTART)[0])
    assert f"({file.relative_to(README.parent)})" in README.read_text()
