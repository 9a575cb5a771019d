# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Waiting for a job over a real bus: progress, errors, an impostor, a daemon that leaves, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys

import pytest
from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call, new_signal
from jeepney.io.blocking import open_dbus_connection

from appctl.__main__ import main
from appctl.failure import Failure
from appctl.scope import Scope
from appctl.talk.bus import Bus, Manner
from appctl.talk.wire import Json
from support.buses.bus import INTERACTIVE, NAME, ROOT
from support.buses.fake_installer import FakeInstaller, Script, failed, finished


def test_a_job_is_waited_for_and_its_result_printed(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {"freed-bytes": 97_000_000, "objects": 3}
    daemon.scripts["Prune"] = [Script({"State": "succeeded", "Result": result})]
    assert main(["prune", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"changed": True, "freed_bytes": 97_000_000, "objects": 3}


def test_a_job_may_ask_polkit_unless_nobody_is_there(daemon: FakeInstaller) -> None:
    daemon.scripts["Prune"] = [Script(), Script()]
    main(["prune"])
    assert daemon.called("Prune").flags & INTERACTIVE
    main(["prune", "--noninteractive"])
    assert not daemon.called("Prune").flags & INTERACTIVE


def test_progress_as_json_lines(daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[dict[str, object]] = [
        {"Stage": "cleanup", "Percent": 5},
        {"Percent": 50, "BytesDone": 1 << 40},
    ]
    daemon.scripts["Prune"] = [Script(steps=steps)]
    assert main(["prune", "--progress=json"]) == 0
    lines = [json.loads(line)["progress"] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        {"state": "running", "stage": "resolving"},
        {"state": "running", "stage": "cleanup", "percent": 5},
        {"state": "running", "stage": "cleanup", "percent": 50, "bytes_done": 1 << 40},
        {"state": "succeeded", "stage": "cleanup", "percent": 50, "bytes_done": 1 << 40},
    ]


def test_what_was_told_before_the_first_answer_is_not_shown_after_it(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell_old_news(fake: FakeInstaller, caller: str) -> None:
        fake._tell(f"{ROOT}/job/1", caller, {"State": "authorizing", "Stage": ""})

    daemon.scripts["Prune"] = [Script(during=tell_old_news)]
    assert main(["prune", "--progress=json"]) == 0
    states = [json.loads(line)["progress"]["state"] for line in capsys.readouterr().err.splitlines()]
    assert states == ["running", "succeeded"]


def test_a_daemon_that_was_started_anew_does_not_know_the_job(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.scripts["Prune"] = [Script()]
    daemon.errors["GetAll"] = ("NotFound", "there is no object /x", "", {})
    assert main(["prune"]) == 1
    assert "went away while it worked" in capsys.readouterr().err


def test_another_daemons_job_of_that_number_is_not_ours(daemon: FakeInstaller) -> None:
    daemon._jobs[f"{ROOT}/job/1"] = {"State": "succeeded"}
    bus = Bus.open(Scope.USER, interactive=False)
    bus._daemon = ":1.999"  # who made our job
    with pytest.raises(Failure, match="went away while it worked"):
        bus._job(f"{ROOT}/job/1")
    bus.close()


def test_a_job_that_ended_before_it_could_be_asked(daemon: FakeInstaller) -> None:
    daemon.scripts["Prune"] = [Script(early=True)]
    assert main(["prune"]) == 0


def test_a_failure_says_what_where_and_what_next(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    details = {
        "looked-at": ["https://sigs\x1b/1 (404)", "b (0)"],
        "trusted": ['E24C "A"', "F"],
        "note": "1.4 runs.",
    }
    daemon.scripts["Prune"] = [
        failed(
            "UntrustedSigner", "x is signed by \u202eY", Hint="appctl help key-change", ErrorDetails=details
        )
    ]
    assert main(["prune"]) == 5
    assert capsys.readouterr().err.splitlines() == [
        "error: x is signed by \\u202eY",
        "  looked at https://sigs\\x1b/1 (404), b (0)",
        '  trusted: E24C "A", F. 1.4 runs.',
        "hint: appctl help key-change",
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SignatureMissing", 5),
        ("NoSpace", 7),
        ("Offline", 75),
        ("Busy", 75),
        ("NeedsApproval", 6),
        ("New", 1),
    ],
)
def test_a_failed_jobs_name_gives_the_exit_code(name: str, code: int, daemon: FakeInstaller) -> None:
    daemon.scripts["Prune"] = [failed(name)]
    assert main(["prune"]) == code


def test_a_call_that_is_refused_at_once(daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.errors["Prune"] = ("PolkitRequired", "somebody must be asked", "run it at a terminal", {})
    assert main(["prune", "--json"]) == 4
    out, err = capsys.readouterr()
    assert err == "error: somebody must be asked\nhint: run it at a terminal\n"
    assert json.loads(out)["error"]["name"] == "PolkitRequired"


@pytest.mark.parametrize(("state", "code"), [("cancelled", 130), ("needs-approval", 6), ("failed", 1)])
def test_an_end_without_a_name_is_a_failure_all_the_same(
    state: str, code: int, daemon: FakeInstaller
) -> None:
    daemon.scripts["Prune"] = [Script({"State": state})]
    assert main(["prune"]) == code


def test_a_signal_from_somebody_else_does_not_count(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    impostor = open_dbus_connection(daemon.address)

    def forge(_daemon: FakeInstaller, caller: str) -> None:
        impostor.send(finished(f"{ROOT}/job/1", caller, {"State": "succeeded"}))
        impostor.send_and_get_reply(_ping())  # the bus has taken the forgery when this is answered

    daemon.scripts["Prune"] = [Script(None, during=forge)]
    with subprocess.Popen([sys.executable, "-m", "appctl", "prune"], stderr=subprocess.PIPE) as client:
        assert daemon.waiting.wait(30)
        daemon.vanish()
        assert client.wait() == 1
        assert client.stderr is not None
        assert b"went away" in client.stderr.read()
    impostor.close()


@pytest.mark.parametrize("kind", MessageType)
def test_an_answer_from_somebody_else_does_not_count(kind: MessageType, daemon: FakeInstaller) -> None:
    """Whoever can send to us can put any serial into what he sends, a signal's too."""
    impostor = open_dbus_connection(daemon.address)

    def forge(_daemon: FakeInstaller, caller: str) -> None:
        for serial in range(1, 20):
            impostor.send(_forged(kind, caller, serial))
        impostor.send_and_get_reply(_ping())

    daemon.scripts["Prune"] = [Script(during=forge, early=True)]
    bus = Bus.open(Scope.USER, interactive=False)
    assert bus.manager("Prune", "a{sv}", {}) == [f"{ROOT}/job/1"]
    assert {str(message.header.fields[HeaderFields.sender]) for message in bus._signals} == {
        "org.freedesktop.DBus",  # NameAcquired
        daemon.name,
    }
    bus.close()
    impostor.close()


def test_the_daemons_own_signal_is_no_answer(daemon: FakeInstaller) -> None:
    def confuse(_daemon: FakeInstaller, caller: str) -> None:
        for serial in range(1, 20):
            daemon.send(_forged(MessageType.signal, caller, serial))

    daemon.scripts["Prune"] = [Script(during=confuse)]
    bus = Bus.open(Scope.USER, interactive=False)
    assert bus.manager("Prune", "a{sv}", {}) == [f"{ROOT}/job/1"]
    bus.close()


def _forged(kind: MessageType, caller: str, serial: int) -> Message:
    message = new_signal(DBusAddress("/x", interface="x.y"), "Forged", "o", (f"{ROOT}/job/99",))
    message.header.message_type = kind
    message.header.fields[HeaderFields.destination] = caller
    message.header.fields[HeaderFields.reply_serial] = serial
    message.header.fields[HeaderFields.error_name] = "org.appctl.Installer1.Error.Forged"
    return message


def test_a_daemon_that_was_replaced_is_asked_for_again(daemon: FakeInstaller) -> None:
    bus = Bus.open(Scope.USER, interactive=False)
    daemon.apps = [{"id": "org.acme.Old"}]
    assert bus.manager("List", "a{sv}", {}) == [[{"id": "org.acme.Old"}]]
    daemon.vanish()
    witness = open_dbus_connection(daemon.address)
    driver = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    while witness.send_and_get_reply(new_method_call(driver, "NameHasOwner", "s", (NAME,))).body[0]:
        pass
    witness.close()
    with FakeInstaller(daemon.address) as successor:
        successor.apps = [{"id": "org.acme.New"}]
        assert bus.manager("List", "a{sv}", {}) == [[{"id": "org.acme.New"}]]
    bus.close()


def _ping() -> Message:
    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus.Peer")
    return new_method_call(bus, "Ping")


def test_ctrl_c_cancels_the_job(daemon: FakeInstaller) -> None:
    daemon.scripts["Prune"] = [Script(None, steps=[{"Stage": "cleanup"}])]
    command = [sys.executable, "-m", "appctl", "prune", "--progress=json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as client:
        assert client.stderr is not None
        assert b"progress" in client.stderr.readline()  # it waits now
        client.send_signal(signal.SIGINT)
        assert client.wait() == 130
        assert b"Cancelling" in client.stderr.read()
    assert daemon.called("Cancel").path == f"{ROOT}/job/1"


def interrupts() -> Json:
    """Type Ctrl-C where a login is wanted."""
    signal.raise_signal(signal.SIGINT)
    raise AssertionError("Ctrl-C ends the question at once")


def test_ctrl_c_where_a_login_is_wanted_cancels_once(daemon: FakeInstaller) -> None:
    """A second Cancel is that of somebody who left: it would end the job for others, who wait for it too."""
    daemon.scripts["Prune"] = [Script(None, steps=[{"State": "needs-credentials"}])]
    told: list[str] = []
    bus = Bus.open(Scope.USER, interactive=False)
    manner = Manner(lambda _job: None, lambda _refused: interrupts(), interrupted=lambda: told.append("it"))
    assert bus.run_job(manner, "Prune", "a{sv}", {}).state == "cancelled"
    bus.close()
    assert [call.member for call in daemon.calls].count("Cancel") == 1
    assert told == ["it"]


def test_who_types_no_login_and_then_ctrl_c_cancels_once(daemon: FakeInstaller) -> None:
    daemon.scripts["Prune"] = [Script(None, steps=[{"State": "needs-credentials"}])]
    daemon.errors["Cancel"] = ("Busy", "not now", "", {})
    daemon.after["Cancel"] = lambda: os.kill(os.getpid(), signal.SIGINT)
    bus = Bus.open(Scope.USER, interactive=False)

    def interrupted() -> None:
        bus.manager("List", "a{sv}", {})  # by its answer everything that was sent before has come
        daemon.vanish()

    manner = Manner(lambda _job: None, lambda _refused: None, interrupted=interrupted)
    with pytest.raises(Failure, match="went away while it worked"):
        bus.run_job(manner, "Prune", "a{sv}", {})
    bus.close()
    assert [call.member for call in daemon.calls].count("Cancel") == 1


def test_who_typed_ctrl_c_is_not_asked_for_a_login(daemon: FakeInstaller) -> None:
    """What cannot be cancelled just now may still come to want one."""
    daemon.scripts["Prune"] = [Script(None, steps=[{"State": "needs-credentials"}])]
    first = iter([signal.SIGINT])
    asked: list[Json] = []

    def listener(_job: object) -> None:
        for number in first:
            signal.raise_signal(number)

    manner = Manner(listener, asked.append)
    bus = Bus.open(Scope.USER, interactive=False)
    assert bus.run_job(manner, "Prune", "a{sv}", {}).state == "cancelled"
    bus.close()
    assert asked == []


def test_a_second_ctrl_c_leaves_at_once(daemon: FakeInstaller) -> None:
    daemon.scripts["Prune"] = [Script(None)]
    daemon.errors["Cancel"] = ("Busy", "not now", "", {})
    command = [sys.executable, "-m", "appctl", "prune", "--progress=json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as client:
        assert client.stderr is not None
        assert b"progress" in client.stderr.readline()
        client.send_signal(signal.SIGINT)
        assert b"Cancelling" in client.stderr.readline() + client.stderr.readline()
        client.send_signal(signal.SIGINT)
        assert client.wait() == 130


def test_a_closed_pipe_is_no_traceback(daemon: FakeInstaller) -> None:
    daemon.apps = [{"id": "org.acme.Editor", "version": "1" * 4096} for _ in range(64)]
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "appctl", "list"]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as client:
        os.close(writer)
        assert client.stderr is not None
        assert client.stderr.read() == b""
        assert client.wait() == 1


def test_the_unforeseen_is_one_sentence_or_with_propagate_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_context: object) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("appctl.actions.help.version.version", broken)
    assert main(["version"]) == 1
    assert "ZeroDivisionError: oops" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        main(["version", "--propagate"])
