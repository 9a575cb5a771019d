# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How servers are reached from this machine, beside what a remote's own file says: certificates by host.

Guarantees: certificates that lie there and cannot be read are an error of the host that they are for, and of
no other. Leaves to others: what certificates are worth (workers/net/authorities.py).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from appctld.config.remotes import CA_BYTES, read_limited
from appctld.errors import Failed, LimitExceeded


@dataclass(frozen=True, slots=True)
class Network:
    """`certificates` is a directory of HOST[:PORT]/*.crt (containers-certs.d(5)); None for none."""

    certificates: Path | None = None

    def authorities(self, host: str, own: bytes | None = None) -> str | None:
        """Whom TLS believes beside the distribution's bundle, in PEM: a remote's `own`, and the host's.

        Raises Failed, LimitExceeded.
        """
        parts = [part for part in (own, *self._of(host)) if part]
        if sum(map(len, parts)) > CA_BYTES:
            raise LimitExceeded(f"more than {CA_BYTES} bytes of certificates for {host}", limit=CA_BYTES)
        return b"\n".join(parts).decode("ascii", "replace") or None

    def _of(self, host: str) -> list[bytes]:
        if self.certificates is None or not host:
            return []
        directory = self.certificates / host
        try:
            names = sorted(os.listdir(directory))  # noqa: PTH208 - glob() hides what cannot be read
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Failed(f"{directory}: {error.strerror}", path=str(directory), hint="") from error
        return [read_limited(directory / name, CA_BYTES) or b"" for name in names if name.endswith(".crt")]
