# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A deny wins: what an app finds of what it asks for and somebody denied, in the real sandbox."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.places import Places
from appctl.running.grants import devices
from appctl.running.grants.collect import collect
from appctl.running.grants.denials import Denials, check
from support.machines.deployments import Made

APP = "org.acme.Tool"
INSIDE = f"/run/user/{os.getuid()}"

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")


def deny(home: Path, *words: str) -> None:
    """Write the caller's own file."""
    file = home / ".config/appctl/overrides" / APP
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# mine\n\n" + "".join(f"deny {word}\n" for word in words))


def run(
    made: Made, capfd: pytest.CaptureFixture[str], script: str, *asked: str, options: tuple[str, ...] = ()
) -> tuple[str, str]:
    """Run a script in an app that asks for these; gives what it printed and what we did."""
    made.write(entrypoint=["sh", "-c"], permissions=[[*word.split("=", 1), ""] for word in asked])
    main(["run", *options, APP, f"exec 2>&1; {script}"])
    return capfd.readouterr()


@pytest.mark.parametrize("denied", [False, True])
def test_a_network_that_is_denied_is_not_there(
    denied: bool,  # noqa: FBT001
    made: Made,
    home: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    deny(home, *(["shared=network"] if denied else ["shared=ipc"]))
    ours = Path("/proc/self/ns/net").stat().st_ino
    out, err = run(made, capfd, "ls -l /proc/self/ns/net; ls /etc/resolv.conf", "shared=network")
    assert (f"net:[{ours}]" in out) is not denied
    assert err == ""


def test_a_home_that_is_denied_is_not_there_but_for_the_apps_own(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home, "filesystems=home")
    out, _ = run(made, capfd, f"cat {home}/secret; ls -A {home} && touch ~/mine && ls ~", "filesystems=home")
    assert "of the host" not in out
    assert out.splitlines()[-1] == "mine", "its own home stays"


@pytest.mark.parametrize(
    ("denied", "asked", "shown"),
    [
        ("~/Private", "filesystems=home", False),
        ("~/Private", "filesystems={home}", False),
        ("~/Private", "filesystems={home}/..", False),
        ("{home}/Private", "filesystems=home", False),
        ("~/Private/", "filesystems=home:ro", False),
        ("~/Private", "filesystems=~/Private", False),
        ("~/Private", "filesystems=~/Private/below:ro", False),
        ("home", "filesystems=~/Private", False),
        ("{home}/..", "filesystems=~/Private", False),
        ("/", "filesystems=~/Private", False),
        ("host", "filesystems=~/Private", False),
        ("xdg-documents", "filesystems=home", False),
        ("~/Link", "filesystems=home", False),
        ("~/Other", "filesystems=home", True),
        ("~/Missing", "filesystems=home", True),
        ("~/Priv", "filesystems=home", True),
        ("host-etc", "filesystems=home", True),
        ("xdg-documents", "filesystems=~/Other", True),
    ],
)
def test_a_place_that_is_denied_is_not_shown_whatever_shows_it(
    denied: str,
    asked: str,
    shown: bool,  # noqa: FBT001
    made: Made,
    home: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (home / "Private/below").mkdir(parents=True)
    (home / "Private/below/letter").write_text("secret\n")
    (home / "Other").mkdir()
    (home / "Link").symlink_to("Private")
    (home / ".config").mkdir()
    (home / ".config/user-dirs.dirs").write_text('XDG_DOCUMENTS_DIR="$HOME/Private"\n')
    deny(home, f"filesystems={denied.format(home=home)}")
    asked = asked.format(home=home).replace(f"{home}/..", str(home.parent))
    out, _ = run(made, capfd, f"cat {home}/Private/below/letter; ls {home}/Other", asked)
    assert ("secret" in out) is (shown and "Other" not in asked)


def test_what_is_denied_of_a_place_cannot_be_written_nor_moved_away(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (home / "a/Private").mkdir(parents=True)
    (home / "a/Private/letter").write_text("secret\n")
    deny(home, "filesystems=~/a/Private")
    script = f"cd {home}; touch a/Private/new; mv a/Private b; mv a c; touch a/open; ls -A a/Private"
    out, _ = run(made, capfd, script, "filesystems=home")
    assert "Read-only file system" in out
    assert sorted(item.name for item in (home / "a").iterdir()) == ["Private", "open"]
    assert (home / "a/Private/letter").exists()


def test_one_file_is_denied(made: Made, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deny(home, "filesystems=~/secret")
    out, _ = run(made, capfd, f"cat {home}/secret; cat < {home}/secret; ls {home}", "filesystems=home")
    assert "of the host" not in out
    assert "secret" in out.splitlines()[-1]


@pytest.mark.parametrize("denied", ["~/.var", "~/.local", "~/.local/share", "~/.config", "~/.var/app"])
def test_what_is_hidden_anyway_may_lie_in_what_is_denied(
    denied: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home, f"filesystems={denied}")
    script = f"touch ~/mine && ls ~; cat {home}/secret; ls -A {home}/.config {home}/.local/share/appctl"
    out, _ = run(made, capfd, script, "filesystems=home")
    assert "mine" in out
    assert "of the host" in out
    assert APP not in out


def test_the_rest_of_the_host_is_shown_without_what_is_denied(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home, "filesystems=host-etc", "filesystems=home")
    out, _ = run(made, capfd, f"ls -d /run/host/*; ls /run/host/usr; cat {home}/secret", "filesystems=host")
    assert "/run/host/etc" not in out.split()
    assert "lib" in out.split()
    assert "of the host" not in out


@pytest.mark.parametrize(
    ("asked", "denied", "granted"),
    [
        ("sockets=x11", "sockets=x11", False),
        ("sockets=fallback-x11", "sockets=x11", False),
        ("sockets=x11", "sockets=fallback-x11", True),
        ("sockets=wayland", "sockets=x11", True),
        ("devices=all", "devices=kvm", False),
        ("devices=all", "devices=shm", True),
        ("devices=kvm", "devices=all", True),
        ("features=devel", "features=devel", False),
        ("features=devel", "features=canbus", True),
        ("shared=ipc", "shared=network", True),
        ("filesystems=xdg-run/gvfs/a", "filesystems=xdg-run/gvfs", False),
        ("filesystems=xdg-run/gvfs", "filesystems=xdg-run/gvfs/a", False),
        ("filesystems=xdg-run/dconf", "filesystems=xdg-run/gvfs", True),
        ("filesystems=xdg-run/dconf", "filesystems=host", True),
        ("session-bus=org.a.B:talk", "session-bus=org.a.B:talk", False),
        ("session-bus=org.a.B:own", "session-bus=org.a.B:talk", False),
        ("session-bus=org.a.B:own", "session-bus=org.a.B:see", False),
        ("session-bus=org.a.B:see", "session-bus=org.a.B:talk", True),
        ("session-bus=org.a.B:talk", "session-bus=org.a.B:own", True),
        ("session-bus=org.a.B:talk", "session-bus=org.a.*:see", False),
        ("session-bus=org.a.B.C:talk", "session-bus=org.a.*:talk", False),
        ("session-bus=org.a:talk", "session-bus=org.a.*:talk", False),
        ("session-bus=org.a.*:talk", "session-bus=org.a.B:talk", False),
        ("session-bus=org.a.*:talk", "session-bus=org.a.B.*:talk", False),
        ("session-bus=org.ab.C:talk", "session-bus=org.a.*:talk", True),
        ("session-bus=org.a.B:talk", "system-bus=org.a.B:talk", True),
        ("system-bus=org.a.B:talk", "system-bus=org.a.B:talk", False),
    ],
)
def test_a_word_is_denied_with_all_that_would_give_it(
    asked: str,
    denied: str,
    granted: bool,  # noqa: FBT001
    home: Path,
) -> None:
    (home.parent / "runtime/gvfs/a").mkdir(parents=True)
    (home.parent / "runtime/dconf").mkdir()
    kind, value = asked.split("=", 1)
    denials = Denials(frozenset({check(*denied.split("=", 1))}))
    found = collect([(kind, value, "")], Places.of_caller(), INSIDE, denials=denials)
    assert (found.denied == set()) is granted
    assert found.denied <= {(kind, value)}


def test_every_device_is_a_part_of_all_of_them(home: Path) -> None:
    places = Places.of_caller()
    for name in devices.NODES.keys() - {"shm"}:
        assert Denials(frozenset({("devices", name)})).forbid("devices", "all", places), name


def test_what_is_denied_is_not_had_for_one_run_either(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home, "shared=network", "filesystems=~/Shared")
    for option in ("--share=network", f"--filesystem={home}/Shared", "--filesystem=~/Shared:ro"):
        out, err = run(made, capfd, "echo started", options=(option,))
        assert (out, "is denied to this app" in err) == ("", True), option


def test_what_is_denied_is_not_told_to_portals(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home, "shared=network")
    out, _ = run(made, capfd, "cat /.flatpak-info", "shared=network", "features=devel")
    assert "shared" not in out
    assert "features=devel;" in out


# --- the files


@pytest.mark.parametrize(
    "text",
    ["deny", "deny shared", "deny shared=netwrok", "allow shared=network", "shared=network", "deny nothing=x",
     "deny filesystems=home:ro", "deny filesystems=Documents", "deny filesystems=~/../x", "\0",
     "deny session-bus=org.a.B", "deny persistent=.", "deny filesystems=xdg-run/bus", "deny filesystems="],
)  # fmt: skip
def test_a_file_that_is_not_understood_whole_runs_nothing(
    text: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home, "shared=ipc")
    file = home / ".config/appctl/overrides" / APP
    file.write_text(file.read_text() + text + "\n")
    assert main(["run", APP, "echo started"]) == 125
    out, err = capfd.readouterr()
    assert out == ""
    assert str(file) in err


SPOIL: dict[str, Callable[[Path], object]] = {
    "binary": lambda file: file.write_bytes(b"\xff\xfe"),
    "directory": lambda file: file.mkdir(),
    "fifo": os.mkfifo,
    "dangling": lambda file: file.symlink_to("nowhere"),
    "unreadable": lambda file: file.touch(0o000),
    "large": lambda file: file.write_text("#" * ((64 << 10) + 1)),
}


@pytest.mark.parametrize("kind", SPOIL)
def test_what_cannot_be_read_runs_nothing(
    kind: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(home)
    file = home / ".config/appctl/overrides" / APP
    file.unlink()
    SPOIL[kind](file)
    assert main(["run", APP, "echo started"]) == 125
    out, err = capfd.readouterr()
    assert out == ""
    assert str(file) in err


def decided(made: Made, *rows: tuple[str, str, str], remote: str = "acme") -> Path:
    """Write what the daemon would have written, and whose app it is."""
    (made.path / "record.json").write_text(json.dumps({"id": APP, "remote": "acme"}))
    file = made.state / "decisions" / f"{APP}.json"
    file.parent.mkdir(exist_ok=True)
    found = [
        {"kind": kind, "value": value, "decision": decision, "by": 0, "when": 1}
        for kind, value, decision in rows
    ]
    file.write_text(json.dumps({"remote": remote, "decisions": found}))
    return file


def test_what_is_allowed_beyond_what_was_asked_is_there(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    decided(made, ("filesystems", "~/secret:ro", "allow"), ("features", "devel", "approve"))
    out, err = run(made, capfd, f"cat {home}/secret; cat /.flatpak-info")
    assert out.startswith("of the host\n")
    assert "filesystems=~/secret:ro;" in out
    assert "features" not in out, "that something was approved once grants nothing"
    assert err == ""


def test_a_deny_of_anybody_wins_over_every_allow(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    decided(made, ("filesystems", "~/secret", "allow"), ("filesystems", "~/Shared", "deny"))
    deny(home, "filesystems=~/secret")
    out, _ = run(made, capfd, f"cat {home}/secret; ls -d {home}/Shared", "filesystems=~/Shared")
    assert "of the host" not in out
    assert out.count("No such file") == 2


def test_what_was_allowed_to_an_app_of_another_remote_is_not_had(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    decided(made, ("filesystems", "~/secret", "allow"), remote="other")
    out, _ = run(made, capfd, f"cat {home}/secret")
    assert "No such file" in out


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"remote": "acme", "decisions": [{"kind": "shared", "value": "x", "decision": "deny"}]}',
        '{"remote": "acme", "decisions": [{"kind": "shared", "value": "network", "decision": "maybe"}]}',
    ],
)
def test_what_the_daemon_wrote_and_is_broken_runs_nothing(
    content: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = decided(made)
    file.write_text(content)
    assert main(["run", APP, "echo started"]) == 125
    out, err = capfd.readouterr()
    assert out == ""
    assert str(file) in err
