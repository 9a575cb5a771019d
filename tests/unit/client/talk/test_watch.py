# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a daemon tells everybody, as events: only from the daemon, and whether or not one is there."""

import select
from collections.abc import Iterator
from typing import Any

import pytest
from jeepney import DBusAddress, HeaderFields, Message, new_method_call, new_signal
from jeepney.io.blocking import open_dbus_connection

from appctl.scope import Scope
from appctl.talk.hearing import Hearing
from appctl.talk.watch import Watch
from appctl.talk.wire import Json
from support.buses.bus import JOB, MANAGER, NAME, ROOT
from support.buses.fake_installer import FakeInstaller, properties

OBJECTS = "org.freedesktop.DBus.ObjectManager"
PATIENCE = 20_000  # milliseconds on a busy machine until something must have come
RUNNING: dict[str, Any] = {"Kind": "install", "State": "running", "Stage": "downloading", "Percent": 5}


@pytest.fixture
def watch(daemon: FakeInstaller) -> Iterator[Watch]:
    bus = Hearing.open(Scope.USER, interactive=False)
    watch = Watch(bus)
    assert list(watch.begin()) == [{"event": "daemon", "running": True}]
    yield watch
    bus.close()


def hear(watch: Watch, count: int = 1) -> list[Json]:
    """The next events, which must come."""
    found: list[Json] = []
    poll = select.poll()
    poll.register(watch.descriptor, select.POLLIN)
    while len(found) < count:
        found += watch.heard()
        assert len(found) >= count or poll.poll(PATIENCE), f"only {found}"
    return found


def signal(member: str, kind: str = "", *body: object, interface: str = MANAGER) -> Message:
    return new_signal(DBusAddress(ROOT, interface=interface), member, kind, body)


def job(daemon: FakeInstaller, number: int, **facts: object) -> None:
    daemon._jobs[f"{ROOT}/job/{number}"] = {**RUNNING, **facts}
    body = (f"{ROOT}/job/{number}", {JOB: properties({"Kind": "install"})})
    daemon.send(signal("InterfacesAdded", "oa{sa{sv}}", *body, interface=OBJECTS))


def test_what_changed_is_told(daemon: FakeInstaller, watch: Watch) -> None:
    daemon.send(signal("AppsChanged", "as", ["org.acme.Editor"]))
    daemon.send(signal("UpdatesChanged"))
    daemon.send(signal("RemotesChanged", "as", ["acme"]))
    assert hear(watch, 3) == [
        {"event": "apps-changed", "ids": ["org.acme.Editor"]},
        {"event": "updates-changed"},
        {"event": "remotes-changed", "names": ["acme"]},
    ]


def test_a_job_is_asked_about_while_it_is_at_work_and_no_longer(daemon: FakeInstaller, watch: Watch) -> None:
    job(daemon, 7)
    (event,) = hear(watch)
    assert (event["event"], event["number"], event["stage"], event["percent"]) == ("job", 7, "downloading", 5)
    assert list(watch.sampled()) == []
    daemon._jobs[f"{ROOT}/job/7"] |= {"Percent": 50}
    assert [event["percent"] for event in watch.sampled()] == [50]
    daemon._jobs[f"{ROOT}/job/7"] |= {"State": "succeeded"}
    assert [event["state"] for event in watch.sampled()] == ["succeeded"]
    assert not watch.busy
    calls = len(daemon.calls)
    assert list(watch.sampled()) == []
    assert len(daemon.calls) == calls


def test_a_job_that_is_gone_is_asked_about_no_more(daemon: FakeInstaller, watch: Watch) -> None:
    job(daemon, 7)
    hear(watch)
    daemon.errors["GetAll"] = ("NotFound", "no job 7", "", {})
    assert list(watch.sampled()) == []
    assert not watch.busy


def test_a_strangers_signal_is_not_the_daemons(daemon: FakeInstaller, watch: Watch) -> None:
    stranger = open_dbus_connection(daemon.address)
    evil = signal("AppsChanged", "as", ["evil"])
    evil.header.fields[HeaderFields.destination] = watch._bus._connection.unique_name
    stranger.send(evil)
    lie = signal("NameOwnerChanged", "sss", NAME, daemon.name, stranger.unique_name, interface=NAME)
    lie.header.fields[HeaderFields.destination] = watch._bus._connection.unique_name
    stranger.send(lie)
    # the bus has passed both on before it answers this
    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    assert stranger.send_and_get_reply(new_method_call(bus, "GetNameOwner", "s", (NAME,))).body == (
        daemon.name,
    )
    daemon.send(signal("UpdatesChanged"))
    assert hear(watch) == [{"event": "updates-changed"}]
    stranger.close()


def test_another_name_that_changes_hands_is_not_the_daemons(daemon: FakeInstaller, watch: Watch) -> None:
    watch._bus._driver("AddMatch", "s", "type='signal',member='NameOwnerChanged'")
    open_dbus_connection(daemon.address).close()
    daemon.send(signal("UpdatesChanged"))
    assert hear(watch) == [{"event": "updates-changed"}]


def test_a_daemon_that_leaves_is_not_started_and_another_one_is_followed(
    daemon: FakeInstaller, watch: Watch
) -> None:
    job(daemon, 7)
    hear(watch)
    daemon.vanish()
    assert hear(watch) == [{"event": "daemon", "running": False}]
    assert not watch.busy
    with FakeInstaller(daemon.address) as another:
        assert hear(watch) == [{"event": "daemon", "running": True}]
        another.send(signal("AppsChanged", "as", ["org.acme.Editor"]))
        assert hear(watch) == [{"event": "apps-changed", "ids": ["org.acme.Editor"]}]
