# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote: a publisher that this machine trusts, as its file says.

Pure: settings in, one frozen value out, or a sentence about the setting that is wrong.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypedDict

from appctld.config.catalog import CATALOG, read_catalog
from appctld.config.directory import is_layout, parse_layout
from appctld.config.mirrors import Mirror
from appctld.config.reader import Reader
from appctld.config.repository import Repository, is_repository, parse_repository
from appctld.config.settings import check_kind, check_settings
from appctld.config.urls import Prefix, parse_url
from appctld.errors import Failed, InvalidReference, NoRemote, PolicyDenied
from appctld.model.remotename import REMOTE_NAME

VERIFY = ("gpg", "cosign", "gpg+cosign", "digest", "none")
TELLS_TIME = "gpg"  # of all signatures only OpenPGP's cover the time at which they were made
VERIFY_OSTREE = ("gpg", "ed25519", "gpg+ed25519", "none")
VERIFY_COMMIT = ("no", "gpg")
UNSIGNED = ("digest", "none")  # ways in which no signature says which commit an image holds
IDENTITY = ("tag", "repository")
THRESHOLD = 32  # as many signatures of one image as are looked at
_NAME = re.compile(REMOTE_NAME)


@dataclass(frozen=True)
class Remote:
    """What one file says, with defaults filled in; `keyring`, `cosign_keys` and `ca` are files beside it.

    `fingerprints` empty means every primary key of the keyring and every cosign key. `max_age` is in seconds,
    0 for none. `origin` is the file, `writable` whether it is ours to change (else it was shipped).
    `settings` are the file's own words. `verify_commit` is how a commit that an image holds must be signed.
    `proxy` is the address of one, `none` for none whatever the environment says, or None where that decides;
    `no_proxy` are words as the environment's has them. `directory` is where its images lie, if that is a
    directory of this machine; `prefix` is then the name under which they are signed. `catalog` is what its
    list of apps is called below its prefix; empty where nobody is to ask for one.
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
    keep_blobs: bool
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
    verify_commit: str = "no"
    directory: Path | None = None
    proxy: str | None = None
    no_proxy: tuple[str, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    catalog: str = CATALOG

    @property
    def url(self) -> str:
        """As it was given."""
        return self.settings["url"]

    @property
    def kind(self) -> str:
        """`oci` for a registry, `layout` for a directory of images, `ostree` for an OSTree repository."""
        if isinstance(self.prefix, Repository):
            return "ostree"
        return "oci" if self.directory is None else "layout"

    @property
    def is_here(self) -> bool:
        """Whether it is a directory of this machine."""
        return self.directory is not None or (
            isinstance(self.prefix, Repository) and self.prefix.directory is not None
        )

    @property
    def place(self) -> object:
        """Where its layers came from; they are nobody's any more once it is another."""
        return self.prefix, self.directory

    @property
    def repository(self) -> Repository:
        """The OSTree repository that it is. Raises Failed where it is a registry."""
        if not isinstance(self.prefix, Repository):
            raise Failed(f"remote {self.name} is no OSTree repository")
        return self.prefix

    @property
    def covered(self) -> Prefix:
        """The part of all references that it stands for. Raises Failed where it is an OSTree repository."""
        if not isinstance(self.prefix, Prefix):
            raise Failed(f"remote {self.name} has no images")
        return self.prefix

    def for_commits(self) -> Self:
        """The same with `verify` as it is for a commit that an image holds; no image is judged by it."""
        return replace(self, verify=self.verify_commit)

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


class _Place(TypedDict):
    prefix: Prefix | Repository
    directory: Path | None
    plain_http: bool
    insecure: bool
    lookaside: str | None
    auth_realm: str | None
    proxy: str | None
    no_proxy: tuple[str, ...]
    mirrors: tuple[Mirror, ...]


class _Trust(TypedDict):
    verify: str
    fingerprints: frozenset[str]
    ed25519_keys: tuple[bytes, ...]
    deny_keys: frozenset[str]
    threshold: int
    max_age: int
    identity: str
    collection: str | None
    verify_commit: str


