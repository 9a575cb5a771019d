# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl login` and `appctl logout`: what is kept opens the registry, skopeo reads it, nobody else may."""

import json
import os
import pty
import select
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine
from support.servers.shelf import Shelf, Shelved

HOST = "registry.example"  # which is nowhere: keeping a login asks nobody
USER, PASSWORD = "alice", "correct:horse"
PATIENCE = 60.0  # seconds on a busy machine until something must have happened


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("login") / "machine", measured=False) as machine:
        yield machine


@pytest.fixture
def image(machine: Machine) -> Iterator[Shelved]:
    """An image of a registry that wants a login for everything; nobody is logged in."""
    with Shelf(login=f"{USER}:{PASSWORD}") as shelf:
        image = shelf.put("demo/app", [archive(entry(b"file", content=b"content"))])
        machine.add_remote("demo", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        yield image
        if list(machine.state.glob("apps/*/current")):
            machine.appctl("uninstall", "-y", "app")
        machine.appctl("remote", "remove", "demo", "-y")


@pytest.fixture(autouse=True)
def _no_login_is_kept_then(machine: Machine) -> Iterator[None]:
    yield
    auth(machine).unlink(missing_ok=True)


def auth(machine: Machine) -> Path:
    return machine.directory / "run/containers/auth.json"


def host_of(image: Shelved) -> str:
    return image.reference.partition("/")[0]


def log_in(machine: Machine, host: str, password: str = PASSWORD, code: int = 0) -> str:
    words = ("login", host, "--username", USER, "--password-stdin")
    return machine.appctl(*words, stdin=f"{password}\n", code=code).err


def test_a_login_opens_the_registry_until_it_is_forgotten(machine: Machine, image: Shelved) -> None:
    install = ("install", "-y", "--reinstall", image.reference)
    assert "login" in machine.appctl(*install, code=1).err
    assert log_in(machine, host_of(image)) == ""
    assert stat.S_IMODE(auth(machine).stat().st_mode) == 0o600
    machine.appctl(*install)
    assert machine.appctl("logout", host_of(image)).out.startswith("Forgot")
    machine.appctl(*install, code=1)
    ran = machine.appctl("logout", host_of(image), "--json")
    assert ran.json["changed"] is False


def test_skopeo_reads_what_is_kept_and_appctl_forgets_what_skopeo_kept(machine: Machine) -> None:
    log_in(machine, HOST)
    told = subprocess.run(
        ["skopeo", "login", "--get-login", f"--authfile={auth(machine)}", HOST],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.stdout.strip() == USER
    machine.appctl("logout", HOST)
    assert json.loads(auth(machine).read_text())["auths"] == {}


def test_what_else_stands_in_the_files_stays(machine: Machine) -> None:
    other = {"auths": {"other.example": {"auth": "eDp5"}, f"https://{HOST}/v2/": {"auth": "eDp5"}}}
    docker = machine.directory / "home/.docker/config.json"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(json.dumps(other | {"psFormat": "x"}))
    log_in(machine, "third.example")
    log_in(machine, HOST)
    machine.appctl("logout", HOST)
    assert json.loads(docker.read_text()) == {
        "auths": {"other.example": {"auth": "eDp5"}}, "psFormat": "x",
    }  # fmt: skip
    assert set(json.loads(auth(machine).read_text())["auths"]) == {"third.example"}
    docker.unlink()


def test_a_file_that_cannot_be_read_is_not_replaced(machine: Machine) -> None:
    auth(machine).parent.mkdir(exist_ok=True)
    auth(machine).write_text("{broken")
    assert "no JSON" in log_in(machine, HOST, code=1)
    assert auth(machine).read_text() == "{broken"


def test_a_link_is_followed_and_stays(machine: Machine, tmp_path: Path) -> None:
    auth(machine).parent.mkdir(exist_ok=True)
    auth(machine).symlink_to(tmp_path / "real.json")
    log_in(machine, HOST)
    assert auth(machine).is_symlink()
    assert HOST in (tmp_path / "real.json").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["login", "registry.example"],
        ["login", "registry.example", "--username", "a"],
        ["login", "-y", "registry.example", "--noninteractive"],
        ["login", "registry.example", "--username", "a:b", "--password-stdin"],
        ["login", "registry.example", "--username", "", "--password-stdin"],
        ["login", "registry.example", "--username", "a", "--password-stdin"],
        ["login", "https://registry.example"],
        ["login", "../x"],
        ["logout", "a b"],
    ],
)
def test_what_makes_no_sense_is_usage_and_no_hang(machine: Machine, words: list[str]) -> None:
    ran = machine.appctl(*words, stdin="", code=64)
    assert "hint: " in ran.err
    assert not auth(machine).exists()


def test_a_person_types_it_and_it_is_not_shown(machine: Machine, image: Shelved) -> None:
    inside, outside = pty.openpty()
    command = ["setsid", "--ctty", "--wait", str(BIN / "appctl"), "login", host_of(image)]
    with subprocess.Popen(
        command, env=machine.environment, stdin=outside, stdout=outside, stderr=outside
    ) as process:
        os.close(outside)
        shown = until(inside, "User: ")
        os.write(inside, f"{USER}\n".encode())
        shown += until(inside, "Password: ")
        os.write(inside, f"{PASSWORD}\n".encode())
        shown += until(inside, "Kept the login")
        assert process.wait(PATIENCE) == 0
    os.close(inside)
    assert PASSWORD not in shown
    machine.appctl("install", "-y", image.reference)


def until(terminal: int, text: str) -> str:
    """Read what is shown until that text is."""
    shown, end = "", time.monotonic() + PATIENCE
    while text not in shown:
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown
