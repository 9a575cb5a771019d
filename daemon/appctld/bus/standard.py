# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The standard interfaces of every object: Peer, Introspectable, Properties and, at the root, ObjectManager.

Guarantees: Introspect returns the text of the XML file itself with the standard interfaces and the children
added; nothing can be set; what is hidden from a caller is empty for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appctld.bus.caller import Caller
from appctld.bus.exported import Exported, read, read_all
from appctld.bus.wire.paths import ROOT, parents
from appctld.bus.wire.replies import CallRefusedError
from appctld.bus.wire.schema import Interface

PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
PEER = "org.freedesktop.DBus.Peer"

DOCTYPE = """<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
"""

EVERYWHERE = """
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect"><arg name="xml_data" type="s" direction="out"/></method>
  </interface>
"""

ON_OBJECTS = """
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
"""

AT_ROOT = """
  <interface name="org.freedesktop.DBus.ObjectManager">
    <method name="GetManagedObjects">
      <arg name="objects" type="a{oa{sa{sv}}}" direction="out"/>
    </method>
    <signal name="InterfacesAdded">
      <arg name="object" type="o"/>
      <arg name="interfaces_and_properties" type="a{sa{sv}}"/>
    </signal>
    <signal name="InterfacesRemoved">
      <arg name="object" type="o"/>
      <arg name="interfaces" type="as"/>
    </signal>
  </interface>
"""


@dataclass(frozen=True)
class StandardMethod:
    """One method of a standard interface."""

    ins: str
    outs: str
    run: Callable[[Caller, str, list[str]], list[object]]


class Standard:
    """Answers the standard interfaces for the objects in `objects`, which server.py changes."""

    def __init__(self, objects: Mapping[str, Exported], interfaces: Mapping[str, Interface]) -> None:
        self.refresh: Callable[[], None] = lambda: None
        self._objects = objects
        self._interfaces = interfaces
        self._methods = {
            (PEER, "Ping"): StandardMethod("", "", _ping),
            (PEER, "GetMachineId"): StandardMethod("", "s", _machine_id),
            (INTROSPECTABLE, "Introspect"): StandardMethod("", "s", self._introspect),
            (PROPERTIES, "Get"): StandardMethod("ss", "v", self._get),
            (PROPERTIES, "GetAll"): StandardMethod("s", "a{sv}", self._get_all),
            (PROPERTIES, "Set"): StandardMethod("ssv", "", self._set),
            (OBJECT_MANAGER, "GetManagedObjects"): StandardMethod("", "a{oa{sa{sv}}}", self._managed),
        }

    def find(self, path: str, interface: str | None, member: str) -> StandardMethod | None:
        """The method that a call means, or None; a call may leave the interface out."""
        for (name, method), found in self._methods.items():
            if method == member and interface in {None, "", name} and self._offers(path, name):
                return found
        return None

    def _offers(self, path: str, interface: str) -> bool:
        if interface == OBJECT_MANAGER:
            return path == ROOT
        return interface != PROPERTIES or path in self._objects

    def _introspect(self, _caller: Caller, path: str, _args: list[str]) -> list[object]:
        children = self._children(path)
        item = self._objects.get(path)
        if item is None and not children:
            raise CallRefusedError("UnknownObject", f"there is no object {path}")
        text = self._interfaces[item.interface].text if item else f"{DOCTYPE}<node>\n</node>\n"
        head, _, tail = text.rpartition("</node>")
        standard = EVERYWHERE + (ON_OBJECTS if item else "") + (AT_ROOT if path == ROOT else "")
        nodes = "".join(f'  <node name="{child}"/>\n' for child in children)
        return [f"{head}{standard}{nodes}</node>{tail}"]

    def _children(self, path: str) -> list[str]:
        """Names of the nodes directly below; they hold nothing but letters, digits and `_`."""
        prefix = path.rstrip("/") + "/"
        everything = {above for item in self._objects for above in (item, *parents(item))}
        below = (item.removeprefix(prefix) for item in everything if item.startswith(prefix))
        return sorted({rest for rest in below if rest and "/" not in rest})

    def _get(self, caller: Caller, path: str, args: list[str]) -> list[object]:
        item = self._object(path, args[0])
        described = self._interfaces[item.interface].properties.get(args[1])
        if described is None:
            raise CallRefusedError("UnknownProperty", f"{item.interface} has no property {args[1]}")
        return [read(item, described, caller.uid)]

    def _get_all(self, caller: Caller, path: str, args: list[str]) -> list[object]:
        if args[0].startswith("org.freedesktop.DBus."):
            return [{}]
        item = self._object(path, args[0])
        return [read_all(item, self._interfaces[item.interface].properties.values(), caller.uid)]

    def _set(self, _caller: Caller, path: str, args: list[str]) -> list[object]:
        item = self._object(path, args[0])
        raise CallRefusedError("PropertyReadOnly", f"nothing of {item.interface} can be set")

    def _managed(self, caller: Caller, _path: str, _args: list[str]) -> list[object]:
        self.refresh()
        below = {path: item for path, item in self._objects.items() if path != ROOT}
        return [{path: self.described(item, caller.uid) for path, item in below.items()}]

    def described(self, item: Exported, uid: int | None) -> dict[str, object]:
        """Interfaces and properties of one object, as ObjectManager tells them."""
        interface = self._interfaces[item.interface]
        return {interface.name: read_all(item, interface.properties.values(), uid)}

    def _object(self, path: str, interface: str) -> Exported:
        item = self._objects[path]
        if interface not in {"", item.interface}:
            raise CallRefusedError("UnknownInterface", f"{path} has no interface {interface}")
        return item


def _ping(_caller: Caller, _path: str, _args: list[str]) -> list[object]:
    return []


def _machine_id(_caller: Caller, _path: str, _args: list[str]) -> list[object]:
    try:
        return [Path("/etc/machine-id").read_text("ascii").strip()]
    except (OSError, ValueError) as error:
        raise CallRefusedError("FileNotFound", "this machine has no ID") from error
