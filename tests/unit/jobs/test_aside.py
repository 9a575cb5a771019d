# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whatever a job writes is written aside from the loop, and whole, however the job ends."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import Conflict, NeedsApproval
from appctld.jobs import workshop
from appctld.jobs.audit import kept
from appctld.jobs.requests import (
    AnyRequest,
    Approve,
    CheckUpdates,
    Install,
    Prune,
    Rollback,
    Uninstall,
    Update,
    Verify,
)
from appctld.jobs.work import work
from appctld.model.digest import Digest
from appctld.state import available, provenance
from appctld.state.history import record_event
from appctld.state.layers import held, recorded_refs
from appctld.state.records import installed_app
from appctld.state.skipped import skipped
from support.workers.inline import layer_of
from support.worlds.approving import accepting
from support.worlds.world import BASE, TOP, Yard

APP, REFERENCE = "org.acme.Hello", "acme.example/x/hello:1"
PATIENCE = 30.0  # seconds, after which what should have come never will


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    push(yard, BASE)
    return yard


def push(yard: Yard, *layers: bytes) -> None:
    yard.registry.push("1", list(layers), Cmd=["/usr/bin/hello"], Labels={"org.appctl.id": APP})


class Slow:
    """A call that touches the disk: who makes it, and at its `number`th time aside it waits for `go`."""

    def __init__(self, call: Callable[..., object], number: int = 0) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.on_the_loop: list[str] = []
        self.aside = 0
        self._call, self._number = call, number

    def __call__(self, *args: object, **kwargs: object) -> object:
        name = threading.current_thread().name
        if threading.current_thread() is threading.main_thread():
            self.on_the_loop.append(str(args))
        self.aside += name.startswith("aside")
        if name.startswith("aside") and self.aside == self._number:
            self.begun.set()
            assert self.go.wait(PATIENCE), "the loop did not turn"
        return self._call(*args, **kwargs)


def test_no_job_waits_for_the_disk_on_the_loop(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {name: Slow(getattr(os, name)) for name in ("fsync", "unlink", "replace", "rename")}
    for name, call in calls.items():
        monkeypatch.setattr(os, name, call)
    yard.do(Install((REFERENCE,)))
    for layers in ([BASE, TOP], [TOP]):
        push(yard, *layers)
        yard.do(CheckUpdates())
        yard.do(Update((APP,)))
    yard.do(Rollback(APP))
    yard.do(Prune())
    with pytest.raises(Conflict, match="is installed from"):
        yard.do(Install(("acme.example/x/other:1",)))
    yard.do(Uninstall((APP,)))
    yard.do(Prune())
    assert {name: call.on_the_loop for name, call in calls.items()} == {name: [] for name in calls}
    assert calls["fsync"].aside > 10
    assert calls["unlink"].aside > 1


LARGE = ((available, "parse_object"), (provenance, "parse_object"), (kept, "parse_config"))


def test_no_job_parses_on_the_loop_what_may_have_megabytes(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [Slow(getattr(module, name)) for module, name in LARGE]
    for (module, name), call in zip(LARGE, calls, strict=True):
        monkeypatch.setattr(module, name, call)
    yard.do(Install((REFERENCE,)))
    asking = "[Application]\nname=org.acme.Hello\n[Context]\nshared=network;\n"
    push(yard, BASE, layer_of({"app/": None, "app/metadata": asking.encode()}))
    for _ in range(2):  # before the first there is nothing to read
        yard.do(CheckUpdates())
    with pytest.raises(NeedsApproval):
        yard.do(Update((APP,)))
    yard.do(Approve(APP, accepting("shared=network")))
    yard.do(Install((REFERENCE,), {"no-pull": True, "reinstall": True}))
    yard.do(Verify(()))
    assert [call.on_the_loop for call in calls] == [[]] * len(LARGE)
    assert all(call.aside for call in calls)


def cancelled(yard: Yard, request: AnyRequest, slow: Slow) -> tuple[bool, bool]:
    """Cancel a job that writes: did it end, and did somebody else get the gate, before that was whole."""

    async def scenario() -> tuple[bool, bool]:
        job = asyncio.create_task(work(request, yard.shop(request)))
        assert await asyncio.to_thread(slow.begun.wait, PATIENCE)
        other = asyncio.create_task(moved(yard))
        job.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        early = job.done(), other.done()
        slow.go.set()
        with pytest.raises(asyncio.CancelledError):
            await job
        await other
        return early

    return asyncio.run(scenario())


async def moved(yard: Yard) -> None:
    async with yard.tools.gate.moving():
        pass


def fsyncs_of_an_install(directory: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    yard, counted = Yard(directory), Slow(os.fsync)
    push(yard, BASE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted)
        yard.do(Install((REFERENCE,)))
    return counted.aside


def test_a_job_that_is_cancelled_while_it_writes_ends_when_that_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first").mkdir()
    for number in range(1, 1 + fsyncs_of_an_install(tmp_path / "first", monkeypatch)):
        directory = tmp_path / str(number)
        directory.mkdir()
        yard, slow = Yard(directory), Slow(os.fsync, number)
        push(yard, BASE)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", slow)
            ended, _ = cancelled(yard, Install((REFERENCE,)), slow)
        assert not ended
        assert [path for place in yard.paths.written() for path in place.glob(".*")] == []
        yard.do(Install((REFERENCE,)))
        assert installed_app(yard.paths, APP).current.reference == REFERENCE


def test_a_layers_record_is_whole_although_its_job_was_cancelled(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(os.fsync, 4)  # after its three directories
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", slow)
        cancelled(yard, Install((REFERENCE,)), slow)
    (ref,) = recorded_refs(yard.paths)
    assert held(yard.paths, "acme", Digest(ref.rpartition("/")[2])) is not None


@pytest.mark.parametrize(
    ("event", "request_"),
    [
        ("downgrade", Install((REFERENCE,), {"allow-downgrade": True})),
        ("rollback", Rollback(APP)),
    ],
)
def test_who_went_back_is_not_brought_forward_although_the_job_was_cancelled(
    event: str, request_: AnyRequest, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is when the daemon ends: what is current by then is told, written down and left alone."""
    old = yard.registry.push("1", [BASE], created="2024-01-01T00:00:00Z", Labels={"org.appctl.id": APP})
    yard.do(Install((REFERENCE,)))
    new = yard.registry.push("1", [BASE, TOP], created="2024-06-01T00:00:00Z", Labels={"org.appctl.id": APP})
    yard.do(Update((APP,)))
    yard.registry.tags["1"] = yard.registry.tags[old]
    yard.observer.apps.clear()
    slow = Slow(record_event, 1)
    monkeypatch.setattr(workshop, "record_event", slow)
    ended, _ = cancelled(yard, request_, slow)
    assert not ended
    assert str(installed_app(yard.paths, APP).current.image_digest) == old
    assert skipped(yard.paths) == {APP: Digest.parse(new)}
    assert f'"event": "{event}"' in yard.paths.history.read_text()
    assert yard.observer.apps == [APP]


def test_the_gate_is_kept_while_a_cancelled_job_writes(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.do(Install((REFERENCE,)))
    (yard.paths.layers("acme") / f"{'0' * 64}.json").write_text("{}")  # a record that nothing needs
    slow = Slow(os.fsync, 1)
    monkeypatch.setattr(os, "fsync", slow)
    assert cancelled(yard, Prune(), slow) == (False, False)
