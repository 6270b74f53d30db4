"""gen-certs: a TLS Secret for nginx, made with openssl and put through the Kubernetes API."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from http import HTTPStatus
from pathlib import Path

from openwhisk_standin.calls import Unreachable
from openwhisk_standin.cluster import Cluster, reason
from openwhisk_standin.life import say
from openwhisk_standin.values import BadSetting, Doc, setting

_DAYS = "3650"


def main(arguments: list[str]) -> None:
    """Make the Secret unless there is one.

    Raises:
        BadSetting: an argument or a variable is no good, or openssl failed.
        Unreachable: the Kubernetes API does not answer, or refuses.
    """
    if arguments:
        raise BadSetting("gen-certs takes no arguments")
    name, host = setting("NGINX_CERT_SECRET"), setting("WHISK_API_HOST_NAME")
    ensure(Cluster.of_this_pod(), name, host)


def ensure(cluster: Cluster, name: str, host: str) -> None:
    """Make the Secret ``name`` with a certificate for ``*.HOST`` unless there is one.

    Raises:
        BadSetting: openssl failed, or is not there.
        Unreachable: the Kubernetes API does not answer, or refuses.
    """
    found = cluster.call("GET", f"/secrets/{name}")
    if found.ok:
        say(f"secret {name} is there; it is used")
        return
    if found.status != HTTPStatus.NOT_FOUND:
        raise Unreachable(f"the Kubernetes API refused secret {name}: {reason(found)}")
    made = cluster.call("POST", "/secrets", _secret(name, *certificate(f"*.{host}")))
    if not made.ok:
        raise Unreachable(f"the Kubernetes API refused to make secret {name}: {reason(made)}")
    say(f"secret {name} is made, for *.{host}")


def certificate(name: str) -> tuple[bytes, bytes]:
    """Return a certificate for a name, signed by itself, and its key.

    Raises:
        BadSetting: openssl failed, or is not there.
    """
    with tempfile.TemporaryDirectory() as room:
        crt, key = Path(room) / "crt", Path(room) / "key"
        argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", _DAYS]
        argv += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        try:
            subprocess.run(
                [*argv, "-keyout", str(key), "-out", str(crt)],
                check=True,
                capture_output=True,
                text=True,
            )
        except FileNotFoundError as error:
            raise BadSetting("openssl is needed to make a certificate") from error
        except subprocess.CalledProcessError as error:
            raise BadSetting(f"openssl failed: {error.stderr.strip()}") from error
        return crt.read_bytes(), key.read_bytes()


def _secret(name: str, crt: bytes, key: bytes) -> Doc:
    data = {"tls.crt": base64.b64encode(crt).decode(), "tls.key": base64.b64encode(key).decode()}
    metadata = {"name": name}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": metadata,
        "data": data,
    }
