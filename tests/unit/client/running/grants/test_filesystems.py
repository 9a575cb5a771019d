# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Grants that an app, or somebody else who can write where they lie, turned towards another place."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from appctl.places import Places
from appctl.running.grants import filesystems, masks, sockets
from appctl.running.grants.collect import collect
from appctl.running.launch import launch
from appctl.running.mounts.sources import Sources
from support.machines.deployments import Made

APP = "org.acme.Tool"

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")


def run(made: Made, capfd: pytest.CaptureFixture[str], script: str, *filesystems: str) -> tuple[str, str]:
    """Run a script in an app that asks for these; gives what it printed and what we did."""
    made.write(entrypoint=["sh", "-c"], permissions=[["filesystems", item, ""] for item in filesystems])
    main(["run", APP, f"exec 2>&1; {script}"])
    return capfd.readouterr()


@pytest.mark.parametrize("target", ["..", "../..", "/etc", "/run", "../.local/share", "../Other"])
@pytest.mark.parametrize("asked", ["~/Shared/x", "~/Shared/x/below", "{home}/Shared/x"])
def test_a_planted_link_is_not_followed(
    target: str, asked: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (home / "Other/below").mkdir(parents=True)
    (home / "Shared/x").symlink_to(target)
    asked = asked.format(home=home)
    out, err = run(made, capfd, f"ls -d {home}/Shared/x/.", asked)
    assert "No such file" in out
    assert f"filesystems={asked} (behind a symbolic link) is not granted here" in err


def test_outside_the_home_no_link_is_followed(
    made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "disk/music").mkdir(parents=True)
    (tmp_path / "way").symlink_to("disk")
    out, err = run(made, capfd, f"ls {tmp_path}/disk", f"{tmp_path}/way/music", f"{tmp_path}/disk")
    assert out == "music\n"
    assert "way/music (behind a symbolic link) is not granted here" in err


def test_the_way_to_the_home_directory_may_be_a_link(
    made: Made, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As where /home leads to /var/home. Under its real name, too, the other apps' data are covered."""
    (home / ".var/app/org.other.App/data").mkdir(parents=True)
    (tmp_path / "me").symlink_to("home")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    out, err = run(made, capfd, f"cat {tmp_path}/me/secret; ls {tmp_path}/me/.var/app", "home")
    assert (out, err) == (f"of the host\n{APP}\n", "")
    out, err = run(made, capfd, f"cat {home}/secret; ls -A {home}/.var/app {home}/.local/share/appctl",
                   str(home))  # fmt: skip
    assert (out, err) == (
        f"of the host\n{home}/.local/share/appctl:\n\n{home}/.var/app:\n", "",
    )  # fmt: skip


@pytest.mark.parametrize("below", ["", f"/{APP}", f"/{APP}/data/x", "/org.other.App/data"])
def test_the_data_of_apps_are_never_granted(
    below: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = Path(f"{home}/.var/app{below}")
    place.mkdir(parents=True)
    (home / ".var/app/org.other.App").mkdir(exist_ok=True)
    out, err = run(made, capfd, f"ls {home}/.var/app", f"~/.var/app{below}")
    assert out == f"{APP}\n"
    assert f".var/app{below} is not granted here" in err


def test_what_is_judged_is_what_would_be_shown(home: Path, tmp_path: Path) -> None:
    """Not what it is called inside: here the home directory is a link itself."""
    (home / ".var/app/org.other.App").mkdir(parents=True)
    for target, wish in (("/usr", "home"), ("/usr", "~/lib"), (str(home), f"{home}/.var/app/org.other.App")):
        (tmp_path / "me").unlink(missing_ok=True)
        (tmp_path / "me").symlink_to(target)
        me = Places(tmp_path / "me", tmp_path / "data", tmp_path / "config", None)
        found = collect([("filesystems", wish, "")], me, "/run/user/1")
        assert (found.mounts, found.refused) == ([], [f"filesystems={wish}"])


def test_a_home_by_the_name_of_a_place_of_the_systems_is_not_shown_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /root, which leads to the home of somebody else's choice."""
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")
    monkeypatch.setattr(filesystems, "_SYSTEM_PLACES", (str(tmp_path / "root"),))
    me = Places(tmp_path / "root", tmp_path / "data", tmp_path / "config", None)
    found = collect([("filesystems", "home", "")], me, "/run/user/1")
    assert (found.mounts, found.refused) == ([], ["filesystems=home"])


@pytest.mark.parametrize("line", ["$HOME/Shared/..", "$HOME/.", "/", "$HOME/.."])
def test_no_user_directory_is_the_home_or_above_it(
    line: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (home / ".config").mkdir()
    (home / ".config/user-dirs.dirs").write_text(f'XDG_MUSIC_DIR="{line}"\n')
    out, err = run(made, capfd, f"cat {home}/secret", "xdg-music")
    assert "of the host" not in out
    assert "xdg-music is not granted here" in err


def test_sockets_are_not_file_systems(
    made: Made, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime directory has the session bus: never shown, wherever it is, nor is any socket as such."""
    (tmp_path / "runtime/other").mkdir()
    with socket.socket(socket.AF_UNIX) as bus:
        monkeypatch.chdir(tmp_path)  # a socket's address is short
        bus.bind("bus")
        script = f"ls -A {tmp_path}/runtime; ls -d {tmp_path}/bus {home}/secret"
        wishes = [f"{tmp_path}/bus", f"{tmp_path}/runtime", f"{tmp_path}/runtime/other"]
        out, err = run(made, capfd, script, *wishes)
        assert out.count("No such file") == 3
        assert err.count("is not granted here") == 3
        assert run(made, capfd, f"ls -A {tmp_path}/runtime", str(tmp_path)) == ("", "")


def test_what_is_hidden_cannot_be_moved_away(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for directory in (".config", ".var/app/org.other.App"):
        (home / directory).mkdir(parents=True)
    for name in (".local", ".local/share", ".config", ".var"):
        out, _ = run(made, capfd, f"mv -T {home}/{name} {home}/{name}.away", "home")
        assert "busy" in out
    out, _ = run(made, capfd, f"mv -T {home}/.local/share {home}/.local/away", "~/.local")
    assert "busy" in out
    assert run(made, capfd, f"mv -T {home}/Shared {home}/away", "home") == ("", "")


def test_what_was_granted_to_be_read_stays_read_only(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for wishes in (["home:ro"], ["home", "~/.local:ro"], ["home", "home:ro"]):
        out, _ = run(made, capfd, f"touch {home}/.local/x; touch {home}/.local/share/x", *wishes)
        assert out.count("Read-only") == 2
    out, _ = run(
        made, capfd, f"touch {home}/.local/x; touch {home}/.local/share/x", "~/.local/share", "home:ro"
    )
    assert out.count("Read-only") == 1


def before_the_launch(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Let something happen after all was looked at and before bubblewrap starts."""

    def late(*arguments: Any, **options: Any) -> int:  # noqa: ANN401 - launch's own
        deed()
        return launch(*arguments, **options)

    monkeypatch.setattr("appctl.actions.run.launch", late)


@pytest.mark.skipif(not Sources()._by_descriptor, reason="this bubblewrap has no --bind-fd")
@pytest.mark.parametrize(
    ("swapped", "wish"), [("Shared/x", "~/Shared/x"), (f".var/app/{APP}/var/lib", "/var/tmp:ro")]
)
def test_a_link_planted_at_the_last_moment_is_not_followed(
    swapped: str,
    wish: str,
    made: Made,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """By another instance of the app, in a directory that it may write."""
    place = home / swapped
    place.mkdir(parents=True)
    (place / "secret").write_text("of the app\n")

    def swap() -> None:
        place.rename(place.with_name("away"))
        place.symlink_to(home)

    before_the_launch(monkeypatch, swap)
    out, _ = run(made, capfd, f"cat {home}/Shared/x/secret /var/lib/secret", wish)
    assert "of the host" not in out
    assert "of the app" in out  # the directory that was looked at


def test_the_x_servers_socket_and_cookie_are_no_links(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_X11", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("bus")

        def shown() -> list[str]:
            found = collect([("sockets", "x11", "")], Places.of_caller(), "/run/user/1")
            return [mount.place for mount in found.mounts]

        (tmp_path / "X7").symlink_to("bus")
        assert shown() == []
        (tmp_path / "X7").unlink()
        (tmp_path / "X7").mkdir()
        assert shown() == []
        (tmp_path / "X7").rmdir()
        (tmp_path / "bus").rename("X7")
        assert shown() == [f"{tmp_path}/X7"]
        monkeypatch.setenv("XAUTHORITY", f"{home}/cookie")
        (home / "cookie").symlink_to("secret")
        assert shown() == [f"{tmp_path}/X7"]
        (home / "secret").rename(home / "cookie")
        assert shown() == [f"{tmp_path}/X7", "/run/user/1/Xauthority"]


def test_a_directory_that_is_missing_is_made_if_that_was_asked(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, err = run(made, capfd, f"touch {home}/a/b/x", "~/a/b:create")
    assert (out, err) == ("", "")
    assert (home / "a/b/x").exists()
    out, err = run(made, capfd, f"ls {home}/c", "~/c")
    assert "filesystems=~/c is not granted here" in err


@pytest.mark.parametrize("below", [".local/share/appctl/new", ".config/appctl/new", ".var/app/org.x.Y/new"])
def test_nothing_is_made_where_nothing_is_shown(
    below: str, made: Made, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, err = run(made, capfd, "true", f"~/{below}:create")
    assert "is not granted here" in err
    assert not (home / below).exists()


def test_nothing_is_made_behind_a_link(made: Made, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "Other").mkdir()
    (home / "Shared/x").symlink_to("../Other")
    _, err = run(made, capfd, "true", "~/Shared/x/new:create")
    assert "(behind a symbolic link) is not granted here" in err
    assert list((home / "Other").iterdir()) == []


def test_the_host_is_all_that_is_not_the_systems_and_the_system_below_run_host(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "SYSTEM_CONFIG", Path("/etc/default"))  # one that is there
    script = f"cat {home}/secret; ls -d /run/host/usr/bin/sh /run/host/etc/passwd /srv /run/host/bin/sh"
    out, err = run(made, capfd, f"{script}; ls -A /run/host/etc/default {home}/.local/share/appctl", "host")
    shown = "of the host\n/run/host/bin/sh\n/run/host/etc/passwd\n/run/host/usr/bin/sh\n/srv\n"
    assert (out, err) == (f"{shown}/run/host/etc/default:\n\n{home}/.local/share/appctl:\n", "")
    out, _ = run(made, capfd, f"touch {home}/x; touch /run/host/etc/x", "host:ro")
    assert out.count("Read-only") == 2


def test_the_operating_system_alone_is_shown_read_only(
    made: Made, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "SYSTEM_CONFIG", Path("/etc/default"))
    script = f"ls -d /run/host/usr/bin /run/host/etc/ld.so.cache /run/host/etc/passwd; ls {home}/secret"
    out, _ = run(made, capfd, script, "host-os")
    assert "/run/host/usr/bin\n" in out
    assert "/run/host/etc/ld.so.cache\n" in out
    assert out.count("No such file") == 2
    out, _ = run(
        made, capfd, "cat /run/host/etc/passwd; ls -A /run/host/etc/default /run/host/usr", "host-etc"
    )
    assert "root:" in out
    assert "No such file" in out


def test_of_the_runtime_directory_an_app_is_shown_what_starts_nothing(
    made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, inside = tmp_path / "runtime", f"/run/user/{os.getuid()}"
    monkeypatch.chdir(theirs)
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        one.bind("pipewire-0")
        other.bind("bus")
        wishes = ["xdg-run/pipewire-0", "xdg-run/app/org.x.Y:create", "xdg-run/bus", "xdg-run/app/../bus",
                  "xdg-run/podman/podman.sock"]  # fmt: skip
        out, err = run(made, capfd, f"cd {inside}; ls; touch app/org.x.Y/x", *wishes)
    assert out == "app\npipewire-0\n"
    assert (theirs / "app/org.x.Y/x").exists()
    assert [line for line in err.splitlines() if "not granted" not in line] == []
    assert err.count("is not granted here") == 3
