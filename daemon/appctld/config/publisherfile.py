# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a publisher gives away to be trusted: an `.appctlremote`, or an `.appctlref` that also names an app.

Pure. A key file with one group, `[Appctl Remote]`. Guarantees: nothing in it is guessed, every unknown key is
an error (`Version` says when there are more); what it names is reached by https alone, and is no file of the
reader's (a server of the reader's own machine is one like any other: it needs a certificate); it can weaken
nothing, as it says only where a publisher is and which keys must sign. Leaves to others: what the keys are,
and whether anybody wants to trust them.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appctld.config.reader import Reader
from appctld.config.remote import Remote, make_remote
from appctld.config.urls import Prefix, check_web_url
from appctld.errors import InvalidReference, LimitExceeded
from appctld.model.keyfile import KeyfileError, parse_keyfile
from appctld.model.ostreeref import split_ref
from appctld.model.reference import parse_reference

SECTION = "Appctl Remote"
FILE_BYTES = 64 << 10  # here and on the bus; a file with one key has 2 KiB
VERSION = "1"
TEXT_LENGTH = 8 << 10  # of a value that is no key, as in a file of remotes.d
SETTINGS = {
    "Url": "url",
    "Title": "title",
    "Lookaside": "lookaside",
    "Ids": "ids",
    "Catalog": "catalog",
}
"""What the file calls a setting of remotes.d."""
KEYS = ("GPGKey", "CosignKey")
LINKS = ("Homepage", "Icon")
KNOWN = frozenset({"Version", "Name", "Ref", *SETTINGS, *KEYS, *LINKS})
_SCHEMES = ("https://", "oci+https://", "docker://", "ostree+https://")
ENDINGS = (".appctlremote", ".appctlref")
_HINT = "ask the publisher for a new file"


@dataclass(frozen=True, slots=True)
class PublisherFile:
    """`remote` is what it would be here; nobody has trusted it, and nobody has read its keys.

    `ref` is what an .appctlref names: a whole reference, or the ref of an OSTree repository.
    """

    remote: Remote
    ref: str
    homepage: str
    icon: str

    def reference(self, name: str) -> str:
        """What to install, where the remote is called `name`; empty if no app is named."""
        return f"{name}:{self.ref}" if self.ref and self.remote.kind == "ostree" else self.ref


def parse_publisher_file(data: bytes) -> PublisherFile:
    """Read one. Raises LimitExceeded, and InvalidReference with what is wrong."""
    if len(data) > FILE_BYTES:
        raise LimitExceeded(f"a publisher's file of {len(data)} bytes, {FILE_BYTES} are allowed", hint=_HINT)
    try:
        return _read(_values(data))
    except InvalidReference as error:
        raise InvalidReference(f"this publisher's file cannot be used: {error}", hint=_HINT) from error


def is_address(text: str) -> bool:
    """Whether what a caller names is such a file somewhere else, and no reference."""
    return "://" in text and text.endswith(ENDINGS)


def check_address(text: str) -> str:
    """The address, if it may be fetched: https, no login and no query. Raises InvalidReference."""
    if not text.startswith("https://"):
        raise InvalidReference(f"'{text[:80]}': a publisher's file is fetched by https alone")
    return check_web_url("address", text, insecure=False)


def _values(data: bytes) -> dict[str, str]:
    """The one group, each value a printable line. Raises InvalidReference."""
    try:
        groups = parse_keyfile(data.decode("utf-8"))
    except (UnicodeDecodeError, KeyfileError) as error:
        raise InvalidReference("it is no key file") from error
    if list(groups) != [SECTION]:
        raise InvalidReference(f"it must have one group, [{SECTION}]")
    values = groups[SECTION]
    if values.get("Version") != VERSION:
        raise InvalidReference(f"its Version is not {VERSION}")
    for key, value in values.items():
        _check(key, value)
    return values


def _check(key: str, value: str) -> None:
    if key not in KNOWN:
        raise InvalidReference(f"'{key[:40]}' is no key of Version {VERSION}")
    if not value or not value.isprintable() or (key not in KEYS and len(value) > TEXT_LENGTH):
        raise InvalidReference(f"'{key}' is not one line of text")


def _read(values: Mapping[str, str]) -> PublisherFile:
    settings = {ours: values[theirs] for theirs, ours in SETTINGS.items() if theirs in values}
    remote = _remote(values, settings)
    return PublisherFile(remote, _ref(values, remote), *(_link(values, key) for key in LINKS))


def _remote(values: Mapping[str, str], settings: dict[str, str]) -> Remote:
    name, url = Reader(values).required("Name"), Reader(values).required("Url")
    if not url.startswith(_SCHEMES):
        raise InvalidReference(f"Url: it begins with {', '.join(_SCHEMES)}")
    _link(values, "Lookaside")
    openpgp, cosign = (_decoded(values, key) for key in KEYS)
    kinds = "+".join(kind for kind, key in (("gpg", openpgp), ("cosign", cosign)) if key)
    if not kinds:
        raise InvalidReference("it holds no key, and without one nothing from there verifies")
    return make_remote(
        name,
        {**settings, "verify": kinds},  # keys of both kinds: both must have signed
        keyring=openpgp,
        ca=None,
        origin=Path("/"),
        writable=False,
        cosign_keys=cosign,
    )


def _link(values: Mapping[str, str], key: str) -> str:
    link = values.get(key, "")
    if link and not check_web_url(key, link, insecure=False).startswith("https://"):
        raise InvalidReference(f"{key}: '{link}' is not https")
    return link


def _decoded(values: Mapping[str, str], key: str) -> bytes | None:
    if key not in values:
        return None
    try:
        return base64.b64decode(values[key], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidReference(f"{key} is no base64") from error


def _ref(values: Mapping[str, str], remote: Remote) -> str:
    """What is named lies in this very remote: a file must not speak for another publisher's."""
    ref = values.get("Ref", "")
    if not ref:
        return ""
    if not isinstance(remote.prefix, Prefix):
        if split_ref(f"{remote.name}:{ref}") is None:
            raise InvalidReference(f"Ref: '{ref}' is no ref of an OSTree repository")
    elif not remote.prefix.covers(parse_reference(ref)):
        raise InvalidReference(f"Ref: '{ref}' does not lie below {remote.prefix}")
    return ref
