# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One user has so many questions open at once, whoever asks them."""

import pytest

from appctld.errors import Busy
from appctld.jobs.fairness.questions import WAITING_PER_UID, Questions


def test_one_user_may_have_so_many_open_and_another_still_may() -> None:
    questions = Questions()
    first, *_ = [questions.open(1) for _ in range(WAITING_PER_UID)]
    with pytest.raises(Busy, match="wait for an authorization"):
        questions.open(1)
    questions.open(2)
    first.close()
    questions.open(1)


def test_a_question_that_is_closed_twice_counts_once() -> None:
    questions = Questions()
    opened = [questions.open(1) for _ in range(WAITING_PER_UID)]
    opened[0].close()
    opened[0].close()
    questions.open(1)
    with pytest.raises(Busy):
        questions.open(1)


def test_a_block_that_raises_closes_its_question() -> None:
    questions = Questions()
    for _ in range(WAITING_PER_UID + 1):
        with pytest.raises(KeyError), questions.open(1):
            raise KeyError
