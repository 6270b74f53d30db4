"""Progress of what takes long: a line that plain pyinfra prints and `whisklab apply` shows too."""

from __future__ import annotations

from pyinfra import logger

PROGRESS = 25  # a logging level between INFO, which is pyinfra's chatter, and WARNING


def tell(sentence: str) -> None:
    """Show how far something is; at most every few seconds."""
    logger.log(PROGRESS, "%s", sentence)
