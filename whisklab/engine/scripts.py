"""Shell scripts with arguments that no shell ever parses."""

from __future__ import annotations

from pyinfra.api.command import QuoteString, StringCommand


class Script(StringCommand):
    """`sh -c TEXT` with `arguments` as $1, $2 ..., so that no value is ever parsed."""

    def __init__(self, text: str, *arguments: str) -> None:
        self.text, self._arguments = text, tuple(map(QuoteString, arguments))
        super().__init__("sh", "-c", QuoteString(text), "whisklab", *self._arguments)

    def inline(self) -> StringCommand:
        """Return the same for a shell that is there, whose arguments and variables it changes."""
        return StringCommand("set", "--", *self._arguments, "\n", self.text)


def script(text: str, *arguments: str) -> StringCommand:
    """Return a Script."""
    return Script(text, *arguments)
