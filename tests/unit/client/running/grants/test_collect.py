# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every word of the vocabulary that is no file system, as an app finds it."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.places import Places
from appctl.running.grants import devices, sockets
from appctl.running.grants.collect import collect
from support.machines.deployments import Made

APP = "org.acme.Tool"
INSIDE = f"/run/user/{os.getuid()}"

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")


def run(made: Made, capfd: pytest.CaptureFixture[str], script: str, *words: str) -> str:
    """The output of a script in an app that asks for KIND=WORD."""
    made.write(entrypoint=["sh", "-c"], permissions=[[*word.split("=", 1), ""] for word in words])
    assert main(["run", APP, f"exec 2>&1; {script}"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize(
    "word",
    ["sockets=session-bus", "sockets=system-bus", "devices=usb", "shared=pids", "features=magic",
     "persistent=.x", "session-bus=org.freedesktop.systemd1:talk", "system-bus=org.appctl.*:own", "x=y"],
)  # fmt: skip
def test_what_is_not_known_or_leads_out_is_named_and_not_granted(word: str, home: Path) -> None:
    kind, value = word.split("=", 1)
    found = collect([(kind, value, "")], Places.of_caller(), INSIDE)
    assert found.refused == [word]
    assert (found.mounts, found.buses, found.features) == ([], {}, set())


NAMESPACES = ("ipc", "pid", "net", "uts", "cgroup", "user", "mnt")


@pytest.mark.parametrize("word", ["", "shared=ipc"])
def test_ipc_is_the_one_namespace_that_is_shared(
    word: str, made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    out = run(made, capfd, "ls -l /proc/self/ns", *filter(None, [word]))
    own = {name for name in NAMESPACES if str(Path(f"/proc/self/ns/{name}").readlink()) in out}
    assert own == ({"ipc"} if word else set())


@pytest.fixture
def mark() -> Iterator[str]:
    """A file in the host's /dev/shm."""
    with tempfile.NamedTemporaryFile("w", prefix="appctl-test.", dir="/dev/shm") as file:
        file.write("of the host\n")
        file.flush()
        yield file.name


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ([], 0),
        (["devices=shm"], 1),
        (["devices=all"], 0),
        (["devices=all", "devices=shm"], 1),
        (["features=per-app-dev-shm"], 0),
    ],
)
def test_shared_memory_is_only_shown_to_who_was_granted_it(
    words: list[str], seen: int, mark: str, made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    out = run(made, capfd, f"cat {mark} || touch /dev/shm/x", *words)
    assert out.count("of the host") == seen
    assert "Permission denied" not in out


def test_the_runs_of_an_app_share_their_memory_if_asked(
    made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = "features=per-app-dev-shm"
    assert run(made, capfd, "echo one >/dev/shm/first", asked) == ""
    assert run(made, capfd, "cat /dev/shm/first", asked) == "one\n"
    assert "No such file" in run(made, capfd, "cat /dev/shm/first; true")
    assert (tmp_path / f"runtime/appctl/shm/{APP}/first").exists()


def test_the_nodes_of_a_device_are_shown_as_far_as_they_are_there(
    made: Made, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(devices.NODES, "dri", ("kmsg", "nothing"))
    assert "No such file" in run(made, capfd, "ls /dev/kmsg; true")
    assert "No such file" in run(made, capfd, "ls -d /sys/class; true")
    assert run(made, capfd, "ls -d /dev/kmsg /sys/class", "devices=dri") == "/dev/kmsg\n/sys/class\n"
    there = {path.name for path in Path("/dev").iterdir()}
    assert there <= set(run(made, capfd, "ls /dev", "devices=all").split())


def test_what_each_device_word_stands_for() -> None:
    assert devices.NODES["kvm"] == ("kvm",)
    assert {"dri", "nvidiactl", "nvidia0"} <= set(devices.NODES["dri"])
    assert "input" in devices.NODES["input"]


@pytest.mark.parametrize(
    ("word", "path", "place", "variable"),
    [
        ("wayland", "runtime/wayland-0", f"{INSIDE}/wayland-0", "WAYLAND_DISPLAY=wayland-0"),
        (
            "pulseaudio",
            "runtime/pulse/native",
            f"{INSIDE}/pulse/native",
            f"PULSE_SERVER=unix:{INSIDE}/pulse/native",
        ),
        ("gpg-agent", "runtime/gnupg/S.gpg-agent", f"{INSIDE}/gnupg/S.gpg-agent", ""),
        ("ssh-auth", "agent", "/run/flatpak/ssh-auth", "SSH_AUTH_SOCK=/run/flatpak/ssh-auth"),
        ("pcsc", "pcsc", "/run/pcscd/pcscd.comm", "PCSCLITE_CSOCK_NAME=/run/pcscd/pcscd.comm"),
        ("cups", "cups", "/run/cups/cups.sock", "CUPS_SERVER=/run/cups/cups.sock"),
    ],
)
def test_a_socket_is_shown_where_there_is_one(
    word: str,
    path: str,
    place: str,
    variable: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    for name in ("pcsc", "cups"):
        monkeypatch.setitem(sockets.OF_THE_SYSTEM, name, str(tmp_path / name))
    script = f"ls {place}; env"
    assert "No such file" in run(made, capfd, script, f"sockets={word}")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("no socket")
    assert "No such file" in run(made, capfd, script, f"sockets={word}")
    (tmp_path / path).unlink()
    monkeypatch.chdir(tmp_path)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        out = run(made, capfd, script, f"sockets={word}").splitlines()
        assert out[0] == place
        assert variable in [*out, ""]
        assert "No such file" in run(made, capfd, script)


def test_an_agent_behind_a_link_is_not_shown(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Others can write in /tmp, where it often lies."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "way"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "way").symlink_to("runtime/bus")
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind("runtime/bus")
        assert "No such file" in run(made, capfd, "ls /run/flatpak/ssh-auth; true", "sockets=ssh-auth")
