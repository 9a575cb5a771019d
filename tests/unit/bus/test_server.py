# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The server on a real bus, asked by other libraries and programs."""

import asyncio
import errno
import re
import sys
import textwrap
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from jeepney import DBusAddress, Message, new_method_call
from jeepney.bus_messages import MatchRule

from appctld.bus.admission import CALLS_A_SENDER, CALLS_A_UID
from appctld.bus.wire.schema import SchemaError
from appctld.errors import NotAuthorized, NotInstalled
from appctld.jobs.fairness.questions import WAITING_PER_UID
from flooding import messages
from flooding.clients import Sender
from support.buses.bus import ERROR, JOB, MANAGER, NAME, NO_REPLY, PROPERTIES, ROOT, Client, client, program
from support.buses.bus_service import EDITOR, INTERFACES, RecordingAuthorizer, served
from support.descriptors import open_descriptors

STANDARD_ERROR = "org.freedesktop.DBus.Error."


def test_busctl_and_gdbus_see_the_interface_and_call_it(address: str) -> None:
    async def scenario() -> None:
        async with served(address):
            bus = f"--address={address}"
            code, tree = await program("busctl", bus, "--no-pager", "tree", NAME)
            assert code == 0, tree
            assert "/org/appctl/Installer1/app/org_2eacme_2eEditor" in tree
            code, seen = await program("busctl", bus, "--no-pager", "introspect", NAME, ROOT)
            assert code == 0, seen
            assert re.search(r"^\.Install +method +asa\{sv\} +o ", seen, re.MULTILINE), seen
            assert re.search(r"^\.ApiVersion +property +u +1 +const", seen, re.MULTILINE), seen
            code, listed = await program(
                "gdbus", "call", "-a", address, "-d", NAME, "-o", ROOT, "-m", f"{MANAGER}.List", "{}"
            )
            assert code == 0, listed
            assert "'permissions': <[('network', '', 'leaves-sandbox')]>" in listed
            assert "'installed-size': <uint64 21474836480>" in listed

    asyncio.run(scenario())


def test_gdbus_shows_the_sentence_of_an_error(address: str) -> None:
    async def scenario() -> None:
        async with served(address):
            add = ("gdbus", "call", "-a", address, "-d", NAME, "-o", ROOT, "-m", f"{MANAGER}.AddRemote")
            code, text = await program(*add, "acme", "{'url': <'oci+https://quay.io/acme'>}")
            assert code == 1
            assert f"{ERROR}Conflict" in text
            assert "remote acme exists" in text

    asyncio.run(scenario())


def test_introspect_returns_the_text_of_the_file(address: str) -> None:
    async def scenario() -> None:
        async with served(address), client(address) as caller:
            _, (seen,) = await caller.call("Introspect", interface="org.freedesktop.DBus.Introspectable")
            text = (INTERFACES / "org.appctl.Installer1.xml").read_text("utf-8")
            assert seen.startswith(text.rpartition("</node>")[0])

    asyncio.run(scenario())


def test_gio_object_manager_client_sees_objects_come_and_go(address: str) -> None:
    """In a process of its own: GIO wants a main loop."""
    script = textwrap.dedent("""
        import sys
        from gi.repository import Gio, GLib

        connection = Gio.DBusConnection.new_for_address_sync(
            sys.argv[1],
            Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION,
            None, None)
        manager = Gio.DBusObjectManagerClient.new_sync(
            connection, Gio.DBusObjectManagerClientFlags.NONE, "org.appctl.Installer1",
            "/org/appctl/Installer1", None, None, None)
        for item in manager.get_objects():
            print("has", item.get_object_path(), flush=True)
        loop = GLib.MainLoop()

        def removed(_manager, item):
            print("removed", item.get_object_path(), flush=True)
            loop.quit()

        manager.connect("object-added", lambda _m, item: print("added", item.get_object_path(), flush=True))
        manager.connect("object-removed", removed)
        print("ready", flush=True)
        loop.run()
    """)

    async def scenario() -> None:
        async with served(address) as running:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", script, address, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            lines: list[str] = []
            while "ready\n" not in lines:
                lines.append((await asyncio.wait_for(process.stdout.readline(), 30)).decode())
            assert f"has {ROOT}/app/org_2eacme_2eEditor\n" in lines
            assert f"has {ROOT}/remote/acme\n" in lines
            running.apps.apps["org.acme.Viewer"] = {**EDITOR, "id": "org.acme.Viewer"}
            running.jobs.observer.apps_changed(["org.acme.Viewer"])
            del running.apps.apps["org.acme.Editor"]
            running.jobs.observer.apps_changed(["org.acme.Editor"])
            rest = (await asyncio.wait_for(process.communicate(), 30))[0].decode().splitlines()
            assert rest == [
                f"added {ROOT}/app/org_2eacme_2eViewer",
                f"removed {ROOT}/app/org_2eacme_2eEditor",
            ]

    asyncio.run(scenario())


