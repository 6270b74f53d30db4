"""Where the engine hooks into pyinfra 3.10; all of it, so that an upgrade has one place to look.

`install` is called by config.py, which pyinfra reads before it makes the inventory.
"""

from __future__ import annotations

from collections.abc import Iterable

from whisklab.engine.data.settings import Settings
from whisklab.engine.run import speed
from whisklab.engine.run.hooks import command, hosts
from whisklab.engine.run.hooks.command import Sentence, Watchers, beginning, installed

__all__ = ["Sentence", "Watchers", "beginning", "install", "installed"]


def install(models: Iterable[type[Settings]]) -> None:
    """Put the engine's connector, checks and error sentences in place. Idempotent.

    Args:
        models: the settings of all capabilities, against which the data are validated.
    """
    if installed():
        return
    hosts.install()
    command.install(list(models))
    speed.install()
