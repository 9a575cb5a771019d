# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which certificate authorities are believed: the distribution's, and the remote's own."""

import ssl
from pathlib import Path

from appctld.errors import TlsUntrusted

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def load_authorities(context: ssl.SSLContext, bundle: Path, ca: str | None) -> None:
    """Let `context` believe the bundle, if it is there, and `ca` (PEM); with neither, nobody is trusted.

    Raises TlsUntrusted for a `ca` that is no certificate.
    """
    if bundle.exists():
        context.load_verify_locations(cafile=bundle)
    if ca is not None:
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            raise TlsUntrusted("the CA of this remote is no PEM certificate") from error
