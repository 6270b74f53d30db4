"""Whether programs of a machine trust an authority, asked of a real shell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploys.authority import render
from deploys.authority.facts import Trusted
from tests.contract.test_file_operations import fact
from whisklab.engine import authority


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
