"""Read by pyinfra before the inventory: installs the engine and names all settings."""

from deploys import models
from whisklab.engine.run import hooks

hooks.install(models())
