# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager: what is asked of polkit is what is done, and nothing is done before polkit's answer."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.bus.announcer import Announcer
from appctld.bus.caller import Caller
from appctld.bus.objects.manager.manager import Manager
from appctld.bus.service import Service
from appctld.errors import NotAuthorized
from appctld.jobs.requests import (
    AnyRequest,
    Approve,
    CheckUpdates,
    Install,
    Prune,
    Repair,
    Resolve,
    Rollback,
    Uninstall,
    Update,
    Verify,
)
from appctld.model.jsonvalue import JsonObject
from appctld.state.paths import Paths
from appctld.updates.apps import Apps
from support.buses.bus import ERROR, JOB, MANAGER, ROOT, client
from support.buses.bus_service import EDITOR, RecordingAuthorizer, SimulatedApps, SimulatedRemote, served
from support.buses.records import deploy
from support.counted import Counted

EMPTY = {"remote": "", "reference": "", "digest": "", "verify": ""}
ACME = {"remote": "acme", "verify": "gpg", "digest": "", "reference": "quay.io/acme/x"}
EDITORS = ACME | {"reference": "org.acme.Editor"}
ABC = {"remote": "-", "verify": "-", "digest": "", "reference": "a.b.C"}
LOGIN = {
    "registry-auth": ("aa{sv}", [{"host": ("s", "h.io"), "username": ("s", "u"), "password": ("s", "p")}])
}
ASKED = {"ask-credentials": ("b", True)}
PLAIN_LOGIN = {"registry-auth": ({"host": "h.io", "username": "u", "password": "p"},)}
HASH = "1" * 64
YES = {"accept-permissions": ("as", [HASH])}
ACCEPTED = {"accept-permissions": (HASH,)}
D1 = "sha256:" + "1" * 64
FILE = "https://acme.example/apps/acme.appctlremote"

CALLS: list[tuple[str, str, tuple[object, ...], AnyRequest, str, dict[str, str]]] = [
    (
        "Install",
        "asa{sv}",
        (["acme/editor:1", "acme/tool", "other/x"], {"expected-digest": ("s", D1)}),
        Install(("acme/editor:1", "acme/tool", "other/x"), {"expected-digest": D1}),
        "install",
        {
            "remote": "acme -",
            "verify": "gpg -",
            "reference": "quay.io/acme/editor:1 quay.io/acme/tool other/x",
            "digest": D1,
        },
    ),
    ("Update", "asa{sv}", ([], {}), Update((), {}), "update", EDITORS),
    (
        "Update",
        "asa{sv}",
        (["a.b.C"], YES),
        Update(("a.b.C",), ACCEPTED),
        "approve",
        ABC,
    ),
    (
        "Approve",
        "sa{sv}",
        ("a.b.C", {"accept-permissions": ("s", HASH), "expected-digest": ("s", D1)}),
        Approve("a.b.C", {"accept-permissions": HASH, "expected-digest": D1}),
        "approve",
        ABC | {"digest": D1},
    ),
    ("Uninstall", "asa{sv}", (["a.b.C"], {}), Uninstall(("a.b.C",), {}), "uninstall", ABC),
    (
        "Uninstall",
        "asa{sv}",
        (["org.acme.Editor"], {}),
        Uninstall(("org.acme.Editor",)),
        "uninstall",
        EDITORS,
    ),
    ("Rollback", "sa{sv}", ("a.b.C", {"to": ("s", "1")}), Rollback("a.b.C", {"to": "1"}), "rollback", ABC),
    ("Resolve", "sa{sv}", ("acme/x", {}), Resolve("acme/x", {}), "refresh", ACME),
    ("Resolve", "sa{sv}", ("acme/x", LOGIN), Resolve("acme/x", PLAIN_LOGIN), "install", ACME),
    ("Resolve", "sa{sv}", ("acme/x", ASKED), Resolve("acme/x", {"ask-credentials": True}), "install", ACME),
    ("Resolve", "sa{sv}", (FILE, {}), Resolve(FILE, {}), "refresh", EMPTY | {"reference": FILE}),
    ("CheckUpdates", "a{sv}", ({},), CheckUpdates({}), "refresh", EMPTY),
    ("Prune", "a{sv}", ({"dry-run": ("b", True)},), Prune({"dry-run": True}), "prune", EMPTY),
    ("Repair", "a{sv}", ({"dry-run": ("b", True)},), Repair({"dry-run": True}), "repair", EDITORS),
    ("Verify", "asa{sv}", ([], {}), Verify((), {}), "repair", EDITORS),
    ("Verify", "asa{sv}", (["a.b.C"], {}), Verify(("a.b.C",), {}), "repair", ABC),
]


