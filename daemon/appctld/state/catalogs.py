# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is known of each remote's catalogue. A hint: a broken file counts as none, and all is asked anew.

What the catalogue says stands in the store's files; here is only which it is, and for whom it was believed,
and what lies there of each.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appctld.errors import AppctlError
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_bool,
    get_int,
    get_object,
    get_str,
    parse_object,
)
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 1 << 20  # 2,000 remotes


@dataclass(frozen=True, slots=True)
class Known:
    """What was found when the remote was asked last, `checked` seconds after 1970.

    `under` names the settings and keys that it was verified under; `digest` is None where it has none.
    """

    checked: int
    under: str
    digest: Digest | None = None
    signed: bool = False

    def to_json(self) -> JsonObject:
        """As it is written."""
        return {
            "checked": self.checked,
            "under": self.under,
            "digest": str(self.digest or ""),
            "signed": self.signed,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """Of what libappstream's file was made: the names of what was current, by remote; a hash of the apps."""

    catalogs: Mapping[str, str] = field(default_factory=dict)
    apps: str = ""


def known_catalogs(paths: Paths) -> dict[str, Known]:
    """By remote."""
    try:
        obj = parse_object(paths.known_catalogs.read_bytes(), FILE_BYTES)
        return {name: _known(get_object(obj, name)) for name in obj}
    except (OSError, JsonError, AppctlError):
        return {}


def remember_catalogs(paths: Paths, changes: Mapping[str, Known | None]) -> dict[str, Known]:
    """Write down what changed, None for a remote of which nothing is known any more; what is known then."""
    merged = {**known_catalogs(paths), **changes}
    catalogs = {name: known for name, known in merged.items() if known is not None}
    facts = {name: known.to_json() for name, known in catalogs.items()}
    write_file(paths.known_catalogs, json.dumps(facts).encode())
    return catalogs


def shown_catalogs(paths: Paths) -> dict[str, str]:
    """By remote the name of what is current; empty where there is only something that was never shown."""
    try:
        return {path.name: _current(path) for path in paths.catalogs.iterdir() if path.name[0] != "."}
    except OSError:
        return {}


def united_catalogs(paths: Paths) -> Made | None:
    """The same of what libappstream's file was made of; None where nobody knows."""
    try:
        obj = parse_object(paths.united_catalogs.read_bytes(), FILE_BYTES)
        catalogs = get_object(obj, "catalogs")
        return Made({name: get_str(catalogs, name) for name in catalogs}, get_str(obj, "apps"))
    except FileNotFoundError:
        return None if paths.swcatalog.exists() else Made()
    except (OSError, JsonError):
        return None


def _current(place: Path) -> str:
    try:
        return str((place / "current").readlink())
    except OSError:
        return ""


def _known(obj: JsonObject) -> Known:
    digest = get_str(obj, "digest")
    return Known(
        checked=get_int(obj, "checked"),
        under=get_str(obj, "under"),
        digest=Digest.parse(digest) if digest else None,
        signed=get_bool(obj, "signed"),
    )
