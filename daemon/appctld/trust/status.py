# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What gpgv says about one signature, read so that only one good signature counts.

Pure. gpgv's exit status is worthless alone: it is 0 for keys that expired or were revoked, for SHA-1, and for
a good signature beside a revoked one. What holds here is a conjunction over all status lines
(GnuPG's doc/DETAILS); which keys are trusted, and since when, is `verdict.py`'s.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from appctld.errors import Failed, SignatureInvalid, UntrustedSigner
from appctld.system.packages import NOT_THERE, missing

PREFIX = b"[GNUPG:] "
BINARY_DOCUMENT = "00"  # the signature class; 01 is text, where line ends and trailing blanks are not signed
HASHES = frozenset({"8", "9", "10"})  # SHA-256, SHA-384, SHA-512; gpgv itself takes SHA-1 and RIPEMD-160
NAME_LENGTH = 256  # characters of a user ID that are worth showing
GPGV_REFUSED = 2  # its exit status for anything but good; bubblewrap's and prlimit's are others
SIGNALLED = 128  # bubblewrap adds the number of the signal that ended gpgv
ONCE = ("NEWSIG", "GOODSIG", "VALIDSIG")
PLAINTEXT = "PLAINTEXT"  # about the bytes inside a message; beside a detached signature there are none
REASONS = {
    "BADSIG": "the signature is wrong",
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key was revoked",
    "ERRSIG": "it cannot be checked",
    "NODATA": "there is no signature in it",
    "ERROR": "gpgv could not read it",
    "FAILURE": "gpgv could not read it",
    "UNEXPECTED": "gpgv could not read it",
}
_NO_KEY = "9"  # ERRSIG's reason: the key is not in the keyring
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_TIME = re.compile(r"[0-9]{1,12}")  # seconds; gpgv writes dates after 2106 in another form, which is refused
_ERRSIG_REASON, _ERRSIG_FINGERPRINT = 5, 6  # places among ERRSIG's arguments


@dataclass(frozen=True, slots=True)
class OpenPgpSignature:
    """One good signature: the key that made it, its primary key, a user ID of it, when (unix seconds)."""

    fingerprint: str
    primary: str
    name: str
    created: int


def parse_status(returncode: int, status: bytes, *, detached: bool = False) -> OpenPgpSignature:
    """Judge one run of gpgv over one blob by its exit status and all its status lines.

    The blob is a signed message, or with `detached` a signature over other bytes.

    Raises:
        UntrustedSigner: its one signature is by a key that the keyring does not hold (`fingerprints`).
        SignatureInvalid: anything else but exactly one good signature; the detail says what.
        Failed: gpgv itself did not run, or not to its end.
    """
    if not status:
        _judge_silence(returncode)
    if returncode < 0 or returncode > SIGNALLED:
        raise Failed("gpgv did not come to its end")
    lines = _lines(status)
    counts = Counter(keyword for keyword, _ in lines)
    if counts["NEWSIG"] > 1 or counts["VALIDSIG"] > 1:
        raise SignatureInvalid("it holds more than one signature")
    _refuse_unknown_key(lines)
    for keyword, reason in REASONS.items():
        if counts[keyword]:
            raise SignatureInvalid(reason)
    whole = counts[PLAINTEXT] == (0 if detached else 1)
    if returncode != 0 or not whole or any(counts[keyword] != 1 for keyword in ONCE):
        raise SignatureInvalid("it is not one message with one good signature")
    values = dict(lines)
    return _signature(values["VALIDSIG"], values["GOODSIG"])


def _judge_silence(returncode: int) -> NoReturn:
    """Tell a blob of the other form (detached, or not) from a gpgv that never ran."""
    if returncode == GPGV_REFUSED:
        raise SignatureInvalid("there is no signature of the right form in it")
    if returncode == NOT_THERE:
        raise missing("gpgv", "no OpenPGP signature can be judged")
    raise Failed("gpgv did not run: no sandbox starts for it", hint="appctl doctor")


def _lines(status: bytes) -> list[tuple[str, str]]:
    """Keyword and arguments of each line. Only gpgv writes to the descriptor, so anything else is refused."""
    lines = status.split(b"\n")
    if lines.pop() != b"" or not all(line.startswith(PREFIX) for line in lines):
        raise SignatureInvalid("gpgv wrote something else than status lines about it")
    parts = (line.removeprefix(PREFIX).decode("utf-8", "replace").partition(" ") for line in lines)
    return [(keyword, arguments) for keyword, _, arguments in parts]


def _refuse_unknown_key(lines: list[tuple[str, str]]) -> None:
    for keyword, arguments in lines:
        match keyword, arguments.split():
            case "ERRSIG", [keyid, *_] as words if words[_ERRSIG_REASON:][:1] == [_NO_KEY]:
                found = words[_ERRSIG_FINGERPRINT] if len(words) > _ERRSIG_FINGERPRINT else keyid
                raise UntrustedSigner(found=short(found), fingerprints=[found])


def _signature(valid: str, good: str) -> OpenPgpSignature:
    """Read `VALIDSIG fpr date time expires version reserved algorithm hash class primary`."""
    match valid.split():
        case [fingerprint, _, created, _, _, _, _, digest, kind, primary]:
            pass
        case _:
            raise SignatureInvalid("gpgv's line about it cannot be read")
    if kind != BINARY_DOCUMENT:
        raise SignatureInvalid("it signs text, not bytes")
    if digest not in HASHES:
        raise SignatureInvalid("it uses a hash that is no longer safe")
    if not (
        _FINGERPRINT.fullmatch(fingerprint) and _FINGERPRINT.fullmatch(primary) and _TIME.fullmatch(created)
    ):
        raise SignatureInvalid("gpgv's line about it cannot be read")
    return OpenPgpSignature(fingerprint, primary, _name(good), int(created))


def _name(good: str) -> str:
    """The user ID of `GOODSIG keyid userid`, where gpgv escapes what is not printable as %XX."""
    text = unquote_to_bytes(good.partition(" ")[2]).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[
        :NAME_LENGTH
    ]


def short(fingerprint: str) -> str:
    """A fingerprint as sentences show it, `E24C…68BD`; the data beside a sentence has it whole."""
    return f"{fingerprint[:4]}…{fingerprint[-4:]}"
