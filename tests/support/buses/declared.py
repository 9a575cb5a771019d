# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What arrived over the bus and data/dbus/*.xml does not declare: keys of dictionaries, with their types."""

from collections.abc import Iterator, Mapping

from appctld.bus.wire.schema import Arg, Interface, Keys


def of_arguments(body: tuple[object, ...], outs: tuple[Arg, ...]) -> Iterator[str]:
    """Of an answer."""
    for value, arg in zip(body, outs, strict=True):
        if "{" in arg.signature:
            yield from (f"{arg.name}.{text}" for text in _undeclared(value, arg.keys, ""))


def of_properties(interface: Interface, values: Mapping[str, tuple[str, object]]) -> Iterator[str]:
    """Of an object, but for ErrorDetails, which may have others."""
    for name, (kind, value) in values.items():
        described = interface.properties[name]
        if kind != described.signature:
            yield f"{name}: {kind}"
        if "{" in kind and name != "ErrorDetails":
            yield from (f"{name}.{text}" for text in _undeclared(value, described.keys, ""))


def _undeclared(value: object, keys: Keys, at: str) -> Iterator[str]:
    for dictionary in value if isinstance(value, list) else [value]:
        assert isinstance(dictionary, dict)
        for key, (kind, inner) in dictionary.items():
            if kind not in keys.get(f"{at}{key}", ()):
                yield f"{at}{key}: {kind}"
            elif "{" in kind:
                yield from _undeclared(inner, keys, f"{at}{key}/")
