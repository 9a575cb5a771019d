# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One file of `remotes.d` as text: INI, one section `[remote]`, and nothing that anybody has to guess.

Pure. Guarantees: unknown sections and keys, keys given twice and keys of later versions are errors; what is
written reads back as the same settings. What the values mean is `remote.py`'s.
"""

from collections.abc import Mapping

from appctld.config.ini import IniError, read_section
from appctld.errors import InvalidReference

SECTION = "remote"
FILE_BYTES = 64 << 10  # a remote's file has under 1 KiB; the rest is room for comments and many fingerprints
VALUE_LENGTH = 8 << 10  # 190 fingerprints
KEYS = (
    "url",
    "prefix",
    "title",
    "enabled",
    "verify",
    "fingerprints",
    "threshold",
    "max-age",
    "identity",
    "lookaside",
    "auth-realm",
    "mirrors",
    "ca-file",
    "proxy",
    "no-proxy",
    "insecure",
    "share",
    "keep-blobs",
    "strict",
    "ids",
    "deny-keys",
    "collection",
    "ed25519-keys",
    "verify-commit",
    "catalog",
)
_ELSEWHERE = frozenset({"lookaside", "auth-realm", "mirrors", "insecure"})
_NETWORK = frozenset({"ca-file", "proxy", "no-proxy"})
_OF_COMMITS = frozenset({"collection", "ed25519-keys"})
MEANINGLESS = {
    "oci": ("a registry", _OF_COMMITS | {"prefix"}),
    "ostree": (
        "an OSTree repository",
        _ELSEWHERE | {"prefix", "share", "keep-blobs", "verify-commit", "catalog"},
    ),
    "layout": ("a directory of images", _ELSEWHERE | _OF_COMMITS | _NETWORK),
}
"""What each kind of remote is called, and the keys that mean nothing to it.

An OSTree repository has its signatures in itself, and no layers; a directory has them beside its images, and
is never asked over a network.
"""
NOT_YET = frozenset(
    {
        "max-installed-size",
        "max-apps",
    }
)


def read_settings(data: bytes) -> dict[str, str]:
    """The settings of one file. Raises InvalidReference with what is wrong."""
    if len(data) > FILE_BYTES:
        raise InvalidReference(f"more than {FILE_BYTES} bytes")
    try:
        return check_settings(read_section(data, SECTION))
    except IniError as error:
        raise InvalidReference(str(error)) from error


def write_settings(settings: Mapping[str, str]) -> bytes:
    """The file that holds these settings. Raises InvalidReference if they would not read back as the same."""
    checked = check_settings(settings)
    lines = [f"{key} = {checked[key]}\n" for key in KEYS if key in checked]
    data = "".join([f"[{SECTION}]\n", *lines]).encode()
    if read_settings(data) != checked:
        raise InvalidReference("these settings cannot be written to a file")
    return data


def check_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings, if each key is known and each value one printable line. Raises InvalidReference."""
    for key, value in settings.items():
        if key in NOT_YET:
            raise InvalidReference(f"'{key}' is not supported by this version")
        if key not in KEYS:
            raise InvalidReference(f"'{key}' is no setting of a remote")
        if not value or len(value) > VALUE_LENGTH or not value.isprintable():
            raise InvalidReference(f"'{key}' is not one line of text")
    return dict(settings)


def check_kind(settings: Mapping[str, str], kind: str) -> None:
    """Raise InvalidReference for a key that means nothing to a remote of this kind."""
    name, others = MEANINGLESS[kind]
    for key in sorted(settings.keys() & others):
        raise InvalidReference(f"'{key}' means nothing to {name}")
