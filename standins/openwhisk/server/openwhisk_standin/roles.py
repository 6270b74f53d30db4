"""All roles but the runtimes: what each one starts, and what it reads to do so."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from openwhisk_standin import doubles, proxy
from openwhisk_standin.broker import Broker
from openwhisk_standin.calls import Unreachable
from openwhisk_standin.cluster import Cluster
from openwhisk_standin.controller.server import Controller
from openwhisk_standin.couchdb.server import Databases
from openwhisk_standin.invoker.containers import Containers
from openwhisk_standin.invoker.pods import Pods
from openwhisk_standin.invoker.podspec import Place
from openwhisk_standin.invoker.processes import Processes
from openwhisk_standin.invoker.server import Invoker
from openwhisk_standin.jobs import databases, packages, wskadmin
from openwhisk_standin.life import say, until_told
from openwhisk_standin.values import BadSetting, number, ordinal, setting
from openwhisk_standin.web import Server


def _zookeeper(given: argparse.Namespace) -> None:
    doubles.zookeeper(given.address, _port(given, 2181))


def _redis(given: argparse.Namespace) -> None:
    doubles.redis(given.address, _port(given, 6379))


def _kafka(given: argparse.Namespace) -> None:
    connect = setting("KAFKA_ZOOKEEPER_CONNECT", " ").strip()
    if connect and not doubles.await_zookeeper(connect):
        return
    Server(given.address, _port(given, number("KAFKA_PORT", 9092)), Broker().answer).serve("kafka")


def _couchdb(given: argparse.Namespace) -> None:
    found = Databases(given.data, setting("COUCHDB_USER"), setting("COUCHDB_PASSWORD"))
    Server(given.address, _port(given, 5984), found.answer).serve("couchdb")


def _controller(given: argparse.Namespace) -> None:
    handler = Controller().begin()
    Server(given.address, _port(given, number("PORT", 8080)), handler).serve("controller")


def _invoker(given: argparse.Namespace) -> None:
    if given.containers == "processes":
        containers: Containers = Processes()
    else:
        own = f"invoker{ordinal(setting('INVOKER_NAME'))}"
        containers = Pods(Cluster.of_this_pod(), Place.from_environment(own))
    handler = Invoker(containers, given.idle).begin()
    Server(given.address, _port(given, number("PORT", 8080)), handler).serve("invoker")


def _nginx(given: argparse.Namespace) -> None:
    proxy.begin(proxy.Settings.read(given.config.read_text()), given.address)


def _double(given: argparse.Namespace) -> None:
    first, *others = doubles.PORTS[given.role]
    ports = (_port(given, number("PORT", first)), *others)
    doubles.pages(given.role, given.address, ports if given.port is None else ports[:1])


_SERVERS: dict[str, Callable[[argparse.Namespace], None]] = {
    "zookeeper": _zookeeper,
    "kafka": _kafka,
    "couchdb": _couchdb,
    "redis": _redis,
    "controller": _controller,
    "invoker": _invoker,
    "nginx": _nginx,
    **dict.fromkeys(doubles.PORTS, _double),
}
_JOBS: dict[str, Callable[[list[str]], None]] = {
    "init-couchdb": databases.main,
    "install-packages": packages.main,
    "wskadmin": wskadmin.main,
}


def _port(given: argparse.Namespace, default: int) -> int:
    return default if given.port is None else int(given.port)


def main(argv: list[str]) -> int:
    """Run a role until it is told to end, or a job to its end; returns the exit code."""
    parser = argparse.ArgumentParser(prog="openwhisk_standin")
    parser.add_argument("role", choices=sorted({*_SERVERS, *_JOBS}))
    parser.add_argument("--address", default="0.0.0.0")  # noqa: S104 - pods are asked from anywhere
    parser.add_argument("--port", type=int)
    parser.add_argument("--data", type=Path, default=Path("/opt/couchdb/data"))
    parser.add_argument("--config", type=Path, default=proxy.CONFIG)
    parser.add_argument("--containers", choices=("pods", "processes"), default="pods")
    parser.add_argument("--idle", type=float, default=600.0)
    role = argv[0] if argv else ""
    try:
        if role in _JOBS and (role != "wskadmin" or argv[1:]):
            _JOBS[role](argv[1:])
            return 0
        given = parser.parse_args(argv)
        say(f"{role}: whisklab's stand-in for OpenWhisk, not the real one")
        if role in _SERVERS:
            _SERVERS[role](given)
        return until_told(role)
    except (BadSetting, Unreachable, OSError) as error:
        say(f"{role}: {error}")
        return 1
