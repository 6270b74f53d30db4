"""What `releases` reads from the data."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from whisklab.engine.data.names import Name, ReleaseName
from whisklab.engine.data.settings import Settings

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class UserRelease(BaseModel):
    """One release.

    Attributes:
        chart: the path of a chart directory or archive, or a product of the catalogue.
        version: of the chart; None takes the one that is there, or the catalogue's default.
        namespace: made when it is not there.
        values: laid over the chart's own, and over those of `values_files`.
        values_files: paths, a later one wins; for secrets, a file below .secrets/.
        wait: whether its pods must be ready before the run goes on.
        timeout: seconds for that.
        present: False uninstalls it.
        keep_claims: whether its claims, and so its data, stay when it is uninstalled or
            has them no more.
        variables: by name, what is filled in for `${NAME}` in strings of values, values files and
            `filled_files`, with RELEASE and NAMESPACE; `$${NAME}` stays `${NAME}`, and a name
            without a value is refused. None leaves all of it as it is.
        filled_files: paths in a chart that is a directory, such as "files/setup.sh".
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    chart: str | None = None
    version: str | None = None
    namespace: Name = "default"
    values: Annotated[dict[str, Any], Field(repr=False)] = {}
    values_files: list[str] = []
    wait: bool = True
    timeout: Annotated[int, Field(ge=1)] = 300
    present: bool = True
    keep_claims: bool = True
    variables: Annotated[dict[Variable, str] | None, Field(repr=False)] = None
    filled_files: list[str] = []

    @model_validator(mode="after")
    def _chart_named(self) -> Self:
        if self.present and not self.chart:
            raise ValueError("names no chart: expected a directory, an archive or a product")
        if self.filled_files and self.variables is None:
            raise ValueError(
                "has filled_files and no variables: expected these, {} for the own ones"
            )
        return self


class ReleaseSettings(Settings):
    """Releases: charts of your own, installed after the platform, in this order.

    {"my-app": {"chart": "charts/my-app", "namespace": "my-team", "values": {"replicas": 2}}}
      chart         a directory, an archive (.tgz), or a product of the catalogue
      version       of the chart, None takes the one that is there
      values_files  paths; secrets belong into a file below .secrets/<environment>/
      wait, timeout whether its pods must be ready (True), and within how many seconds (300)
      present       False uninstalls it; its claims and their data stay, unless keep_claims is False
      variables     {"DOMAIN": "lab.example"}: ${DOMAIN}, ${RELEASE} and ${NAMESPACE} are filled in
                    in strings of values and values_files, and in filled_files of a chart directory

    Attributes:
        releases: name of the release to what it is.
    """

    prefix: ClassVar[str] = ""

    releases: Annotated[dict[ReleaseName, UserRelease], Field(repr=False)] = {}
