# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Running apps for real: bubblewrap on deployments made by hand, one for every kind of image."""

import fcntl
import json
import os
import pwd
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.running.mounts.sources import Sources
from support.machines.deployments import APP, LDCONFIG, Made

# perl's syscall() and ioctl() need no module: any system call can be tried from inside.
TRY = 'my $s = "x"; my $t = "/tmp"; my $r = {call}; print $r == -1 || !defined $r ? "refused $!" : "allowed";'

pytestmark = [
    pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root"),
    pytest.mark.usefixtures("places"),
]


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["run", *words])
    out, err = capfd.readouterr()
    return code, out, err


def inside(capfd: pytest.CaptureFixture[str], script: str, *options: str) -> str:
    """The output of a shell script in the app; it must end well."""
    code, out, err = run(capfd, *options, APP, script)
    assert code == 0, err
    return out


def test_a_scratch_image_runs(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    made.copy(LDCONFIG, "/ldconfig")
    made.write(entrypoint=["/ldconfig", "--version"])
    assert [path.name for path in made.files.iterdir()] == ["ldconfig"]
    code, out, err = run(capfd, APP)
    assert (code, err) == (0, "")
    assert out.startswith("ldconfig")


def test_a_distroless_image_runs(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    made.programs("env", usr_merged=False).write(cmd=["/usr/bin/env"], env={"GREETING": "hello"})
    assert not (made.files / "bin").exists()
    code, out, _ = run(capfd, APP)
    assert code == 0
    assert "GREETING=hello" in out


def test_links_where_our_mount_points_go_are_not_followed(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for place in (
        "/proc",
        "/dev",
        "/tmp",
        "/run",
        "/var",
        "/etc/resolv.conf",
        "/etc/passwd",
        "/etc/hosts",
        "/home",
    ):
        shell.link(place, str(outside / "x") if place.startswith("/etc/") else str(outside))
    out = inside(capfd, "cat /proc/self/comm; echo x >/tmp/y && cat /tmp/y; ls /dev/null; cat /etc/passwd")
    assert out.splitlines()[:3] == ["cat", "x", "/dev/null"]
    assert str(os.getuid()) in out.splitlines()[3]
    assert list(outside.iterdir()) == []


def test_a_link_of_the_image_that_climbs_out_is_only_a_link(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("host")
    shell.link("/opt", str(tmp_path)).link("/srv", "../../../../../../..")
    assert inside(capfd, "cat /opt/secret || echo nothing; ls /srv/usr/bin/sh").splitlines() == [
        "nothing", "/srv/usr/bin/sh",
    ]  # fmt: skip


def test_an_image_whose_etc_is_a_link_runs(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    made.programs("sh", "cat").link("/etc", "usr/etc").write(entrypoint=["sh", "-c"])
    assert str(os.getuid()) in inside(capfd, "cat /etc/passwd")


def test_an_image_with_a_private_home_runs(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    made.programs("sh", "cat", "id").text("/home/app/bin/tool", "#!/bin/sh\necho tool\n", 0o555)
    made.write(entrypoint=["/home/app/bin/tool"], cwd="/home/app")
    (made.files / "home/app").chmod(0o700)
    assert run(capfd, APP)[:2] == (0, "tool\n")


def test_the_app_runs_as_the_caller_whatever_the_image_says(
    made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    made.programs("sh", "id", "cat").text(
        "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbob:x:1234:1234::/:/bin/sh\n"
    )
    made.write(entrypoint=["sh", "-c"], env={"USER": "bob", "HOME": "/root", "LOGNAME": "bob"})
    out = inside(capfd, "id -u; id -un; echo $USER $LOGNAME; cat /etc/passwd").splitlines()
    name = pwd.getpwuid(os.getuid()).pw_name
    assert out[:3] == [str(os.getuid()), name, f"{name} {name}"]
    assert "bob:x:1234:1234::/:/bin/sh" in out


def test_home_xdg_and_var_live_in_the_apps_own_directory(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inside(
        capfd,
        'for d in "$HOME" "$XDG_CONFIG_HOME" "$XDG_DATA_HOME" "$XDG_CACHE_HOME" "$XDG_STATE_HOME" /var; '
        'do echo kept >"$d/x"; done',
    )
    own = tmp_path / "home/.var/app" / APP
    assert sorted(path.parent.name for path in own.glob("*/x")) == [
        "cache", "config", "data", "home", "state", "var",
    ]  # fmt: skip
    assert inside(capfd, 'cat "$HOME/x" /var/x; echo "$PYTHONPYCACHEPREFIX"').split() == [
        "kept", "kept", str(own / "cache/pycache"),
    ]  # fmt: skip


def test_var_is_seeded_from_the_image_once(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shell.text("/var/lib/tool/db", "seed").link("/var/run", "/run")
    assert inside(capfd, "cat /var/lib/tool/db; echo mine >/var/lib/tool/db") == "seed"
    assert inside(capfd, "cat /var/lib/tool/db; ls -d /var/run/user") == "mine\n/var/run/user\n"


def test_a_link_in_the_place_of_an_own_directory_is_refused(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "home/.var/app" / APP
    own.mkdir(parents=True)
    (own / "var").symlink_to(tmp_path)
    code, _, err = run(capfd, APP, "echo x >/var/planted")
    assert code == 125
    assert "no directory of yours" in err
    assert not (tmp_path / "planted").exists()


def test_the_app_cannot_swap_its_own_directories(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inside(capfd, 'cd "$HOME/.." && echo x >planted; true')
    assert not (tmp_path / "home/.var/app" / APP / "planted").exists()


def test_the_image_is_read_only(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        inside(capfd, "for d in / /usr /etc /usr/bin; do touch $d/new 2>/dev/null && echo $d; done; true")
        == ""
    )


def test_nothing_of_the_host_is_seen(shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home/secret").write_text("x")
    out = inside(capfd, f"ls -a {tmp_path}/home; ls /")
    assert "secret" not in out
    assert ".local" not in out
    assert set(out.split()) >= {"usr", "etc", "proc", "dev", "tmp", "run", "var"}
    assert "root" not in out.split()


@pytest.mark.parametrize("by_descriptor", [True, False])
@pytest.mark.parametrize(
    "wishes",
    [
        [],
        ["/etc"],
        ["/usr:ro"],
        ["xdg-data/appctl"],
        ["~/shown"],
        ["~/shown:ro", "home"],
        ["home", "{above}"],
        ["~/shown", "~/shown/inner"],
    ],
)
def test_no_descriptor_of_ours_reaches_the_app(
    wishes: list[str],
    by_descriptor: bool,  # noqa: FBT001
    shell: Made,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of a directory of the host would be a way out: `cd /proc/self/fd/N/..`."""
    if not by_descriptor:  # as with a bubblewrap that lacks --bind-fd
        monkeypatch.setattr(Sources, "_by_descriptor", False)
    (tmp_path / "home/shown/inner").mkdir(parents=True)
    wishes = [wish.format(above=tmp_path) for wish in wishes]
    shell.write(entrypoint=["sh", "-c"], permissions=[["filesystems", wish, ""] for wish in wishes])
    out = inside(capfd, "ls /proc/self/fd")
    assert out.split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


def test_no_descriptor_reaches_the_app_when_a_path_is_given_once(
    shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    assert inside(capfd, "ls /proc/self/fd", "--filesystem=/etc").split() == ["0", "1", "2", "3"]


def test_the_network_is_there_only_when_it_is_granted(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    own = str(Path("/proc/self/ns/net").readlink())
    script = "exec 2>&1; ls -l /proc/self/ns/net; cat /etc/resolv.conf"
    assert own not in inside(capfd, script)
    assert own in inside(capfd, script, "--share=network")
    shell.write(entrypoint=["sh", "-c"], permissions=[["shared", "network", ""]])
    assert own in inside(capfd, script)


def test_unknown_permissions_are_not_granted_and_named(
    shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    shell.write(entrypoint=["sh", "-c"], permissions=[["sockets", "session-bus", ""], ["shared", "pids", ""]])
    code, _, err = run(capfd, APP, "true")
    assert code == 0
    assert "sockets=session-bus is not granted" in err
    assert "shared=pids is not granted" in err


def test_filesystem_grants_show_one_path(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    inside(capfd, f"echo x >{shared}/written", f"--filesystem={shared}")
    assert (shared / "written").read_text() == "x\n"
    assert inside(capfd, f"cat {shared}/written; touch {shared}/no 2>/dev/null || echo ro",
                  f"--filesystem={shared}:ro") == "x\nro\n"  # fmt: skip
    assert inside(capfd, f"ls {shared} 2>/dev/null || echo hidden") == "hidden\n"


@pytest.mark.parametrize("path", ["/", "/etc", "/usr/share", "/proc", "/run", "/var", "/tmp", "/../etc"])
def test_places_of_the_system_are_never_shared(
    path: str, shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capfd, f"--filesystem={path}", APP, "true")
    assert code == 0
    assert "is not granted here" in err


def test_state_and_configuration_are_masked_below_a_grant(
    shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home/notes").write_text("mine\n")
    (tmp_path / "home/.var/app/org.other.App/data").mkdir(parents=True)
    shell.write(entrypoint=["sh", "-c"], permissions=[["filesystems", "home", ""]])
    state, config = tmp_path / "home/.local/share/appctl", tmp_path / "home/.config/appctl"
    resumed = tmp_path / "home/.local/state/appctl"
    resumed.mkdir()
    (resumed / "pushes").touch()
    shown = f"cat {tmp_path}/home/notes; ls -A {state} {config} {resumed} {tmp_path}/home/.var/app"
    out = inside(capfd, f"{shown}; touch {state}/x {config}/x {resumed}/x 2>/dev/null || echo masked")
    lines = out.split()
    assert lines[0] == "mine"
    assert lines[-1] == "masked"
    assert {"apps", "pushes"}.isdisjoint(lines)
    assert "org.other.App" not in lines
    assert list(config.iterdir()) == []


@pytest.mark.parametrize(
    "below", [".local/share/appctl", ".local/share/appctl/apps", ".config/appctl", ".local/state/appctl"]
)
def test_state_and_configuration_are_never_granted(
    below: str, shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home" / below).mkdir(parents=True, exist_ok=True)
    (tmp_path / "home/way").symlink_to(tmp_path / "home" / below)
    for path in (f"~/{below}", "~/way"):
        _, out, err = run(
            capfd, f"--filesystem={path}", APP, f"ls {tmp_path}/home/{below} {tmp_path}/home/way"
        )
        assert (out, "is not granted here" in err) == ("", True)


def test_state_behind_a_link_is_masked_where_it_really_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home/disk/state").mkdir(parents=True)
    (tmp_path / "home/.local/share/appctl").symlink_to(tmp_path / "home/disk/state")
    made = Made(tmp_path / "home/.local/share/appctl", APP).programs("sh", "ls")
    made.write(entrypoint=["sh", "-c"], permissions=[["filesystems", "home", ""]])
    assert inside(capfd, f"ls -A {tmp_path}/home/disk/state") == ""


CALLS = [
    ("TIOCSTI types into the terminal", "ioctl(STDIN, 0x5412, $s)", 1),
    ("TIOCSTI with high bits", "syscall(16, 0, 0x100005412, $s)", 1),
    ("TIOCLINUX", "ioctl(STDIN, 0x541C, $s)", 1),
    ("unshare(CLONE_NEWUSER)", "syscall(272, 0x10000000)", 1),
    ("clone(CLONE_NEWUSER)", "syscall(56, 0x10000011, 0, 0, 0, 0)", 1),
    ("clone3", "syscall(435, 0, 0)", 38),
    ("keyctl", "syscall(250, 0, -3, 0)", 1),
    ("mount", "syscall(165, $s, $t, $s, 0, 0)", 1),
    ("open_tree", "syscall(428, -100, $t, 0)", 38),
    ("ptrace", "syscall(101, 0, 0, 0, 0)", 1),
    ("personality", "syscall(135, 0x0040000)", 1),
    ("socket(AF_VSOCK)", "syscall(41, 40, 1, 0)", 97),
    ("socket(AF_ALG)", "syscall(41, 38, 5, 0)", 97),
    ("socket(AF_AX25)", "syscall(41, 3, 5, 0)", 97),
]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of system calls are those of x86_64")
@pytest.mark.parametrize(("what", "call", "number"), CALLS)
def test_system_calls_are_refused(
    what: str, call: str, number: int, shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capfd, "--command=perl", APP, "-e", TRY.format(call=call) + ' printf " %d", $!;')
    assert out.startswith("refused"), what
    assert out.endswith(f" {number}"), what


FEATURES = [
    ("devel", "ptrace", "syscall(101, 0, 0, 0, 0)"),
    ("devel", "personality", "syscall(135, 0x0040000)"),
    # a type that no family has: the kernel looks at that before it looks for the family
    ("canbus", "socket(AF_CAN)", "syscall(41, 29, 15, 0)"),
    ("bluetooth", "socket(AF_BLUETOOTH)", "syscall(41, 31, 15, 0)"),
]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of system calls are those of x86_64")
@pytest.mark.parametrize(("feature", "what", "call"), FEATURES)
def test_a_feature_allows_its_own_system_calls_and_no_others(
    feature: str, what: str, call: str, shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    script = TRY.format(call=call) + ' printf " %d", $!;'
    refused = {"devel": " 1"}.get(feature, " 97")
    for features, allowed in (([], False), ([feature], True), ([*({"devel", "canbus"} - {feature})], False)):
        shell.write(permissions=[["features", item, ""] for item in features])
        _, out, _ = run(capfd, "--command=perl", APP, "-e", script)
        assert out.endswith(refused) is not allowed, (what, features, out)
        _, out, _ = run(capfd, "--command=perl", APP, "-e", TRY.format(call="syscall(41, 40, 1, 0)"))
        assert out.startswith("refused"), what


def of_32_bits() -> bytes:
    """A program for i386 that ends with 7: a header, one segment, and exit(7) by int $0x80."""
    code = bytes.fromhex("b801000000 bb07000000 cd80")
    base, size = 0x8048000, 84 + len(code)
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return header + struct.pack("<8I", 1, 0, base, base, size, size, 5, 0x1000) + code


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the program is one of i386")
def test_programs_of_another_architecture_run_only_with_multiarch(
    shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    program = shell.files / "old"
    program.write_bytes(of_32_bits())
    program.chmod(0o555)
    for features, code in (([], 159), (["multiarch"], 7)):
        shell.write(entrypoint=["/old"], permissions=[["features", item, ""] for item in features])
        assert run(capfd, APP)[0] == code


def test_ordinary_system_calls_work(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    calls = ["syscall(41, 1, 1, 0)", "syscall(41, 2, 1, 0)", "syscall(135, 0)", "fork()"]
    script = "".join(f"exit 1 if ({call}) == -1; " for call in calls)
    assert run(capfd, "--command=perl", APP, "-e", script)[0] == 0


def test_without_seccomp_nothing_runs(
    shell: Made, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "seccomp", None)
    code, out, err = run(capfd, APP, "echo ran")
    assert (code, out) == (125, "")
    assert "python3-seccomp" in err


def test_the_images_environment_does_not_reach_bubblewrap(
    made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    made.copy(LDCONFIG, "/ldconfig")  # static: only bubblewrap itself could obey LD_PRELOAD and complain
    made.write(
        cmd=["/ldconfig", "--version"], env={"LD_PRELOAD": "/nonexistent/evil.so", "LD_DEBUG": "files"}
    )
    code, _, err = run(capfd, APP)
    assert (code, err) == (0, "")


def test_the_callers_environment_reaches_neither_bubblewrap_nor_the_app(
    shell: Made, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)  # bubblewrap's own environment has one
    monkeypatch.setenv("LD_PRELOAD", "/nonexistent/evil.so")  # too late for this process
    monkeypatch.setenv("LC_TIME", "pl_PL.UTF-8")
    code, out, err = run(capfd, "--command=env", APP)
    assert (code, err) == (0, "")
    assert "LD_PRELOAD" not in out
    assert "LC_ALL" not in out
    assert "LC_TIME=pl_PL.UTF-8" in out


def test_the_images_environment_reaches_the_app(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    shell.write(entrypoint=["sh", "-c"], env={"A": "1", "PATH": "/usr/bin"})
    out = inside(capfd, "env", "--env=B=2", "--env=A=3")
    assert {"A=3", "B=2", "PATH=/usr/bin", f"APPCTL_ID={APP}"} <= set(out.splitlines())


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "words", "said"),
    [
        (["sh", "-c"], ["echo cmd"], [], "cmd\n"),
        (["sh", "-c"], ["echo cmd"], ["echo args"], "args\n"),
        ([], ["sh", "-c", "echo $0 $1"], ["a", "b"], "a b\n"),
    ],
)
def test_entrypoint_cmd_and_arguments(
    entrypoint: list[str],
    cmd: list[str],
    words: list[str],
    said: str,
    made: Made,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made.programs("sh").write(entrypoint=entrypoint, cmd=cmd)
    assert run(capfd, APP, *words)[:2] == (0, said)


def test_command_replaces_both(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "--command=cat", APP, "/etc/group")[1].startswith(pwd.getpwuid(os.getuid()).pw_name)


def test_the_working_directory(shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shell.text("/srv/data/x", "")
    for cwd, there in (("/srv/data", "/srv/data"), ("/not/there", "/")):
        shell.write(entrypoint=["sh", "-c"], cwd=cwd)
        assert inside(capfd, "cd -P . && pwd") == f"{there}\n"
    assert inside(capfd, "pwd", f"--filesystem={tmp_path}", f"--cwd={tmp_path}") == f"{tmp_path}\n"
    code, _, err = run(capfd, f"--cwd={tmp_path}", APP, "pwd")
    assert code == 125
    assert f"--filesystem={tmp_path}" in err


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 1", 1), ("exit 77", 77), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_code_is_the_apps(
    script: str, code: int, shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, APP, script)[0] == code


def test_exit_codes_of_our_own(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    shell.text("/usr/share/text", "x")
    assert run(capfd, "--command=nosuch", APP)[0] == 127
    assert run(capfd, "--command=/usr/bin/nosuch", APP)[0] == 127
    assert run(capfd, "--command=/usr/share/text", APP)[0] == 126
    assert run(capfd, "org.acme.Nothing")[0] == 125
    assert run(capfd, "nothing")[0] == 125
    shell.write()
    assert run(capfd, APP)[0] == 125


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"id": "org.acme.Other"},
        {"entrypoint": "sh"},
        {"cmd": [1]},
        {"env": {"A=B": "x"}},
        {"env": []},
        {"cwd": "relative"},
        {"permissions": [["shared"]]},
        {"cmd": ["a\0b"]},
        {"permissions": "all"},
    ],
)
def test_a_run_file_that_is_not_understood_is_refused(
    change: dict[str, object], shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    shell.write(**({"entrypoint": ["sh", "-c"]} | change))
    code, out, err = run(capfd, APP, "echo ran")
    assert (code, out) == (125, "")
    assert "is not understood" in err


@pytest.mark.parametrize("target", ["../../../evil", "/etc", "x", "0123456789ab.0/../0123456789ab.0"])
def test_current_leads_to_a_deployment_or_nowhere(
    target: str, shell: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    current = shell.path.parent / "current"
    current.unlink()
    current.symlink_to(target)
    assert run(capfd, APP, "echo ran")[:2] == (125, "")


def test_names_that_mean_an_app(shell: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (shell.path / "record.json").write_text(json.dumps({"reference": "quay.io/acme/tool:latest"}))
    for name in (APP, "tool", "TOOL", "quay.io/acme/tool:latest", "quay.io/acme/tool"):
        assert run(capfd, name, "echo ran")[:2] == (0, "ran\n")
    pinned = f"quay.io/acme/tool@sha256:{'3' * 64}"
    (shell.path / "record.json").write_text(json.dumps({"reference": pinned}))
    for name in (pinned, "quay.io/acme/tool"):
        assert run(capfd, name, "echo ran")[:2] == (0, "ran\n")
    Made(tmp_path / "home/.local/share/appctl", "org.other.Tool").write()
    code, _, err = run(capfd, "tool", "echo ran")
    assert code == 64
    assert "org.other.Tool" in err
    assert run(capfd, "../../etc", "x")[0] == 125


def test_the_lock_is_held_and_the_run_registered_while_the_app_lives(shell: Made, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "appctl", "run", APP, "echo up; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"up\n"
        with (shell.path / "run.json").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        said = json.loads((tmp_path / f"runtime/appctl/{child.pid}.json").read_text())
        assert (said["pid"], said["id"], said["scope"]) == (child.pid, APP, "user")
        child.stdin.write(b"\n")
        child.stdin.close()
        assert child.wait() == 0
    with (shell.path / "run.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert list((tmp_path / "runtime/appctl").iterdir()) == []


def test_the_app_cannot_touch_the_lock(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    assert inside(capfd, f"ls {shell.path} 2>/dev/null || echo unseen") == "unseen\n"


def test_the_end_of_the_client_is_the_end_of_the_app(shell: Made) -> None:
    command = [sys.executable, "-m", "appctl", "run", APP, "echo up; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.kill()
        assert child.stdout.read() == b""  # the app's end of the pipe is closed: it is gone


def test_portals_can_know_the_app(shell: Made, capfd: pytest.CaptureFixture[str]) -> None:
    out = inside(capfd, "cat /.flatpak-info")
    assert f"[Application]\nname={APP}\n" in out
    assert f"app-path={shell.files}" in out