@pytest.mark.parametrize(("member", "signature", "body", "request_", "action", "details"), CALLS)
def test_every_job_is_authorized_with_its_own_values_and_then_done(
    address: str,
    member: str,
    signature: str,
    body: tuple[object, ...],
    request_: AnyRequest,
    action: str,
    details: dict[str, str],
) -> None:
    authorizer = RecordingAuthorizer()

    async def scenario() -> None:
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            error, (path,) = await caller.call(member, signature, *body)
            assert not error
            job, state, *_ = await caller.signal("JobFinished")
            assert (job, state) == (path, "succeeded")
            assert running.requests == [request_]
            assert authorizer.asked == [(Caller(os.getuid(), caller.name), action, details)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("member", "names", "options", "actions"),
    [
        ("Install", ["acme/x"], {}, ["install", "allow-downgrade"]),
        ("Update", ["a.b.C"], {}, ["update", "allow-downgrade"]),
        ("Update", ["a.b.C"], YES, ["approve", "allow-downgrade"]),
    ],
)
def test_a_downgrade_is_an_action_beside_the_other(
    address: str, member: str, names: list[str], options: dict[str, object], actions: list[str]
) -> None:
    authorizer = RecordingAuthorizer()

    async def scenario() -> None:
        async with served(address, authorizer=authorizer), client(address) as caller:
            await caller.call(member, "asa{sv}", names, {**options, "allow-downgrade": ("b", True)})
            await caller.signal("JobFinished")
            await caller.call(member, "asa{sv}", names, {**options, "allow-downgrade": ("b", False)})
            await caller.signal("JobFinished")

    asyncio.run(scenario())
    assert [action for _, action, _ in authorizer.asked] == [*actions, actions[0]]
    assert authorizer.asked[1][2] == authorizer.asked[0][2]


def test_who_may_install_may_not_downgrade(address: str) -> None:
    async def scenario() -> None:
        async def refuse() -> None:
            if authorizer.asked[-1][1] == "allow-downgrade":
                raise NotAuthorized("polkit does not allow allow-downgrade")

        authorizer = RecordingAuthorizer(before=refuse)
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            await caller.call("Install", "asa{sv}", ["acme/x"], {"allow-downgrade": ("b", True)})
            _, state, name, *_ = await caller.signal("JobFinished")
            assert (state, name) == ("failed", f"{ERROR}NotAuthorized")
            assert running.requests == []

    asyncio.run(scenario())


def test_to_look_at_what_is_older_needs_no_more_than_to_look(address: str) -> None:
    authorizer = RecordingAuthorizer()

    async def scenario() -> None:
        async with served(address, authorizer=authorizer), client(address) as caller:
            await caller.call("Resolve", "sa{sv}", "acme/x", {"allow-downgrade": ("b", True)})
            await caller.signal("JobFinished")

    asyncio.run(scenario())
    assert [action for _, action, _ in authorizer.asked] == ["refresh"]


