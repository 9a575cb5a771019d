# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Prunes while somebody reads or writes objects, as an audit does for hours: nobody waits who need not."""

import asyncio
from pathlib import Path

import pytest

from appctld.errors import Busy
from appctld.jobs.apps.removal import prune_if_free
from appctld.jobs.requests import Install, Prune, Uninstall
from appctld.model.digest import Digest
from appctld.model.jsonvalue import get_int
from appctld.state.layers import LayerRecord, held, remember
from appctld.workers.store.ostree import repository
from appctld.workers.store.ostree.repository import Repository
from support.worlds.world import BASE, TOP, Yard

HELLO, OWN = "acme.example/x/hello:1", "example.acme.x.hello"
LEFT = LayerRecord("acme", Digest("7" * 64), "8" * 64, anonymous=True)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE, TOP])
    yard.do(Install((HELLO,)))
    yard.runner.requests.clear()
    return yard


def reading(yard: Yard) -> Repository:
    return Repository.open(yard.paths.repo)


def waits(yard: Yard) -> list[object]:
    return [request["wait"] for request in yard.runner.requests if request["op"] == "quiet"]


def test_an_uninstall_waits_for_nobody(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("it waits"))
    with reading(yard).shared():
        assert yard.do(Uninstall((OWN,)))["freed-bytes"] == 0
    assert yard.current() == {}
    assert True not in waits(yard)
    assert get_int(yard.do(Prune()), "freed-bytes") > 0


def test_a_prune_that_cannot_be_forgets_no_layer(yard: Yard) -> None:
    """What an interrupted install brought here would be downloaded again."""
    remember(yard.paths, LEFT)
    with reading(yard).shared():
        asyncio.run(prune_if_free(yard.shop(Prune())))
    assert held(yard.paths, "acme", LEFT.diff_id) == LEFT
    asyncio.run(prune_if_free(yard.shop(Prune())))
    assert held(yard.paths, "acme", LEFT.diff_id) is None


@pytest.mark.parametrize("options", [{}, {"dry-run": True}])
def test_who_wants_a_prune_hears_after_a_while_that_there_is_none(
    yard: Yard, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LOCK_SECONDS", 0)
    with reading(yard).shared(), pytest.raises(Busy, match="is being read or changed"):
        yard.do(Prune(options))
    assert waits(yard) == [True]