class _Rules(TypedDict):
    enabled: bool
    share: bool
    keep_blobs: bool
    strict: bool
    ids: tuple[str, ...]
    catalog: str


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
    read = Reader(check_settings(settings))
    place = _place(read, name)
    ostree = isinstance(place["prefix"], Repository)
    kind = "ostree" if ostree else "layout" if place["directory"] else "oci"
    check_kind(settings, kind)
    if ostree and cosign_keys:
        raise InvalidReference("cosign keys mean nothing to an OSTree repository")
    if kind == "layout" and ca:
        raise InvalidReference("certificates mean nothing to a directory of images")
    return Remote(
        name=check_name(name),
        title=read.title("title", name),
        **place,
        **_trust(read, VERIFY_OSTREE if ostree else VERIFY),
        **_rules(read, kind),
        keyring=keyring,
        cosign_keys=cosign_keys,
        ca=ca,
        origin=origin,
        writable=writable,
        settings=dict(settings),
    )


def _place(read: Reader, name: str) -> _Place:
    """Where it is, and who else is asked for its signatures and tokens."""
    insecure = read.boolean("insecure", default=False)
    url = read.required("url")
    prefix, plain_http = _whole(url, read, name, insecure=insecure)
    return {
        "prefix": prefix,
        "directory": parse_layout(url) if is_layout(url) else None,
        "plain_http": plain_http,
        "insecure": insecure,
        "lookaside": read.web_url("lookaside", insecure=insecure),
        "auth_realm": read.web_url("auth-realm", insecure=insecure),
        "proxy": read.proxy("proxy"),
        "no_proxy": read.places("no-proxy"),
        "mirrors": read.mirrors("mirrors", insecure=insecure),
    }


def _whole(url: str, read: Reader, name: str, *, insecure: bool) -> tuple[Prefix | Repository, bool]:
    """What a remote stands for, and whether it is asked by plain HTTP."""
    if is_layout(url):
        return read.prefix("prefix", f"localhost/{name}"), False
    if not is_repository(url):
        return parse_url(url, insecure=insecure)
    repository = parse_repository(url)
    return repository, repository.url.startswith("http:")


def _trust(read: Reader, ways: tuple[str, ...]) -> _Trust:
    """Whose word about an image or a commit counts, and what it must be about."""
    verify = read.choice("verify", ways)
    fingerprints, ed25519 = read.fingerprints("fingerprints"), read.ed25519("ed25519-keys")
    most = min(len(keys) or THRESHOLD for keys in (fingerprints, ed25519))  # more could never sign
    return {
        "verify": verify,
        "fingerprints": fingerprints,
        "ed25519_keys": ed25519,
        "deny_keys": read.fingerprints("deny-keys"),
        "threshold": read.number("threshold", 1, most),
        "max_age": _max_age(read, verify),
        "identity": read.choice("identity", IDENTITY),
        "collection": read.collection("collection"),
        "verify_commit": _verify_commit(read, verify),
    }


def _max_age(read: Reader, verify: str) -> int:
    age = read.age("max-age")
    if age and not verify.startswith(TELLS_TIME):
        raise InvalidReference(f"max-age: with verify={verify} nothing that is signed tells a time")
    return age


def _verify_commit(read: Reader, verify: str) -> str:
    """Whoever serves an image that nobody signed leaves the commit out of it, and is asked for nothing."""
    found = read.choice("verify-commit", VERIFY_COMMIT)
    if found != "no" and verify in UNSIGNED:
        raise InvalidReference(
            f"verify-commit={found}: with verify={verify} no signature says that an image holds a commit"
        )
    return found


def _rules(read: Reader, kind: str) -> _Rules:
    """What of it may be installed, and who else may use that."""
    return {
        "enabled": read.boolean("enabled", default=True),
        "share": read.boolean("share", default=True),
        "keep_blobs": read.boolean("keep-blobs", default=False),
        "strict": read.boolean("strict", default=False),
        "ids": read.patterns("ids"),
        "catalog": "" if kind == "ostree" else read_catalog(read.text("catalog", "yes")),
    }
