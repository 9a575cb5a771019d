# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom a certificate beside a signature names: for people, who are told that nobody checks that.

Guarantees: where there is a certificate there is a name, be it `?`, so that a signature without a key is
never taken for one with a key.
"""

from itertools import chain

IDENTITY_LENGTH = 256  # characters that are worth showing; a workflow's address has 150
UNKNOWN = "?"


def identity_of(certificate: bytes) -> str:
    """The first mail address, address of a workflow or host name in an X.509 certificate, PEM or DER."""
    from cryptography import x509  # noqa: PLC0415 - 60 ms that most signatures do not need

    try:
        pem = certificate.lstrip().startswith(b"-----")
        found = (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
        name = next(chain.from_iterable(names.get_values_for_type(kind) for kind in kinds), UNKNOWN)
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return UNKNOWN
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)[
        :IDENTITY_LENGTH
    ]
