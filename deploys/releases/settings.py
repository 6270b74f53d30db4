"""What `releases` reads from the data."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from whisklab.engine.settings import Settings

# Helm's own rule for names of releases (at most 53), Kubernetes' for namespaces.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("expected a name such as my-app: lower case, digits, -, at most 53")
    return value


def _namespace(value: str) -> str:
    if not NAMESPACE.fullmatch(value):
        raise ValueError("expected a namespace such as my-team")
    return value


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
        keep_claims: whether its claims, and so its data, stay when it is uninstalled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    chart: str | None = None
    version: str | None = None
    namespace: Annotated[str, AfterValidator(_namespace)] = "default"
    values: Annotated[dict[str, Any], Field(repr=False)] = {}
    values_files: list[str] = []
    wait: bool = True
    timeout: Annotated[int, Field(ge=1)] = 300
    present: bool = True
    keep_claims: bool = True

    @model_validator(mode="after")
    def _chart_named(self) -> Self:
        if self.present and not self.chart:
            raise ValueError("names no chart: expected a directory, an archive or a product")
        return self


class ReleaseSettings(Settings):
    """The releases of an environment, deployed after the platform, in this order.

    Attributes:
        releases: name of the release to what it is.
    """

    prefix: ClassVar[str] = ""

    releases: Annotated[
        dict[Annotated[str, AfterValidator(_name)], UserRelease], Field(repr=False)
    ] = {}
