# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the bus is told, how often, and who is told."""

import asyncio
import os
from typing import Any

import pytest
from jeepney import HeaderFields

from appctld.bus import announcer
from appctld.bus.announcer import Announcer
from appctld.bus.wire.connection import Connection
from appctld.errors import Failed, NotInstalled, UntrustedSigner
from appctld.jobs.job import Job
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest, Prune
from appctld.model.automatic import Extent
from appctld.model.jsonvalue import JsonObject
from support.buses.bus import ERROR, JOB, MANAGER, ROOT, Client, client
from support.buses.bus_service import EDITOR, SimulatedRemote, SimulatedRemotes, served

OTHER = os.getuid() + 1
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
REMOTE = "org.appctl.Installer1.Remote"
PRIVATE = {"Refs", "Items", "Title", "ErrorName", "ErrorMessage", "Hint", "ErrorDetails", "Result"}


async def allow() -> None:
    """Every authorization."""


async def seen_until(caller: Client, marker: str) -> list[tuple[str, Any]]:
    """Names and bodies of all signals before `marker`."""
    seen: list[tuple[str, Any]] = []
    while True:
        message = await asyncio.wait_for(caller.signals.get(), 20)
        member = str(message.header.fields[HeaderFields.member])
        if member == marker:
            return seen
        seen.append((member, message.body))


async def fill(request: AnyRequest, job: Job, observer: Observer) -> None:
    """Work that fills in everything."""
    job.stage = "downloading"
    job.items.append({"id": "x", "state": "succeeded"})
    job.result = {"apps": [{"id": "org.acme.X", "layers": [], "installed-size": 5, "changed": True}]}
    observer.job_changed(job)


def test_the_end_is_told_to_the_caller_and_to_no_other(address: str) -> None:
    async def scenario() -> None:
        async with served(address, fill) as running, client(address) as caller, client(address) as other:
            await other.subscribe()
            await caller.subscribe()
            _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x"], {})
            body = await caller.signal("JobFinished")
            result = {
                "apps": (
                    "aa{sv}",
                    [
                        {
                            "id": ("s", "org.acme.X"),
                            "layers": ("as", []),
                            "installed-size": ("t", 5),
                            "changed": ("b", True),
                        }
                    ],
                )
            }
            assert body == (path, "succeeded", "", "", result)
            running.jobs.observer.updates_changed()
            seen = await seen_until(other, "UpdatesChanged")
            assert "InterfacesAdded" in [member for member, _ in seen]
            assert "JobFinished" not in [member for member, _ in seen]
            assert [body for member, body in seen if member == "PropertiesChanged" and body[0] == JOB] == []
            added = next(body[1][JOB] for member, body in seen if member == "InterfacesAdded")
            assert {name for name in PRIVATE if added[name][1]} == set()

    asyncio.run(scenario())


def test_the_caller_is_told_everything_at_first_and_then_what_differs(address: str) -> None:
    async def scenario() -> None:
        async with served(address, fill), client(address) as caller:
            await caller.call("Install", "asa{sv}", ["acme/x"], {})
            seen = [body for member, body in await seen_until(caller, "JobFinished") if body[0] == JOB]
            first, *rest = [changed for _, changed, _ in seen]
            assert first["Refs"] == ("as", ["acme/x"])
            assert first["Uid"] == ("u", os.getuid())
            told = {name: value for changed in rest for name, value in changed.items()}
            assert told["State"] == ("s", "succeeded")
            assert told["Stage"] == ("s", "downloading")
            assert "Refs" not in told

    asyncio.run(scenario())


def test_what_was_told_is_forgotten_at_the_end(address: str) -> None:
    """Else every finished job would be in memory a second time, as text."""

    async def scenario() -> None:
        async with served(address, fill) as running, client(address) as caller:
            await caller.call("Install", "asa{sv}", ["acme/x"], {})
            await caller.signal("JobFinished")
            announcer = running.jobs.observer
            assert isinstance(announcer, Announcer)
            assert (announcer._told, announcer._owners, announcer._dirty) == ({}, {}, {})
            assert running.jobs.all()

    asyncio.run(scenario())


