# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The texts of the administrator's files as values: a method a form, each with the sentence for all others.

Pure. Which settings there are, and what they mean together, is left to who asks: a remote, a policy.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from appctld.config.mirrors import Mirror, read_mirrors
from appctld.config.urls import Prefix, check_web_url, parse_prefix
from appctld.errors import InvalidReference
from appctld.model.reference import looks_like_host

ED25519_KEYS = 8  # each is tried with each of 32 signatures
ED25519_BYTES = 32  # of a raw public key (RFC 8032)
COLLECTION_LENGTH = 255  # libostree's
TITLE_LENGTH = 200  # characters: one line of any terminal or software centre
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_ED25519 = "public keys, each the base64 of its 32 bytes"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_ID_PATTERN = re.compile(r"[A-Za-z_*][\w*-]*(\.[\w*-]+)*", re.ASCII)
_PROXY = re.compile(r"http://([^/@]+)/?")
_URL_WORD = re.compile(r"\S+")  # config/urls.py says more
_DIRECT = re.compile(
    r"\*|(\*?\.)?\w([\w.-]{0,252}\w)?(:\d{1,5})?"  # a host or a domain
    r"|[\d.]{7,15}/\d{1,2}|[\da-fA-F:.]{2,45}(/\d{1,3})?|\[[\da-fA-F:.]{2,45}\](:\d{1,5})?",  # addresses
    re.ASCII,
)
DIRECTLY = "none"
_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_SIZE = re.compile(r"([1-9][0-9]{0,5})([KMGT])")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
T = TypeVar("T")


class Reader:
    """Typed access to settings that are texts. Every method raises InvalidReference."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings

    def required(self, key: str) -> str:
        """What must be there."""
        if key not in self._settings:
            raise InvalidReference(f"'{key}' is missing")
        return self._settings[key]

    def boolean(self, key: str, *, default: bool) -> bool:
        """`yes` or `no`."""
        value = self.choice(key, ("yes", "no")) if key in self._settings else None
        return default if value is None else value == "yes"

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`, the first of them by default."""
        value = self._settings.get(key, allowed[0])
        if value not in allowed:
            raise InvalidReference(f"{key}={value[:80]}: it is one of {', '.join(allowed)}")
        return value

    def number(self, key: str, least: int, most: int) -> int:
        """In decimal digits; the least by default."""
        value = self._settings.get(key, str(least))
        if not re.fullmatch(r"[0-9]{1,4}", value) or not least <= int(value) <= most:
            raise InvalidReference(f"{key}={value}: it is a number from {least} to {most}")
        return int(value)

    def age(self, key: str) -> int:
        """Seconds, from `90m`, `12h` or `30d`; 0 where it is not given."""
        value = self._settings.get(key)
        if value is None:
            return 0
        match = _AGE.fullmatch(value)
        if not match:
            raise InvalidReference(f"{key}={value}: it is a number of minutes, hours or days: 90m, 12h, 30d")
        return int(match[1]) * _SECONDS[match[2]]

    def size(self, key: str) -> int:
        """Bytes, from `300M` or `2G`; 0 where it is not given."""
        value = self._settings.get(key)
        if value is None:
            return 0
        match = _SIZE.fullmatch(value)
        if not match:
            raise InvalidReference(f"{key}={value[:80]}: it is a size with a unit of 1024: 500M, 2G")
        return int(match[1]) * _UNITS[match[2]]

    def each(self, key: str, read: Callable[[str], T]) -> tuple[T, ...] | None:
        """Words, read one by one; None where it is not given."""
        if key not in self._settings:
            return None
        words = self._words(key)
        if not words:
            raise InvalidReference(f"{key}: nothing is named")
        try:
            return tuple(map(read, words))
        except InvalidReference as error:
            raise InvalidReference(f"{key}: {error}") from error

    def text(self, key: str, default: str) -> str:
        """As it stands there."""
        return self._settings.get(key, default)

    def title(self, key: str, default: str) -> str:
        """One line for people."""
        value = self._settings.get(key, default)
        if len(value) > TITLE_LENGTH:
            raise InvalidReference(f"{key} has more than {TITLE_LENGTH} characters")
        return value

    def web_url(self, key: str, *, insecure: bool) -> str | None:
        """See `check_web_url`."""
        return self._if_given(key, lambda value: check_web_url(key, value, insecure=insecure))

    def proxy(self, key: str) -> str | None:
        """The address of an HTTP proxy, without a login: everybody may read this file. Or `none`."""
        value = self._settings.get(key)
        found = _PROXY.fullmatch(value or "")
        if value in {None, DIRECTLY} or (found and looks_like_host(found[1])):
            return value
        raise InvalidReference(f"{key}: it is http://HOST:PORT, without a login, or {DIRECTLY}")

    def places(self, key: str) -> tuple[str, ...]:
        """Hosts, domains and networks, as no_proxy has them."""
        return tuple(self._list(key, _DIRECT, "hosts, domains, networks or *", str))

    def mirrors(self, key: str, *, insecure: bool) -> tuple[Mirror, ...]:
        """Registries, or parts of them, as of `url`."""
        return read_mirrors(key, self._list(key, _URL_WORD, "URLs of registries", str), insecure=insecure)

    def prefix(self, key: str, default: str) -> Prefix:
        """A registry, or a part of one, as references name it."""
        value = self._settings.get(key, default)
        return parse_prefix(value, f"{key}={value}")

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
        """An OSTree collection ID."""
        value = self._settings.get(key)
        if value is not None and (len(value) > COLLECTION_LENGTH or not _COLLECTION.fullmatch(value)):
            raise InvalidReference(f"{key}={value[:80]}: it is a collection ID (org.example.Apps)")
        return value

    def patterns(self, key: str) -> tuple[str, ...]:
        """App IDs with wildcards, any number."""
        return tuple(self._list(key, _ID_PATTERN, "app IDs, in which * stands for anything", str))

    def _list(
        self, key: str, pattern: re.Pattern[str], what: str, spelling: Callable[[str], str]
    ) -> list[str]:
        words = [spelling(word) for word in self._words(key)]
        if not all(pattern.fullmatch(word) for word in words) or (key in self._settings and not words):
            raise InvalidReference(f"{key}: it holds {what}, with blanks or commas between them")
        return words

    def _words(self, key: str) -> list[str]:
        """What stands there with blanks or commas between."""
        return [word for word in re.split(r"[ ,]+", self._settings.get(key, "")) if word]

    def _if_given(self, key: str, read: Callable[[str], T]) -> T | None:
        return read(self._settings[key]) if key in self._settings else None


def _raw_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != ED25519_BYTES:
        raise InvalidReference(f"ed25519-keys: it holds {_ED25519}, with blanks between them")
    return key
