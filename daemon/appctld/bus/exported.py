# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an object on the bus is: a class whose members are those of one interface, in Python's spelling.

Guarantees that a class which lacks a member, or takes another number of arguments, is found before it is
served, and that a property which is hidden from somebody reads as its type's empty value. Messages are
server.py's.
"""

import inspect
from collections.abc import Collection, Iterable
from typing import ClassVar

from appctld.bus.wire.library import Variant
from appctld.bus.wire.schema import Interface, Method, Property, SchemaError
from appctld.bus.wire.variants import empty, encode


class Exported:
    """Base of all: methods are `async def name(self, caller, *args)`, properties are Python properties."""

    interface: ClassVar[str]

    def hidden_from(self, uid: int | None) -> Collection[str]:  # noqa: ARG002 - for those that hide something
        """Names of the properties that this user (None: everybody on the bus) may not see."""
        return ()


def check(kind: type[Exported], interface: Interface) -> None:
    """Raise SchemaError unless `kind` serves all of `interface`."""
    for method in interface.methods.values():
        _check_method(kind, method)
    for item in interface.properties.values():
        if not isinstance(inspect.getattr_static(kind, item.attribute, None), property):
            raise SchemaError(f"{kind.__name__} has no property {item.attribute}")


def read(item: Exported, described: Property, uid: int | None) -> Variant:
    """One property as this user may see it."""
    if described.name in item.hidden_from(uid):
        return Variant(described.signature, empty(described.signature))
    value = getattr(item, described.attribute)
    return Variant(described.signature, encode(described.signature, value, described.keys))


def read_all(item: Exported, described: Iterable[Property], uid: int | None) -> dict[str, Variant]:
    """Several properties as this user may see them."""
    return {each.name: read(item, each, uid) for each in described}


def _check_method(kind: type[Exported], method: Method) -> None:
    function = inspect.getattr_static(kind, method.attribute, None)
    if not inspect.iscoroutinefunction(function):
        raise SchemaError(f"{kind.__name__} has no method {method.attribute}")
    found = len(inspect.signature(function).parameters)
    wanted = 2 + len(method.ins)  # self and caller
    if found != wanted:
        raise SchemaError(f"{kind.__name__}.{method.attribute} takes {found} arguments, not {wanted}")
