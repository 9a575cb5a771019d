# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A disk that is full where the daemon itself writes: told as that, and nothing is half done."""

import errno
import os
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Failed, NoSpace
from appctld.jobs.requests import Install
from appctld.state import layers, seen
from appctld.state.history import read_events
from support.worlds.world import BASE, Yard

REFERENCE = "acme.example/x/hello:1"
WRITES = {"a layer's record": layers, "what was seen": seen}
ERRORS = [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EROFS, Failed)]


@pytest.mark.parametrize(("number", "leaf"), ERRORS)
@pytest.mark.parametrize("owner", WRITES.values(), ids=WRITES)
def test_an_install_that_cannot_write_down_what_it_did_is_none(
    owner: object, number: int, leaf: type[AppctlError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE])

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(owner, "write_file", full)
        with pytest.raises(leaf, match=os.strerror(number)) as caught:
            yard.do(Install((REFERENCE,)))
    assert type(caught.value) is leaf
    assert caught.value.advice.startswith("appctl prune" if leaf is NoSpace else "appctl doctor")
    assert not list(yard.paths.apps.iterdir())
    assert [event["error"] for event in read_events(yard.paths, bool)] == [leaf.__name__]
    yard.do(Install((REFERENCE,)))
