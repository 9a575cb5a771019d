# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A command line of a desktop file or a service (Desktop Entry Specification 1.5, "The Exec key").

Guarantees: what is read is a program and its arguments, no line for a shell; what is written is read the same
by the specification's rules and by those of a POSIX shell, which GLib applies. The app's own program is an
argument of ours, behind `--command=`, and its arguments stand behind `--`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from appctld.workers.store.exports.exporter import Exporter, Refused

ARGUMENTS = 64  # of a program that is started from a menu
LENGTH = 4096  # characters of a command line

FILES = frozenset("fFuU")  # what the user opened, once in a command line
_OTHERS = frozenset("ick")  # icon, name, path of the desktop file: arguments of their own
_INSIDE = frozenset("fu")  # one file, one URI: they may stand inside an argument
_LITERAL = {
    "%%": "%",
    **dict.fromkeys(("%d", "%D", "%n", "%N", "%v", "%m"), ""),
}  # deprecated ones are left out
_PIECE = re.compile(r"%.?|[^%]+")
_RESERVED = frozenset(" \t\n\"'\\><~|&;$*?#()`")
_UNQUOTED = re.compile(r"[A-Za-z0-9_./:=@,+%-]+")  # KDE asks a shell about braces, and cuts at more blanks
_ESCAPED_IN_QUOTES = frozenset('"`$\\')
_QUOTED = re.compile(r'"((?:[^"\\`$]|\\["`$\\])*)"(?= |\Z)')
_PLAIN = re.compile(r"[^ ]+")
_MARKS = {"f": "@@", "F": "@@", "u": "@@u", "U": "@@u"}


@dataclass(frozen=True, slots=True)
class Argument:
    """Text; perhaps with a field code in it, and text behind that."""

    text: str
    code: str = ""
    behind: str = ""

    @property
    def alone(self) -> bool:
        """Whether nothing stands beside the field code."""
        return not self.text and not self.behind

    @property
    def opens(self) -> bool:
        """Whether what the user opened stands in it."""
        return self.code in FILES


class _Word(NamedTuple):
    text: str
    quoted: bool


def parse(line: str, *, codes: bool) -> list[Argument]:
    """A program and its arguments; `codes`: a per cent sign begins a field code. Raises Refused."""
    if len(line) > LENGTH or not line.isprintable():
        raise Refused("its Exec is too long, or holds a control character")
    words = _words(line)
    arguments = [one for word in words for one in (_argument(word) if codes else [Argument(word.text)])]
    if len(arguments) > ARGUMENTS:
        raise Refused(f"its Exec has more than {ARGUMENTS} arguments")
    if sum(argument.opens for argument in arguments) > 1:
        raise Refused("its Exec asks more than once for the files to open")
    if not arguments or arguments[0].code or not arguments[0].text or "=" in arguments[0].text:
        raise Refused("its Exec does not begin with a program")
    return arguments


def through(app: Exporter, arguments: list[Argument], name: str = "") -> list[Argument]:
    """Our command line, which starts that one inside the app's sandbox. Raises Refused.

    Where files are forwarded `name` stands for `%c`, as a translation of it could be a mark.
    """
    program, *rest = arguments
    forwarding = forwards(rest)
    if forwarding:
        rest = [Argument(name) if one.code == "c" else one for one in rest]
    if forwarding and any(one.text in _MARKS.values() for one in rest):
        raise Refused("its Exec has an argument that marks files to be forwarded")
    option = ["--file-forwarding"] if forwarding else []
    words = [*app.command, f"--command={program.text}", *option, app.id, "--"]
    theirs = [part for one in rest for part in _marked(one)]
    return [*map(Argument, words), *theirs]


def forwards(arguments: Iterable[Argument]) -> bool:
    """Whether files that the user opened are brought into the sandbox."""
    return any(one.alone and one.opens for one in arguments)


def write(arguments: Iterable[Argument], *, codes: bool) -> str:
    """The command line; `codes`: a per cent sign begins a field code, and stands for itself twice."""
    return " ".join(_written(argument, codes=codes) for argument in arguments)


def _words(line: str) -> Iterator[_Word]:
    at = 0
    while at < len(line):
        if line[at] == " ":
            at += 1
            continue
        quoted = line[at] == '"'
        found = (_QUOTED if quoted else _PLAIN).match(line, at)
        if found is None or (not quoted and not _RESERVED.isdisjoint(found[0])):
            raise Refused(f"its Exec is a line for a shell, or ill quoted: {line[at : at + 40]}")
        yield _Word(re.sub(r"\\(.)", r"\1", found[1]) if quoted else found[0], quoted)
        at = found.end()


def _argument(word: _Word) -> list[Argument]:
    """One argument; none where nothing but deprecated codes stood there. Raises Refused."""
    pieces = _PIECE.findall(word.text)
    codes = [at for at, piece in enumerate(pieces) if piece.startswith("%") and piece not in _LITERAL]
    texts = [_LITERAL.get(piece, piece) for piece in pieces]
    if not codes:
        text = "".join(texts)
        return [Argument(text)] if text or not word.text else []
    at, code = codes[0], pieces[codes[0]][1:]
    found = Argument("".join(texts[:at]), code, "".join(texts[at + 1 :]))
    if len(codes) > 1 or code not in FILES | _OTHERS:
        raise Refused(f"its Exec has field codes that mean nothing: {word.text[:40]}")
    plain = _UNQUOTED.fullmatch(found.text + found.behind)  # no quote may stand around a field code
    if not found.alone and (word.quoted or code not in _INSIDE or not plain):
        raise Refused(f"its Exec has a field code inside an argument: {word.text[:40]}")
    return [found]


def _marked(argument: Argument) -> list[Argument]:
    """What the user opened between marks: `run` brings it into the sandbox through the document portal."""
    if not (argument.alone and argument.opens):
        return [argument]
    return [Argument(_MARKS[argument.code]), argument, Argument("@@")]


def _written(argument: Argument, *, codes: bool) -> str:
    text = argument.text.replace("%", "%%") if codes else argument.text
    behind = argument.behind.replace("%", "%%")
    if argument.code:
        return f"{text}%{argument.code}{behind}"
    if _UNQUOTED.fullmatch(text):
        return text
    return '"' + "".join(f"\\{one}" if one in _ESCAPED_IN_QUOTES else one for one in text) + '"'
