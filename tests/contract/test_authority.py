"""Whether programs of a machine trust an authority, asked of a real shell."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploys.authority import render
from deploys.authority.facts import Trusted
from tests.contract.test_file_operations import fact
from whisklab.engine.tls import authority


@pytest.mark.parametrize(
    ("wanted", "there", "trusted"),
    [("a", "xay", True), ("a", "xy", False), ("ab", "bxa", True), ("ab", "xa", False),
     ("a", "", False), ("a", None, False)],
)  # fmt: skip
def test_all_that_is_to_be_trusted_is_in_the_bundle(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: str,
    there: str | None,
    *,
    trusted: bool,
) -> None:
    """Each letter is an authority: of what there is to be, and of what programs read."""
    made = {name: authority.new(name, datetime.now(UTC)).certificate for name in "abxy"}
    bundle = tmp_path / "bundle"
    monkeypatch.setattr(render, "BUNDLE", str(bundle))
    if there is not None:
        bundle.write_text("".join(made[name] for name in there))
    assert fact(Trusted, certificate="".join(made[name] for name in wanted)) is trusted


def test_one_that_was_forgotten_since_is_trusted_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What programs read is older than what it is made of."""
    old, new = (authority.new(name, datetime.now(UTC)).certificate for name in "ab")
    bundle, source = tmp_path / "bundle", tmp_path / "whisklab.crt"
    monkeypatch.setattr(render, "BUNDLE", str(bundle))
    monkeypatch.setattr(render, "CERTIFICATE", str(source))
    for path in (source, bundle):
        path.write_text(new + old)
    assert fact(Trusted, certificate=new + old) is True
    source.write_text(new)
    os.utime(bundle, (source.stat().st_mtime - 1,) * 2)
    assert fact(Trusted, certificate=new) is False
    bundle.write_text(new)
    os.utime(bundle, (source.stat().st_mtime + 1,) * 2)
    assert fact(Trusted, certificate=new) is True