def test_nothing_is_done_before_the_answer_and_nothing_after_a_no(address: str) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def refuse() -> None:
            await gate.wait()
            raise NotAuthorized("polkit does not allow install")

        authorizer = RecordingAuthorizer(before=refuse)
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x"], {}, interactive=True)
            assert (await caller.get_all(path, JOB))["State"] == "authorizing"
            assert running.requests == []
            assert authorizer.asked[0][0].interactive
            gate.set()
            _, state, name, message, _ = await caller.signal("JobFinished")
            assert (state, name) == ("failed", f"{ERROR}NotAuthorized")
            assert message == "polkit does not allow install"
            assert running.requests == []

    asyncio.run(scenario())


def test_a_yes_is_about_what_was_told_and_about_nothing_else(address: str) -> None:
    """While somebody types a password the remote is made to verify nothing, or the app comes from another."""

    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:

            async def change() -> None:
                running.remotes.remotes["acme"] = replace(running.remotes.remotes["acme"], verify="none")
                running.apps.apps["org.acme.Editor"]["remote"] = "other"

            authorizer.before = change
            calls: list[tuple[str, str, object]] = [
                ("Install", "asa{sv}", ["acme/x"]),
                ("Rollback", "sa{sv}", "org.acme.Editor"),
            ]
            for call in calls:
                running.remotes.remotes["acme"] = SimulatedRemote("acme")
                running.apps.apps["org.acme.Editor"]["remote"] = "acme"
                await caller.call(*call, {})
                _, state, name, *_ = await caller.signal("JobFinished")
                assert (state, name) == ("failed", f"{ERROR}NotAuthorized")
            assert running.requests == []

    asyncio.run(scenario())


REMOTE_CALLS = [
    ("AddRemote", "sa{sv}", ("new", {"url": ("s", "oci+https://a.example/b"), "verify": ("s", "none")})),
    ("ModifyRemote", "sa{sv}", ("acme", {"title": ("s", "x")})),
    ("ModifyRemote", "sa{sv}", ("acme", {"keyring-update": ("ay", b"update")})),
    ("RemoveRemote", "sa{sv}", ("acme", {})),
]


@pytest.mark.parametrize(("member", "signature", "body"), REMOTE_CALLS)
def test_remotes_stay_as_they_are_after_a_no(
    address: str, member: str, signature: str, body: tuple[object, ...]
) -> None:
    async def scenario() -> None:
        async def refuse() -> None:
            raise NotAuthorized("polkit does not allow modify-remote")

        authorizer = RecordingAuthorizer(before=refuse)
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            before = running.remotes.all()
            error, _ = await caller.call(member, signature, *body)
            assert error == f"{ERROR}NotAuthorized"
            assert authorizer.asked[0][1] == "modify-remote"
            assert running.remotes.rotated == []
            assert running.remotes.all() == before
            assert running.remotes.written == []

    asyncio.run(scenario())


