# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a scope's daemon tells everybody, as events, and how its jobs get on, which it tells their callers.

Guarantees: a daemon is never started or kept from ending by who watches: it is asked about jobs only while
some are at work. Whom to believe is hearing.py's.
Of another user's job is told what the daemon tells about it, which is not what it is about.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from appctl.talk.bus import JOB, MANAGER, ROOT
from appctl.talk.messages import header, is_about_owner, values
from appctl.talk.outcome import FINAL
from appctl.talk.wire import Json, get_str, get_strings, snake

if TYPE_CHECKING:
    from jeepney import Message

    from appctl.talk.hearing import Hearing

_JOBS = f"{ROOT}/job/"
_LISTS = {"AppsChanged": ("apps-changed", "ids"), "RemotesChanged": ("remotes-changed", "names")}
JOB_FACTS = (
    "Kind", "State", "Stage", "Title", "Refs", "Percent", "BytesDone", "BytesTotal", "BytesReused", "Uid",
    "Background", "ErrorName", "ErrorMessage",
)  # fmt: skip


class Watch:
    """One scope's daemon. Ask for what it told whenever `descriptor` is readable; `sampled` now and then."""

    def __init__(self, bus: "Hearing") -> None:
        self._bus = bus
        self._known: dict[str, Json] = {}  # by path: what was told last of each job that is at work

    @property
    def descriptor(self) -> int:
        """Readable when there is something to hear."""
        return self._bus.descriptor

    @property
    def busy(self) -> bool:
        """Whether there are jobs to ask about."""
        return bool(self._known)

    def begin(self) -> Iterator[Json]:
        """Say whether a daemon is there, and what it works on. Raises Failure without a bus."""
        self._bus.begin()
        yield from self._arrived()

    def heard(self) -> Iterator[Json]:
        """What was told since, without waiting. Raises Failure when the bus is gone."""
        for message in self._bus.heard():
            yield from self._events(message)

    def sampled(self) -> Iterator[Json]:
        """What changed of the jobs that were at work."""
        for path in list(self._known):
            yield from self._asked(path)

    def _arrived(self) -> Iterator[Json]:
        self._known.clear()
        manager = self._bus.still(ROOT, MANAGER)
        yield {"event": "daemon", "running": manager is not None}
        for path in get_strings(manager or {}, "ActiveJobs"):
            yield from self._asked(path)

    def _events(self, message: "Message") -> Iterator[Json]:
        if is_about_owner(message):
            yield from self._arrived()
            return
        member, body = header(message, "member"), values(message)
        path = str(body[0]) if member in {"InterfacesAdded", "InterfacesRemoved"} else ""
        if member in _LISTS:
            event, key = _LISTS[member]
            yield {"event": event, key: body[0]}
        elif member == "UpdatesChanged":
            yield {"event": "updates-changed"}
        elif member == "InterfacesAdded" and path.startswith(_JOBS):
            yield from self._asked(path)
        elif member == "InterfacesRemoved":
            self._known.pop(path, None)
        elif member == "PropertiesChanged" and header(message, "path") == ROOT:
            yield from self.sampled()  # jobs came or went

    def _asked(self, path: str) -> Iterator[Json]:
        """Ask about one job; what is told of it when it is other than before."""
        job = self._bus.still(path, JOB)
        if job is None:
            self._known.pop(path, None)
            return
        facts: Json = {snake(key): job[key] for key in JOB_FACTS if key in job}
        if facts != self._known.get(path):
            number = path.removeprefix(_JOBS)
            yield {"event": "job", "number": int(number) if number.isdecimal() else 0, **facts}
        self._known[path] = facts
        if get_str(job, "State") in FINAL:
            del self._known[path]
