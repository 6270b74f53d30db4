"""Files of a machine made of templates."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from whisklab.engine import runs


class _Compiled(dict[Path, Environment]):
    """What a run has compiled, by the directory that templates are in."""


def rendered(template: Path, **values: object) -> str:
    """Return the text of a template.

    Args:
        template: its file.
        values: by the names that it uses.

    Raises:
        UndefinedError: it uses one that is not given.
    """
    run, directory = runs.if_any(), template.parent
    known = _Compiled() if run is None else run.part(_Compiled)
    if directory not in known:
        known[directory] = Environment(
            loader=FileSystemLoader(directory),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701  files of services, no HTML
        )
    return known[directory].get_template(template.name).render(**values)
