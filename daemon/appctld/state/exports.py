# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What desktops see of a deployment: the file that the store wrote beside its record.

One that cannot be read says that nothing is exported; the next start writes it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appctld.model.jsonvalue import JsonError, JsonObject, get_list, get_str, get_strings, parse_object

EXPORTS_BYTES = 1 << 20  # what the store writes at most (disk.py)
_DESKTOPS = "applications/"
_METAINFO = ("metainfo/", "appdata/")


@dataclass(frozen=True, slots=True)
class Exported:
    """`files` are paths below `share`, `refused` others with reasons; `icon` is what its entry names."""

    files: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    icon: str = ""

    @property
    def desktop_ids(self) -> tuple[str, ...]:
        """Names of its desktop files (desktop-entry-spec, "Desktop File ID")."""
        return tuple(path.removeprefix(_DESKTOPS) for path in self.files if path.startswith(_DESKTOPS))

    @property
    def metainfo(self) -> str:
        """Where its metainfo is, below `share`; empty without."""
        return next((path for path in self.files if path.startswith(_METAINFO)), "")


def exported(deployment: Path) -> Exported:
    """What one deployment exports."""
    try:
        with (deployment / "exports.json").open("rb") as file:
            written = parse_object(file.read(EXPORTS_BYTES + 1), EXPORTS_BYTES)
        return Exported(
            tuple(get_strings(written, "files")), tuple(_refused(written)), get_str(written, "icon")
        )
    except (OSError, JsonError):
        return Exported()


def _refused(written: JsonObject) -> Iterator[tuple[str, str]]:
    for item in get_list(written, "refused"):
        match item:
            case [str(path), str(reason)]:
                yield path, reason
            case _:
                raise JsonError("'refused' holds something other than paths with reasons")
