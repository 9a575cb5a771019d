# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Simple signing with the caller's own GnuPG, which asks for a passphrase as it is set up to.

Guarantees: the key stays where it is; what gpg says of a failure reaches the caller. Leaves to others: where
the signature goes (placing.py).
"""

import subprocess

from appctld.errors import Failed, InvalidReference

_SECONDS = 300  # a person may have to look for a token
_HINT = "gpg --list-secret-keys    (the keys that can sign)"


def sign(message: bytes, key: str) -> bytes:
    """An OpenPGP signed message. Raises InvalidReference (no such key), Failed."""
    command = ["gpg", "--quiet", "--no-armor", f"--local-user={key}", "--sign", "--output", "-"]
    try:
        done = subprocess.run(command, input=message, capture_output=True, check=False, timeout=_SECONDS)
    except FileNotFoundError as error:
        raise Failed("gpg is not installed", hint="apt install gnupg    (or your distribution's)") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(
            f"gpg signed nothing within {_SECONDS} seconds", hint="does its agent ask for a password?"
        ) from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InvalidReference(
            f"gpg does not sign with {key!r}: {said[-1] if said else 'no word why'}", hint=_HINT
        )
    return done.stdout
