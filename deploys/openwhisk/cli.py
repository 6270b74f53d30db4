"""The user's two functions through wsk on a server, as he would type it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyinfra.api.host import Host

from deploys.openwhisk import functions
from deploys.openwhisk.answers import THROTTLED, ActionFailed, Throttled, message
from deploys.openwhisk.pace import Pace
from whisklab.engine.scripts import script
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.http import Answer
from whisklab.errors import WhisklabError

PROPERTIES = "wskprops"
NOT_THERE = 127  # what a shell answers when there is no such program
EXIT_CODES = 256  # wsk ends with HTTP's status less this, which a shell sees modulo this
# The property file is root's alone, and gone afterwards; so is the action, also after a failure.
_SCRIPT = """
umask 077; mkdir -p /run/whisklab; work=$(mktemp -d -p /run/whisklab --suffix .wsk) || exit
action=$1; shift; made=
end() { test -z "$made" || run action delete "$action" > /dev/null 2>&1; rm -rf "$work"; }
trap end EXIT; trap 'exit 130' HUP INT TERM
tar -x -o -C "$work" && cd "$work" || exit
export WSK_CONFIG_FILE="$work/wskprops"
run() { timeout 120 wsk "$@"; }
command -v wsk > /dev/null || exit 127
made=yes; run action create "$action" "$@" > /dev/null || exit
"""
_INVOKE = """
run action invoke "$action" --result || exit
run action invoke "$action" --result --param name JavaScript || exit
"""
# A URL waits for 60 s (202 then); a first call goes on until its image is there.
_CALL = """
found=$(run action get "$action" --url) || exit
url=$(printf '%s\\n' "$found" | tail -n 1)
for try in 1 2 3; do
  answer=$(curl --silent --show-error --max-time 90 \
    --write-out '\\n%{http_code} %{content_type}' "$url?name=Python") || exit
  case $(printf %s "$answer" | tail -n 1) in 202*) ;; *) break ;; esac
done
printf %s "$answer"
"""
_UNTRUSTED = (
    ": what openwhisk_certificate leads to is to be there as /usr/local/share/ca-certificates/"
    "*.crt, followed by `update-ca-certificates`; without that setting deploy again"
)
_DELETE = """
run action delete "$action" > /dev/null || exit; made=
"""


@dataclass(frozen=True)
class Cli:
    """wsk on a server.

    Attributes:
        server: where.
        api_host: `host:port` of the API.
        key: of the namespace.
        pace: for calls of actions.
    """

    server: Host
    api_host: str
    key: str = field(repr=False)
    pace: Pace

    def greet(self, name: str) -> None:
        """Create, invoke and delete the function that greets.

        Raises:
            WhisklabError: wsk fails, or the function answers something else.
        """

        def judge(out: str) -> None:
            first, second = documents(out)
            functions.greets(first, "World")
            functions.greets(second, "JavaScript")

        self._run(_INVOKE, name, functions.JAVASCRIPT, [], judge, calls=2)

    def echo(self, name: str) -> None:
        """Create the function that has a URL, ask that, and delete it.

        Raises:
            WhisklabError: wsk or curl fails, or the function answers something else.
        """

        def judge(out: str) -> None:
            body, _, last = out.rpartition("\n")
            status, _, kind = last.partition(" ")
            functions.echoes(Answer(int(status or 0), {"content-type": kind}, body))

        self._run(_CALL, name, functions.PYTHON, ["--web", "true"], judge, calls=1)

    def _run(
        self,
        work: str,
        name: str,
        function: functions.Function,
        options: list[str],
        judge: Callable[[str], None],
        calls: int,
    ) -> None:
        connector = self.server.connector
        if not isinstance(connector, WhiskSSH):
            raise WhisklabError(f"{self.server.name} is not reached over SSH")
        properties = f"APIHOST={self.api_host}\nAUTH={self.key}\n"
        data = bundle({PROPERTIES: properties, function.file: function.code()})
        command = script(_SCRIPT + work + _DELETE, name, function.file, *options)

        def attempt() -> None:
            for _ in range(calls):
                self.pace.wait()
            code, out, err = connector.exchange(command, data)
            if code:
                raise _failure(self.server.name, code, err)
            judge(out)

        self.pace.patiently(attempt)


def bundle(files: Mapping[str, str]) -> bytes:
    """Return texts as a tar archive, for their owner's eyes only. Pure."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def documents(text: str) -> tuple[object, object]:
    """Return the two JSON documents that follow one another in a text. Pure.

    Raises:
        WhisklabError: there are not two.
    """
    decoder = json.JSONDecoder()
    try:
        first, end = decoder.raw_decode(text.lstrip())
        return first, json.loads(text.lstrip()[end:])
    except ValueError:
        raise WhisklabError(f"wsk printed no two results but {text[:100]!r}") from None


def _failure(server: str, code: int, err: str) -> WhisklabError:
    if code == NOT_THERE:
        return WhisklabError(f"there is no wsk on {server}: deploy without --only")
    if why := _error_of_action(err):
        return ActionFailed(f"wsk on {server}: the action ended with an error: {why}")
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("error: ")), lines[-1] if lines else "")
    sentence = f"wsk on {server}: {said.removeprefix('error: ') or f'exit code {code}'}"
    if "x509: " in err:
        sentence += _UNTRUSTED
    return (Throttled if code == THROTTLED - EXIT_CODES else WhisklabError)(sentence)


def _error_of_action(err: str) -> str | None:
    """Return the error of an action that failed, which wsk prints as JSON. Pure."""
    try:
        found = json.loads(err)
    except ValueError:
        return None
    return message(Answer(0, {}, err)) if isinstance(found, dict) and "error" in found else None
