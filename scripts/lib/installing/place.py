# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Puts the files of files.txt below a directory; does a part of scripts/install-system's work.

place.py DESTDIR PREFIX

Guarantees: each line of the list is carried out or an error (a glob that finds nothing too); paths in what is
placed follow the prefix, and no placeholder is left; everything is 0644 or 0755, whatever the umask. Left to
install-system: the virtual environment, what is made by programs, and whom it all belongs to.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
LIST = Path(__file__).with_name("files.txt")
# Paths of ours that stand in units, bus files and scripts as they are for /usr.
OURS = re.compile(rb"/usr(?=/lib/appctl/(?!remotes\.d)|/bin/appctl\b|/lib/(?:sysusers|tmpfiles)\.d/appctl\.)")


@dataclass(frozen=True)
class Layout:
    """Where an installation with this prefix has its things."""

    prefix: str

    @property
    def venv(self) -> str:
        """The virtual environment."""
        return f"{self.prefix}/lib/appctl/venv"

    @property
    def buspolicy(self) -> str:
        """The system bus reads policies in /usr/share and in /etc alone."""
        return "/usr/share/dbus-1/system.d" if self.prefix == "/usr" else "/etc/dbus-1/system.d"

    def fill(self, text: str) -> str:
        """A path of the list."""
        return text.format(prefix=self.prefix, venv=self.venv, buspolicy=self.buspolicy)

    def follow(self, content: bytes) -> bytes:
        """What stands in a file, for this prefix."""
        content = content.replace(b"@BINDIR@", f"{self.venv}/bin".encode())
        return OURS.sub(self.prefix.encode(), content)


@dataclass(frozen=True)
class Entry:
    """One thing to place: `source` is a path of the checkout, or a link's text, or nothing."""

    kind: str
    source: str
    target: str


def entries(text: str, top: Path, layout: Layout) -> Iterator[Entry]:
    """What the list says, globs as the files they are. Raises ValueError for a line that means nothing."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        match words:
            case []:
                continue
            case ["dir", target]:
                yield Entry("dir", "", layout.fill(target))
            case ["link", source, target]:
                yield Entry("link", source, layout.fill(target))
            case ["file" | "program" as kind, pattern, target]:
                yield from _globbed(kind, pattern, layout.fill(target), top)
            case _:
                raise ValueError(f"not understood: {line}")


def _globbed(kind: str, pattern: str, target: str, top: Path) -> Iterator[Entry]:
    found = sorted(top.glob(pattern))
    if not found:
        raise ValueError(f"there is no {pattern}")
    if len(found) > 1 and not target.endswith("/"):
        raise ValueError(f"{pattern} is more than one file")
    for path in found:
        where = target + path.name if target.endswith("/") else target
        yield Entry(kind, str(path.relative_to(top)), where)


def place(entry: Entry, top: Path, destination: Path, layout: Layout) -> None:
    """Put it below the destination, in the place of what is there."""
    target = destination / entry.target.lstrip("/")
    if entry.kind == "dir":
        _directory(target)
        return
    _directory(target.parent)
    target.unlink(missing_ok=True)
    if entry.kind == "link":
        target.symlink_to(entry.source)
        return
    target.write_bytes(layout.follow((top / entry.source).read_bytes()))
    target.chmod(0o755 if entry.kind == "program" else 0o644)


def _directory(path: Path) -> None:
    for ancestor in (*reversed(path.parents), path):
        if not ancestor.is_dir():
            ancestor.mkdir()
            ancestor.chmod(0o755)


def main(destination: str, prefix: str) -> None:
    """Place everything."""
    layout = Layout(prefix)
    for entry in list(entries(LIST.read_text(), TOP, layout)):
        place(entry, TOP, Path(destination), layout)


if __name__ == "__main__":
    main(*sys.argv[1:])
