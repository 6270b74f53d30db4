"""The certificate of OpenWhisk's API: the user's own, or one of the environment's authority."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyinfra.api.host import Host

from deploys.openwhisk import render
from deploys.openwhisk.keys import asked, recorded
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine import runs
from whisklab.engine.data.machine import Machine
from whisklab.engine.facts import everywhere
from whisklab.engine.kubernetes import kube
from whisklab.engine.run.environment import current
from whisklab.engine.ssh import http
from whisklab.engine.tls import issuer
from whisklab.engine.tls.authority import Pair
from whisklab.engine.tls.certificates import CertificateSettings
from whisklab.errors import BadInput

FILES = ("openwhisk_certificate", "openwhisk_key")  # of the store


def pair(leader: Host, api: kube.Endpoint) -> Pair:
    """Return the certificate and its key, for the chart.

    Args:
        leader: the first server.
        api: of this server; asked when the laptop lacks the certificate.

    Raises:
        BadInput: a file of the user's cannot be read, or the two do not belong together.
        WhisklabError: the laptop lacks it, and the cluster that may have it does not answer.
    """
    settings = OpenWhiskSettings.of(leader)
    if settings.certificate is not None and settings.certificate_key is not None:
        known = runs.on(leader).part(_Given)
        wanted = settings.certificate, settings.certificate_key
        if wanted not in known:
            known[wanted] = _given(*wanted)
        return known[wanted]

    def look() -> Pair:
        wish = issuer.Wish(FILES, hosts(leader), CertificateSettings.of(leader).within)
        return issuer.leaf(
            current().store, wish, lambda: _running(leader, api, settings), issuer.signer(leader),
            datetime.now(UTC),
        )  # fmt: skip

    return everywhere.once("openwhisk certificate", look)


def trusted(leader: Host) -> dict[str, Any]:
    """Return the options of a pool that trusts what `pair` returns, and nothing else.

    Raises:
        BadInput: a file of the user's cannot be read.
        WhisklabError: as `issuer.signer` does.
    """
    settings = OpenWhiskSettings.of(leader)
    if settings.certificate is not None:
        return http.trusting_only(_read(settings.certificate, "openwhisk_certificate"))
    context = ssl.create_default_context(cadata=issuer.signer(leader).certificate)
    return {"ssl_context": context}


def hosts(leader: Host) -> list[str]:
    """Return the names and addresses by which the API is reached, each once."""
    settings = OpenWhiskSettings.of(leader)
    masters = leader.inventory.get_group("masters", default=[leader])
    found = [settings.api_host] if settings.api_host else []
    for each in masters:
        found += [
            each.name,
            Machine.of(each).node_address,
            str(each.data.get("ssh_hostname") or ""),
        ]
    found += ["localhost", "127.0.0.1", "::1", *settings.certificate_names]
    return list(dict.fromkeys(each for each in found if each))


def _running(leader: Host, api: kube.Endpoint, settings: OpenWhiskSettings) -> Mapping[str, str]:
    found = asked(lambda: recorded(leader, api, settings)) or {}
    data = next((found[name] for name in found if name.startswith(render.SECRET)), {})
    return {
        file: base64.b64decode(data[entry]).decode()
        for file, entry in zip(FILES, render.ENTRIES, strict=True)
        if entry in data
    }


class _Given(dict[tuple[str, str], Pair]):
    """What a run has read of the user's, by the paths of certificate and key."""


def _given(certificate: str, key: str) -> Pair:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path, key_path = (Path(each).expanduser() for each in (certificate, key))
    found = Pair(
        _read(certificate, "openwhisk_certificate"), _read(key, "openwhisk_certificate_key")
    )
    if "ENCRYPTED" in found.key:  # nginx is given its password by the chart's sslPassword
        return found
    try:
        context.load_cert_chain(path, key_path, password="")
    except ssl.SSLError as error:
        raise BadInput(
            f"openwhisk_certificate: {certificate} and openwhisk_certificate_key: {key} do not "
            f"belong together, or are no PEM ({error.reason}): the key of just this certificate is "
            "expected, the certificate followed by those that lead to its authority"
        ) from error
    return found


def _read(path: str, key: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{key}: {path} cannot be read: {error}") from error
