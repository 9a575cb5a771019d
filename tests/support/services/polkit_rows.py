# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who may call what, as data/dbus/*.xml says: a row for every method, and every option that asks for more.

The annotations are explained there: org.appctl.Action, and org.appctl.ActionWith.OPTION.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from support.buses.bus_service import INTERFACES

ACTION = "org.appctl.Action"
WITH = "org.appctl.ActionWith."


@dataclass(frozen=True)
class Row:
    """One kind of call, and the actions that polkit is asked about."""

    interface: str
    method: str
    actions: tuple[str, ...]
    option: str = field(default="")

    def __str__(self) -> str:
        return f"{self.method} with {self.option}" if self.option else self.method


def rows() -> list[Row]:
    """All of them; KeyError names a method without one."""
    roots = [ET.parse(path).getroot() for path in sorted(INTERFACES.glob("*.xml"))]  # noqa: S314 - our own
    return [
        row
        for root in roots
        for interface in root.iter("interface")
        for method in interface.iter("method")
        for row in _of(interface.attrib["name"], method)
    ]


def _of(interface: str, method: ET.Element) -> Iterator[Row]:
    said = {item.attrib["name"]: item.attrib["value"] for item in method.findall("annotation")}
    name = method.attrib["name"]
    if ACTION not in said:
        raise KeyError(f"{name} has no {ACTION}: who may call it?")
    base = () if said[ACTION] in {"none", "own"} else (said[ACTION],)
    yield Row(interface, name, base)
    for key, action in _with(said).items():
        more = (*base, action[1:]) if action.startswith("+") else (action,)
        yield Row(interface, name, more, key)


def _with(said: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(WITH): value for name, value in said.items() if name.startswith(WITH)}
