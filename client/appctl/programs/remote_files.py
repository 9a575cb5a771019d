# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote as its files say, for programs of the caller's: everybody may read them, and no daemon is asked.

Guarantees: what goes on is public: where it is and whom it believes, no login; the first file of a name
counts, be it readable or not, as for the daemon. Leaves to others: whether the files are right, which the
daemon sees to when it takes them in; here one that cannot be read is none.
"""

import base64
import configparser
import os
import re
from dataclasses import dataclass
from pathlib import Path

from appctl.caller_files import read_bounded
from appctl.logins.credentials import login_for
from appctl.places import SHIPPED_CONFIG, Places
from appctl.programs.destinations import CA_BYTES
from appctl.programs.proxies import proxies
from appctl.scope import Scope
from appctl.talk.wire import Json, underscored

FILE_BYTES = 64 << 10  # as much as the daemon takes
KEY_BYTES = 64 << 10  # as above
_PLAIN = "oci+http"
_EVERYWHERE = frozenset({"https", "oci+https", "docker"})
_NOT_ALL_KEYS = frozenset({"deny-keys", "fingerprints"})
MASK = {"enabled": "no"}
_UNSIGNED = frozenset({"digest", "none"})
_UNSAID = ("identity", "threshold", "auth-realm", "collection", "verify-commit", "max-age", "strict")


@dataclass(frozen=True)
class RemoteFile:
    """`settings` are the words of NAME.conf at `path`."""

    name: str
    path: Path
    settings: dict[str, str]

    @property
    def url(self) -> str:
        """As it was given."""
        return self.settings.get("url", "")

    @property
    def directory(self) -> str:
        """The layout that it is; empty for a registry."""
        kind, _, rest = self.url.partition(":")
        return rest if kind == "oci" and rest.startswith("/") and not rest.startswith("//") else ""

    def endpoint(self, reference: str, places: Places) -> Json:
        """Return where a reference's blobs can be fetched again, with the caller's login. Raises Failure."""
        host, _, path = reference.partition("@")[0].partition("/")
        scheme = "http" if self.url.partition("://")[0] == _PLAIN else "https"
        repository = path.partition(":")[0]
        ca = self._certificates()
        return {
            "registry": f"{scheme}://{host}",
            "repository": repository,
            "insecure": self.settings.get("insecure") == "yes",
            "auth_realm": self.settings.get("auth-realm"),
            "ca": ca.decode("ascii", "replace") if ca else None,
            "proxy": proxies(self.settings),
            "credential": underscored(login_for(places, f"{host}/{repository}")),
        }

    def exported(self) -> str:
        """Return the text of an .appctlremote: what another machine needs to trust the same publisher.

        The keys in it are those of the kinds that must sign; who adds it asks for signatures of each.
        """
        kinds = self.settings.get("verify", "gpg").split("+")
        words = {
            "Version": "1",
            "Name": self.name,
            "Title": self.settings.get("title", ""),
            "Url": self.url if ":/" in self.url else f"https://{self.url}",
            "Lookaside": self.settings.get("lookaside", ""),
            "GPGKey": _text(self._beside("gpg", KEY_BYTES)) if "gpg" in kinds else "",
            "CosignKey": _text(self._beside("cosign.pub", KEY_BYTES)) if "cosign" in kinds else "",
            "Ids": self.settings.get("ids", ""),
            "Catalog": self.settings.get("catalog", ""),
        }
        lines = [f"{key}={value}" for key, value in words.items() if value]
        return "\n".join(["[Appctl Remote]", *lines, ""])

    @property
    def stays_here(self) -> str:
        """Say why no such file can be written without asking the daemon; empty if it can."""
        scheme = self.url.partition(":/")[0] if ":/" in self.url else "https"
        if scheme not in _EVERYWHERE:
            return "it is not reached by https"
        if self.settings.keys() & _NOT_ALL_KEYS:
            return f"not all of its keys count: appctl remote export {self.name}"
        return ""

    @property
    def signs(self) -> bool:
        """Whether anything of it must be signed."""
        return self.settings.get("verify", "gpg") not in _UNSIGNED

    @property
    def file_name(self) -> str:
        """What the file with `exported` is called."""
        return f"{self.name}.appctlremote"

    def left_out(self) -> list[str]:
        """Name the settings that matter elsewhere, too, and that such a file has no word for."""
        said = [f"{key}={self.settings[key]}" for key in _UNSAID if key in self.settings]
        return [*said, *(["its certificates"] if self._certificates() else [])]

    def _certificates(self) -> bytes:
        return self._beside("ca.pem", CA_BYTES, self.settings.get("ca-file"))

    def _beside(self, extension: str, limit: int, instead: str | None = None) -> bytes:
        path = Path(instead) if instead else self.path.with_name(f"{self.name}.{extension}")
        return _read(path, limit)


def remote_file(places: Places, scope: Scope, name: str) -> RemoteFile | None:
    """Find a remote's file: the administrator's, else, or behind a mask, the one that was shipped."""
    paths = (directory / f"{name}.conf" for directory in directories(places, scope))
    try:
        found = ((path, read_settings(path)) for path in paths if os.path.lexists(path))
        return next((RemoteFile(name, path, words) for path, words in found if words != MASK), None)
    except (OSError, ValueError):
        return None


def directories(places: Places, scope: Scope) -> tuple[Path, ...]:
    """Where a scope's remotes are, the writable directory first."""
    shipped = (SHIPPED_CONFIG / "remotes.d",) if scope is Scope.SYSTEM else ()
    return (places.configuration(scope) / "remotes.d", *shipped)


def counts(path: Path) -> bool:
    """Whether the daemon reads a file of that name there: it skips what an editor has not finished."""
    return path.suffix == ".conf" and not path.name.startswith(".")


def masks(path: Path) -> bool:
    """Whether a file only switches off what is shipped, which may be nothing."""
    try:
        return read_settings(path) == MASK
    except (OSError, ValueError):
        return False


def read_settings(path: Path, section: str = "remote") -> dict[str, str]:
    """Read the words of an administrator's file. Raises OSError, and ValueError with what is wrong in it."""
    return parse_settings(read_bounded(path, FILE_BYTES), section)


def parse_settings(data: bytes, section: str) -> dict[str, str]:
    """Read the words of the one section of such a file. Raises ValueError with what is wrong in it."""
    parser = _Strict()
    try:
        parser.read_string(data.decode())
    except configparser.Error as error:
        raise ValueError(" ".join(str(error).split())) from error
    if parser.sections() != [section]:
        raise ValueError(f"it must have one section, [{section}]")
    return dict(parser[section])


class _Strict(configparser.ConfigParser):
    """As the daemon reads it: nothing is guessed, and no file can name the section of defaults."""

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\]\s*$")

    def __init__(self) -> None:
        super().__init__(
            strict=True, interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"),
            default_section="\n", empty_lines_in_values=False,
        )  # fmt: skip

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _read(path: Path, limit: int) -> bytes:
    """Read a file; one that is not there, cannot be read or is too large is empty."""
    try:
        return read_bounded(path, limit)
    except OSError:
        return b""


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
