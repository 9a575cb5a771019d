# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl monitor`: what happens, as it happens, in both scopes unless one is named, until somebody ends it.

A line for each event; with --json a document for each (NDJSON). Guarantees: each line is whole and comes at
once; it waits for a daemon that is not there, or not there any more, and starts none; when nobody reads any
more it ends, without a word, and without waiting for the next event.
"""

import json
import select
import sys
import time
from collections.abc import Iterable

from appctl.actions.apps import tell_all
from appctl.context import Context
from appctl.failure import Failure
from appctl.scope import Scope
from appctl.talk.hearing import Hearing
from appctl.talk.outcome import ERROR, FINAL
from appctl.talk.watch import Watch
from appctl.talk.wire import Json, get_int, get_str, get_strings, underscored
from appctl.terminal.output import put
from appctl.terminal.show import escape

SAMPLE_SECONDS = 0.5  # between two looks at the jobs that are at work: as smooth as a person reads
_UNREAD = select.POLLERR | select.POLLHUP


def monitor(context: Context) -> int:
    """Follow the daemons. Ends with the bus, or by KeyboardInterrupt or BrokenPipeError."""
    telling = _Telling(context, _watches(context))
    try:
        return telling.follow()
    except Failure as failure:
        return telling.end(failure)


def _watches(context: Context) -> dict[Scope, Watch]:
    """Connect to every scope's bus. Raises Failure where there is none at all: the default scope's."""
    found: dict[Scope, Watch] = {}
    missing: list[Failure] = []
    for scope in context.scopes:
        try:
            found[scope] = Watch(Hearing.open(scope, interactive=False))
        except Failure as failure:
            missing.append(failure)
    if not found:
        raise missing[0]
    return found


class _Telling:
    """The scopes that are watched, and what is printed; `_told` is what a person read last of each job."""

    def __init__(self, context: Context, watches: dict[Scope, Watch]) -> None:
        self.watches = watches
        self._context = context
        self._told: dict[tuple[Scope, int], tuple[str, str, int]] = {}

    def follow(self) -> int:
        """Wait, hear, look and tell, for ever."""
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # that nobody reads any more is told without being asked for
        for watch in self.watches.values():
            poll.register(watch.descriptor, select.POLLIN)
        for scope, watch in self.watches.items():
            self.tell(scope, watch.begin())
        looked = time.monotonic()
        while True:
            for scope, watch in self.watches.items():
                self.tell(scope, watch.heard())
            busy = any(watch.busy for watch in self.watches.values())
            ready = dict(poll.poll(SAMPLE_SECONDS * 1000 if busy else None))
            if ready.get(sys.stdout.fileno(), 0) & _UNREAD:
                raise BrokenPipeError
            if time.monotonic() - looked < SAMPLE_SECONDS:
                continue
            looked = time.monotonic()
            for scope, watch in self.watches.items():
                self.tell(scope, watch.sampled())

    def end(self, failure: Failure) -> int:
        """Tell that there is nothing more to follow."""
        if self._context.options.json:
            self._put({"event": "end", "error": failure.to_json()})
        return tell_all(self._context, [failure])

    def tell(self, scope: Scope, events: Iterable[Json]) -> None:
        """Print what happened."""
        for event in events:
            if self._context.options.json:
                self._put({"scope": scope.value, **event})
            elif line := self._line(scope, event):
                self._context.say(f"{time.strftime('%H:%M:%S')} {scope.value}: {line}")

    def _put(self, event: Json) -> None:
        put(json.dumps(underscored({"time": int(time.time()), **event})))

    def _line(self, scope: Scope, event: Json) -> str:
        match get_str(event, "event"):
            case "daemon":
                self._forget(scope)
                return "a daemon runs" if event["running"] else "no daemon runs; it starts when it is needed"
            case "apps-changed":
                return f"apps changed: {_listed(event, 'ids')}"
            case "remotes-changed":
                return f"remotes changed: {_listed(event, 'names')}"
            case "job":
                return self._job(scope, event)
            case _:
                return "other updates are known"

    def _forget(self, scope: Scope) -> None:
        """Its daemon's jobs are numbered from one again."""
        self._told = {job: told for job, told in self._told.items() if job[0] is not scope}

    def _job(self, scope: Scope, job: Json) -> str:
        """One line for each state, stage and tenth; what is between two of them is for programs."""
        number, tenth = get_int(job, "number"), get_int(job, "percent", -1) // 10
        now = (get_str(job, "state"), get_str(job, "stage"), tenth)
        if self._told.get((scope, number)) == now:
            return ""
        self._told[scope, number] = now
        if now[0] in FINAL:
            del self._told[scope, number]
        return job_line(job)


def job_line(job: Json) -> str:
    """Say of a job what it is and how far; of one that went wrong, how."""
    what = get_str(job, "title") or get_str(job, "kind").capitalize()
    state, stage, percent = get_str(job, "state"), get_str(job, "stage"), get_int(job, "percent", -1)
    how = stage if state == "running" and stage else state
    far = f" {percent}%" if state == "running" and percent >= 0 else ""
    error = get_str(job, "error_name").removeprefix(ERROR)
    why = f": {error}: {escape(get_str(job, 'error_message'))}" if error else ""
    return f"job {get_int(job, 'number')} ({escape(what)}) {escape(how)}{far}{why}"


def _listed(event: Json, key: str) -> str:
    return ", ".join(map(escape, get_strings(event, key)))
