# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Files that somebody opened with an app, between marks of its command line: `@@ FILE… @@`, `@@u URI… @@`.

A desktop file of ours puts the marks there (`run --file-forwarding`), as flatpak's do. The document portal of
the session gives the app each of these files and nothing beside; in the place of its name stands where the
app sees it. What it sees anyway, what is no file here, and what no portal can give stays as it was.

Guarantees: marks never reach the app; the app gets no file that was not named, and an address that a page or
the app itself made up names none (`acme:/../.ssh/key`). Leaves to others: what is shown (grants/), that no
word of the publisher's is a mark (the daemon's execline.py), and where documents are seen (proxy.py).
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from appctl.running.grants.granted import Shown

BEGINS = ("@@", "@@u")
END = "@@"
AT_ONCE = 16  # descriptors in one message: as many as any bus takes
SECONDS = 10.0  # for the portal's answer, which starts on demand
_NAME = "org.freedesktop.portal.Documents"
_PATH = "/org/freedesktop/portal/documents"
_REUSE = 1  # a document that is there already is that one (the portal's AddFull)
_MAY = ["read", "write"]

Give = Callable[[Sequence[Path]], Sequence[str]]
"""Gives the app files; their documents' names, or an empty one for each that it could not give."""


@dataclass(frozen=True)
class _Opened:
    """One word between marks, and the file that it means, if it means one of this machine's.

    `path` is where the file is, behind all links: the portal calls a document as the file is called there.
    """

    word: str
    path: Path | None = None
    named: Path = Path()
    is_uri: bool = False

    def at(self, place: str) -> str:
        """The word for that file where the app sees it."""
        return f"file://{quote(os.fsencode(place))}" if self.is_uri else place

    def is_shown(self, shown: Sequence[Shown]) -> bool:
        """Whether the app sees the file as it was opened, and what a link there leads to."""
        places = [item.place for item in shown if str(item.path) == item.place]
        return (
            self.path is not None
            and any(map(self.named.is_relative_to, places))
            and any(map(self.path.is_relative_to, map(os.path.realpath, places)))
        )


def forwarded(arguments: Sequence[str], shown: Sequence[Shown], place: str, give: Give) -> list[str]:
    """Return the arguments as the app gets them; `place` is where it sees documents, empty for nowhere."""
    words = [_Opened(one.word) if one.is_shown(shown) else one for one in _opened(arguments)]
    paths = list(dict.fromkeys(word.path for word in words if word.path is not None))
    given: dict[Path, str] = {}
    if place and paths:
        given = {path: name for path, name in zip(paths, give(paths), strict=True) if name}
    return [_seen(word, given, place) for word in words]


def _seen(word: _Opened, given: dict[Path, str], place: str) -> str:
    if word.path is None or word.path not in given:
        return word.word
    return word.at(f"{place}/{given[word.path]}/{word.path.name}")


def _opened(arguments: Sequence[str]) -> Iterator[_Opened]:
    """Every argument but the marks."""
    mark = ""
    for argument in arguments:
        if mark:
            if argument == END:
                mark = ""
            else:
                yield _meant(argument, is_uri=mark != END)
        elif argument in BEGINS:
            mark = argument
        else:
            yield _Opened(argument)


def _meant(word: str, *, is_uri: bool) -> _Opened:
    """What a word between marks means: a file that is there, or nothing of ours."""
    name = _path_of(word) if is_uri else word
    if not os.path.isfile(name):  # noqa: PTH113 - Path's raises for a name that is too long, or behind a lock
        return _Opened(word)
    named = os.path.normpath(Path.cwd() / name)
    return _Opened(word, Path(os.path.realpath(name)), Path(named), is_uri and word != name)


def _path_of(word: str) -> str:
    """The path of a file's URI; a whole path is one too, as KDE gives them. Empty for any other address."""
    if word.startswith("/"):
        return word
    try:
        split = urlsplit(word)
    except ValueError:
        return ""
    is_here = word.startswith("file:/") and split.netloc in {"", "localhost"}
    return os.fsdecode(unquote_to_bytes(split.path)) if is_here else ""


def portal(app: str) -> Give:
    """The session's document portal, for one app."""

    def give(paths: Sequence[Path]) -> list[str]:
        names: list[str] = []
        for first in range(0, len(paths), AT_ONCE):
            some = paths[first : first + AT_ONCE]
            names += _add(some, app) or [""] * len(some)
        return names

    return give


def wake(runtime: Path | None) -> None:
    """Let the portal show its files in a session where nobody asked it for anything yet; then it does."""
    if runtime is not None and not (runtime / "doc/by-app").is_dir():
        _asked("GetMountPoint")


def _add(paths: Sequence[Path], app: str) -> list[str]:
    """Ask the portal; nothing where there is none, or it says no."""
    with ExitStack() as stack:
        try:
            files = [_open(path, stack) for path in paths]
        except (OSError, ValueError):
            return []
        said = _asked("AddFull", "ahusas", (files, _REUSE, app, _MAY))
    return _names(said[0], len(paths)) if said else []


def _asked(method: str, signature: str = "", arguments: tuple[object, ...] = ()) -> tuple[object, ...]:
    """What the portal answers, which may have to start; nothing where there is none, or it says no."""
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.auth import AuthenticationError
    from jeepney.io.blocking import open_dbus_connection

    where = DBusAddress(_PATH, bus_name=_NAME, interface=_NAME)
    try:
        with closing(open_dbus_connection("SESSION", enable_fds=True)) as connection:
            call = new_method_call(where, method, signature, arguments)
            answer = connection.send_and_get_reply(call, timeout=SECONDS)
    except (OSError, KeyError, ValueError, RuntimeError, AuthenticationError):
        return ()
    return answer.body if answer.header.message_type is MessageType.method_return else ()


def _names(said: object, number: int) -> list[str]:
    """One name for each file, each one component of a path; else nothing."""
    names = (
        [name for name in said if isinstance(name, str) and name.isalnum()] if isinstance(said, list) else []
    )
    return names if len(names) == number else []


def _open(path: Path, stack: ExitStack) -> int:
    """A descriptor that says which file it is, and opens nothing."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise ValueError("it was a file a moment ago")
    return descriptor
