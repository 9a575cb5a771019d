# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Calls that data/dbus/*.xml does not allow, made from it: whatever is added there is tried by itself.

Each differs in one place from a call that is in order. That one is made of EXAMPLES, by an argument's name: a
new argument needs one there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appctld.bus.wire.schema import Arg, Interface, Method
from appctld.bus.wire.variants import split

NOTHING = "org.example.Nothing"
EXAMPLES: Mapping[str, object] = {
    "action": "install",
    "file": b"x",
    "hold": True,
    "id": NOTHING,
    "ids": [NOTHING],
    "keys": ["id"],
    "remotes": ["nothing"],
    "login": {"host": ("s", "quay.example.org"), "identity-token": ("s", "x")},
    "name": "nothing",
    "options": {},
    "permissions": [("shared", "network", "deny")],
    "policy": "check",
    "reference": "quay.example.org/acme/x:1",
    "refs": ["quay.example.org/acme/x:1"],
    "term": "editor",
    "settings": {"url": ("s", "oci+https://quay.example.org/acme"), "verify": ("s", "none")},
    "ModifyRemote.name": "acme",
    "ModifyRemote.settings": {},
}
"""Values of the right grammar, by the argument's name, or by the method's and the argument's.

What they name is not there, but for a remote `acme`.
"""

VALUES: Mapping[str, object] = {
    "s": "x",
    "b": True,
    "y": 1,
    "u": 1,
    "x": -1,
    "t": 1,
    "d": 0.5,
    "o": "/x",
    "i": -1,
    "v": ("s", "x"),
    "as": ["x"],
    "ao": ["/x"],
    "ay": b"x",
    "aay": [b"x"],
    "au": [1],
    "(ss)": ("x", "x"),
    "a(sss)": [("x", "x", "x")],
    "a{ss}": {"x": "x"},
    "a{sv}": {},
    "aa{sv}": [],
}
"""One value of every type that something here has, and of some more."""

DISPLAYED: Mapping[str, str] = {
    "control characters": "a.b.c\x1b[2J",
    "a line break": "a.b.c\nd",
    "text direction": "a.b.\u202ecod",
    "zero width": "a.b\u200b.c",
    "ten thousand characters": "a.b." + "c" * 10_000,
}
"""What no string may be that somebody is shown."""

HOSTILE: Mapping[str, str] = {
    **DISPLAYED,
    "a look-alike": "org.\u0430cme.Editor/x:1",
    "a parent": "../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "a blank": "acme corp",
    "an option of a program": "--user",
    "markup": "<b>acme</b>",
    "nothing": "",
}
"""What no string with a grammar may be; of an option nothing is as if it were not there."""


@dataclass(frozen=True)
class Call:
    """A call, and in words what is wrong with it."""

    about: str
    member: str
    signature: str
    body: tuple[object, ...]


def in_order(method: Method, examples: Mapping[str, object] = EXAMPLES) -> Call:
    """A call that the XML allows."""
    body = tuple(examples.get(f"{method.name}.{arg.name}", examples[arg.name]) for arg in method.ins)
    return Call(f"{method.name} as it should be", method.name, method.in_signature, body)


def wrong_types(method: Method) -> Iterator[Call]:
    """Every argument and every option in every other type; too few arguments, and too many."""
    call = in_order(method)
    yield Call(f"{method.name} with one more", method.name, f"{call.signature}s", (*call.body, "x"))
    if method.ins:
        yield Call(f"{method.name} with nothing", method.name, "", ())
    for place, arg in enumerate(method.ins):
        for kind in VALUES.keys() - {arg.signature}:
            types = [each.signature for each in method.ins]
            types[place] = kind
            body = _with(call.body, place, VALUES[kind])
            yield Call(f"{method.name}.{arg.name} as {kind}", method.name, "".join(types), body)
        for key, known in arg.keys.items():
            for kind in VALUES.keys() - set(known):
                yield _option(method, place, key, arg, (kind, VALUES[kind]))


def unknown_options(method: Method) -> Iterator[Call]:
    """Options that this version would have to understand."""
    for place, arg in enumerate(method.ins):
        if arg.signature == "a{sv}":
            yield _option(method, place, "require-nothing-of-this", arg, ("b", True))
            inner = sorted({key.rpartition("/")[0] for key in arg.keys if "/" in key})
            for outer in inner:
                yield _option(method, place, f"{outer}/require-this", arg, ("b", True))


def strings(method: Method, hostile: Mapping[str, str]) -> Iterator[tuple[str, Call]]:
    """Every string with such a text in it, by the name of its place, `Install.options.remote`."""
    call = in_order(method)
    for place, arg in enumerate(method.ins):
        for name, text in hostile.items():
            for value in _texts(arg.signature, text):
                where = f"{method.name}.{arg.name}"
                body = _with(call.body, place, value)
                yield where, Call(f"{where}: {name}", method.name, call.signature, body)
            for key, types in arg.keys.items():
                for kind in types:
                    if not text or (kind == "s" and "as" in types and name == "a blank"):
                        continue  # a list that is written as a text has blanks between its items
                    for value in _texts(kind, text):
                        where = f"{method.name}.{arg.name}.{key}"
                        made = _option(method, place, key, arg, (kind, value))
                        yield where, Call(f"{where}: {name}", made.member, made.signature, made.body)


def _texts(signature: str, text: str) -> Iterator[object]:
    """Values of that type with the text in it, if it holds strings."""
    if signature == "s":
        yield text
    elif signature == "as":
        yield [text]
    elif signature.startswith("a("):
        kinds = list(split(signature[2:-1]))
        for place, kind in enumerate(kinds):
            if kind == "s":
                yield [tuple(text if at == place else VALUES[each] for at, each in enumerate(kinds))]


def _option(method: Method, place: int, key: str, arg: Arg, value: tuple[str, object]) -> Call:
    """The call with one option more, which may lie in an inner dictionary."""
    call = in_order(method)
    *outer, last = key.split("/")
    made: dict[str, object] = {last: value}
    for depth in range(len(outer), 0, -1):
        kind = arg.keys["/".join(outer[:depth])][0]
        made = {outer[depth - 1]: (kind, [made] if kind == "aa{sv}" else made)}
    body = _with(call.body, place, {**_dictionary(call.body[place]), **made})
    return Call(f"{method.name}.{arg.name}.{key} as {value[0]}", method.name, call.signature, body)


def _dictionary(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _with(body: Sequence[object], place: int, value: object) -> tuple[object, ...]:
    return (*body[:place], value, *body[place + 1 :])


def methods(interfaces: Mapping[str, Interface]) -> list[tuple[str, Method]]:
    """Every method, with its interface's name."""
    return [(name, method) for name, found in interfaces.items() for method in found.methods.values()]
