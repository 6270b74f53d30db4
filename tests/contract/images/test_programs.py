"""The images of OpenWhisk's stand-in: their programs start, and each wait of the chart ends."""

from __future__ import annotations

from pathlib import Path

from tests.contract.images.container import Container
from tests.contract.openwhisk.rig import DB_PASSWORD, DB_USER, MARKER, Platform
from tests.contract.rendering import template
from whisklab.lab.standins.cache import SOURCES

CHART = SOURCES / "openwhisk" / "chart"


def test_the_image_has_what_its_programs_need(container: Container) -> None:
    said = container.bash(
        "node -e 'console.log(`node ${6 * 7}`)'; python3 -c 'import ssl; print(ssl.__cached__)';"
        " openssl version; curl --version; tar --version; gzip --version;"
        " awk 'BEGIN {print \"awk\", 42}'; echo | cmp - /dev/null || echo differs; readlink /bin"
    )
    for expected in (
        "node 42",
        "__pycache__/ssl",
        "OpenSSL",
        "curl",
        "GNU tar",
        "awk 42",
        "differs",
    ):
        assert expected in said
    assert container.config["Env"][1:] == [
        "PYTHONPATH=/opt/openwhisk-standin",
        "PYTHONUNBUFFERED=1",
    ]


def test_a_role_starts_by_its_images_entrypoint(bundle: Path, tmp_path: Path) -> None:
    image = Container(bundle, "docker.io/openwhisk/controller:ef725a6", tmp_path)
    done = image.run(*image.config["Entrypoint"])
    assert image.config["Entrypoint"][-1] == "controller"
    assert done.returncode == 1
    assert "stand-in for OpenWhisk, not the real one" in done.stdout
    assert "the environment variable CONFIG_whisk_couchdb_protocol is needed" in done.stdout


def test_the_busybox_is_small_and_has_its_commands(busybox: Container) -> None:
    done = busybox.run("chown", "-v", "-R", "0:0", "/tmp")
    assert done.returncode == 0, done.stderr
    assert not (busybox.root / "usr").exists()


def test_each_wait_of_the_chart_ends_when_the_other_is_ready(
    helm: str, tmp_path: Path, container: Container, busybox: Container, platform: Platform
) -> None:
    for name in ("etcd", "scheduler"):
        platform.start(name)
    own = {"certificate": {"external": True}}  # which a lab has
    values = {"scheduler": {"enabled": True}, "nginx": own}
    objects = template(helm, tmp_path, CHART, values, "owdev")
    made = [each["spec"] for each in objects.values() if "template" in each.get("spec", {})]
    first = [each for spec in made for each in spec["template"]["spec"].get("initContainers", [])]
    waits = {each["name"].removeprefix("wait-for-"): each for each in first if each.get("env")}
    at = {name: f"127.0.0.1:{role.port}" for name, role in platform.roles.items()}
    addresses = {
        "zookeeper": at["zookeeper"],
        "kafka": at["kafka"],
        "couchdb": f"http://{at['couchdb']}/{MARKER}",
        "controller": f"http://{at['controller']}/ping",
        "healthy-invoker": f"http://{at['controller']}/invokers/healthy/count",
        "etcd": f"http://{at['etcd']}/health",
        "scheduler": f"http://{at['scheduler']}/ping",
    }
    assert set(waits) == set(addresses)
    for name, wait in waits.items():
        image = busybox if wait["image"].startswith("busybox") else container
        env = {"COUCHDB_USER": DB_USER, "COUCHDB_PASSWORD": DB_PASSWORD}
        done = image.run(*wait["command"], READINESS_URL=addresses[name], **env)
        assert done.returncode == 0, (name, done)
        assert done.stdout.splitlines()[-1] == f"{name} is ready"
