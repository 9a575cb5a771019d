# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What workers answer: read member by member, and believed no further than its shape."""

from collections.abc import Iterator
from contextlib import contextmanager

from appctld.errors import Failed
from appctld.model.jsonvalue import Json, JsonError, JsonObject, get_list


@contextmanager
def understood(worker: str) -> Iterator[None]:
    """Read an answer inside. Raises Failed where a member is missing or of another kind."""
    try:
        yield
    except JsonError as error:
        raise Failed(f"the {worker}'s answer makes no sense") from error


def looked_at(answer: JsonObject) -> tuple[str, ...]:
    """Where signatures were looked for, for people: "URL (status)". Raises JsonError."""
    return tuple(_looked(item) for item in get_list(answer, "looked_at"))


def bytes_so_far(facts: JsonObject) -> int:
    """How many bytes a worker's progress tells of; 0 where it tells none."""
    count = facts.get("bytes")
    return count if isinstance(count, int) else 0


def _looked(item: Json) -> str:
    match item:
        case [str(url), int(status)]:
            return f"{url} ({status})"
        case _:
            raise JsonError("a place that is no URL and status")
