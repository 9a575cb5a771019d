# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How many authorizations wait for an answer, by user: jobs and calls that ask by themselves share one count.

Guarantees that a question which is closed counts no longer, however often it is closed. Asking is left to
those who ask.
"""

from collections import Counter
from types import TracebackType
from typing import Self

from appctld.errors import Busy

WAITING_PER_UID = 8  # each keeps a question open at polkit, and perhaps a dialog on a screen


class Questions:
    """All questions that wait."""

    def __init__(self) -> None:
        self._waiting: Counter[int] = Counter()

    def open(self, uid: int) -> "Question":
        """One more question about this user. Raises Busy when too many wait."""
        if self._waiting[uid] >= WAITING_PER_UID:
            raise Busy(f"{WAITING_PER_UID} requests already wait for an authorization")
        self._waiting[uid] += 1
        return Question(self, uid)

    def closed(self, uid: int) -> None:
        """One question less; `Question.close` calls this once."""
        self._waiting[uid] -= 1
        if not self._waiting[uid]:
            del self._waiting[uid]


class Question:
    """Waits until it is closed; as a context manager, at the end of the block."""

    def __init__(self, questions: Questions, uid: int) -> None:
        self._questions = questions
        self._uid = uid
        self._open = True

    def close(self) -> None:
        """It is answered, or nobody wants to know any more."""
        if self._open:
            self._open = False
            self._questions.closed(self._uid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
