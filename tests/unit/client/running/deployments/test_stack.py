# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Apps on runtimes for real: what lies at /usr and /app, extensions, locks, and what is refused."""

import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.running.deployments.runfile import Extension, RunFile
from appctl.running.deployments.stack import place_of
from support.machines.deployments import Made
from support.machines.runtimes import (
    APP,
    PLATFORM,
    change_platform,
    change_tool,
    extension,
    platform,
    point,
    recorded,
    tool,
)

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")

PLUGIN = "org.acme.Tool.Plugin"
LOCALE = "org.acme.Platform.Locale"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, place in (("HOME", "home"), ("XDG_RUNTIME_DIR", "runtime")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(name, str(tmp_path / place))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home/.local/share/appctl"


@pytest.fixture
def runtime(state: Path) -> Made:
    return platform(state, "sh", "cat", "ls", "env", "touch")


@pytest.fixture
def app(state: Path, runtime: Made) -> Made:
    return tool(state)


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["run", *words])
    out, err = capfd.readouterr()
    return code, out, err


def inside(capfd: pytest.CaptureFixture[str], script: str, *options: str) -> str:
    """The output of a shell script in the app; it must end well, and nothing is to be said."""
    code, out, err = run(capfd, *options, APP, script)
    assert (code, err) == (0, ""), err
    return out


def test_the_runtime_lies_at_usr_and_the_app_at_app(app: Made, capfd: pytest.CaptureFixture[str]) -> None:
    out = inside(capfd, "ls -d /usr/bin/sh /app/bin/tool; cat /usr/share/runtime/about /etc/os-name")
    assert out.splitlines() == ["/app/bin/tool", "/usr/bin/sh", "of the runtime", "platform"]
    there = "app bin dev etc lib lib64 proc run sbin sys tmp usr var"
    assert inside(capfd, "ls /").split() == there.split()