def test_a_thousand_steps_in_one_turn_are_one_message(address: str) -> None:
    async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
        for number in range(1, 1001):
            job.bytes_done = number
            observer.job_changed(job)

    async def scenario() -> None:
        async with served(address, work), client(address) as caller:
            await caller.call("Prune", "a{sv}", {})
            seen = [body for member, body in await seen_until(caller, "JobFinished") if body[0] == JOB]
            steps = [changed["BytesDone"] for _, changed, _ in seen if "BytesDone" in changed]
            assert steps == [("t", 0), ("t", 1000)]

    asyncio.run(scenario())


def test_progress_is_told_while_the_job_runs(address: str) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            job.bytes_done, job.percent = 5, 50
            observer.job_changed(job)
            await gate.wait()

        async with served(address, work), client(address) as caller:
            await caller.call("Prune", "a{sv}", {})
            changed: dict[str, Any] = {}
            while changed.get("Percent") != ("i", 50):
                _, changed, _ = await caller.signal("PropertiesChanged")
            assert changed["BytesDone"] == ("t", 5)
            gate.set()

    asyncio.run(scenario())


def test_progress_waits_while_the_bus_takes_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        gate, taken, moved = asyncio.Event(), asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(Connection, "is_stuck", property(lambda _self: not taken.is_set()))

        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            job.percent = 50
            observer.job_changed(job)
            moved.set()
            await gate.wait()

        async with served(address, work) as running, client(address) as caller:
            await caller.call("Prune", "a{sv}", {})
            announcer = running.jobs.observer
            assert isinstance(announcer, Announcer)
            await asyncio.wait_for(moved.wait(), 20)
            announcer._sample()
            assert announcer._dirty
            taken.set()
            announcer._sample()
            assert not announcer._dirty
            gate.set()

    asyncio.run(scenario())


@pytest.mark.skipif(os.getuid() == 0, reason="root sees every job")
def test_another_users_job_is_there_and_says_nothing_about_itself(address: str) -> None:
    async def scenario() -> None:
        async with served(address, fill) as running, client(address) as caller:
            job = running.jobs.start(Prune(), OTHER, allow)
            job.refs, job.error = ("secret",), UntrustedSigner(reference="secret")
            await running.jobs._tasks[job.number]
            assert job.result
            path = f"{ROOT}/job/{job.number}"
            seen = await caller.get_all(path, JOB)
            assert seen["Uid"] == OTHER
            assert {name for name in PRIVATE if seen[name]} == set()
            for name in PRIVATE:
                _, (value,) = await caller.call(
                    "Get", "ss", JOB, name, path=path, interface="org.freedesktop.DBus.Properties"
                )
                assert not value[1], name
            _, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            assert {name for name in PRIVATE if objects[path][JOB][name][1]} == set()

    asyncio.run(scenario())


def test_a_job_is_cancelled_by_its_caller(address: str) -> None:
    async def scenario() -> None:
        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            await asyncio.Event().wait()

        async with served(address, work), client(address) as caller:
            _, (path,) = await caller.call("Prune", "a{sv}", {})
            error, _ = await caller.call("Cancel", "a{sv}", {}, path=path, interface=JOB)
            assert not error
            _, state, name, _, _ = await caller.signal("JobFinished")
            assert (state, name) == ("cancelled", f"{ERROR}Cancelled")

    asyncio.run(scenario())


@pytest.mark.skipif(os.getuid() == 0, reason="root may cancel every job")
@pytest.mark.parametrize(
    ("daemon_uid", "error"), [(OTHER, f"{ERROR}NotAuthorized"), (None, "")], ids=["stranger", "daemon"]
)
def test_another_users_job_is_cancelled_by_the_daemons_own_user_alone(
    address: str, daemon_uid: int | None, error: str
) -> None:
    async def scenario() -> None:
        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            await asyncio.Event().wait()

        async with served(address, work, daemon_uid=daemon_uid) as running, client(address) as caller:
            job = running.jobs.start(Prune(), OTHER, allow)
            path = f"{ROOT}/job/{job.number}"
            found, _ = await caller.call("Cancel", "a{sv}", {}, path=path, interface=JOB)
            assert found == error
            if not error and (tasks := [*running.jobs._tasks.values()]):
                await asyncio.wait(tasks, timeout=20)
            assert (job in running.jobs.active()) == bool(error)

    asyncio.run(scenario())


