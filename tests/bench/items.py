"""Forty things that a host is to have, for each of the programs that are compared.

All of it has a name of its own on the host and is gone afterwards; packages are those that each
host has, and the settings of the kernel are those of the loopback card.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

DIRECTORY = "/etc/whisklab-bench"
FILES, DIRECTORIES, LINKS, SERVICES = 8, 8, 6, 4
_LINES = 20  # of a file
_UNITS = "/etc/systemd/system"
# As `whisklab.engine.resources.units.recorder` says it, which the other programs cannot import.
_RECORDER = (
    "-/bin/sh -c 'umask 077; mkdir -p /run/whisklab; sha256sum {unit} 2>/dev/null "
    "> /run/whisklab/{name}.started'"
)
_UNIT = """[Unit]
Description=Nothing, for whisklab's bench

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre={recorder}
ExecStart=/bin/true

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class File:
    """A file with content, mode 644 and root's."""

    path: str
    content: str


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    path: str
    target: str


@dataclass(frozen=True)
class Items:
    """What each host is to have.

    Attributes:
        files: those of the directory, and the units of the services.
        directories: mode 755 and root's.
        links: to files.
        packages: lists of them.
        sysctls: settings of the kernel and their values, which are not the usual ones.
        services: enabled and running.
    """

    files: tuple[File, ...]
    directories: tuple[str, ...]
    links: tuple[Link, ...]
    packages: tuple[tuple[str, ...], ...]
    sysctls: dict[str, int]
    services: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Return them as JSON and YAML have them."""
        return asdict(self)

    def __len__(self) -> int:
        """How many they are."""
        parts = (self.files, self.directories, self.links, self.packages, self.sysctls)
        return sum(map(len, parts)) + len(self.services)


def items() -> Items:
    """Return the forty; the same each time."""
    files = [File(f"{DIRECTORY}/file-{n}.conf", _text(n)) for n in range(FILES)]
    services = [f"whisklab-bench-{n}" for n in range(SERVICES)]
    units = [File(unit(name), _unit(name)) for name in services]
    return Items(
        files=(*files, *units),
        directories=tuple(f"{DIRECTORY}/directory-{n}" for n in range(DIRECTORIES)),
        links=tuple(Link(f"{DIRECTORY}/link-{n}", files[n].path) for n in range(LINKS)),
        packages=(("bash", "coreutils"), ("systemd", "dbus"), ("openssh-server", "sudo"),
                  ("iproute2", "procps")),
        sysctls={
            f"net.ipv4.conf.lo.{key}": value
            for key, value in (("log_martians", 1), ("send_redirects", 0), ("shared_media", 0),
                               ("secure_redirects", 0), ("arp_announce", 1), ("arp_ignore", 1))
        },
        services=tuple(services),
    )  # fmt: skip


def unit(service: str) -> str:
    """Return the path of a service's unit."""
    return f"{_UNITS}/{service}.service"


def _text(number: int) -> str:
    return "".join(f"setting_{line} = {number * line}\n" for line in range(_LINES))


def _unit(name: str) -> str:
    return _UNIT.format(recorder=_RECORDER.format(unit=unit(name), name=name))


def expected(wanted: Items) -> list[str]:
    """Return what `look` prints of a host that has all. Pure."""
    return [
        *(f"file root:root 644 {_sha(each.content)} {each.path}" for each in wanted.files),
        *(f"directory root:root 755 {path}" for path in wanted.directories),
        *(f"link {each.target} {each.path}" for each in wanted.links),
        *(f"package installed {name}" for names in wanted.packages for name in names),
        *(f"sysctl {value} {key}" for key, value in wanted.sysctls.items()),
        *(f"service active enabled {name}" for name in wanted.services),
    ]


def _sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def look(wanted: Items) -> str:
    """Return a shell script that prints what a host has of them, a line each. Pure.

    None of the programs that are compared has a part in it.
    """
    names = " ".join(name for group in wanted.packages for name in group)
    return f"""
exec 2>/dev/null
for p in {_words(each.path for each in wanted.files)}; do
  echo "file $(stat -c '%U:%G %a' $p) $(sha256sum < $p | cut -d' ' -f1) $p"; done
for p in {_words(wanted.directories)}; do test -d $p && stat -c 'directory %U:%G %a %n' $p; done
for p in {_words(each.path for each in wanted.links)}; do echo "link $(readlink $p) $p"; done
for p in {names}; do echo "package $(dpkg-query -W -f '${{db:Status-Status}}' $p) $p"; done
for k in {_words(wanted.sysctls)}; do echo "sysctl $(sysctl -n $k) $k"; done
for s in {_words(wanted.services)}; do
  echo "service $(systemctl is-active $s) $(systemctl is-enabled $s) $s"; done
exit 0
"""


def values(wanted: Items) -> str:
    """Return a shell script that prints the settings of the kernel as they are. Pure."""
    return f"sysctl {_words(wanted.sysctls)}"


def removal(wanted: Items, before: str) -> str:
    """Return a shell script that removes all of it. Pure.

    Args:
        wanted: what was made.
        before: what `values` printed before that.
    """
    services, units = _words(wanted.services), _words(map(unit, wanted.services))
    records = _words(f"/run/whisklab/{name}.started" for name in wanted.services)
    good = _words(f"/var/lib/whisklab/good/{name}" for name in wanted.services)
    return f"""
systemctl disable --quiet --now {services} 2>/dev/null
rm -rf {DIRECTORY} {units} {records} {good}
systemctl daemon-reload
rmdir /run/whisklab /var/lib/whisklab/good /var/lib/whisklab 2>/dev/null
sysctl -q -p - <<'END'
{before}
END
"""


def _words(each: Any) -> str:
    return " ".join(each)
