# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What needs the repository for itself waits for it without the gate, and is tried again."""

import asyncio
from pathlib import Path

import pytest

from appctld.errors import Busy
from appctld.jobs.quiet import when_quiet
from appctld.jobs.requests import AnyRequest, Prune, Repair
from appctld.jobs.work import work
from appctld.model.jsonvalue import JsonObject
from appctld.workers.protocol import Report
from appctld.workers.store.ostree import repository
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.prune import quiet
from support.worlds.neighbours import Neighbours
from support.worlds.world import Yard


@pytest.mark.parametrize("request_", [Prune(), Prune({"dry-run": True}), Repair()], ids=repr)
def test_meanwhile_others_move_refs(tmp_path: Path, request_: AnyRequest) -> None:
    yard = Neighbours(tmp_path)
    yard.scene().app_ref().unlink()  # there is something to repair

    async def scenario() -> JsonObject:
        loop, waiting = asyncio.get_running_loop(), asyncio.Event()

        def note(request: JsonObject, report: Report) -> JsonObject:
            if request["wait"]:
                loop.call_soon_threadsafe(waiting.set)
            return quiet(request, report)

        yard.runner.instead["quiet"] = note
        async with asyncio.timeout(60):
            with Repository.open(yard.paths.repo).shared():
                working = asyncio.create_task(work(request_, yard.shop(request_)))
                await waiting.wait()
                async with yard.tools.gate.moving():
                    assert not working.done()
            return await working

    asyncio.run(scenario())
    assert yard.job.error is None


def test_it_is_tried_again_where_somebody_was_faster_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, tries = Yard(tmp_path), [Busy(), Busy()]

    async def work() -> str:
        if tries:
            raise tries.pop()
        return "done"

    assert asyncio.run(when_quiet(work, yard.tools)) == "done"
    assert yard.ops().count("quiet") == 3
    monkeypatch.setattr("appctld.jobs.quiet.PATIENCE", 0)
    tries.append(Busy())
    with pytest.raises(Busy):
        asyncio.run(when_quiet(work, yard.tools))


def test_who_is_in_the_way_for_too_long_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yard = Yard(tmp_path)

    async def work() -> None:
        pytest.fail("it is not even tried")

    monkeypatch.setattr(repository, "LOCK_SECONDS", 0)
    with Repository.open(yard.paths.repo).shared(), pytest.raises(Busy, match="is being read or changed"):
        asyncio.run(when_quiet(work, yard.tools))
