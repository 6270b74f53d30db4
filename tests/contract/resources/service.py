"""A machine whose systemd knows one service, as far as our operations ask it."""

from __future__ import annotations

from pathlib import Path

from tests.contract.test_base_operations import Machine, a_machine

NAME, CONFIG, UNIT = "web", "/etc/web/it's.yml", "/etc/systemd/system/web.service"
RECORD, GOOD = f"/run/whisklab/{NAME}.started", f"/var/lib/whisklab/good/{NAME}"
HEADER = "# ours"
# A unit records what it starts from, and one whose configuration is bad does not come up.
SYSTEMCTL = f"""
state() {{ sed -n "s/^$1=//p" "$root/unit"; }}
have() {{ sed -i "s/^$1=.*/$1=$2/" "$root/unit"; }}
case $1 in
show) cat "$root/unit"; test ! -e "$root/show fails" || exit 1;;
is-active) test "$(state ActiveState)" = active;;
daemon-reload) tell "$@"; have NeedDaemonReload no;;
enable) tell "$@"; have UnitFileState enabled;;
disable) tell "$@"; have UnitFileState disabled; have ActiveState inactive;;
restart) tell "$@"; mkdir -p /run/whisklab
  sha256sum "{CONFIG}" {UNIT} > {RECORD} 2>/dev/null
  if grep -q bad "{CONFIG}"; then have ActiveState failed; exit 1; fi
  have ActiveState active;;
esac"""


def a_service(root: Path) -> Machine:
    """Return a machine whose service has never run; its files are there."""
    machine = a_machine(root, "/etc", "/run", "/var/lib")
    machine.put(CONFIG, "one\n").chmod(0o640)
    machine.put(UNIT, f"{HEADER}\n")
    (root / "unit").write_text(
        "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nNeedDaemonReload=no\n"
    )
    machine.stub("systemctl", SYSTEMCTL)
    machine.stub("journalctl", "echo 'its last words'")
    machine.stub("curl", 'tell "$@"; test ! -e "$root/mute"')
    machine.stub("sleep")
    return machine


def change(machine: Machine, **properties: str) -> None:
    """Have systemd say something else of the unit."""
    path = machine.root / "unit"
    lines = dict(line.split("=") for line in path.read_text().splitlines()) | properties
    path.write_text("".join(f"{key}={value}\n" for key, value in lines.items() if value != "-"))