def test_a_call_that_takes_too_long_to_read_is_refused_at_once(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            error, _ = await caller.call("Install", "asa{sv}", [""] * (1 << 17), {})
            assert error == f"{ERROR}LimitExceeded"
            assert running.requests == []
            error, _ = await caller.call("ResolveFile", "ay", bytes(64 << 10))
            assert not error

    asyncio.run(scenario())


@pytest.mark.parametrize("number", range(len([*messages.odd()])))
def test_what_no_library_sends_ends_no_connection(address: str, number: int) -> None:
    """The bus passes it on, whoever may send it."""

    def send() -> None:
        sender = Sender(address)
        sender.send([*messages.odd()][number])
        sender.send(messages.raw(messages.get_id()))
        sender.wait_for(1)
        sender.close()

    async def scenario() -> None:
        async with served(address), client(address) as caller:
            await asyncio.to_thread(send)
            error, _ = await caller.call("List", "a{sv}", {})
            assert not error

    asyncio.run(scenario())


REFUSED_CALLS = [
    ("Install", "as", (["x"],), ROOT, MANAGER, "InvalidArgs"),
    ("Install", "sa{sv}", ("x", {}), ROOT, MANAGER, "InvalidArgs"),
    ("Instal", "", (), ROOT, MANAGER, "UnknownMethod"),
    ("List", "a{sv}", ({},), f"{ROOT}/nowhere", MANAGER, "UnknownObject"),
    ("List", "a{sv}", ({},), f"{ROOT}/remote/acme", MANAGER, "UnknownInterface"),
    ("Cancel", "a{sv}", ({},), ROOT, None, "UnknownMethod"),
    ("Set", "ssv", (MANAGER, "Scope", ("s", "system")), ROOT, PROPERTIES, "PropertyReadOnly"),
    ("Get", "ss", (MANAGER, "Nothing"), ROOT, PROPERTIES, "UnknownProperty"),
    ("Get", "ss", (JOB, "State"), ROOT, PROPERTIES, "UnknownInterface"),
    ("GetAll", "s", (JOB,), "/org", PROPERTIES, "UnknownObject"),
    (
        "GetManagedObjects",
        "",
        (),
        f"{ROOT}/remote/acme",
        "org.freedesktop.DBus.ObjectManager",
        "UnknownInterface",
    ),
    ("Introspect", "", (), "/com", "org.freedesktop.DBus.Introspectable", "UnknownObject"),
    ("Prune", "a{sv}", ({"dry-run": ("s", "yes")},), ROOT, MANAGER, "InvalidArgs"),
    ("Prune", "a{sv}", ({"require-nothing-lost": ("b", True)},), ROOT, MANAGER, "InvalidArgs"),
    (
        "Resolve",
        "sa{sv}",
        ("x", {"registry-auth": ("aa{sv}", [{"username": ("u", 5)}])}),
        ROOT,
        MANAGER,
        "InvalidArgs",
    ),
]


@pytest.mark.parametrize(("member", "signature", "body", "path", "interface", "error"), REFUSED_CALLS)
def test_a_call_that_does_not_fit_is_refused_by_name(
    address: str,
    member: str,
    signature: str,
    body: tuple[object, ...],
    path: str,
    interface: str | None,
    error: str,
) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            found, _ = await caller.call(member, signature, *body, path=path, interface=interface)
            assert found == STANDARD_ERROR + error
            assert not running.jobs.all()

    asyncio.run(scenario())


def test_an_unknown_option_is_ignored_and_a_call_without_interface_is_understood(address: str) -> None:
    async def scenario() -> None:
        async with served(address), client(address) as caller:
            error, (apps,) = await caller.call("List", "a{sv}", {"colour": ("s", "red")}, interface=None)
            assert not error
            assert [app["id"] for app in apps] == [("s", "org.acme.Editor")]

    asyncio.run(scenario())


def test_an_unforeseen_exception_is_failed_and_sends_no_traceback(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            secret = "secret-text-of-the-exception"

            def broken() -> list[dict[str, object]]:
                raise KeyError(secret)

            running.apps.list = broken  # type: ignore[assignment, method-assign]
            error, body = await caller.call("List", "a{sv}", {})
            assert error == f"{ERROR}Failed"
            assert "Traceback" not in str(body)
            assert secret not in str(body)
            assert secret in caplog.text  # the journal has it
            error, _ = await caller.call("Ping", interface="org.freedesktop.DBus.Peer")
            assert not error

    asyncio.run(scenario())


def test_a_disk_that_is_full_is_told_and_no_path(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:

            async def full(_extent: object) -> None:
                raise OSError(errno.ENOSPC, "No space left on device", "/secret/place")

            running.automatic.set = full  # type: ignore[assignment, method-assign]
            error, body = await caller.call("SetAutomaticUpdatePolicy", "s", "none")
            assert error == f"{ERROR}NoSpace"
            assert "No space left" in str(body)
            assert "secret" not in str(body)

    asyncio.run(scenario())


def test_a_typed_error_is_a_sentence_and_a_hint(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:

            async def refuse(name: str) -> None:
                raise NotInstalled("a name with\nhint: a lie")

            running.remotes.remove = refuse  # type: ignore[method-assign]
            error, body = await caller.call("RemoveRemote", "sa{sv}", "acme", {})
            assert error == f"{ERROR}NotInstalled"
            assert body == ("a name with hint: a lie\nhint: appctl list",)

    asyncio.run(scenario())


SENDER_OF_DESCRIPTORS = """
import os, sys
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

with open_dbus_connection(sys.argv[1], enable_fds=True) as connection:
    where = DBusAddress("/org/appctl/Installer1", "org.appctl.Installer1", "org.appctl.Installer1.Manager")
    for member, signature, fill in [("List", "a{sv}", False), ("Nothing", "h", True)] * 20:
        with open("/dev/null") as some:
            body = (some,) if fill else ({"fd": ("h", some)},)
            connection.send_and_get_reply(new_method_call(where, member, signature, body))
print("sent")
"""


def test_forty_messages_with_descriptors_leave_none_behind(address: str) -> None:
    async def scenario() -> None:
        async with served(address), client(address) as caller:
            await caller.call("List", "a{sv}", {})
            before = len(open_descriptors())
            code, text = await program(sys.executable, "-c", SENDER_OF_DESCRIPTORS, address)
            assert (code, text) == (0, "sent\n")
            assert len(open_descriptors()) <= before

    asyncio.run(scenario())


def test_two_thousand_signals_in_one_turn_of_the_loop_all_arrive(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            await caller.subscribe("type='signal',member='AppsChanged'")
            for number in range(2000):
                running.server.emit(ROOT, "AppsChanged", [f"app{number}", "x" * 500])
            for number in range(2000):
                assert (await caller.signal("AppsChanged"))[0][0] == f"app{number}"
            error, _ = await caller.call("List", "a{sv}", {})
            assert not error

    asyncio.run(scenario())


def test_one_connection_cannot_occupy_every_call(address: str) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        async with served(address) as running, client(address) as greedy, client(address) as other:

            async def wait(name: str) -> None:
                await gate.wait()

            running.remotes.remove = wait  # type: ignore[method-assign]
            remove = [greedy.call("RemoveRemote", "sa{sv}", "acme", {}) for _ in range(70)]
            waiting = [asyncio.ensure_future(call) for call in remove]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert {call.result()[0] for call in done} == {f"{STANDARD_ERROR}LimitsExceeded"}
            error, _ = await other.call("List", "a{sv}", {})
            assert not error
            gate.set()
            errors = [error for error, _ in await asyncio.gather(*waiting)]
            assert errors.count("") == 64
            error, _ = await greedy.call("List", "a{sv}", {})
            assert not error

    asyncio.run(scenario())


async def flood(caller: Client, count: int) -> list[asyncio.Future[tuple[str, object]]]:
    """So many questions for polkit, none of which is waited for."""
    settings = {"url": ("s", "oci+https://a.example/b")}
    calls = [caller.call("AddRemote", "sa{sv}", f"r{number}", settings) for number in range(count)]
    return [asyncio.ensure_future(call) for call in calls]


def test_one_user_with_many_connections_has_so_many_questions_open_and_locks_nobody_out(
    address: str,
) -> None:
    """Jobs and calls that ask by themselves share the number."""

    async def scenario() -> None:
        gate = asyncio.Event()
        authorizer = RecordingAuthorizer(before=gate.wait)
        async with served(address, authorizer=authorizer) as running, AsyncExitStack() as stack:
            greedy = [await stack.enter_async_context(client(address)) for _ in range(4)]
            error, _ = await greedy[0].call("Install", "asa{sv}", ["acme/x"], {})
            assert not error
            calls = [call for caller in greedy for call in await flood(caller, 60)]
            waiting: set[asyncio.Future[tuple[str, object]]] = set(calls)
            while len(waiting) > WAITING_PER_UID - 1:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert {call.result()[0] for call in done} <= {
                    f"{ERROR}Busy",
                    f"{STANDARD_ERROR}LimitsExceeded",
                }
            assert len(authorizer.asked) == WAITING_PER_UID
            error, _ = await greedy[0].call("Install", "asa{sv}", ["acme/x"], {})
            assert error == f"{ERROR}Busy"
            error, _ = await greedy[0].call("List", "a{sv}", {})
            assert not error
            gate.set()
            assert len(await asyncio.gather(*waiting)) == WAITING_PER_UID - 1
            await running.server.finish()
            assert not running.jobs.questions._waiting

    asyncio.run(scenario())


def test_a_users_connections_are_counted_together_and_other_users_are_not(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus says who a connection is; here it is simulated, because a test has one user."""

    async def scenario() -> None:
        gate, authorizer = asyncio.Event(), RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, AsyncExitStack() as stack:
            greedy = [await stack.enter_async_context(client(address)) for _ in range(4)]
            other = await stack.enter_async_context(client(address))
            users = {caller.name: 1000 for caller in greedy} | {other.name: 2000}
            asked: list[str] = []

            async def who(member: str, signature: str, sender: str) -> list[object]:
                asked.append(sender)
                await asyncio.sleep(0)
                return [users[sender]]

            async def wait(name: str) -> None:
                await gate.wait()

            monkeypatch.setattr(running.connection, "ask_driver", who)
            monkeypatch.setattr("appctld.jobs.fairness.questions.WAITING_PER_UID", 1000)
            running.remotes.remove = wait  # type: ignore[method-assign]
            calls = [
                asyncio.ensure_future(caller.call("RemoveRemote", "sa{sv}", "acme", {}))
                for caller in greedy
                for _ in range(CALLS_A_SENDER)
            ]
            waiting: set[asyncio.Future[tuple[str, object]]] = set(calls)
            while len(waiting) > CALLS_A_UID:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert {call.result()[0] for call in done} == {f"{STANDARD_ERROR}LimitsExceeded"}
            error, _ = await greedy[0].call("List", "a{sv}", {})
            assert error == f"{STANDARD_ERROR}LimitsExceeded"
            error, _ = await other.call("List", "a{sv}", {})
            assert not error
            assert sorted(asked) == sorted(users), "the bus is asked once for however many calls"
            gate.set()
            await asyncio.gather(*waiting)

    asyncio.run(scenario())


def test_a_caller_that_wants_no_reply_gets_none(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            where = DBusAddress(ROOT, NAME, MANAGER)
            message = new_method_call(
                where, "AddRemote", "sa{sv}", ("new", {"url": ("s", "oci+https://a.example/b")})
            )
            message.header.flags |= NO_REPLY
            replies: asyncio.Queue[Message] = asyncio.Queue()
            with caller.router.filter(MatchRule(type="method_return"), queue=replies):
                await caller.router.send(message)
                await caller.call("List", "a{sv}", {})
                await running.server.finish()
                await caller.call("List", "a{sv}", {})
            assert "new" in running.remotes.remotes
            assert replies.empty()

    asyncio.run(scenario())


def test_a_caller_that_left_before_it_was_known_is_refused(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running:
            with pytest.raises(NotAuthorized):
                await running.server._callers.identify(":1.4242")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('<method name="Prune">', '<method name="Purge">', "has no method purge"),
        ('<arg name="id" type="s" direction="in"/>', "", "approve takes 4 arguments, not 3"),
        ('<property name="Busy"', '<property name="Lazy"', "has no property lazy"),
        ('value="Job.Result"', 'value="Job.Nothing"', "KeysOf names Job.Nothing"),
        ('name="Busy" type="b" access="read"', 'name="Busy" type="b" access="readwrite"', "not read-only"),
    ],
)
def test_xml_that_the_code_does_not_serve_is_found_at_start(
    address: str, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    for path in INTERFACES.glob("*.xml"):
        text = path.read_text("utf-8")
        (tmp_path / path.name).write_text(text.replace(old, new, 1) if path.stem == NAME else text, "utf-8")

    async def scenario() -> None:
        async with served(address, interfaces=tmp_path):
            raise AssertionError("it was served")

    with pytest.raises(SchemaError, match=complaint):
        asyncio.run(scenario())


def test_an_idle_server_says_so_and_a_busy_one_does_not(address: str) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        async with served(address) as running, client(address) as caller:

            async def wait(name: str) -> None:
                await gate.wait()

            running.remotes.remove = wait  # type: ignore[method-assign]
            call = asyncio.ensure_future(caller.call("RemoveRemote", "sa{sv}", "acme", {}))
            await caller.call("List", "a{sv}", {})
            assert running.server.idle_seconds == 0
            gate.set()
            await call
            await running.server.finish()
            first = running.server.idle_seconds
            await asyncio.sleep(0.01)
            assert running.server.idle_seconds > first

    asyncio.run(scenario())
