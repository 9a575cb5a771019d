# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The directory of the policy is root's, though it lies in one that the daemon may change."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from installing.place import TOP

SCRIPT = (TOP / "data/make-state").read_text()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that stands for the machine, after systemd's two programs."""
    (tmp_path / "etc/appctl").mkdir(parents=True)
    for name in ("systemd-sysusers", "systemd-tmpfiles"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/log\n')
        program.chmod(0o755)
    return tmp_path


def run(root: Path, *mounts: str) -> subprocess.CompletedProcess[str]:
    """As who is root in a namespace of users, where whatever is another's is nobody's."""
    text = SCRIPT.replace(" /etc/", f" {root}/etc/").replace("=/etc/", f"={root}/etc/")
    namespace = ["bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--dev-bind", "/", "/", *mounts]
    return subprocess.run(
        [*namespace, "--", "sh", "-c", text],
        env={"PATH": f"{root}:{os.defpath}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_made_once_after_user_and_directories(root: Path) -> None:
    for _ in range(2):
        assert run(root).returncode == 0
    made = (root / "etc/appctl/policy.d").stat()
    assert (stat.S_ISDIR(made.st_mode), stat.S_IMODE(made.st_mode)) == (True, 0o755)
    assert (root / "log").read_text().splitlines()[:2] == [
        "systemd-sysusers /usr/lib/sysusers.d/appctl.conf",
        "systemd-tmpfiles --create /usr/lib/tmpfiles.d/appctl.conf",
    ]


@pytest.mark.parametrize("what", ["link", "dangling link", "file"])
def test_what_the_daemon_put_in_its_place_is_refused_and_not_followed(root: Path, what: str) -> None:
    policy = root / "etc/appctl/policy.d"
    (root / "elsewhere").mkdir()
    if what == "file":
        policy.touch()
    else:
        policy.symlink_to(root / ("elsewhere" if what == "link" else "new"))
    done = run(root)
    assert (done.returncode, done.stderr) == (1, f"error: {policy} is not a directory of root's\n")
    assert not (root / "new").exists()


def test_a_directory_of_somebody_else_is_refused(root: Path) -> None:
    policy = root / "etc/appctl/policy.d"
    policy.mkdir()
    done = run(root, "--bind", "/usr/share", str(policy))
    assert (done.returncode, done.stderr) == (1, f"error: {policy} is not a directory of root's\n")


def test_it_is_told_in_every_language(root: Path) -> None:
    """What stat says in words is translated; apt runs this in the language of whoever installs."""
    stat_ = root / "stat"
    stat_.write_text('#!/bin/sh\n/usr/bin/stat "$@" | sed "s/directory/Verzeichnis/"\n')
    stat_.chmod(0o755)
    assert (run(root).returncode, run(root).stderr) == (0, "")
