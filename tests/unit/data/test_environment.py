# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""XDG_DATA_DIRS: the apps come last, once, whatever was in it; in shells, and for systemd."""

import subprocess
from pathlib import Path

import pytest

from installing.place import LIST, TOP, Layout, entries

DATA = TOP / "data/environment"
SYSTEM = "/var/lib/appctl/exports/share"
OURS = f"/home/u/.local/share/appctl/exports/share:{SYSTEM}"
DEFAULT = "/usr/local/share:/usr/share"
HOME = {"HOME": "/home/u"}

CASES = {
    "nothing is set": (HOME, f"{DEFAULT}:{OURS}"),
    "it is empty": (HOME | {"XDG_DATA_DIRS": ""}, f"{DEFAULT}:{OURS}"),
    "it has others": (HOME | {"XDG_DATA_DIRS": "/flatpak:/usr/share"}, f"/flatpak:/usr/share:{OURS}"),
    "it has both at the end": (HOME | {"XDG_DATA_DIRS": f"/a:{OURS}"}, f"/a:{OURS}"),
    "it has both, and others after them": (HOME | {"XDG_DATA_DIRS": f"/a:{OURS}:/b"}, f"/a:/b:{OURS}"),
    "it has nothing else": (HOME | {"XDG_DATA_DIRS": OURS}, OURS),
    "it has one first, with a slash, and twice": (
        HOME | {"XDG_DATA_DIRS": f"{SYSTEM}/:/a:{SYSTEM}:{SYSTEM}:/b"},
        f"/a:/b:{OURS}",
    ),
    "it has one that only begins so": (
        HOME | {"XDG_DATA_DIRS": f"{SYSTEM}-too:{OURS}"},
        f"{SYSTEM}-too:{OURS}",
    ),
    "it has what one of ours begins with": (
        HOME | {"XDG_DATA_DIRS": "/var/lib/appctl"},
        f"/var/lib/appctl:{OURS}",
    ),
    "XDG_DATA_HOME is set": (
        HOME | {"XDG_DATA_HOME": "/d a*ta"},
        f"{DEFAULT}:/d a*ta/appctl/exports/share:{SYSTEM}",
    ),
    "XDG_DATA_HOME is relative": (HOME | {"XDG_DATA_HOME": "data"}, f"{DEFAULT}:{OURS}"),
}


def sourced(shell: str, environment: dict[str, str], *options: str) -> list[str]:
    """What a child of a shell that sourced it twice has; and which of our variables are left."""
    script = f'. {DATA}/data-dirs.sh; . {DATA}/data-dirs.sh; /usr/bin/env; set | grep "^_appctl" || :'
    done = subprocess.run(
        [shell, *options, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if "appctl" in line]


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
@pytest.mark.parametrize("name", CASES)
def test_the_apps_come_last_and_once(shell: str, name: str) -> None:
    environment, expected = CASES[name]
    path = {"PATH": "/usr/bin:/bin"}
    assert sourced(f"/bin/{shell}", environment | path, *(["-f"] if shell == "zsh" else ["-eu"])) == [
        f"XDG_DATA_DIRS={expected}"
    ]


@pytest.mark.parametrize("shell", ["dash", "bash"])  # zsh finds a HOME by itself
def test_without_a_home_there_are_the_machines_apps(shell: str) -> None:
    assert sourced(f"/bin/{shell}", {"PATH": "/usr/bin:/bin"}, "-eu") == [f"XDG_DATA_DIRS={DEFAULT}:{SYSTEM}"]


def generated(name: str, tmp_path: Path, environment: dict[str, str]) -> str:
    """What a generator of systemd's prints, with our file where it looks for it."""
    script = (DATA / name).read_text().replace("/usr/lib/appctl", str(tmp_path))
    (tmp_path / "data-dirs.sh").write_bytes((DATA / "data-dirs.sh").read_bytes())
    done = subprocess.run(
        ["/bin/sh"], input=script, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_systemd_is_told_for_users_has_both_scopes(tmp_path: Path) -> None:
    assert generated("user-generator", tmp_path, HOME) == f"XDG_DATA_DIRS={DEFAULT}:{OURS}\n"


def test_what_systemd_is_told_for_the_machine_has_no_users_apps(tmp_path: Path) -> None:
    environment = HOME | {"XDG_DATA_HOME": "/data", "XDG_DATA_DIRS": "/a"}
    assert generated("system-generator", tmp_path, environment) == f"XDG_DATA_DIRS=/a:{SYSTEM}\n"


def test_a_login_shell_goes_on_where_appctl_was_removed() -> None:
    script = (DATA / "profile.sh").read_text().replace("/usr/lib/appctl", "/nowhere")
    done = subprocess.run(
        ["/bin/sh", "-eu"], input=f"{script}\necho done", env={}, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


SHARED = "${XDG_DATA_DIRS:-/usr/local/share:/usr/share}"
NEIGHBOURS = {  # as snapd's and flatpak's do
    "apps-bin-path.sh": f'XDG_DATA_DIRS="{SHARED}:/var/lib/snapd/desktop"',
    "flatpak.sh": f'XDG_DATA_DIRS="/var/lib/flatpak/exports/share:{SHARED}"',
    "z.sh": f'XDG_DATA_DIRS="{SHARED}:/z"',
}


@pytest.mark.parametrize("inherited", ["", f"/usr/share:{OURS}"])
def test_among_the_files_of_profile_d_ours_is_the_last(tmp_path: Path, inherited: str) -> None:
    """In a login of its own, and in a shell of a session that has them from systemd."""
    (ours,) = (
        entry for entry in entries(LIST.read_text(), TOP, Layout("/usr")) if "/profile.d/" in entry.target
    )
    for name, text in NEIGHBOURS.items():
        (tmp_path / name).write_text(f"export {text}\n")
    script = (TOP / ours.source).read_text().replace("/usr/lib/appctl", str(DATA))
    (tmp_path / Path(ours.target).name).write_text(script)
    done = subprocess.run(
        ["/bin/sh", "-eu"],  # as /etc/profile does it
        input=f'for i in {tmp_path}/*.sh; do if [ -r "$i" ]; then . "$i"; fi; done; echo "$XDG_DATA_DIRS"',
        env=HOME | ({"XDG_DATA_DIRS": inherited} if inherited else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stdout.strip().split(":")
    assert found[-2:] == OURS.split(":")
    assert {"/var/lib/flatpak/exports/share", "/usr/share", "/var/lib/snapd/desktop", "/z"} <= {*found[:-2]}


def test_a_login_shell_sees_the_apps(tmp_path: Path) -> None:
    script = (DATA / "profile.sh").read_text().replace("/usr/lib/appctl", str(DATA))
    said = subprocess.run(
        ["/bin/sh", "-eu"],
        input=f"{script}\n/usr/bin/env",
        env=HOME,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"XDG_DATA_DIRS={DEFAULT}:{OURS}\n" in said.stdout
