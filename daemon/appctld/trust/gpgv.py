# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask gpgv about one signature blob, in the sandbox, against one keyring and no other.

Guarantees: what was signed is returned only together with the one good signature over it, so nobody can read
a payload that does not hold. A blob costs 2 s of processor and 64 KiB of output at most: 2,776 bytes by an
unknown key made gpgv write 2 GiB.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appctld.errors import LimitExceeded
from appctld.system.capture import STATUS_FD, Captured, capture
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
)
MESSAGE = ("--output", "-", "/blob")
DETACHED = ("/blob", "/signed")


@dataclass(frozen=True, slots=True)
class Opened:
    """The bytes that were signed, and the one good signature over them."""

    payload: bytes
    signature: OpenPgpSignature


async def open_blob(blob: bytes, keyring: bytes, launcher: Launcher) -> Opened:
    """Check one OpenPGP signed message against a dearmored keyring.

    Raises UntrustedSigner or SignatureInvalid (see `status.py`), LimitExceeded, Failed.
    """
    captured = await _gpgv(MESSAGE, {"/blob": blob, "/keyring": keyring}, launcher)
    return Opened(captured.stdout, parse_status(captured.returncode, captured.status))


async def check_detached(blob: bytes, signed: bytes, keyring: bytes, launcher: Launcher) -> OpenPgpSignature:
    """Check one detached OpenPGP signature over the bytes `signed`. Raises as `open_blob`."""
    captured = await _gpgv(DETACHED, {"/blob": blob, "/keyring": keyring, "/signed": signed}, launcher)
    return parse_status(captured.returncode, captured.status, detached=True)


async def _gpgv(arguments: tuple[str, ...], contents: Mapping[str, bytes], launcher: Launcher) -> Captured:
    """Run gpgv where these files, and no others of ours, can be seen."""
    if len(contents["/blob"]) > SIGNATURE_BYTES:
        raise LimitExceeded(f"a signature of more than {SIGNATURE_BYTES} bytes")
    files = {path: memory_file(path[1:], data) for path, data in contents.items()}
    return await capture(
        launcher.stock(*LIMITS, *GPGV, *arguments, files=files),
        pass_fds=tuple(files.values()),
        deadline=DEADLINE,
        max_output=PAYLOAD_BYTES,
        status=True,
        environment=launcher.environment,
        what="gpgv",
    )
