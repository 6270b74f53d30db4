"""Facts that several operations in a row compare with, asked once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api import FactBase
from pyinfra.context import ctx_state

from whisklab.engine.connector import WhiskSSH

T = TypeVar("T")
# Of each host: a fact and its arguments, to when it was asked and the answer.
_known: WeakKeyDictionary[WhiskSSH, dict[Hashable, tuple[Hashable, Any]]] = WeakKeyDictionary()


def once(fact: type[FactBase[T]], **arguments: Any) -> T:  # noqa: ANN401  each fact has its own
    """Return a fact of the current host; asked again only after a command that changes the host.

    (pyinfra itself asks each time.) Not for what changes by itself, such as the state of a node.
    """
    connector = host.connector
    if not isinstance(connector, WhiskSSH):  # of tests
        return host.get_fact(fact, **arguments)
    # A run may have waited for another one between its stages.
    now = (ctx_state.get().current_stage, connector.changes)
    known = _known.setdefault(connector, {})
    key = (fact, repr(sorted(arguments.items())))
    if key not in known or known[key][0] != now:
        known[key] = (now, host.get_fact(fact, **arguments))
    answer: T = known[key][1]
    return answer
