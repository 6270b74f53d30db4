"""A stand-in for `multipass`: its instances are a JSON file, every call is written down.

It prints what the real one does and refuses what that refuses (documentation and sources of 1.16);
`faults` of the file make a call fail, hang, or do its work and fail all the same. It is a program,
so it is started by a file named `multipass` that gives it the path of the state.
"""

from __future__ import annotations

import fcntl
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GIB = 1024**3
FAILED = 2
Doc = dict[str, Any]


class Refused(Exception):
    """What a command says when it fails."""


@contextmanager
def state(file: Path) -> Iterator[Doc]:
    """Have the state alone; it is written back."""
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = json.loads(file.read_text())
        yield data
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(data))
        beside.replace(file)


def human(size: int) -> str:
    """A size as `multipass get` prints it."""
    return f"{size / GIB:.1f}GiB" if size >= GIB else f"{size / 1024**2:.1f}MiB"


def read(text: str) -> int:
    """A size as an option has it."""
    units = {"G": GIB, "M": 1024**2, "K": 1024}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def option(arguments: list[str], name: str) -> str:
    """The value of an option."""
    return arguments[arguments.index(name) + 1]


def instance(data: Doc, name: str) -> Doc:
    """An instance that there is, be it deleted."""
    if name not in data["instances"]:
        raise Refused(f'instance "{name}" does not exist')
    found: Doc = data["instances"][name]
    return found


def launch(data: Doc, arguments: list[str]) -> str:
    name = option(arguments, "--name")
    if name in data["instances"]:
        raise Refused(f'instance "{name}" already exists')
    if name in data["preparing"]:
        raise Refused(f'instance "{name}" is being prepared')
    data["launched"] = data.get("launched", 0) + 1
    data["instances"][name] = {
        "state": "Running",
        "ipv4": [f"10.121.48.{10 + data['launched']}"],
        "release": "Ubuntu 24.04 LTS",
        "cpus": int(option(arguments, "--cpus")),
        "memory": read(option(arguments, "--memory")),
        "disk": read(option(arguments, "--disk")),
        "snapshots": {},
        "user_data": data["stdin"],
    }
    return f"Launched: {name}"


def start(data: Doc, arguments: list[str]) -> str:
    found = instance(data, arguments[1])
    if found["state"] == "Deleted":
        raise Refused(f'instance "{arguments[1]}" is deleted')
    if found["state"] == "Unknown":
        raise Refused(
            "The following errors occurred:\n"
            f"Instance '{arguments[1]}' is already running, but in an unknown state.\n"
            "Try to stop it first."
        )
    found["state"] = "Running"
    return ""


def stop(data: Doc, arguments: list[str]) -> str:
    name = arguments[-1]
    found = instance(data, name)
    if found["state"] == "Suspended":
        raise Refused("Cannot stop suspended instance. Use --force to override.")
    found["state"] = "Running" if "--cancel" in arguments else "Stopped"
    return ""


def delete(data: Doc, arguments: list[str]) -> str:
    if "--purge" not in arguments:
        raise AssertionError("nothing is deleted without --purge")
    name, _, snapshot = arguments[-1].partition(".")
    if name in data["preparing"]:
        raise Refused(f'instance "{name}" is being prepared')
    found = instance(data, name)
    if not snapshot:
        del data["instances"][name]
    elif found["snapshots"].pop(snapshot, None) is None:
        raise Refused(f"No such snapshot: {name}.{snapshot}")
    return ""


def recover(data: Doc, arguments: list[str]) -> str:
    instance(data, arguments[1])["state"] = "Stopped"
    return ""


def snapshot(data: Doc, arguments: list[str]) -> str:
    found = instance(data, arguments[1])
    if found["state"] != "Stopped":
        raise Refused("Multipass can only take snapshots of stopped instances.")
    kept = {key: value for key, value in found.items() if key != "snapshots"}
    found["snapshots"][option(arguments, "--name")] = kept
    return f"Snapshot taken: {arguments[1]}"