def test_a_plain_images_app_directory_lies_on_a_plain_runtimes_usr(
    state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither was made by flatpak: a metadata file and a label say what they are."""
    platform(state, "sh", "cat", flatpaks=False)
    tool(state, directory="app").text("/app/share/words", "plain\n")
    assert inside(capfd, "cat /app/share/words /etc/os-name") == "plain\nplatform\n"


def test_nothing_of_them_can_be_written(app: Made, capfd: pytest.CaptureFixture[str]) -> None:
    places = "/usr/x /usr/share/x /app/x /app/bin/tool /x /etc/x /bin/x"
    script = f"for p in {places}; do touch $p 2>/dev/null && echo $p; done; true"
    assert inside(capfd, script) == ""


def test_the_environment_is_the_runtimes_and_over_it_the_apps(
    app: Made, runtime: Made, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "eo.UTF-8")
    change_platform(runtime, env={"BOTH": "runtime", "RUNTIME": "1", "GONE": "1"})
    change_tool(app, env={"BOTH": "app"}, unset=["GONE", "LANG", "PATH"])
    lines = inside(capfd, "env").splitlines()
    assert {"BOTH=app", "RUNTIME=1", "PATH=/app/bin:/usr/bin", f"FLATPAK_ID={APP}"} <= set(lines)
    assert not [line for line in lines if line.startswith(("GONE=", "LANG="))]


def test_a_program_of_the_app_comes_before_the_runtimes(app: Made, capfd: pytest.CaptureFixture[str]) -> None:
    app.text("/files/bin/cat", "#!/bin/sh\necho of the app\n", 0o555)
    assert inside(capfd, "cat") == "of the app\n"


def test_home_is_the_callers_once_it_is_granted(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = state.parents[2]
    assert inside(capfd, "echo $HOME") == f"{home}/.var/app/{APP}/home\n"
    assert inside(capfd, "echo $HOME", "--filesystem=home") == f"{home}\n"


def test_portals_can_know_the_app_its_runtime_and_what_it_may(
    app: Made, runtime: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    change_tool(app, permissions=[["shared", "network", ""], ["devices", "nonsense", ""]])
    _, out, _ = run(capfd, APP, "cat /.flatpak-info")
    assert f"[Application]\nname={APP}\nruntime=runtime/org.acme.Platform/x86_64/1\n" in out
    assert f"\napp-path={app.files}/files\n" in out
    assert f"\nruntime-path={runtime.files}/files\n" in out
    assert "\narch=x86_64\nbranch=stable\n" in out
    assert "[Context]\nshared=network;\n" in out
    assert "nonsense" not in out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"runtime": "org.acme.Platform._2", "runtime-ref": "runtime/org.acme.Platform/x86_64/2"},
            "x86_64/2, which is not installed",
        ),
        ({"runtime": "org.acme.Platform/x86_64/1"}, "not installed"),
        ({"runtime": "../../etc"}, "not installed"),
        ({"runtime": APP}, "here is another"),
        ({"runtime-ref": "runtime/org.acme.Platform/x86_64/1_0"}, "here is another"),
        ({"app": "nothing"}, "has no directory nothing"),
        ({"app": "../files"}, "not understood"),
    ],
)  # fmt: skip
def test_without_its_runtime_an_app_does_not_start(
    change: dict[str, str], says: str, app: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    change_tool(app, **change)
    code, out, err = run(capfd, APP, "echo ran")
    assert (code, out) == (125, "")
    assert says in err


def test_a_runtime_does_nothing_by_itself(runtime: Made, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capfd, "--command=sh", PLATFORM)
    assert code == 125
    assert "is a runtime" in err


def test_a_runtime_of_another_remote_is_said(
    app: Made, runtime: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded(runtime, "other")
    code, out, err = run(capfd, APP, "echo ran")
    assert (code, out) == (0, "ran\n")
    assert f"{APP} of remote acme runs on {PLATFORM} of remote other" in err


@pytest.mark.parametrize("where", ["usr", "app"])
def test_a_link_in_place_of_what_is_mounted_shows_nothing(
    where: str, app: Made, runtime: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = {"usr": runtime, "app": app}[where]
    (made.files / "files").rename(tmp_path / "elsewhere")
    (made.files / "files").symlink_to(tmp_path / "elsewhere")
    code, out, err = run(capfd, APP, "echo ran")
    assert (code, out) == (125, "")
    assert "has no directory files" in err


@pytest.mark.parametrize("where", ["usr", "app"])
def test_a_file_in_place_of_what_is_mounted_is_no_directory(
    where: str, app: Made, runtime: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    made = {"usr": runtime, "app": app}[where]
    (made.files / "other").write_text("")
    {"usr": change_platform, "app": change_tool}[where](made, **{where: "other"})
    code, _, err = run(capfd, APP, "echo ran")
    assert code == 125
    assert "has no directory other" in err


def test_a_linked_etc_of_a_runtime_shows_nothing_of_the_host(
    app: Made, runtime: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("of the host\n")
    etc = runtime.files / "files/etc"
    (etc / "os-name").unlink()
    etc.rmdir()
    etc.symlink_to(tmp_path)
    assert inside(capfd, "cat /etc/secret 2>/dev/null || echo nothing") == "nothing\n"


def test_extensions_lie_where_their_points_say(
    app: Made, runtime: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (runtime.files / "files/share/runtime/locale").mkdir()
    (app.files / "files/plugins").mkdir()
    change_platform(runtime, extensions=[point(LOCALE, "/usr/share/runtime/locale")])
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins"), point("org.acme.Missing", "/app/missing")])
    extension(state, LOCALE)
    extension(state, PLUGIN)
    out = inside(capfd, "cat /usr/share/runtime/locale/name /app/plugins/name /usr/share/runtime/about")
    assert out == f"{LOCALE}\n{PLUGIN}\nof the runtime\n"


def test_a_mount_point_that_is_missing_is_made_beside_what_the_runtime_has(
    app: Made, runtime: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (runtime.files / "files/share/runtime/locale").mkdir()
    (runtime.files / "files/share/link").symlink_to("runtime/about")
    change_platform(
        runtime,
        extensions=[point(LOCALE, "/usr/share/runtime/locale"), point(PLUGIN, "/usr/share/a/b", suffix="c")],
    )
    extension(state, LOCALE)
    extension(state, PLUGIN)
    script = "cat /usr/share/a/b/c/name /usr/share/link /usr/share/runtime/locale/name; ls /usr/share"
    assert inside(capfd, script).splitlines() == [PLUGIN, "of the runtime", LOCALE, "a", "link", "runtime"]
    places = "/usr/share/x /usr/share/a/x /usr/share/a/b/x /usr/share/a/b/c/x"
    assert inside(capfd, f"for p in {places}; do touch $p 2>/dev/null && echo $p; done; true") == ""
    there = sorted(path.name for path in (runtime.files / "files/share").iterdir())
    assert there == ["link", "runtime"]


@pytest.mark.parametrize(
    "at", ["/usr/share/way", "/usr/share/way/deep", "/usr/share/file", "/usr/share/file/x"]
)
@pytest.mark.parametrize("target", ["{outside}", "../../../../../../../../{outside}", "runtime", "/nowhere"])
def test_a_mount_point_that_a_runtime_links_elsewhere_is_left_out_and_nothing_is_made(
    at: str,
    target: str,
    app: Made,
    runtime: Made,
    state: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Bubblewrap before 0.12 follows it, and makes directories on the host."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (runtime.files / "files/share/way").symlink_to(target.format(outside=outside))
    (runtime.files / "files/share/file").write_text("")
    change_platform(runtime, extensions=[point(LOCALE, at)])
    extension(state, LOCALE)
    code, out, err = run(capfd, APP, f"cat {at}/name 2>/dev/null || echo nothing")
    assert (code, out) == (0, "nothing\n")
    assert f"{LOCALE}._1 has no place at {at}: left out" in err
    assert list(outside.iterdir()) == []


def test_an_extension_of_another_remote_is_left_out(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Or one publisher could put files into the app of another."""
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins")])
    extension(state, PLUGIN, remote="other")
    code, out, err = run(capfd, APP, "ls /app")
    assert (code, out) == (0, "bin\n")
    assert f"{PLUGIN}._1 is not from the remote of {APP}: left out" in err


@pytest.fixture
def beside(app: Made, state: Path) -> Made:
    """The platform of another remote has the ID; that of the app's own stands beside it."""
    recorded(Made(state, PLATFORM), "other")
    made = platform(state, "sh", "cat", "ls", app_id=f"{PLATFORM}-acme")
    return made.text("/files/share/runtime/ours", "of acme\n")


def test_of_two_runtimes_of_one_ref_an_app_gets_that_of_its_remote(
    app: Made, beside: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    assert inside(capfd, "cat /usr/share/runtime/ours") == "of acme\n"
    recorded(app, "other")
    assert inside(capfd, "ls /usr/share/runtime") == "about\n"


def test_an_app_whose_remote_has_no_runtime_gets_the_other_and_that_is_said(
    app: Made, beside: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded(app, "third")
    code, out, err = run(capfd, APP, "ls /usr/share/runtime")
    assert (code, out) == (0, "about\n")
    assert f"{APP} of remote third runs on {PLATFORM} of remote other" in err


@pytest.mark.parametrize("lie", [{"kind": "app"}, {"runtime-ref": "runtime/org.acme.Platform/x86_64/1_0"}])
def test_what_only_has_the_name_of_a_runtime_beside_another_is_none(
    app: Made, beside: Made, lie: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    change_platform(beside, **lie)
    code, out, err = run(capfd, APP, "ls /usr/share/runtime")
    assert (code, out) == (0, "about\n")
    assert "runs on" in err
    change_platform(beside)
    recorded(beside, "other")
    assert run(capfd, APP, "ls /usr/share/runtime")[1] == "about\n"


@pytest.mark.parametrize("more", [{}, {"subdirectories": True}])
def test_of_two_extensions_of_one_ref_the_own_remotes_is_mounted(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str], more: dict[str, object]
) -> None:
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins") | more])
    extension(state, PLUGIN, remote="other")
    extension(state, PLUGIN, app_id=f"{PLUGIN}._1-acme").text("/files/ours", "of acme\n")
    assert inside(capfd, "cat /app/plugins/ours") == "of acme\n"
    recorded(app, "other")
    recorded(Made(state, PLATFORM), "other")
    assert inside(capfd, "ls /app/plugins") == "name\n"


def test_so_it_is_with_those_below_a_name(app: Made, state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins") | {"subdirectories": True}])
    extension(state, f"{PLUGIN}.one", remote="other")
    extension(state, f"{PLUGIN}.one", app_id=f"{PLUGIN}.one._1-acme").text("/files/ours", "of acme\n")
    assert inside(capfd, "cat /app/plugins/one/ours") == "of acme\n"


def test_without_records_no_extension_is_anybodys(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins")])
    other = extension(state, PLUGIN)
    for made in (app, other):
        (made.path / "record.json").unlink()
    assert run(capfd, APP, "ls /app")[1] == "bin\n"


def test_another_version_under_the_same_id_is_not_the_extension(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins") | {"ref": f"runtime/{PLUGIN}/x86_64/1_0"}])
    extension(state, PLUGIN)
    assert inside(capfd, "ls /app") == "bin\n"


def test_subdirectories_hold_every_extension_of_the_name_and_merge_what_they_share(
    app: Made, runtime: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    driver = "org.acme.Platform.GL"
    (runtime.files / "files/lib/GL").mkdir()
    more = {"subdirectories": True, "merge-dirs": ["icd.d"], "ld-path": "lib"}
    change_platform(runtime, extensions=[point(driver, "/usr/lib/GL") | more])
    for name in ("one", "two"):
        extension(state, f"{driver}.{name}").text(f"/files/icd.d/{name}.json", f"{name}\n")
        extension(state, f"{driver}.{name}", "2")
    out = inside(capfd, "cat /usr/lib/GL/one/name /usr/lib/GL/two/name /usr/lib/GL/icd.d/*; ls /usr/lib/GL; "
                        "echo $LD_LIBRARY_PATH")  # fmt: skip
    assert out.splitlines() == [
        f"{driver}.one", f"{driver}.two", "one", "two", "icd.d", "one", "two",
        "/app/lib:/usr/lib/GL/one/lib:/usr/lib/GL/two/lib",
    ]  # fmt: skip


def test_an_extension_of_an_extension_needs_its_place_there(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    theme = "org.acme.Tool.Theme"
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins"), point(theme, "/app/plugins/a/theme")])
    plugin, _ = extension(state, PLUGIN), extension(state, theme)
    code, out, err = run(capfd, APP, "ls /app/plugins")
    assert (code, out) == (0, "name\n")
    assert f"{theme}._1 has no place at /app/plugins/a/theme: left out" in err
    (plugin.files / "files/a/theme").mkdir(parents=True)
    assert inside(capfd, "cat /app/plugins/a/theme/name") == f"{theme}\n"


@pytest.mark.parametrize(
    ("ref", "place"),
    [
        ("runtime/org.x.GL/x86_64/1", "/usr/GL/s"),
        ("runtime/org.x.GL.one/x86_64/1", "/usr/GL/one/s"),
        ("runtime/org.x.GL.one.two/x86_64/1", "/usr/GL/one.two/s"),
        ("runtime/org.x.GL.one/x86_64/2", ""),
        ("runtime/org.x.GL.one/aarch64/1", ""),
        ("app/org.x.GL.one/x86_64/1", ""),
        ("runtime/org.x.GLone/x86_64/1", ""),
        ("runtime/org.x.GL../x86_64/1", ""),
        ("runtime/org.x.GL.../x86_64/1", ""),
        ("runtime/org.x.GL./x86_64/1", ""),
        ("runtime", ""),
        ("", ""),
    ],
)
def test_what_belongs_to_a_point_says_its_own_ref(ref: str, place: str) -> None:
    wanted = Extension(
        name="org.x.GL",
        id="org.x.GL._1",
        ref="runtime/org.x.GL/x86_64/1",
        at="/usr/GL",
        subdirectories=True,
        suffix="s",
        libraries="",
        merge_dirs=(),
        condition="",
    )
    run = RunFile("org.x.GL.any._1", "1", (), (), {}, "/", (), kind="runtime", runtime_ref=ref)
    assert place_of(wanted, run) == place
    assert place_of(wanted, replace(run, kind="app")) == ""
    assert place_of(replace(wanted, subdirectories=False), run) == (place if ref == wanted.ref else "")


def test_a_condition_that_does_not_hold_leaves_an_extension_out(
    app: Made, state: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extension(state, PLUGIN)
    for condition, desktop, seen in (
        ("on-xdg-desktop-KDE", "ubuntu:KDE", "bin plugins"),
        ("on-xdg-desktop-KDE", "GNOME", "bin"),
        ("have-kernel-module-../..", "", "bin"),
        ("tomorrow", "", "bin"),
        ("tomorrow;on-xdg-desktop-gnome", "GNOME", "bin plugins"),
    ):
        monkeypatch.setenv("XDG_CURRENT_DESKTOP", desktop)
        change_tool(app, extensions=[point(PLUGIN, "/app/plugins") | {"enable-if": condition}])
        assert inside(capfd, "ls /app").split() == seen.split()


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "/usr/share/x"}, {"at": "/app/../usr"}, {"at": "/app/"}, {"at": "/apple/x"}, {"at": "app/x"},
        {"suffix": "../x"}, {"suffix": "/x"}, {"merge-dirs": ["a/../../b"]}, {"ld-path": "lib:/tmp"},
        {"id": "../x"}, {"new": 1},
    ],
)  # fmt: skip
def test_an_extension_point_that_is_not_below_what_it_extends_is_not_understood(
    wrong: dict[str, object], app: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins") | wrong])
    code, out, err = run(capfd, APP, "echo ran")
    assert (code, out) == (125, "")
    assert "is not understood" in err


def test_app_runtime_and_extension_are_locked_while_the_app_lives(
    app: Made, runtime: Made, state: Path
) -> None:
    change_tool(app, extensions=[point(PLUGIN, "/app/plugins")])
    plugin, other = extension(state, PLUGIN), extension(state, "org.acme.Unused")
    command = [sys.executable, "-m", "appctl", "run", APP, "echo up; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        held = [made for made in (app, runtime, plugin, other) if not _is_free(made)]
        child.communicate(b"\n")
    assert held == [app, runtime, plugin]
    assert all(map(_is_free, (app, runtime, plugin)))


def _is_free(made: Made) -> bool:
    with (made.path / "run.json").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
