# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""XML, read and written: elements, attributes and text, and nothing else that XML has.

Guarantees: UTF-8, whatever the document calls itself; no DOCTYPE, so no entity that is not XML's own, and no
other file; no processing instruction; depth, elements and attributes within limits. Names stand as they are
written, with their prefixes: who reads them allows names, and a prefix is part of one. What is written is a
document of its own that reads the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from appctld.workers.store.exports.exporter import Refused

DEPTH = 64  # drawings have groups in groups; a file of this shape that is deeper is no work of a person
ELEMENTS = 20_000  # metainfo with a hundred languages has some thousand
ATTRIBUTES = 128  # of one element: a shape drawn with all its properties has fifty
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_RETURN = {"\r": "&#13;"}  # as it stands it would be read as the end of a line
_UTF_8 = frozenset({None, "utf-8", "utf8", "us-ascii"})


@dataclass(slots=True)
class Element:
    """`children` are elements and text, in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands in it, without what stands in its elements."""
        return "".join(child for child in self.children if isinstance(child, str))

    def elements(self, name: str | None = None) -> Iterator["Element"]:
        """Its elements, or those of one name."""
        for child in self.children:
            if isinstance(child, Element) and name in {None, child.name}:
                yield child

    def all(self) -> Iterator["Element"]:
        """Itself, and all elements below it, in order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += [*element.elements()][::-1]


def read(data: bytes) -> Element:
    """The root of a document. Raises Refused."""
    reader = _Reader()
    try:
        data.decode()
        reader.parser.Parse(data, True)  # noqa: FBT003 - positional only
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8") from None
    except expat.ExpatError as error:
        raise Refused(f"it is no well-formed XML: {error}") from None
    return next(reader.top.elements())


def write(root: Element) -> bytes:
    """The document."""
    return _DECLARATION + "".join((*_written(root), "\n")).encode()


def _written(element: Element) -> Iterator[str]:
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in element.attributes.items())
    yield f"<{element.name}{attributes}>" if element.children else f"<{element.name}{attributes}/>"
    for child in element.children:
        yield from (escape(child, _RETURN),) if isinstance(child, str) else _written(child)
    if element.children:
        yield f"</{element.name}>"


class _Reader:
    """The open elements, the document itself below them."""

    def __init__(self) -> None:
        self.top = Element("")
        self.open = [self.top]
        self.count = 0
        parser = self.parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    @staticmethod
    def _declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding.lower() if encoding else None) not in _UTF_8:
            raise Refused(f"it says that it is {encoding}, not UTF-8")

    @staticmethod
    def _doctype(*_: object) -> None:
        raise Refused("it has a DOCTYPE")

    @staticmethod
    def _instruction(*_: object) -> None:
        raise Refused("it has a processing instruction")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > ELEMENTS or len(self.open) > DEPTH or len(attributes) > ATTRIBUTES:
            raise Refused(
                f"more than {ELEMENTS} elements, {DEPTH} of them nested, or {ATTRIBUTES} attributes"
            )
        element = Element(name, attributes)
        self.open[-1].children.append(element)
        self.open.append(element)

    def _end(self, _name: str) -> None:
        self.open.pop()

    def _text(self, text: str) -> None:
        self.open[-1].children.append(text)