def test_remotes_come_change_and_go(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            await caller.subscribe()
            settings = {
                "url": ("s", "oci+https://quay.io/new"),
                "strict": ("b", True),
                "gpg-keys": ("aay", [b"\x99key"]),
                "cosign-keys": ("aay", [b"one", b"two"]),
                "verify": ("s", "gpg+cosign"),
                "ca": ("ay", b"-----BEGIN CERTIFICATE-----"),
                "max-age": ("s", "9d"),
            }
            error, (path,) = await caller.call("AddRemote", "sa{sv}", "new", settings)
            assert (error, path) == ("", f"{ROOT}/remote/new")
            texts = {
                "url": "oci+https://quay.io/new",
                "strict": "yes",
                "verify": "gpg+cosign",
                "max-age": "9d",
            }
            written = ("new", texts, b"\x99key", b"-----BEGIN CERTIFICATE-----", b"one\ntwo")
            assert running.remotes.written == [written]
            assert authorizer.asked[0][2]["reference"] == "oci+https://quay.io/new"
            assert (await caller.signal("InterfacesAdded"))[0] == path
            assert await caller.signal("RemotesChanged") == (["new"],)
            await caller.call("ModifyRemote", "sa{sv}", "new", {"title": ("s", "New")})
            _, changed, _ = await caller.signal("PropertiesChanged")
            assert changed["Title"] == ("s", "New")
            await caller.call("RemoveRemote", "sa{sv}", "new", {})
            assert await caller.signal("InterfacesRemoved") == (path, ["org.appctl.Installer1.Remote"])

    asyncio.run(scenario())


def test_how_a_new_remote_is_verified_is_told_before_anybody_says_yes(address: str) -> None:
    """Cosign keys alone stand for verify=cosign; with keys of both kinds somebody must say."""

    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            settings = {"url": ("s", "https://quay.io/new"), "cosign-keys": ("aay", [b"one"])}
            assert (await caller.call("AddRemote", "sa{sv}", "new", settings))[0] == ""
            assert authorizer.asked[0][2]["verify"] == "cosign"
            assert running.remotes.written[0][1]["verify"] == "cosign"
            both = {**settings, "gpg-keys": ("aay", [b"two"])}
            error, _ = await caller.call("AddRemote", "sa{sv}", "more", both)
            assert error == f"{ERROR}InvalidReference"
            assert len(authorizer.asked) == 1
            await caller.call("ModifyRemote", "sa{sv}", "new", {"cosign-keys": ("aay", [b"other"])})
            assert running.remotes.written[1] == ("new", {}, None, None, b"other")

    asyncio.run(scenario())


def test_a_keyring_update_is_handed_on_and_nothing_else_is_written(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            update = {"keyring-update": ("ay", b"update")}
            assert await caller.call("ModifyRemote", "sa{sv}", "acme", update) == ("", ())
            assert running.remotes.rotated == [("acme", b"update")]
            assert running.remotes.written == []
            assert authorizer.asked[0][1:] == ("modify-remote", EMPTY | {"remote": "acme"})
            url = {"url": ("s", "https://a.example")}
            error, _ = await caller.call("AddRemote", "sa{sv}", "new", {**url, **update})
            assert error == "org.freedesktop.DBus.Error.InvalidArgs"
            assert "new" not in running.remotes.remotes

    asyncio.run(scenario())


FORGED = "acme/editor:1 from acme (security update)"
HOSTILE_CALLS = [
    ("Install", "asa{sv}", (["acme/x:1"] * 33, {}), "LimitExceeded"),
    ("Install", "asa{sv}", (["acme/x:1", FORGED], {}), "InvalidReference"),
    ("Install", "asa{sv}", (["acme/x:1"], {"expected-digest": ("s", "x\ny")}), "InvalidReference"),
    ("Install", "asa{sv}", (["acme/x:1"], {"remote": ("s", "other")}), "InvalidReference"),
    ("Resolve", "sa{sv}", (FORGED, {}), "InvalidReference"),
    ("Resolve", "sa{sv}", ("acme/x:1", {"remote": ("s", "acme (verified)")}), "InvalidReference"),
    ("Update", "asa{sv}", (["an unused app"], {}), "InvalidReference"),
    ("Uninstall", "asa{sv}", (["org.acme.Editor", " " * 900], {}), "InvalidReference"),
    ("Rollback", "sa{sv}", ("an unused app", {}), "InvalidReference"),
    ("Rollback", "sa{sv}", ("a.b.C", {"to": ("s", "x" * 100_000)}), "LimitExceeded"),
    ("AddRemote", "sa{sv}", ("acme corp", {"url": ("s", "https://a.example")}), "InvalidReference"),
    ("AddRemote", "sa{sv}", ("x", {"url": ("s", "https://a.example (verified)")}), "InvalidReference"),
    ("ModifyRemote", "sa{sv}", ("acme", {"verify": ("s", "as before")}), "InvalidReference"),
    ("RemoveRemote", "sa{sv}", ("an unused remote", {}), "InvalidReference"),
]


@pytest.mark.parametrize(("member", "signature", "body", "error"), HOSTILE_CALLS)
def test_a_sentence_of_the_callers_own_never_gets_into_a_question(
    address: str, member: str, signature: str, body: tuple[object, ...], error: str
) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            found, _ = await caller.call(member, signature, *body)
            assert found == ERROR + error
            assert authorizer.asked == []
            assert running.jobs.all() == []

    asyncio.run(scenario())


def test_a_request_cannot_change_after_it_was_authorized(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            await caller.call("Install", "asa{sv}", ["acme/x"], LOGIN)
            await caller.signal("JobFinished")
            (request,) = running.requests
            with pytest.raises(TypeError):
                request.options["remote"] = "other"  # type: ignore[index]
            with pytest.raises(TypeError):
                request.options["registry-auth"][0]["username"] = "other"  # type: ignore[index]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["org.acme.Editor", "org.acme.Viewer"]),
        ({"remote": ("s", "acme")}, ["org.acme.Editor"]),
        ({"updates": ("b", True)}, ["org.acme.Editor"]),
        ({"updates": ("b", False)}, ["org.acme.Editor", "org.acme.Viewer"]),
        ({"scope": ("s", "system")}, []),
    ],
)
def test_list_filters(address: str, options: dict[str, object], found: list[str]) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            viewer = {**EDITOR, "id": "org.acme.Viewer", "remote": "other", "update-available": False}
            running.apps.apps["org.acme.Viewer"] = viewer
            _, (apps,) = await caller.call("List", "a{sv}", options)
            assert [app["id"][1] for app in apps] == found
            keys = ["id", "signed-at", "what"]
            _, (text,) = await caller.call("ListText", "a{sv}as", options, keys)
            assert json.loads(text) == [{"id": name, "signed-at": EDITOR["signed-at"]} for name in found]

    asyncio.run(scenario())


def test_keys_that_list_text_is_asked_for_are_gone_through_once_not_for_every_app() -> None:
    apps = SimulatedApps({str(number): {"id": str(number)} for number in range(3)})
    manager = Manager(cast("Service", SimpleNamespace(apps=apps)), cast("Announcer", None))
    keys = Counted(["id", *map(str, range(1000))])
    text = asyncio.run(manager.list_text(Caller(1000, ":1.1"), {}, keys))
    assert len(json.loads(text)) == 3
    assert keys.rounds == 1


@pytest.mark.parametrize(
    ("action", "error", "answer"),
    [
        ("install", "", ("challenge",)),
        ("org.appctl.Installer1.install", "", ("challenge",)),
        ("everything", f"{ERROR}NotFound", None),
    ],
)
def test_can_authorize(address: str, action: str, error: str, answer: tuple[str] | None) -> None:
    async def scenario() -> None:
        async with served(address, authorizer=RecordingAuthorizer()), client(address) as caller:
            found, body = await caller.call("CanAuthorize", "s", action)
            assert found == error
            assert error or body == answer

    asyncio.run(scenario())


def test_the_managers_properties(address: str) -> None:
    async def scenario() -> None:
        async with served(address), client(address) as caller:
            assert await caller.get_all(ROOT, MANAGER) == {
                "ApiVersion": 1,
                "DaemonVersion": "9.9",
                "Scope": "user",
                "Features": [],
                "Busy": False,
                "ActiveJobs": [],
                "UpdatesAvailable": 1,
                "LastUpdateCheck": 1_700_000_002,
                "AutomaticUpdatePolicy": "install",
                "LastAutomaticUpdate": {
                    "time": ("t", 1_700_000_004),
                    "extent": ("s", "check"),
                    "because": ("as", ["metered"]),
                    "success": ("t", 1_700_000_004),
                },
            }

    asyncio.run(scenario())


def test_who_runs_an_app_is_not_looked_at_to_count_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look takes a lock for a moment, and who starts the app then would not get it."""
    paths = Paths(tmp_path)
    paths.create()
    deploy(paths)
    monkeypatch.setattr("appctld.updates.apps.is_running", lambda _path: pytest.fail("it looks"))
    apps = Apps(paths, "user", dict)
    manager = Manager(cast("Service", SimpleNamespace(apps=apps)), cast("Announcer", None))
    assert manager.updates_available == 0


ME = os.getuid()
ENTRIES: list[JsonObject] = [
    {"time": 3, "event": "install", "uid": ME, "id": "a.b.C", "signed-at": 1_700_000_000},
    {"time": 2, "event": "update", "uid": ME + 1, "id": "a.b.D"},
    {"time": 1, "event": "update", "uid": ME, "error": "Rollback", "message": "older", "background": True},
]


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, [3, 1]),
        ({"failed": ("b", True)}, [1]),
        ({"limit": ("u", 1)}, [3]),
        ({"limit": ("u", 0)}, [3, 1]),
        ({"limit": ("t", 1)}, [3]),
        ({"since": ("t", 2)}, [3]),
        ({"since": ("t", 1)}, [3, 1]),
    ],
)
def test_history_shows_a_caller_its_own(address: str, options: dict[str, object], times: list[int]) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            running.history.entries = ENTRIES
            _, (entries,) = await caller.call("History", "a{sv}", options)
            assert [entry["time"][1] for entry in entries] == times

    asyncio.run(scenario())


def seen_by(uid: int, daemon: int, entries: Sequence[JsonObject] = ENTRIES) -> list[object]:
    """The times of the entries that a user sees, where the daemon runs as another."""
    service = SimpleNamespace(history=lambda wanted, _limit: list(filter(wanted, entries)), uid=daemon)
    manager = Manager(cast("Service", service), cast("Announcer", None))
    return [entry["time"] for entry in asyncio.run(manager.history(Caller(uid, ":1.1"), {}))]


def test_root_sees_what_all_did() -> None:
    for uid, times in ((0, [3, 2, 1]), (ME, [3, 1]), (ME + 1, [2]), (ME + 2, [])):
        assert seen_by(uid, daemon=ME + 3) == times


def test_everybody_sees_what_nobody_asked_for_and_no_more_of_what_the_daemons_user_does() -> None:
    appctl, person = ME + 3, ME + 4
    entries: list[JsonObject] = [
        {"time": 6, "event": "update", "uid": appctl, "id": "a.b.C", "background": True},
        {"time": 5, "event": "update", "uid": appctl, "error": "Offline", "background": True},
        {"time": 4, "event": "install", "uid": appctl, "id": "a.b.C", "background": False},
        {"time": 3, "event": "install", "uid": appctl, "id": "a.b.C"},
        {"time": 2, "event": "update", "uid": person, "id": "a.b.C", "background": True},
    ]
    for uid, times in ((0, [6, 5, 4, 3, 2]), (ME, [6, 5]), (person, [6, 5, 2]), (appctl, [6, 5, 4, 3])):
        assert seen_by(uid, appctl, entries) == times


def test_a_publishers_file_is_read_at_once_and_nobody_is_asked(address: str) -> None:
    authorizer = RecordingAuthorizer()

    async def scenario() -> None:
        async with served(address, authorizer=authorizer), client(address) as caller:
            error, (found,) = await caller.call("ResolveFile", "ay", b"whatever")
            assert not error
            given = {"gpg-keys": ("aay", [b"whatever"]), "ids": ("as", ["a.*"])}
            assert found["settings"] == ("a{sv}", given)
            assert authorizer.asked == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "text",
    [
        "http://acme.example/a.appctlremote",
        "file:///etc/a.appctlremote",
        "https://me:secret@acme.example/a.appctlremote",
        "https://acme.example/a?b.appctlremote",
        "https://acme.example/" + "a" * 1024 + ".appctlremote",
        "https://acme.example/a\n.appctlref",
    ],
)
def test_an_address_that_may_not_be_fetched_begins_no_job(address: str, text: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            error, _ = await caller.call("Resolve", "sa{sv}", text, {})
            assert error == f"{ERROR}InvalidReference"
            assert running.requests == []

    asyncio.run(scenario())
