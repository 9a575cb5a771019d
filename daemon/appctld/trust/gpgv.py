# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask gpgv about one signature blob, in the sandbox, against one keyring and no other.

Guarantees: what was signed is returned only together with the one good signature over it, so nobody can read
a payload that does not hold. A blob costs 2 s of processor and 64 KiB of output at most: 2,776 bytes by an
unknown key made gpgv write 2 GiB.
"""

from dataclasses import dataclass

from appctld.errors import LimitExceeded
from appctld.system.capture import STATUS_FD, capture
from appctld.system.pipes import memory_file
from appctld.system.sandbox import Launcher
from appctld.trust.claim import PAYLOAD_BYTES
from appctld.trust.status import OpenPgpSignature, parse_status

SIGNATURE_BYTES = 64 << 10  # a signature by one RSA-4096 key over a payload of 1 KiB has under 2 KiB
DEADLINE = 20.0  # seconds; real blobs take 0.03, the processor limit below ends a busy gpgv long before
LIMITS = ("prlimit", "--cpu=2", f"--fsize={PAYLOAD_BYTES}", "--")
GPGV = (
    *("gpgv", "--homedir", "/tmp"),  # noqa: S108 - the sandbox's own, empty
    *("--keyring", "/keyring"),
    *("--status-fd", STATUS_FD),
    *("--output", "-", "/blob"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The bytes that were signed, and the one good signature over them."""

    payload: bytes
    signature: OpenPgpSignature


async def open_blob(blob: bytes, keyring: bytes, launcher: Launcher) -> Opened:
    """Check one OpenPGP signed message against a dearmored keyring.

    Raises UntrustedSigner or SignatureInvalid (see `status.py`), LimitExceeded, Failed.
    """
    if len(blob) > SIGNATURE_BYTES:
        raise LimitExceeded(f"a signature of more than {SIGNATURE_BYTES} bytes")
    files = {"/keyring": memory_file("keyring", keyring), "/blob": memory_file("blob", blob)}
    captured = await capture(
        launcher.stock(*LIMITS, *GPGV, files=files),
        pass_fds=tuple(files.values()),
        deadline=DEADLINE,
        max_output=PAYLOAD_BYTES,
        status=True,
        environment=launcher.environment,
        what="gpgv",
    )
    return Opened(captured.stdout, parse_status(captured.returncode, captured.status))
