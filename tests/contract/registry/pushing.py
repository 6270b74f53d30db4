"""A push without a host: as a function, and as a process that can be killed.

As a program: URL, file of the authority, directory of remembered uploads, source, name; the
password comes on stdin. It prints what was pushed, as JSON.
"""

from __future__ import annotations

import json
import ssl
import sys
from dataclasses import asdict
from pathlib import Path

import urllib3

from whisklab.engine.registries.access import Access
from whisklab.engine.registries.secrets import PUSHER
from whisklab.images import archives, reading, rights
from whisklab.images.client import Registry
from whisklab.images.push import Push, Pushed


def reached(access: Access) -> Registry:
    """A registry that is reached directly."""
    context = ssl.create_default_context(cadata=access.authority)
    return Registry(access, urllib3.PoolManager(retries=False, ssl_context=context))


def opened(url: str, ca: Path, password: str) -> Registry:
    """Our own registry, with the account that pushes."""
    return reached(Access(
        url.removeprefix("https://"), PUSHER, password, ca.read_text(),
        account_file=".secrets/test/registry_push", authority_file=str(ca),
    ))  # fmt: skip


def push(registry: Registry, uploads: Path, source: Path, name: str | None) -> list[Pushed]:
    """Push a source, as the verb does."""
    with archives.opened(source) as found:
        targets = reading.targets(found, reading.images(found), name, registry.access)
        rights.require(registry, [name.repository for _, name in targets])
        run = Push(registry, found, uploads, lambda line: print(line, file=sys.stderr, flush=True))
        return run.run(targets)


if __name__ == "__main__":
    url, ca, uploads, source, name = sys.argv[1:]
    registry = opened(url, Path(ca), sys.stdin.readline().strip())
    done = push(registry, Path(uploads), Path(source), name or None)
    print(json.dumps([asdict(each) for each in done]))
