# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One remote on the bus."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from appctld.bus.exported import Exported
from appctld.bus.wire.paths import REMOTE
from appctld.config.mirrors import Mirror


class RemoteFacts(Protocol):
    """A remote as the configuration reads it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def verify(self) -> str: ...  # noqa: D102
    @property
    def enabled(self) -> bool: ...  # noqa: D102
    @property
    def writable(self) -> bool: ...  # noqa: D102
    @property
    def origin(self) -> Path: ...  # noqa: D102
    @property
    def fingerprints(self) -> Collection[str]: ...  # noqa: D102
    @property
    def threshold(self) -> int: ...  # noqa: D102
    @property
    def max_age(self) -> int: ...  # noqa: D102
    @property
    def identity(self) -> str: ...  # noqa: D102
    @property
    def lookaside(self) -> str | None: ...  # noqa: D102
    @property
    def auth_realm(self) -> str | None: ...  # noqa: D102
    @property
    def ca(self) -> bytes | None: ...  # noqa: D102
    @property
    def proxy(self) -> str | None: ...  # noqa: D102
    @property
    def no_proxy(self) -> Collection[str]: ...  # noqa: D102
    @property
    def mirrors(self) -> Collection[Mirror]: ...  # noqa: D102
    @property
    def insecure(self) -> bool: ...  # noqa: D102
    @property
    def share(self) -> bool: ...  # noqa: D102
    @property
    def keep_blobs(self) -> bool: ...  # noqa: D102
    @property
    def strict(self) -> bool: ...  # noqa: D102
    @property
    def ids(self) -> Collection[str]: ...  # noqa: D102
    @property
    def deny_keys(self) -> Collection[str]: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def prefix(self) -> object: ...  # noqa: D102
    @property
    def collection(self) -> str | None: ...  # noqa: D102
    @property
    def ed25519_keys(self) -> Collection[bytes]: ...  # noqa: D102
    @property
    def verify_commit(self) -> str: ...  # noqa: D102
    @property
    def catalog(self) -> str: ...  # noqa: D102


class Remotes(Protocol):
    """What is known of a remote beside its configuration."""

    def refreshed(self, name: str) -> int:
        """When it was last asked what it has, in seconds since 1970; 0 for never."""

    def catalog(self, name: str) -> str:
        """The path of its catalogue; empty without."""

    def route(self, name: str) -> Mapping[str, object]:
        """Through what it is asked, with the keys of the XML."""


class RemoteObject(Exported):
    """Reads one remote."""

    interface: ClassVar[str] = REMOTE

    def __init__(self, facts: RemoteFacts, remotes: Remotes) -> None:
        self.facts = facts
        self._remotes = remotes

    @property
    def last_refreshed(self) -> int:  # noqa: D102 - the XML says what it is
        return self._remotes.refreshed(self.facts.name)

    @property
    def app_stream_path(self) -> str:  # noqa: D102 - the XML says what it is
        return self._remotes.catalog(self.facts.name)

    @property
    def proxy(self) -> Mapping[str, object]:  # noqa: D102 - the XML says what it is
        return self._remotes.route(self.facts.name)

    @property
    def origin(self) -> str:  # noqa: D102 - the XML says what it is
        return str(self.facts.origin)

    @property
    def fingerprints(self) -> list[str]:  # noqa: D102 - the XML says what it is
        return sorted(self.facts.fingerprints)

    @property
    def settings(self) -> dict[str, object]:  # noqa: D102 - the XML says what it is
        return {
            "threshold": self.facts.threshold,
            "max-age": self.facts.max_age,
            "identity": self.facts.identity,
            "kind": self.facts.kind,
            **self._of_its_kind(),
            "strict": self.facts.strict,
            "ids": list(self.facts.ids),
            "deny-keys": sorted(self.facts.deny_keys),
            "ca": self.facts.ca is not None,
        }

    def _of_its_kind(self) -> dict[str, object]:
        match self.facts.kind:
            case "ostree":
                return self._of_repository()
            case "layout":
                return {"prefix": str(self.facts.prefix), **self._of_images()}
            case _:
                return {**self._of_registry(), **self._of_images()}

    def _of_registry(self) -> dict[str, object]:
        return {
            "lookaside": self.facts.lookaside,
            "auth-realm": self.facts.auth_realm,
            "mirrors": [mirror.url for mirror in self.facts.mirrors],
            "insecure": self.facts.insecure,
            **self._of_network(),
        }

    def _of_network(self) -> dict[str, object]:
        return {"proxy": self.facts.proxy, "no-proxy": list(self.facts.no_proxy)}

    def _of_images(self) -> dict[str, object]:
        return {
            "share": self.facts.share,
            "keep-blobs": self.facts.keep_blobs,
            "verify-commit": self.facts.verify_commit,
            "catalog": self.facts.catalog,
        }

    def _of_repository(self) -> dict[str, object]:
        return {
            "collection": self.facts.collection,
            "ed25519-keys": sorted(key.hex().upper() for key in self.facts.ed25519_keys),
            **self._of_network(),
        }

    @property
    def name(self) -> str:  # noqa: D102 - the XML says what it is
        return self.facts.name

    @property
    def title(self) -> str:  # noqa: D102 - the XML says what it is
        return self.facts.title

    @property
    def url(self) -> str:  # noqa: D102 - the XML says what it is
        return self.facts.url

    @property
    def verify(self) -> str:  # noqa: D102 - the XML says what it is
        return self.facts.verify

    @property
    def enabled(self) -> bool:  # noqa: D102 - the XML says what it is
        return self.facts.enabled

    @property
    def writable(self) -> bool:  # noqa: D102 - the XML says what it is
        return self.facts.writable
