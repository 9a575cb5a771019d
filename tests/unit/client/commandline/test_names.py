# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Names that are none, in every place of a command line where one is asked."""

import os

import pytest

from appctl.commandline.names import NAME_LENGTH
from appctl.commandline.parser import parse
from appctl.failure import Failure

PLACES = [
    ["install", "good", "{}"], ["update", "{}"], ["uninstall", "{}"], ["info", "{}"], ["rollback", "{}"],
    ["hold", "{}"], ["permissions", "{}"], ["run", "{}"], ["kill", "{}"], ["verify", "{}"], ["login", "{}"],
    ["logout", "{}"], ["remote", "show", "{}"], ["remote", "add", "{}", "quay.io/acme"],
    ["export", "{}", "oci:x"],
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
@pytest.mark.parametrize("name", ["x" * (NAME_LENGTH + 1), os.fsdecode(b"a\xff")])
def test_what_is_no_name_is_usage(place: list[str], name: str) -> None:
    with pytest.raises(Failure, match="a name ") as caught:
        parse([word.format(name) for word in place])
    assert (caught.value.code, caught.value.hint) == (64, "appctl help references")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
def test_what_may_be_one_is_taken(place: list[str]) -> None:
    assert parse([word.format("\u0119" * NAME_LENGTH) for word in place]).action


def test_what_an_app_is_given_may_be_anything() -> None:
    strange = os.fsdecode(b"\xff") * (NAME_LENGTH + 1)
    assert parse(["run", "editor", strange]).arguments == [strange]
