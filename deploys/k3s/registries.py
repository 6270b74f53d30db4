"""Mistakes in a registries.yaml that k3s reads without a word and does not use. Pure.

k3s ignores keys that it does not know, accounts that belong to no registry, and rules that make no
name: pulls fail later, on each node, with 401, x509 or "not found".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

EVERY = "*"  # stands for all registries that are not named
# Names of one to four parts, as the platform's images have them; Docker Hub's own begin so.
NAMES = (
    "library/busybox",
    "openwhisk/controller",
    "rancher/mirrored-pause",
    "coredns/coredns",
    "sig-storage/nfs-subdir-external-provisioner",
    "busybox",
    "team/project/part/tool",
)
_WORD = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{_WORD}(?:/{_WORD})*")  # of the distribution specification
# What Go's regular expressions have and Python's have not, or read in another way.
_GO_ONLY = re.compile(r"\\[zpPCQx]|\[\[:|\(\?<\w+>|.\(\?[a-zA-Z-]+\)|\(\?[a-zA-Z-]*[U-]")
# What Python's have and Go's refuse: looking around, references, possessive repetition.
_PYTHON_ONLY = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|\\[1-9Z]|[*+?}]\+")
_SCHEMES = {"http", "https"}  # as a host, it lacks its colon
_ADDRESS = re.compile(r"[\w.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")
_GROUP = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")  # as Go's Regexp.Expand reads a replacement


class _Part(BaseModel):
    # Source of the keys: github.com/rancher/wharfie, pkg/registries. Few environments have such a
    # file, so nothing of it is built before one does.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class _Account(_Part):
    username: str = ""
    password: str = ""
    auth: str = ""
    identity_token: str = ""


class _Tls(_Part):
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    insecure_skip_verify: bool = False


class _Mirror(_Part):
    endpoint: list[str] = []
    rewrite: dict[str, str] = {}


class _Config(_Part):
    auth: _Account | None = None
    tls: _Tls | None = None


class _File(_Part):
    mirrors: dict[str, _Mirror | None] = {}
    configs: dict[str, _Config | None] = {}


def mistake(given: Mapping[str, Any]) -> str | None:
    """Return the first mistake in what is to be registries.yaml, None if there is none.

    Args:
        given: its content; no value of it that may be secret is in the sentence.
    """
    try:
        file = _File.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{_path(first['loc'])}: {_said(first['type'], first['msg'])}"
    return next(_mistakes(file), None)


def _mistakes(file: _File) -> Iterator[str]:
    mirrors = {name: each for name, each in file.mirrors.items() if each is not None}
    hosts = {_host(each) for mirror in mirrors.values() for each in mirror.endpoint}
    for name, mirror in mirrors.items():
        for endpoint in mirror.endpoint:
            if _host(endpoint) is None:
                yield (
                    f"{_path(('mirrors', name, 'endpoint'))}: {endpoint.rpartition('@')[2]} is no "
                    "address of a registry: write https://HOST:PORT"
                )
        for pattern, replacement in mirror.rewrite.items():
            wrong = broken(pattern, replacement)
            if wrong is not None:
                yield f"{_path(('mirrors', name, 'rewrite', pattern))}: {wrong}"
    yield from _unused(file, {each for each in hosts if each is not None})


def _unused(file: _File, hosts: set[str]) -> Iterator[str]:
    for kind, names in (("mirrors", file.mirrors), ("configs", file.configs)):
        for name in names:
            if name != EVERY and (_host(name) is None or "/" in name):
                yield f"{_path((kind, name))}: it is no registry's name: write HOST:PORT"
    for name, config in file.configs.items():
        if name == EVERY and config is not None and config.auth is not None:
            yield (
                f"{_path(('configs', name, 'auth'))}: containerd gives an account only to the "
                "registry that is named: write one entry for each, as HOST:PORT"
            )
        if name in hosts or name in file.mirrors:
            continue
        other = next((each for each in sorted(hosts) if _bare(each) == _bare(name)), None)
        if other is not None and other not in file.configs:
            yield (
                f"{_path(('configs', name))}: {other} is asked, which is another registry to "
                f"containerd: write {other} there, or, if both are meant, an empty entry for it too"
            )


def broken(pattern: str, replacement: str) -> str | None:
    """Return why a rule of `rewrite` makes no names of names, None if nothing speaks against it.

    Args:
        pattern: a regular expression of Go, for the name without its registry.
        replacement: with `$1` or `${name}` for groups of it.
    """
    if found := _PYTHON_ONLY.search(pattern):
        return f"k3s has regular expressions of Go, which know no {found[0]}: write it without"
    if _GO_ONLY.search(pattern):
        return None
    try:
        rule = re.compile(pattern)
    except re.error as error:
        return f"it is no regular expression ({error}): write one such as ^rancher/(.*)$"
    known = {str(number) for number in range(rule.groups + 1)} | set(rule.groupindex)
    for braced, bare in _GROUP.findall(replacement):
        if (group := braced or bare) and group not in known:
            return (
                f"{replacement} takes what it calls ${group}, which is no group of the pattern"
                f"{_example(rule, replacement)}: put ( and ) around what is to stay, and write "
                "${1} where a letter, digit or _ follows"
            )
    for name in NAMES:
        made = _rewritten(rule, replacement, name)
        if not NAME.fullmatch(made):
            return f"{name} becomes {made or 'nothing'}, which is no name of an image: change it"
    return None


def _example(rule: re.Pattern[str], replacement: str) -> str:
    for name in NAMES:
        if rule.search(name):
            return f", so {name} becomes {_rewritten(rule, replacement, name) or 'nothing'}"
    return ""


def _rewritten(rule: re.Pattern[str], replacement: str, name: str) -> str:
    made, end = "", -1
    for found in rule.finditer(name):
        if found.start() == found.end() == end:
            continue  # Go ignores an empty match right behind another one
        made += name[max(end, 0) : found.start()] + _expanded(replacement, found)
        end = found.end()
    return made + name[max(end, 0) :]


def _expanded(replacement: str, found: re.Match[str]) -> str:
    def group(reference: re.Match[str]) -> str:
        key = reference[1] or reference[2]
        if key is None:
            return "$"
        if key.isdecimal():
            return (found[int(key)] or "") if int(key) <= found.re.groups else ""
        return (found[key] or "") if key in found.re.groupindex else ""

    return _GROUP.sub(group, replacement)


def _host(endpoint: str) -> str | None:
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        _ = parts.port  # refuses one that is no number
    except ValueError:
        return None
    at = parts.netloc.rpartition("@")[2]
    well = parts.scheme in _SCHEMES and parts.hostname not in {None, *_SCHEMES}
    return at if well and _ADDRESS.fullmatch(at) else None


def _bare(address: str) -> str | None:
    return urlsplit(f"//{address}").hostname


def _path(keys: tuple[str | int, ...]) -> str:
    texts = [str(each) for each in keys]
    return ".".join(each if each.isidentifier() else f'"{each}"' for each in texts)


def _said(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "k3s knows no such key there, and would say nothing: see k3s's private registries"
    return message[0].lower() + message[1:]
