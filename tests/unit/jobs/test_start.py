# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a start keeps, drops, forgets and says, with a store that only answers."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.jobs import start as module
from appctld.jobs.requests import Install
from appctld.jobs.start import Sweeping, recover
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject, get_strings
from appctld.model.manifest import Platform
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state.layers import LayerRecord, held, remember
from appctld.state.paths import Paths, layer_ref
from appctld.system.worker import Program, Report
from support.buses.records import RECORD, deploy
from support.workers.inline import NoLauncher
from support.worlds.world import BASE, Yard

LAYER = LayerRecord("acme", Digest("7" * 64), "8" * 64, anonymous=True)
LAYER_REF = layer_ref("acme", LAYER.diff_id)


class Store:
    """Gives one answer, and keeps the question."""

    def __init__(self, **answer: Json) -> None:
        self.answer: JsonObject = {"dropped": [], "missing_refs": [], **answer}
        self.asked: JsonObject = {}

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        self.asked = request
        return self.answer


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path)
    found.create()
    return found


def start(paths: Paths, store: Store) -> None:
    asyncio.run(recover(Tools(store, NoLauncher(), paths, Platform("linux", "amd64"), Gate())))


def test_what_records_need_and_what_an_interrupted_install_brought_is_kept(paths: Paths) -> None:
    deploy(paths)
    remember(paths, LAYER)
    store = Store()
    start(paths, store)
    assert store.asked["keep_refs"] == sorted(RECORD.refs() | {LAYER_REF})
    assert store.asked["keep_all"] is False


def test_while_a_record_cannot_be_read_no_ref_is_dropped(
    paths: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    (deploy(paths) / "record.json").write_bytes(b"")
    store = Store()
    start(paths, store)
    assert store.asked["keep_all"] is True
    assert "cannot be read" in caplog.text


def test_a_layer_whose_ref_is_gone_is_forgotten(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    remember(paths, LAYER)
    with caplog.at_level(logging.ERROR):
        start(paths, Store(missing_refs=[LAYER_REF]))
    assert held(paths, "acme", LAYER.diff_id) is None
    assert caplog.text == ""


def test_more_refs_that_are_gone_than_one_answer_tells_are_all_forgotten(paths: Paths) -> None:
    class Slow(Store):
        async def run(
            self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
        ) -> JsonObject:
            asked.append(request["keep_all"])
            told: list[Json] = [*get_strings(request, "keep_refs")[:2]]
            return {"dropped": [], "missing_refs": told}

    asked: list[Json] = []
    digests = [Digest(digit * 64) for digit in "12345"]
    for digest in digests:
        remember(paths, replace(LAYER, diff_id=digest))
    start(paths, Slow())
    assert [held(paths, "acme", digest) for digest in digests] == [None] * 5
    assert asked == [False, True, True, True], "one that names a commit that is gone is no stale one"


def test_a_layer_whose_ref_was_dropped_is_forgotten(paths: Paths) -> None:
    remember(paths, LAYER)
    start(paths, Store(dropped=[LAYER_REF]))
    assert held(paths, "acme", LAYER.diff_id) is None


def test_a_missing_ref_of_an_installed_app_is_said(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    deploy(paths)
    (missing,) = [ref for ref in RECORD.refs() if "/app/" in ref]
    start(paths, Store(missing_refs=[missing]))
    assert missing in caplog.text


def test_an_answer_that_makes_no_sense_is_a_failure(paths: Paths) -> None:
    with pytest.raises(Failed):
        start(paths, Store(dropped=None))


@pytest.mark.parametrize("place", [".", "remotes/acme/layers", "seen/0f"])
def test_what_a_killed_daemon_was_writing_goes(paths: Paths, place: str) -> None:
    left = paths.root / place / ".x.json.0123456789ab"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("{")
    asyncio.run(recover(Tools(Store(), NoLauncher(), paths, Platform("linux", "amd64"), Gate())))
    assert not left.exists()


def test_beside_whatever_is_kept_of_an_image_that_waits_nothing_unfinished_stays(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE])
    yard.do(Install(("acme.example/x/hello:1",), {"no-deploy": True}))
    places = {path.parent for path in yard.paths.root.rglob("*.json")}
    assert places == {yard.paths.pulled("acme"), yard.paths.layers("acme")}
    for place in places:
        (place / ".x.json.0123456789ab").write_text("{")
    asyncio.run(recover(yard.tools))
    assert [*yard.paths.root.rglob(".x.*")] == []


def test_links_that_a_start_could_not_make_are_a_warning(
    paths: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    start(paths, Store(exports="No space left on device: 'x'"))
    assert "desktops do not see all of what is installed: No space" in caplog.text
    caplog.clear()
    start(paths, Store())
    assert caplog.text == ""


def test_where_nobody_can_write_it_is_put_off_until_somebody_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    yard, done = Yard(tmp_path), list[str]()

    async def recovering(_tools: Tools) -> None:
        done.append("swept")

    async def perform(*_job: object) -> None:
        done.append("worked")

    async def scenario() -> None:
        sweeping = Sweeping(yard.tools, yard.book)
        swept = sweeping.before(perform)
        with monkeypatch.context() as patched:
            patched.setattr(module, "is_read_only", lambda _path: True)
            await sweeping.done()
            await swept(Install(()), yard.job, yard.observer)
        for _ in range(2):
            await swept(Install(()), yard.job, yard.observer)

    monkeypatch.setattr(module, "recover", recovering)
    asyncio.run(scenario())
    assert done == ["worked", "swept", "worked", "worked"]
    assert "is read-only: nothing is changed or swept" in caplog.text


def test_what_it_does_about_state_is_done_where_others_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a sweep that was put off takes the file that `hold` is just writing for what a crash left."""
    yard, where = Yard(tmp_path), dict[str, str]()

    def noted(name: str) -> Callable[..., object]:
        work = getattr(module, name)

        def note(*arguments: object) -> object:
            where[name] = threading.current_thread().name
            return work(*arguments)

        return note

    for name in ("sweep", "forget_refs", "forget_absent"):
        monkeypatch.setattr(module, name, noted(name))
    asyncio.run(Sweeping(yard.tools, yard.book).done())
    assert where == dict.fromkeys(["sweep", "forget_refs", "forget_absent"], "aside_0")
