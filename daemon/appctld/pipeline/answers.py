# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What workers answer: read member by member, and believed no further than its shape."""

from collections.abc import Iterator
from contextlib import contextmanager

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonError


@contextmanager
def understood(worker: str) -> Iterator[None]:
    """Read an answer inside. Raises Failed where a member is missing or of another kind."""
    try:
        yield
    except JsonError as error:
        raise Failed(f"the {worker}'s answer makes no sense") from error
