"""A user's release: what is filled in, where, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from deploys.releases.deploy import _release
from deploys.releases.settings import UserRelease
from whisklab.engine import helm
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.errors import BadInput

SCRIPT = 'echo "${DOMAIN} $HOME $(date) $${KEPT} ${RELEASE}"\n'
VALUES = {
    "host": "${RELEASE}.${DOMAIN}", "list": ["a", {"b": "in ${NAMESPACE}"}], "number": 3,
    "shell": "$${KEPT} $HOME $(date) ${lower}", "none": None, "${DOMAIN}": "a key",
}  # fmt: skip
NOWHERE = cast("Catalogue", None)  # nothing is looked up there


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    path = tmp_path / "chart"
    (path / "files").mkdir(parents=True)
    (path / "Chart.yaml").write_text("name: mine\nversion: 1.0.0\n")
    (path / "files/setup.sh").write_text(SCRIPT)
    (path / "files/other.sh").write_text(SCRIPT)
    return path


def release(chart: Path, **more: Any) -> helm.Release:
    given = {"chart": str(chart), "namespace": "team", "values": VALUES, **more}
    return _release("mine", UserRelease.model_validate(given), NOWHERE)


def files(found: helm.Release) -> dict[str, bytes]:
    assert found.chart
    return {name.removeprefix("chart/"): data for name, data in found.chart.files()}


def test_without_variables_all_stays_as_it_is(chart: Path) -> None:
    found = release(chart)
    assert found.values == VALUES
    assert files(found)["files/setup.sh"].decode() == SCRIPT


def test_strings_of_values_and_of_values_files_are_filled_in(chart: Path, tmp_path: Path) -> None:
    further = tmp_path / "values.yaml"
    further.write_text("below: {there: '${DOMAIN}'}\nhost: unseen ${UNKNOWN}\n")
    found = release(chart, variables={"DOMAIN": "lab.example"}, values_files=[str(further)])
    assert found.values == {
        "host": "mine.lab.example", "list": ["a", {"b": "in team"}], "number": 3, "none": None,
        "shell": "${KEPT} $HOME $(date) ${lower}", "${DOMAIN}": "a key",
        "below": {"there": "lab.example"},
    }  # fmt: skip


def test_the_files_that_are_named_are_filled_in_and_no_others(chart: Path) -> None:
    given = {"variables": {"DOMAIN": "lab.example"}, "filled_files": ["files/setup.sh"]}
    found, before = release(chart, **given), release(chart)
    assert files(found) == {
        **files(before),
        "files/setup.sh": b'echo "lab.example $HOME $(date) ${KEPT} mine"\n',
    }
    assert found.chart and before.chart  # noqa: PT018  for mypy
    assert found.chart.digest != before.chart.digest
    other = release(chart, **{**given, "variables": {"DOMAIN": "other.example"}})
    assert other.chart
    assert other.chart.digest != found.chart.digest  # so the release is upgraded


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"a": "${NONE}"}, "values: a"),
        ({"a": {"b": ["", "x ${NONE}"]}}, "values: a.b[1]"),
    ],
)
def test_a_name_without_a_value_is_refused_where_it_stands(
    chart: Path, values: dict[str, Any], where: str
) -> None:
    said = f"{where}: ${{NONE}} has no value, there are NAMESPACE, RELEASE; the shell's own is"
    with pytest.raises(BadInput, match=re.escape(said)):
        release(chart, values=values, variables={})
    files_ = {"values": {}, "variables": {}, "filled_files": ["files/setup.sh"]}
    with pytest.raises(BadInput, match=r"files/setup.sh: \$\{DOMAIN\} has no value"):
        release(chart, **files_)


@pytest.mark.parametrize("name", ["none.sh", "../chart/files/setup.sh", "/etc/hostname", "files"])
def test_a_file_that_is_none_of_the_chart_is_refused(chart: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"filled_files: {re.escape(name)}: "):
        release(chart, values={}, variables={}, filled_files=[name])


@pytest.mark.parametrize("name", ["lower", "1A", "A-B", ""])
def test_a_variable_that_could_not_be_written_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="variables"):
        UserRelease.model_validate({"chart": "a", "variables": {name: "x"}})


def test_files_without_variables_are_refused() -> None:
    with pytest.raises(ValidationError, match="has filled_files and no variables"):
        UserRelease.model_validate({"chart": "a", "filled_files": ["a"]})


def test_variables_may_be_secret() -> None:
    assert "hidden" not in repr(
        UserRelease.model_validate({"chart": "a", "variables": {"A": "hidden"}})
    )