def test_a_failed_job_has_name_sentence_hint_and_details(address: str) -> None:
    async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
        raise UntrustedSigner(
            reference="quay.io/acme/x:1", found="DD5F", remote="acme", looked_at=["u (200)"], bytes_needed=7
        )

    async def scenario() -> None:
        async with served(address, work), client(address) as caller:
            _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x:1"], {})
            _, state, name, message, result = await caller.signal("JobFinished")
            assert (state, name, result) == ("failed", f"{ERROR}UntrustedSigner", {})
            seen = await caller.get_all(path, JOB)
            assert seen["ErrorMessage"] == message
            assert message == "quay.io/acme/x:1 is signed by DD5F, which remote acme does not trust"
            assert seen["Hint"].startswith("appctl help key-change")
            assert seen["ErrorDetails"] == {
                "reference": ("s", "quay.io/acme/x:1"),
                "found": ("s", "DD5F"),
                "remote": ("s", "acme"),
                "looked-at": ("as", ["u (200)"]),
                "bytes-needed": ("t", 7),
            }

    asyncio.run(scenario())


def test_the_manager_tells_which_jobs_are_active(address: str) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            await gate.wait()

        async with served(address, work), client(address) as caller:
            await caller.subscribe("type='signal',path='/org/appctl/Installer1'")
            _, (path,) = await caller.call("Prune", "a{sv}", {})
            busy = await _manager_change(caller)
            assert busy == {"Busy": ("b", True), "ActiveJobs": ("ao", [path])}
            gate.set()
            assert await _manager_change(caller) == {"Busy": ("b", False), "ActiveJobs": ("ao", [])}

    asyncio.run(scenario())


async def _manager_change(caller: Client) -> dict[str, object]:
    while True:
        interface, changed, _ = await caller.signal("PropertiesChanged")
        if interface == MANAGER:
            return dict(changed)


