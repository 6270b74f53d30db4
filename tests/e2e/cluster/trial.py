"""A second environment on the same hosts, in which what is bad is tried."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.site import Run, Site

TRIAL = "trial"


def append(site: Site, file: str, text: str) -> None:
    """Append to a file of the trial environment; `{env}` stands for its name."""
    path = site.directory / file.format(env=TRIAL)
    path.write_text((path.read_text() if path.exists() else "") + text)


def judge(done: Run, code: int, *sentences: str) -> None:
    """Require the exit code, the sentences, and no traceback."""
    assert done.code == code, done.output
    for sentence in sentences:
        assert sentence in done.output, done.output
    assert "Traceback" not in done.output, done.output


@contextmanager
def trial_environment(site: Site) -> Iterator[None]:
    """Have a second environment on the same hosts, whose files may be edited at will."""
    inventory = site.directory / f"inventories/{TRIAL}.py"
    data = site.directory / f"group_data/{TRIAL}.py"
    secrets = site.directory / f".secrets/{TRIAL}"
    inventory.write_text((site.directory / site.inventory).read_text().replace(
        "Path(__file__).stem", repr(site.name)))  # fmt: skip
    shutil.copy2(site.directory / f"group_data/{site.name}.py", data)
    shutil.copytree(site.directory / f".secrets/{site.name}", secrets)
    try:
        yield
    finally:
        inventory.unlink()
        data.unlink()
        shutil.rmtree(secrets)


@contextmanager
def saying(site: Site, line: str) -> Iterator[None]:
    """Have a line more in the environment's data."""
    data = site.directory / f"group_data/{site.name}.py"
    before = data.read_text()
    data.write_text(f"{before}\n{line}\n")
    try:
        yield
    finally:
        data.write_text(before)
