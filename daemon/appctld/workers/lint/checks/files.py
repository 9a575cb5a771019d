# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What of an image's files, and of its instructions, does not survive the installation."""

from appctld.workers.images.image import Image
from appctld.workers.lint.findings import Findings
from appctld.workers.store.archive.entry import Entry, Type

_OTHERS_READ, _OTHERS_SEARCH = 0o004, 0o001
_SETUID = 0o6000
_STRICT = "; a remote with strict=yes refuses it"


def check_files(image: Image, found: Findings) -> None:
    """Look at every file, and at what the config asks for in vain."""
    for text in image.config.ignored:
        found.add("ignored", text.partition(" ")[0], f"{text} means nothing to appctl")
    for entry in image.entries:
        _lost(entry, found)
    for path, node in image.own:
        _private(path, node.entry, found)


def _lost(entry: Entry, found: Findings) -> None:
    if entry.type.dropped:
        found.add("dropped", entry.name, f"a {entry.type.value} reaches no installation{_STRICT}")
    elif entry.type is Type.FILE and entry.mode & _SETUID:
        found.add("setuid", entry.name, f"mode {entry.mode:04o}: the bits reach no installation{_STRICT}")
    for name, _ in entry.xattrs:
        if name.startswith((b"security.", b"trusted.")):
            shown = name.decode("utf-8", "replace")
            found.add("capability", entry.name, f"{shown} reaches no installation{_STRICT}")


def _private(path: str, entry: Entry, found: Findings) -> None:
    """Modes hide nothing: everybody on the machine reads what is installed."""
    needed = {Type.FILE: _OTHERS_READ, Type.DIRECTORY: _OTHERS_READ | _OTHERS_SEARCH}.get(entry.type, 0)
    if entry.mode & needed != needed:
        found.add("private-mode", path, f"mode {entry.mode:04o} hides it from nobody once it is installed")