def restore(data: Doc, arguments: list[str]) -> str:
    if "--destructive" not in arguments:
        raise Refused("Unable to query client for confirmation. Use '--destructive'")
    name, _, called = arguments[-1].partition(".")
    found = instance(data, name)
    if found["state"] != "Stopped":
        raise Refused("Multipass can only restore snapshots of stopped instances.")
    if called not in found["snapshots"]:
        raise Refused(f"No such snapshot: {name}.{called}")
    found.update(found["snapshots"][called])
    return ""


def get(data: Doc, arguments: list[str]) -> str:
    key = arguments[-1]
    if key in data["settings"]:
        return str(data["settings"][key])
    _, name, part = key.split(".")
    value = instance(data, name)[part]
    return str(value) if part == "cpus" else human(value)


def change(data: Doc, arguments: list[str]) -> str:
    key, _, text = arguments[1].partition("=")
    _, name, part = key.split(".")
    found = instance(data, name)
    if found["state"] != "Stopped":
        raise Refused(f"Cannot update instance '{name}'; only stopped ones can be")
    size = int(text) if part == "cpus" else read(text)
    if part == "disk" and size < found["disk"]:
        raise Refused(f"Invalid setting '{arguments[1]}': Disk can only be expanded")
    found[part] = size
    return ""


def listed(data: Doc, arguments: list[str]) -> str:
    if "--snapshots" in arguments:
        found = {
            name: {each: {"comment": "", "parent": ""} for each in one["snapshots"]}
            for name, one in data["instances"].items()
            if one["snapshots"]
        }
        return json.dumps({"errors": [], "info": found})
    shown = ("ipv4", "release", "state")
    rows = [
        {"name": name, **{key: one[key] if key != "ipv4" or one["state"] in SHOWN else []
                          for key in shown}}
        for name, one in data["instances"].items()
    ]  # fmt: skip
    return json.dumps({"list": rows})


SHOWN = ("Running", "Delayed Shutdown")  # upstream: daemon.cpp, list
VERBS: dict[str, Callable[[Doc, list[str]], str]] = {
    "launch": launch, "start": start, "stop": stop, "delete": delete, "recover": recover,
    "snapshot": snapshot, "restore": restore, "get": get, "set": change, "list": listed,
}  # fmt: skip


def call(file: Path, arguments: list[str], said: str) -> tuple[int, str, str]:
    """Do what a call asks for; returns its exit code, and what it prints where."""
    with state(file) as data:
        data["calls"].append({"argv": arguments, "stdin": said})
        if arguments[0] in {"launch", "start", "stop"}:
            data["now"] += 1
            data["most"] = max(data["most"], data["now"])
        fault = next((e for e in data["faults"] if _meant(e, arguments) and e["times"] > 0), None)
        if fault:
            fault["times"] -= 1
        data["stdin"] = said
        code, out, words = _done(data, arguments, fault)
    if fault and fault.get("hang"):
        time.sleep(3600)
    if arguments[0] in {"launch", "start", "stop"}:
        time.sleep(data["slow"])
        with state(file) as data:
            data["now"] -= 1
    return code, out, words


def main(file: Path, arguments: list[str]) -> int:
    """Be the program; returns its exit code."""
    code, out, words = call(file, arguments, "" if sys.stdin.isatty() else sys.stdin.read())
    print(out)
    print(words, file=sys.stderr)
    return code


def _meant(fault: Doc, arguments: list[str]) -> bool:
    return all(word in arguments for word in fault["when"].split())


def _done(data: Doc, arguments: list[str], fault: Doc | None) -> tuple[int, str, str]:
    if fault and not fault.get("does"):
        return fault.get("exit", FAILED), "", fault.get("says", "")
    try:
        out = VERBS[arguments[0]](data, arguments)
    except Refused as error:
        return FAILED, "", f"{arguments[0]} failed: {error}"
    if fault and "waiting for response" in fault["says"]:
        data["instances"][option(arguments, "--name")]["state"] = "Unknown"
    return (fault.get("exit", FAILED), "", fault["says"]) if fault else (0, out, "")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
