# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The interfaces, read from data/dbus/*.xml: the one source of truth for members, types and dictionary keys.

Guarantees that what it returns is complete: every KeysOf is resolved. Serving it is left to
server.py, the values to variants.py.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

Keys = Mapping[str, tuple[str, ...]]
"""The types that each key of an a{sv} may have; a key of an inner dictionary is `outer/key`."""

KEY = "org.appctl.Key."
KEYS_OF = "org.appctl.KeysOf"
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"


class SchemaError(RuntimeError):
    """The XML, or an object that should serve it, is not complete: our own mistake, found at start."""


@dataclass(frozen=True)
class Arg:
    """One argument of a method or signal."""

    name: str
    signature: str
    keys: Keys = field(default_factory=dict)


@dataclass(frozen=True)
class Property:
    """One property; `emits` is true, invalidates, const or false."""

    name: str
    signature: str
    emits: str
    keys: Keys = field(default_factory=dict)

    @property
    def attribute(self) -> str:
        """The Python attribute that serves it."""
        return snake(self.name)


@dataclass(frozen=True)
class Method:
    """One method."""

    name: str
    ins: tuple[Arg, ...]
    outs: tuple[Arg, ...]

    @property
    def attribute(self) -> str:
        """The Python method that serves it."""
        return snake(self.name)

    @property
    def in_signature(self) -> str:
        """The signature of a call's body."""
        return "".join(arg.signature for arg in self.ins)

    @property
    def out_signature(self) -> str:
        """The signature of a reply's body."""
        return "".join(arg.signature for arg in self.outs)


@dataclass(frozen=True)
class Signal:
    """One signal."""

    name: str
    args: tuple[Arg, ...]

    @property
    def signature(self) -> str:
        """The signature of its body."""
        return "".join(arg.signature for arg in self.args)


@dataclass(frozen=True)
class Interface:
    """One interface, and the text of the file that it stands in."""

    name: str
    methods: Mapping[str, Method]
    signals: Mapping[str, Signal]
    properties: Mapping[str, Property]
    text: str


def load(directory: Path) -> dict[str, Interface]:
    """Read every interface in `directory`; SchemaError when there is none or something is wrong in it."""
    texts = [path.read_text("utf-8") for path in sorted(directory.glob("*.xml"))]
    roots = [(text, ET.fromstring(text)) for text in texts]  # noqa: S314 - our own files, not a stranger's
    tables = _Tables(
        {element.attrib["name"]: element for _, root in roots for element in root.iter("interface")}
    )
    found = [_interface(element, text, tables) for text, root in roots for element in root.iter("interface")]
    if not found:
        raise SchemaError(f"no interface stands in {directory}")
    return {interface.name: interface for interface in found}


def snake(name: str) -> str:
    """The Python name for a D-Bus member: `CheckUpdates` is `check_updates`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class _Tables:
    """Finds the keys of arguments and properties, following KeysOf."""

    def __init__(self, interfaces: Mapping[str, ET.Element]) -> None:
        self._interfaces = {name.rpartition(".")[2]: element for name, element in interfaces.items()}

    def of(self, element: ET.Element) -> Keys:
        keys: dict[str, tuple[str, ...]] = {}
        for annotation in element.iter("annotation"):
            name, value = annotation.attrib["name"], annotation.attrib["value"]
            if name.startswith(KEY):
                keys[name.removeprefix(KEY)] = tuple(value.split()[0].split("|"))
            elif name.partition("/")[0] == KEYS_OF:
                outer = name.partition("/")[2]
                prefix = f"{outer}/" if outer else ""
                keys |= {prefix + key: types for key, types in self.of(self._member(value)).items()}
        return keys

    def _member(self, target: str) -> ET.Element:
        """`Job.Result`, a property, or `Manager.List.apps`, an argument."""
        suffix, member, *argument = target.split(".")
        for element in self._interfaces.get(suffix, ()):
            if element.get("name") == member:
                inside = [arg for arg in element.iter("arg") if argument == [arg.get("name")]]
                if element.tag == "property" or inside:
                    return (inside or [element])[0]
        raise SchemaError(f"KeysOf names {target}, which is not there")


def _interface(element: ET.Element, text: str, tables: _Tables) -> Interface:
    methods = [
        Method(_name(item), tuple(_args(item, tables, "in")), tuple(_args(item, tables, "out")))
        for item in element.iter("method")
    ]
    signals = [Signal(_name(item), tuple(_args(item, tables, "out"))) for item in element.iter("signal")]
    properties = [_property(item, tables) for item in element.iter("property")]
    return Interface(
        _name(element),
        {method.name: method for method in methods},
        {signal.name: signal for signal in signals},
        {item.name: item for item in properties},
        text,
    )


def _args(element: ET.Element, tables: _Tables, direction: str) -> Iterator[Arg]:
    for arg in element.iter("arg"):
        if element.tag == "signal" or arg.get("direction") == direction:
            yield Arg(_name(arg), arg.attrib["type"], tables.of(arg))


def _property(element: ET.Element, tables: _Tables) -> Property:
    if element.get("access") != "read":
        raise SchemaError(f"property {_name(element)} is not read-only")
    emits = {item.attrib["name"]: item.attrib["value"] for item in element.iter("annotation")}.get(
        EMITS, "true"
    )
    return Property(_name(element), element.attrib["type"], emits, tables.of(element))


def _name(element: ET.Element) -> str:
    name = element.get("name", "")
    if not name:
        raise SchemaError(f"a {element.tag} without a name")
    return name
