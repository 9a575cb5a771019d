# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a prune is told, and in which order things are forgotten, with a store that only answers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from appctld.errors import Failed, NotInstalled, RepoCorrupt
from appctld.jobs.apps.removal import drop_older, prune, tidy, uninstall_all
from appctld.jobs.job import Job
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.observer import Nobody
from appctld.jobs.requests import Prune, Uninstall
from appctld.jobs.workshop import Workshop
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import Platform
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state.layers import LayerRecord, held, remember
from appctld.state.paths import Paths, layer_ref
from appctld.system.worker import Program, Report
from support.buses.records import RECORD, deploy, numbered
from support.deciders import everything
from support.workers.inline import NoLauncher

LEFT = LayerRecord("acme", Digest("7" * 64), "8" * 64, anonymous=True)


class Store:
    """Remembers what it was asked, and which layer records there were at that moment."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.asked: list[JsonObject] = []
        self.known: list[bool] = []
        self.answer: JsonObject = {"freed_bytes": 5, "objects": 1, "refs": [], "removed": []}

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        self.asked.append(request)
        self.known.append(held(self.paths, "acme", LEFT.diff_id) is not None)
        return self.answer

    def of(self, op: str) -> list[JsonObject]:
        return [request for request in self.asked if request["op"] == op]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    paths = Paths(tmp_path / "state")
    paths.create()
    return Store(paths)


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Workshop:
    tools = Tools(store, NoLauncher(), store.paths, Platform("linux", "amd64"), Gate())
    book = RemoteBook([tmp_path / "remotes.d"], tools, Nobody)
    job = Job(number=1, kind="prune", refs=(), uid=1, background=False, title="")
    return Workshop("user", tools, book, Nobody(), job, everything)


def test_a_prune_keeps_what_records_and_running_jobs_need(shop: Workshop, store: Store) -> None:
    deploy(store.paths)

    async def scenario() -> JsonObject:
        async with shop.tools.gate.keeping({"appctl/layer/acme/" + "1" * 64}):
            return await prune(Prune(), shop)

    assert asyncio.run(scenario()) == {"freed-bytes": 5, "objects": 1, "dry-run": False}
    (request,) = store.of("prune")
    assert request["keep_refs"] == sorted(RECORD.refs() | {"appctl/layer/acme/" + "1" * 64})
    assert request["keep_blobs"] is True


def test_a_record_is_forgotten_before_its_ref_is_dropped(shop: Workshop, store: Store) -> None:
    remember(store.paths, LEFT)
    asyncio.run(prune(Prune(), shop))
    (request,) = store.of("prune")
    assert layer_ref("acme", LEFT.diff_id) not in str(request["keep_refs"])
    assert [asked["op"] for asked in store.asked] == ["quiet", "quiet", "prune"]
    assert store.known == [True, True, False]


def test_a_dry_run_forgets_nothing(shop: Workshop, store: Store) -> None:
    remember(store.paths, LEFT)
    asyncio.run(prune(Prune({"dry-run": True}), shop))
    assert store.known == [True, True]
    assert held(store.paths, "acme", LEFT.diff_id) is not None


def test_nothing_is_pruned_while_a_record_cannot_be_read(shop: Workshop, store: Store) -> None:
    (deploy(store.paths) / "record.json").write_bytes(b"")
    with pytest.raises(RepoCorrupt):
        asyncio.run(prune(Prune(), shop))
    assert store.asked == []


@pytest.mark.parametrize("answer", [{}, {"freed_bytes": "5", "objects": 1}])
def test_an_answer_that_makes_no_sense_is_a_failure(
    answer: dict[str, Json], shop: Workshop, store: Store
) -> None:
    store.answer = answer
    with pytest.raises(Failed):
        asyncio.run(prune(Prune(), shop))


def test_the_current_deployment_and_the_one_before_it_stay(shop: Workshop, store: Store) -> None:
    for number in (1, 2, 3, 4):
        digest = Digest(str(number) * 64)
        deploy(store.paths, numbered(number, digest=digest), current=number == 4)
    asyncio.run(drop_older(RECORD.id, shop, before=numbered(2, digest=Digest("2" * 64))))
    gone = [name for request in store.of("remove") for name in request["deployments"]]  # type: ignore[union-attr]
    assert gone == [numbered(3).deployment, numbered(1).deployment]


def test_an_app_is_uninstalled_whole(shop: Workshop, store: Store) -> None:
    deploy(store.paths)
    result = asyncio.run(uninstall_all(Uninstall((RECORD.id,)), shop))
    (request,) = store.of("remove")
    assert (request["id"], request["deployments"]) == (RECORD.id, None)
    assert result["freed-bytes"] == 5


def test_what_is_not_installed_is_not_removed(shop: Workshop, store: Store) -> None:
    with pytest.raises(NotInstalled):
        asyncio.run(uninstall_all(Uninstall(("../../etc",)), shop))
    assert store.of("remove") == []


def test_what_fails_after_a_job_is_done_fails_no_job(shop: Workshop, store: Store) -> None:
    """A prune after an uninstall, and the removal of what is older than the last version."""
    for number in (1, 2, 3):
        deploy(store.paths, numbered(number, digest=Digest(str(number) * 64)), current=number == 3)
    store.answer = {"removed": []}
    assert asyncio.run(uninstall_all(Uninstall((RECORD.id,)), shop))["freed-bytes"] == 0
    store.answer = {}
    with pytest.raises(Failed):
        asyncio.run(drop_older(RECORD.id, shop))
    asyncio.run(tidy(RECORD.id, shop, None))
