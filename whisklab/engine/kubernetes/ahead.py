"""What the API of a server was asked in the last run, asked again at the beginning of the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from gevent.pool import Pool
from pyinfra.api.host import Host

from whisklab.engine.facts import asking, memory
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.connection import AT_ONCE, Endpoint, is_known
from whisklab.engine.kubernetes.seen import NOTE, Get


def look(host: Host) -> None:
    """Ask the API of a server what it was asked in the last run, several questions at once.

    Nothing is said of what it does not answer: whoever needs it asks again.

    Args:
        host: looked at already (`asking.look`), which has brought its kubeconfig, too.
    """
    own = asking.of(host)
    texts = memory.notes(own.path, NOTE) if own.path else []
    pool = Pool(AT_ONCE)
    for endpoint, get in _noted(texts):
        if is_known(host, endpoint):
            pool.spawn(kube.ask_ahead, host, endpoint, get)
    pool.join()


def _noted(texts: list[str]) -> Iterator[tuple[Endpoint, Get]]:
    for text in texts:
        with suppress(ValueError, TypeError):  # of another version of this program
            kubeconfig, port, path, accept = json.loads(text)
            yield Endpoint(str(kubeconfig), int(port)), Get(str(path), str(accept))
