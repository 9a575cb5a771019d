# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl login --system` as root of a user namespace, over an /etc of the test's own: what is written where.

The namespace maps root and the group appctl to the test's own user, so that owner and group are what they
would be.
"""

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.machines.exposure import encoded
from support.machines.machine import BIN, Ran

HOST, LOGIN = "registry.example", "robot:secret"
Root = Callable[..., Ran]


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """What root sees as /etc/appctl."""
    directory = tmp_path / "etc"
    directory.mkdir()
    (tmp_path / "group").write_text("root:x:0:\nappctl:x:0:\n")
    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return directory


@pytest.fixture
def root(etc: Path) -> Root:
    """Run the CLI as root."""

    def run(*arguments: str, code: int = 0, stdin: str = "secret\n") -> Ran:
        names = etc.parent
        places = [
            *("--dev-bind", "/", "/", "--tmpfs", "/etc", "--ro-bind", str(names / "group"), "/etc/group"),
            *("--ro-bind", str(names / "passwd"), "/etc/passwd", "--bind", str(etc), "/etc/appctl"),
        ]
        command = [
            *("bwrap", "--unshare-user", "--uid", "0", "--gid", "0", *places, "--die-with-parent", "--"),
            *(str(BIN / "appctl"), *arguments),
        ]
        environment = {**os.environ, "HOME": str(names), "APPCTL_SCOPE": "user"}
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


LOG_IN = ("login", "--system", HOST, "--username", "robot", "--password-stdin")


def test_root_keeps_a_login_that_the_daemon_may_read_and_nobody_else(root: Root, etc: Path) -> None:
    ran = root(*LOG_IN, "--json")
    assert ran.json == {"changed": True, "host": HOST, "file": "/etc/appctl/auth.json"}
    path = etc / "auth.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert json.loads(path.read_text()) == {"auths": {HOST: {"auth": encoded(LOGIN)}}}
    assert [entry.name for entry in etc.iterdir()] == ["auth.json"]
    assert not (etc.parent / ".config").exists()


def test_what_else_stands_there_stays_and_root_forgets_it(root: Root, etc: Path) -> None:
    other = {"auths": {"other.example": {"auth": "eDp5"}, f"https://{HOST}/v2/": {"auth": "eDp5"}}, "x": 1}
    (etc / "auth.json").write_text(json.dumps(other))
    root(*LOG_IN)
    kept = json.loads((etc / "auth.json").read_text())
    assert (set(kept["auths"]), kept["x"]) == ({"other.example", HOST}, 1)
    assert root("logout", "--system", HOST).out.startswith("Forgot")
    assert set(json.loads((etc / "auth.json").read_text())["auths"]) == {"other.example"}
    assert root("logout", "--system", HOST, "--json").json["changed"] is False


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_link_that_the_daemons_user_laid_makes_root_write_nowhere(root: Root, etc: Path, what: str) -> None:
    victim = etc.parent / "shadow"
    victim.write_text("{}")
    (etc / "auth.json").symlink_to("/proc/self/cwd" if what == "directory" else victim)
    ran = root(*LOG_IN, code=1)
    assert "cannot be written" in ran.err
    assert victim.read_text() == "{}"
    assert (etc / "auth.json").is_symlink()


@pytest.mark.parametrize("content", ["{broken", "[]"])
def test_a_file_that_cannot_be_read_is_not_replaced(root: Root, etc: Path, content: str) -> None:
    (etc / "auth.json").write_text(content)
    assert "no JSON" in root(*LOG_IN, code=1).err
    assert (etc / "auth.json").read_text() == content


def test_what_waits_for_a_writer_is_not_waited_for(root: Root, etc: Path) -> None:
    os.mkfifo(etc / "auth.json")
    assert "no regular file" in root(*LOG_IN, code=1).err


def test_where_appctl_is_not_installed_for_all_users_nothing_is_kept(root: Root, etc: Path) -> None:
    (etc.parent / "group").write_text("root:x:0:\n")
    assert "no group appctl" in root(*LOG_IN, code=1).err
    assert list(etc.iterdir()) == []


@pytest.mark.parametrize("command", ["login", "logout"])
def test_nobody_else_keeps_logins_for_the_system(tmp_path: Path, command: str) -> None:
    """No password is asked for in vain, nor is a daemon."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    words = [str(BIN / "appctl"), command, "--system", HOST]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "only root" in done.stderr
    assert "hint: sudo appctl login --system HOST" in done.stderr