def test_a_removed_job_leaves_the_bus(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appctld.jobs.queue.KEPT_SECONDS", 0)

    async def scenario() -> None:
        async with served(address), client(address) as caller:
            await caller.subscribe("type='signal',member='InterfacesRemoved'")
            _, (path,) = await caller.call("Prune", "a{sv}", {})
            assert await caller.signal("InterfacesRemoved") == (path, [JOB])
            error, _ = await caller.call("Cancel", "a{sv}", {}, path=path, interface=JOB)
            assert error == "org.freedesktop.DBus.Error.UnknownObject"

    asyncio.run(scenario())


def test_a_finished_job_can_still_be_asked_about(address: str) -> None:
    async def scenario() -> None:
        async with served(address, fill), client(address) as caller:
            _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x"], {})
            await caller.signal("JobFinished")
            assert (await caller.get_all(path, JOB))["Result"]["apps"][1][0]["id"] == ("s", "org.acme.X")

    asyncio.run(scenario())


def test_apps_and_updates_change_their_objects(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            await caller.subscribe()
            running.apps.apps["org.acme.Editor"] = {**EDITOR, "version": "1.5", "update-available": False}
            running.jobs.observer.apps_changed(["org.acme.Editor"])
            interface, changed, invalid = await caller.signal("PropertiesChanged")
            assert interface == "org.appctl.Installer1.App"
            assert changed["Version"] == ("s", "1.5")
            assert "Id" not in changed  # const
            assert "Running" not in changed  # never told
            assert invalid == ["Metadata"]
            assert await caller.signal("AppsChanged") == (["org.acme.Editor"],)
            assert (await _manager_change(caller))["UpdatesAvailable"] == ("u", 0)
            running.jobs.observer.updates_changed()
            assert (await _manager_change(caller))["LastUpdateCheck"] == ("t", 1_700_000_002)
            assert await caller.signal("UpdatesChanged") == ()

    asyncio.run(scenario())


def test_many_apps_are_read_once_for_one_question(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            reads = 0
            apps = [{**EDITOR, "id": f"org.acme.A{number}"} for number in range(50)]
            running.apps.apps = {str(app["id"]): app for app in apps}
            running.jobs.observer.apps_changed(list(running.apps.apps))
            await caller.call("Ping", interface="org.freedesktop.DBus.Peer")
            unchanged = running.apps.list

            def counted() -> list[JsonObject]:
                nonlocal reads
                reads += 1
                return unchanged()

            running.apps.list = counted  # type: ignore[method-assign]
            _, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            assert len(objects) == 52  # the editor was not withdrawn: nobody said that it went
            assert reads == 1

    asyncio.run(scenario())


def test_what_cannot_be_told_ends_no_job(address: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            observer.apps_changed(["org.acme.X"])
            job.stage = 5  # type: ignore[assignment]

        async with served(address, work) as running, client(address) as caller:

            def broken() -> list[JsonObject]:
                raise NotInstalled

            running.apps.list = broken  # type: ignore[method-assign]
            await caller.call("Prune", "a{sv}", {})
            (job,) = running.jobs.all()
            await asyncio.gather(*running.jobs._tasks.values())
            assert job.state == "succeeded"
            assert "apps_changed could not be told" in caplog.text
            assert "job_finished could not be told" in caplog.text

    asyncio.run(scenario())


def test_a_remote_that_an_administrator_wrote_is_seen_when_somebody_looks(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            running.remotes.remotes = {
                "acme": SimulatedRemote("acme", title="A"),
                "new": SimulatedRemote("new"),
            }
            _, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            assert objects[f"{ROOT}/remote/acme"][REMOTE]["Title"] == ("s", "A")
            assert f"{ROOT}/remote/new" in objects
            del running.remotes.remotes["acme"]
            _, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            assert f"{ROOT}/remote/acme" not in objects

    asyncio.run(scenario())


def test_an_edit_is_told_and_a_change_by_a_caller_only_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "LOOK_SECONDS", 0.01)

    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            await caller.subscribe()
            running.remotes.remotes = {
                "acme": SimulatedRemote("acme", title="A"),
                "new": SimulatedRemote("new"),
            }
            assert await caller.signal("RemotesChanged") == (["acme", "new"],)
            del running.remotes.remotes["acme"]
            assert await caller.signal("InterfacesRemoved") == (f"{ROOT}/remote/acme", [REMOTE])
            assert await caller.signal("RemotesChanged") == (["acme"],)
            await caller.call("AddRemote", "sa{sv}", "more", {"url": ("s", "https://quay.io/more")})
            assert await caller.signal("RemotesChanged") == (["more"],)
            running.remotes.remotes["late"] = SimulatedRemote("late")
            assert await caller.signal("RemotesChanged") == (["late"],)

    asyncio.run(scenario())


def test_an_edit_of_how_far_updates_go_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "LOOK_SECONDS", 0.01)

    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            await caller.subscribe("type='signal',path='/org/appctl/Installer1'")
            await caller.call("List", "a{sv}", {})  # the announcer has looked once
            running.automatic.extent = Extent.CHECK
            assert await _manager_change(caller) == {"AutomaticUpdatePolicy": ("s", "check")}

    asyncio.run(scenario())


def test_a_broken_configuration_does_not_take_the_rest_off_the_bus(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: SimulatedRemotes) -> list[SimulatedRemote]:
        raise Failed("acme.conf is broken")

    monkeypatch.setattr(SimulatedRemotes, "all", broken)

    async def scenario() -> None:
        async with served(address), client(address) as caller:
            _, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            assert list(objects) == [f"{ROOT}/app/org_2eacme_2eEditor"]

    asyncio.run(scenario())
