# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An answer without its members, or with others, is the worker's failure."""

import pytest

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonObject, get_int
from appctld.pipeline.answers import understood


@pytest.mark.parametrize("answer", [{}, {"size": "1"}, {"size": None}])
def test_an_answer_of_another_shape_is_a_failure(answer: JsonObject) -> None:
    with pytest.raises(Failed, match="the store's answer makes no sense"), understood("store"):
        get_int(answer, "size")


def test_an_answer_of_the_right_shape_is_read() -> None:
    with understood("store"):
        assert get_int({"size": 1}, "size") == 1
