# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An AppStream catalogue's XML cut into its components, each as the bytes that it is written with.

Pure. Guarantees: it is one `<components>` with components directly below, in UTF-8, without a document type,
entities or processing instructions; size, number, depth, attributes are bounded before anything is built of
it. Leaves to others: what a component may say (component.py).
"""

import re
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers import expat

from appctld.errors import BadManifest, LimitExceeded

XML_BYTES = 32 << 20  # 10,000 components of 3 KiB, which is what one with a few translations has
COMPONENTS = 10_000  # one publisher's apps; the largest repository of all publishers has a third of that
COMPONENT_BYTES = 256 << 10  # a description in eighty languages, and a hundred releases
ELEMENTS = 1_000_000  # of all components: a hundred each; reading them takes half a minute, and 600 MiB
DEPTH = 12  # components/component/releases/release/description/ul/li/em is 8
ATTRIBUTES = 16  # of one element; AppStream has at most 6
_END_TAG = re.compile(rb"</component\s*>")
ROOT, COMPONENT = "components", "component"


def cut(data: bytes) -> list[bytes]:
    """Each `<component>…</component>`. Raises BadManifest (it is of another kind), LimitExceeded."""
    if len(data) > XML_BYTES:
        raise LimitExceeded(f"a catalogue with {len(data)} bytes of XML", limit=XML_BYTES)
    _check_encoding(data)
    cutter = _Cutter(data)
    try:
        cutter.parser.Parse(data, True)  # noqa: FBT003 - expat's own
    except expat.ExpatError as error:
        raise BadManifest(
            f"the catalogue is no XML that can be read: {expat.ErrorString(error.code)}"
        ) from error
    return [data[start:end] for start, end in cutter.found]


def _check_encoding(data: bytes) -> None:
    """Whatever it says itself: expat would take UTF-16 by its first bytes, and count others."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        _refuse("another encoding than UTF-8")
    if b"\0" in data:
        _refuse("another encoding than UTF-8")


class _Cutter:
    """What expat tells, kept as places in the bytes."""

    def __init__(self, data: bytes) -> None:
        self.found: list[tuple[int, int]] = []
        self._data = data
        self._depth = self._start = self._elements = 0
        parser = self.parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._opened
        parser.EndElementHandler = self._closed
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = lambda *_: _refuse("a document type")
        parser.EntityDeclHandler = lambda *_: _refuse("an entity of its own")
        parser.ProcessingInstructionHandler = lambda *_: _refuse("a processing instruction")

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() != "utf-8":
            _refuse("another encoding than UTF-8")

    def _opened(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._elements > ELEMENTS:
            raise LimitExceeded(f"a catalogue of more than {ELEMENTS} elements", limit=ELEMENTS)
        if self._depth > DEPTH or len(attributes) > ATTRIBUTES:
            raise LimitExceeded(f"elements below each other {DEPTH} deep, or with {ATTRIBUTES} attributes")
        if self._depth == 1 and name != ROOT:
            raise BadManifest(f"the catalogue is a <{name[:40]}>, not <{ROOT}>")
        if self._depth == 2:  # noqa: PLR2004 - directly below the root
            self._begin(name)

    def _begin(self, name: str) -> None:
        if name != COMPONENT:
            raise BadManifest(f"the catalogue has a <{name[:40]}> where its components are")
        if len(self.found) >= COMPONENTS:
            raise LimitExceeded(f"a catalogue of more than {COMPONENTS} components", limit=COMPONENTS)
        self._start = self.parser.CurrentByteIndex

    def _closed(self, _name: str) -> None:
        if self._depth == 2:  # noqa: PLR2004 - as above
            end = self._end()
            if end - self._start > COMPONENT_BYTES:
                raise LimitExceeded(f"a component of {end - self._start} bytes", limit=COMPONENT_BYTES)
            self.found.append((self._start, end))
        self._depth -= 1

    def _end(self) -> int:
        """Behind the end tag, where there is one; expat tells where it begins, or where an empty one ends."""
        at = self.parser.CurrentByteIndex
        tag = _END_TAG.match(self._data, at)
        return tag.end() if tag else at


def _refuse(what: str) -> NoReturn:
    raise BadManifest(f"the catalogue has {what}")
