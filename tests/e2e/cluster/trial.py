"""A second environment on the same hosts, in which what is bad is tried."""

from __future__ import annotations

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
