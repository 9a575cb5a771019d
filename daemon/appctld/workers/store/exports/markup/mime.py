# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Packages of MIME types (Shared MIME-info Database specification): types that the host does not have.

Guarantees: no type, alias or glob of the host's is touched, and no glob that ends in one of its; a glob is
`*.ENDING` and weighs no more than the host's own; nothing is told by contents (magic, treemagic, root-XML),
nothing is deleted, nothing is another name of a type. The icon is the app's own.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from appctld.workers.store.exports.desktop.keys import MIME_TYPE
from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.markup.allowed import (
    Allowed,
    Check,
    kept,
    language,
    line,
    matching,
    one_of,
)
from appctld.workers.store.exports.markup.document import Element, read, write
from appctld.workers.store.exports.names import Place, owns

NAMESPACE = "http://www.freedesktop.org/standards/shared-mime-info"
TYPES = 128  # that one app brings
WEIGHT = 50  # of a glob that says none: what all of the host's have but a few
_MEDIA = ("application/", "audio/", "chemical/", "font/", "image/", "model/", "text/", "video/")
_RUN = frozenset({
    "application/x-executable", "application/x-desktop", "application/x-shellscript",
    # kinds of these (shared-mime-info's subclasses), but JavaScript, which JSON is a kind of
    "application/vnd.appimage", "application/x-awk", "application/x-csh", "application/x-iso9660-appimage",
    "application/x-perl", "application/x-pie-executable", "application/x-ruby", "application/x-theme",
    "text/x-lua", "text/x-python", "text/x-python2", "text/x-python3",
})  # fmt: skip
_WEIGHT = re.compile("[0-9]{1,3}")
_GLOB = r"\*(?:\.[A-Za-z0-9_+-]{1,32}){1,3}"


def emit_mime(_place: Place, data: bytes, app: Exporter) -> Emitted:
    """The new types. Raises Refused."""
    root = read(data)
    if root.name != "mime-info":
        raise Refused("it is no <mime-info>")
    dropped: list[str] = []
    taken = frozenset(name.lower() for name in app.taken)
    rule = Allowed(children={"mime-type": _mime_type(app.id, taken)})
    if sum(1 for _ in root.elements()) > TYPES:
        raise Refused(f"it has more than {TYPES} types")
    found = kept(Element(root.name, {}, root.children), rule, dropped)
    if found is None:
        raise Refused("it has no type that is new to the host")
    found.attributes["xmlns"] = NAMESPACE
    return Emitted(write(found), tuple(dropped))


def _mime_type(app_id: str, taken: frozenset[str]) -> Allowed:
    translated = Allowed(line, {"xml:lang": language})
    return Allowed(
        attributes={"type": _new_type(taken)},
        needs=frozenset({"type"}),
        children={
            "comment": translated,
            "acronym": translated,
            "expanded-acronym": translated,
            "glob": Allowed(
                None,
                {"pattern": _new_glob(taken), "weight": _weight, "case-sensitive": one_of("true", "false")},
                needs=frozenset({"pattern"}),
            ),
            "sub-class-of": Allowed(None, {"type": _base}, needs=frozenset({"type"})),
            "icon": Allowed(None, {"name": lambda name: name if owns(app_id, name) else None}),
        },
    )


def _base(text: str) -> str | None:
    """What a new type is a kind of: files, and none that a desktop runs when they are opened."""
    return (
        text if MIME_TYPE.fullmatch(text) and text.startswith(_MEDIA) and text.lower() not in _RUN else None
    )


def _new_type(taken: frozenset[str]) -> Check:
    """A type of files that the host does not have under any name."""

    def check(text: str) -> str | None:
        return _base(text) if text.lower() not in taken else None

    return check


def _new_glob(taken: frozenset[str]) -> Check:
    is_glob = matching(_GLOB)
    classes = [glob for glob in taken if "[" in glob]

    def check(text: str) -> str | None:
        glob = text.lower()
        is_taken = any(end in taken for end in _ends(glob)) or any(_overlap(glob, one) for one in classes)
        return None if not is_glob(text) or is_taken else text

    return check


def _overlap(glob: str, other: str) -> bool:
    """Whether it would take files from one of the host's with a class in it, which endings win over.

    `*.1` and `*.[1-9]`, `*.vdr` and `[0-9].vdr`.
    """
    ending = glob.removeprefix("*")
    return fnmatchcase(f"a{ending}", other) or other.endswith(ending)


def _ends(glob: str) -> Iterator[str]:
    """`*.tar.gz` ends in `*.gz` as well."""
    parts = glob.split(".")
    return ("*." + ".".join(parts[at:]) for at in range(1, len(parts)))


def _weight(text: str) -> str | None:
    return str(min(int(text), WEIGHT)) if _WEIGHT.fullmatch(text) else None
