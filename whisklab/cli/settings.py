"""`whisklab settings`: every key of the data with its default and its meaning."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON: key, default, meaning of each.")
def settings(as_json: bool) -> None:
    """Print every setting with its default and what it means, as group_data/all.py has them.

    An environment's own values go into group_data/ENVIRONMENT.py. In JSON a default is written as
    in Python; null where there is none to write: it comes from the inventory, or is a secret.
    """
    from deploys import models  # noqa: PLC0415  imports all capabilities
    from whisklab.engine.data import defaults  # noqa: PLC0415

    if not as_json:
        click.echo(defaults.text(models()), nl=False)
        return
    found = [
        {"key": each.key, "default": each.default, "meaning": each.meaning}
        for model in models()
        for each in defaults.settings(model)
    ]
    click.echo(json.dumps(found, indent=1))
