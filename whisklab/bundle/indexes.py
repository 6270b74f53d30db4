"""Indexes of Debian archives: the description of each package, read when it is asked for. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence

from debian.deb822 import Deb822
from debian.debian_support import version_compare
from pydantic import ValidationError

from whisklab.engine.debian.package import Package
from whisklab.engine.debian.relations import Relation
from whisklab.errors import WhisklabError

_BETWEEN = re.compile(r"\n[ \t]*\n")
_NAME = re.compile(r"^Package: *(\S+)", re.MULTILINE)
_PROVIDES = re.compile(r"^Provides: *(.+(?:\n[ \t].+)*)", re.MULTILINE)
_ANY = "all"


class Catalogued:
    """The packages of some indexes, as `closure` chooses from them: the newest of each name.

    Args:
        texts: URL of an archive and an index of it.
        architecture: of the machines.
    """

    def __init__(self, texts: Iterable[tuple[str, str]], architecture: str) -> None:
        self._architecture = architecture
        # Where in which text: copies of all would take as much memory again.
        self._places: dict[str, list[tuple[str, str, int, int]]] = {}
        self._virtual: dict[str, set[str]] = {}
        self._found: dict[str, Package | None] = {}
        for url, text in texts:
            start = 0
            for end in (*(each.start() for each in _BETWEEN.finditer(text)), len(text)):
                self._add(url, text, start, end)
                start = end

    def _add(self, url: str, text: str, start: int, end: int) -> None:
        named = _NAME.search(text, start, end)
        if named is None:
            return
        self._places.setdefault(named[1], []).append((url, text, start, end))
        if provides := _PROVIDES.search(text, start, end):
            for word in provides[1].split(","):
                self._virtual.setdefault(word.split("(")[0].strip(), set()).add(named[1])

    def _stanzas(self, name: str) -> Iterator[tuple[str, str]]:
        for url, text, start, end in self._places.get(name, ()):
            yield url, text[start:end].strip()

    def named(self, name: str) -> Package | None:
        """As `Pool` says.

        Raises:
            WhisklabError: the index is wrong there.
        """
        if name not in self._found:
            there = [_package(url, each) for url, each in self._stanzas(name)
                     if _is_for(each, self._architecture)]  # fmt: skip
            order = functools.cmp_to_key(version_compare)
            # Of one version in several archives the first one has it: sources are in an order.
            self._found[name] = max(there, key=lambda one: order(one.version), default=None)
        return self._found[name]

    def providing(self, name: str) -> Sequence[Package]:
        """As `Pool` says; by their names."""
        found = (self.named(each) for each in sorted(self._virtual.get(name, ())))
        wanted = Relation(name)
        return [each for each in found if each and each.control.satisfies(wanted)]


def _is_for(stanza: str, architecture: str) -> bool:
    found = re.search(r"^Architecture: *(\S+)", stanza, re.MULTILINE)
    return found is not None and found[1] in (architecture, _ANY)


def _package(url: str, stanza: str) -> Package:
    fields = Deb822(stanza.splitlines())
    depends = filter(None, (fields.get("Pre-Depends", ""), fields.get("Depends", "")))
    try:
        found = Package(
            name=fields["Package"],
            version=fields["Version"],
            source=url,
            file=fields["Filename"].removeprefix("./"),
            size=int(fields["Size"]),
            sha256=fields["SHA256"].lower(),
            depends=_line(", ".join(depends)),
            provides=_line(fields.get("Provides", "")),
        )
        _ = found.control.groups, found.control.provisions
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _unusable(url, stanza, f"{first['loc'][0]}: {first['msg']}") from None
    except KeyError as error:
        raise _unusable(url, stanza, f"no {error.args[0]}") from None
    except ValueError as error:
        raise _unusable(url, stanza, str(error)) from None
    return found


def _unusable(url: str, stanza: str, why: str) -> WhisklabError:
    named = _NAME.search(stanza)
    return WhisklabError(
        f"package {named[1] if named else ''}: the index of {url} describes it wrongly ({why}): "
        "have the archive mended, or name another one (bundle_packages)"
    )


def _line(text: str) -> str:
    return " ".join(text.split())
