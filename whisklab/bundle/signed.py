"""What an archive's key has signed, checked by gpgv as apt does it."""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import tempfile
from pathlib import Path

from whisklab.errors import BadInput, WhisklabError

_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*?\n(?:[^\n]*: [^\n]*\n)*\s*\n(?P<body>.*?)"
    rb"(?:\n=[A-Za-z0-9+/]{4})?\s*-----END",
    re.DOTALL,
)
_GOOD, _BAD = "[GNUPG:] GOODSIG ", "[GNUPG:] BADSIG "


def content(document: bytes, keyring: Path, what: str) -> bytes:
    """Return the part of a document that is signed.

    Args:
        document: an InRelease.
        keyring: of who may have signed it; binary, or armoured.
        what: how sentences call the document.

    Raises:
        BadInput: there is no such keyring, or no gpgv.
        WhisklabError: none of the keys has signed it, or it was changed since.
    """
    with tempfile.TemporaryDirectory() as directory:
        keys, file, out = (Path(directory) / name for name in ("keys.gpg", "document", "content"))
        keys.write_bytes(_keys(keyring, what))
        file.write_bytes(document)
        argv = [
            "gpgv", "--homedir", directory, "--weak-digest", "SHA1", "--status-fd", "1",
            "--keyring", str(keys), "--output", str(out), str(file),
        ]  # fmt: skip
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise BadInput(
                f"{what}: its signature is checked by the program gpgv, which is not on this "
                "laptop: install it (the package gpgv, or GnuPG)"
            ) from None
        # A key that is not in the keyring is no fault: archives are signed by old and new ones.
        if _GOOD not in done.stdout or _BAD in done.stdout or not out.is_file():
            said = [each for each in done.stderr.splitlines() if each.startswith("gpgv: ")]
            raise WhisklabError(
                f"{what}: none of the keys in {keyring} has signed it "
                f"({said[-1].removeprefix('gpgv: ') if said else 'no signature'}): name the "
                "keyring of who signs it (signed-by, in bundle_packages)"
            )
        return out.read_bytes()


def _keys(keyring: Path, what: str) -> bytes:
    try:
        data = keyring.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{what}: the keyring {keyring} cannot be read ({error.strerror}): install the "
            "distribution's package of it, or copy it from one of its machines and name it in "
            "bundle_packages (signed-by)"
        ) from error
    if not data.startswith(b"-----"):
        return data
    found = _ARMOUR.search(data)
    try:
        return base64.b64decode(found["body"] if found else b"", validate=False)
    except binascii.Error:
        raise BadInput(f"{what}: the keyring {keyring} is damaged: copy it again") from None
