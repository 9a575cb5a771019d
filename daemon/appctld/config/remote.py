# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote: a publisher that this machine trusts, as its file says.

Pure: settings in, one frozen value out, or a sentence about the setting that is wrong.
"""

import base64
import binascii
import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from appctld.config.repository import Repository, is_repository, parse_repository
from appctld.config.settings import check_kind, check_settings
from appctld.config.urls import Prefix, check_web_url, parse_url
from appctld.errors import Failed, InvalidReference, NoRemote, PolicyDenied
from appctld.model.remotename import REMOTE_NAME

VERIFY = ("gpg", "cosign", "gpg+cosign", "digest", "none")
TELLS_TIME = "gpg"  # of all signatures only OpenPGP's cover the time at which they were made
VERIFY_OSTREE = ("gpg", "ed25519", "gpg+ed25519", "none")
IDENTITY = ("tag", "repository")
THRESHOLD = 32  # as many signatures of one image as are looked at
ED25519_KEYS = 8  # each is tried with each of 32 signatures
ED25519_BYTES = 32  # of a raw public key (RFC 8032)
COLLECTION_LENGTH = 255  # libostree's
TITLE_LENGTH = 200  # characters: one line of any terminal or software centre
_NAME = re.compile(REMOTE_NAME)
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_ED25519 = "public keys, each the base64 of its 32 bytes"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_ID_PATTERN = re.compile(r"[A-Za-z_*][\w*-]*(\.[\w*-]+)*", re.ASCII)
_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
T = TypeVar("T")


@dataclass(frozen=True)
class Remote:
    """What one file says, with defaults filled in; `keyring`, `cosign_keys` and `ca` are files beside it.

    `fingerprints` empty means every primary key of the keyring and every cosign key. `max_age` is in seconds,
    0 for none. `origin` is the file, `writable` whether it is ours to change (else it was shipped).
    `settings` are the file's own words.
    """

    name: str
    prefix: Prefix | Repository
    plain_http: bool
    title: str
    enabled: bool
    verify: str
    fingerprints: frozenset[str]
    threshold: int
    max_age: int
    identity: str
    lookaside: str | None
    auth_realm: str | None
    ca: bytes | None
    insecure: bool
    share: bool
    strict: bool
    ids: tuple[str, ...]
    deny_keys: frozenset[str]
    collection: str | None
    ed25519_keys: tuple[bytes, ...]
    keyring: bytes | None
    cosign_keys: bytes | None
    origin: Path
    writable: bool
    settings: Mapping[str, str] = field(compare=False, repr=False)

    @property
    def url(self) -> str:
        """As it was given."""
        return self.settings["url"]

    @property
    def kind(self) -> str:
        """`oci` for a registry, `ostree` for an OSTree repository."""
        return "ostree" if isinstance(self.prefix, Repository) else "oci"

    @property
    def repository(self) -> Repository:
        """The OSTree repository that it is. Raises Failed where it is a registry."""
        if not isinstance(self.prefix, Repository):
            raise Failed(f"remote {self.name} is no OSTree repository")
        return self.prefix

    def allows(self, app_id: str) -> bool:
        """Whether this remote may bring an app of that ID."""
        return not self.ids or any(fnmatch.fnmatchcase(app_id, pattern) for pattern in self.ids)

    def check_enabled(self, **about: object) -> None:
        """Raise PolicyDenied for a remote that is switched off; `about` goes to the caller too."""
        if not self.enabled:
            raise PolicyDenied(
                f"remote {self.name} is disabled ({self.origin})",
                remote=self.name,
                path=str(self.origin),
                hint=f"appctl remote enable {self.name}",
                **about,
            )


def no_remote(name: str) -> NoRemote:
    """The error for a name that no remote has."""
    return NoRemote(f"there is no remote '{name}'", remote=name, hint="appctl remote list")


def check_name(name: str) -> str:
    """The name, if it is one: it names a file and begins references. Raises InvalidReference."""
    if not _NAME.fullmatch(name) or name == "localhost":
        raise InvalidReference(f"'{name[:80]}' is no name of a remote: a-z, then up to 63 of a-z 0-9 _ -")
    return name


def make_remote(
    name: str,
    settings: Mapping[str, str],
    *,
    keyring: bytes | None,
    ca: bytes | None,
    origin: Path,
    writable: bool,
    cosign_keys: bytes | None = None,
) -> Remote:
    """Read the settings of one remote. Raises InvalidReference naming the setting that is wrong."""
    read = _Reader(check_settings(settings))
    insecure = read.boolean("insecure", default=False)
    prefix, plain_http = _place(read.required("url"), insecure=insecure)
    ostree = isinstance(prefix, Repository)
    check_kind(settings, ostree=ostree)
    if ostree and cosign_keys:
        raise InvalidReference("cosign keys mean nothing to an OSTree repository")
    verify = read.choice("verify", VERIFY_OSTREE if ostree else VERIFY)
    fingerprints, ed25519 = read.fingerprints("fingerprints"), read.ed25519("ed25519-keys")
    most = min(len(keys) or THRESHOLD for keys in (fingerprints, ed25519))
    return Remote(
        name=check_name(name),
        prefix=prefix,
        plain_http=plain_http,
        title=read.title("title", name),
        enabled=read.boolean("enabled", default=True),
        verify=verify,
        fingerprints=fingerprints,
        threshold=read.number("threshold", 1, most),
        max_age=read.age("max-age", verify),
        identity=read.choice("identity", IDENTITY),
        lookaside=read.web_url("lookaside", insecure=insecure),
        auth_realm=read.web_url("auth-realm", insecure=insecure),
        ca=ca,
        insecure=insecure,
        share=read.boolean("share", default=True),
        strict=read.boolean("strict", default=False),
        ids=read.patterns("ids"),
        deny_keys=read.fingerprints("deny-keys"),
        collection=read.collection("collection"),
        ed25519_keys=ed25519,
        keyring=keyring,
        cosign_keys=cosign_keys,
        origin=origin,
        writable=writable,
        settings=dict(settings),
    )


def _place(url: str, *, insecure: bool) -> tuple[Prefix | Repository, bool]:
    """What a remote stands for, and whether it is asked by plain HTTP."""
    if not is_repository(url):
        return parse_url(url, insecure=insecure)
    repository = parse_repository(url)
    return repository, repository.url.startswith("http:")


def _raw_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != ED25519_BYTES:
        raise InvalidReference(f"ed25519-keys: it holds {_ED25519}, with blanks between them")
    return key


class _Reader:
    """Typed access to settings that are texts."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings

    def required(self, key: str) -> str:
        if key not in self._settings:
            raise InvalidReference(f"'{key}' is missing")
        return self._settings[key]

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self.choice(key, ("yes", "no")) if key in self._settings else None
        return default if value is None else value == "yes"

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`, the first of them by default."""
        value = self._settings.get(key, allowed[0])
        if value not in allowed:
            raise InvalidReference(f"{key}={value}: it is one of {', '.join(allowed)}")
        return value

    def number(self, key: str, least: int, most: int) -> int:
        value = self._settings.get(key, str(least))
        if not re.fullmatch(r"[0-9]{1,4}", value) or not least <= int(value) <= most:
            raise InvalidReference(f"{key}={value}: it is a number from {least} to {most}")
        return int(value)

    def age(self, key: str, verify: str) -> int:
        """Seconds, from `90m`, `12h` or `30d`; 0 where it is not given."""
        value = self._settings.get(key)
        if value is None:
            return 0
        match = _AGE.fullmatch(value)
        if not match:
            raise InvalidReference(f"{key}={value}: it is a number of minutes, hours or days: 90m, 12h, 30d")
        if not verify.startswith(TELLS_TIME):
            raise InvalidReference(f"{key}: with verify={verify} nothing that is signed tells a time")
        return int(match[1]) * _SECONDS[match[2]]

    def title(self, key: str, default: str) -> str:
        value = self._settings.get(key, default)
        if len(value) > TITLE_LENGTH:
            raise InvalidReference(f"{key} has more than {TITLE_LENGTH} characters")
        return value

    def web_url(self, key: str, *, insecure: bool) -> str | None:
        return self._if_given(key, lambda value: check_web_url(key, value, insecure=insecure))

    def fingerprints(self, key: str) -> frozenset[str]:
        """Whole fingerprints; key IDs are refused, because they can be forged."""
        return frozenset(self._list(key, _FINGERPRINT, "whole fingerprints of 40 digits 0-9 A-F", str.upper))

    def ed25519(self, key: str) -> tuple[bytes, ...]:
        """Raw public keys, each once."""
        words = self._list(key, _BASE64, _ED25519, str)
        keys = tuple(dict.fromkeys(map(_raw_key, words)))
        if len(keys) > ED25519_KEYS:
            raise InvalidReference(f"{key}: more than {ED25519_KEYS} keys")
        return keys

    def collection(self, key: str) -> str | None:
        value = self._settings.get(key)
        if value is not None and (len(value) > COLLECTION_LENGTH or not _COLLECTION.fullmatch(value)):
            raise InvalidReference(f"{key}={value[:80]}: it is a collection ID (org.example.Apps)")
        return value

    def patterns(self, key: str) -> tuple[str, ...]:
        return tuple(self._list(key, _ID_PATTERN, "app IDs, in which * stands for anything", str))

    def _list(
        self, key: str, pattern: re.Pattern[str], what: str, spelling: Callable[[str], str]
    ) -> list[str]:
        words = [spelling(word) for word in re.split(r"[ ,]+", self._settings.get(key, "")) if word]
        if not all(pattern.fullmatch(word) for word in words) or (key in self._settings and not words):
            raise InvalidReference(f"{key}: it holds {what}, with blanks or commas between them")
        return words

    def _if_given(self, key: str, read: Callable[[str], T]) -> T | None:
        return read(self._settings[key]) if key in self._settings else None
