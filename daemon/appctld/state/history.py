# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The log of what was done and what failed, and by whom: append and fsync, one JSON object a line.

Guarantees: a line that is damaged hides itself and no other; what is read is bounded, and of known types; no
number of failures, which anybody can cause, makes us forget what was done: they have a log of their own.
Whose entries a caller may see is the bus's to say; the files are readable by the daemon alone.
"""

import heapq
import json
import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from appctld.model.jsonvalue import Json, JsonError, JsonObject, get_int, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import append_line, sync_directory

HISTORY_BYTES = 1 << 20  # of a log's file, and the one before it is kept: together some 3,000 events
LINE_BYTES = 64 << 10  # of one event; real ones have under 1 KiB
ENTRIES = 1000  # that are told at once: a message of about 700 KiB
TEXT_LENGTH = 2000  # of one text, so that no sentence of a server makes a line too long to be read

_TEXTS = (
    "event", "id", "version", "previous-version", "reference", "image-digest", "previous-digest", "remote",
    "verify", "signer", "signer-name", "commit", "error", "message",
)  # fmt: skip
_NUMBERS = ("time", "uid", "signed-at", "checked-at")
_FLAGS = ("background",)
_NEEDED = {"time", "event", "uid"}


def record_event(paths: Paths, event: JsonObject) -> None:
    """Add one event, with the time in seconds since 1970."""
    log = paths.failures if "error" in event else paths.history
    _turn_over(log)
    facts = {key: value[:TEXT_LENGTH] if isinstance(value, str) else value for key, value in event.items()}
    append_line(
        log, json.dumps({"time": int(time.time()), "order": time.time_ns(), **facts}, sort_keys=True).encode()
    )


def read_events(
    paths: Paths, wanted: Callable[[JsonObject], bool], limit: int | None = None
) -> list[JsonObject]:
    """The newest events that are wanted, newest first, each with the keys of Manager.History."""
    return list(islice(filter(wanted, _events(paths)), min(limit or ENTRIES, ENTRIES)))


def _turn_over(log: Path) -> None:
    """Begin a new file where this one is long enough; the one before the last is gone then."""
    try:
        if log.stat().st_size < HISTORY_BYTES:
            return
    except FileNotFoundError:
        return
    log.replace(_before(log))
    sync_directory(log.parent)


def _before(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")


def _events(paths: Paths) -> Iterator[JsonObject]:
    """What was done and what failed, newest first."""
    found = heapq.merge(_log(paths.failures), _log(paths.history), key=_order, reverse=True)
    return ({key: event[key] for key in event if key != "order"} for event in found)


def _order(event: JsonObject) -> int:
    return get_int(event, "order", 0)


def _log(log: Path) -> Iterator[JsonObject]:
    for path in (log, _before(log)):
        for line in reversed(_tail(path).split(b"\n")):
            event = _known(line)
            if event is not None:
                yield event


def _tail(path: Path) -> bytes:
    """The end of a file: more than what it can have grown to is not read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - HISTORY_BYTES - LINE_BYTES))
            return file.read()
    except OSError:
        return b""


def _known(line: bytes) -> JsonObject | None:
    """What of a line has its type; None for one without its time, its kind or its user."""
    try:
        obj = parse_object(line, LINE_BYTES)
    except JsonError:
        return None
    found: JsonObject = {key: obj[key] for key in _TEXTS if isinstance(obj.get(key), str)}
    found |= {key: obj[key] for key in _NUMBERS if _is_number(obj.get(key))}
    found |= {key: obj[key] for key in _FLAGS if isinstance(obj.get(key), bool)}
    found["order"] = obj["order"] if isinstance(obj.get("order"), int) else 0
    return found if found.keys() >= _NEEDED else None


def _is_number(value: Json) -> bool:
    """Whether it is one that a message can carry."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32
