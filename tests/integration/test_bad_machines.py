# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Machines that lack a program, or room, or may not be written to: it is named, and nothing has changed.

The programs are really not there for the daemon (support/machines/lacking.py), and the disk is a small one of
its own (support/machines/volume.py). Doctor about the same is in test_doctor.py, polkitd in test_polkit.py.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.buses.bus import NAME, private_bus
from support.images.greeter import build
from support.machines.deployments import Made
from support.machines.machine import BIN, Machine, Ran
from support.machines.volume import Volume
from support.publishers.publisher import Publisher

REFERENCE = "acme/greeter:1"
LACKING = "support.machines.lacking"
HIDDEN = ("--ro-bind", "/dev/null", "/usr/bin/bwrap")  # for who starts no other program


@pytest.fixture(scope="module")
def key(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of acme, which has published an app."""
    work = tmp_path_factory.mktemp("acme")
    build(publisher.layout, work, 1)
    key = publisher.keys.make("acme")
    publisher.push("v1", "acme/greeter:1", key)
    file = work / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    return file


def trusting(machine: Machine, publisher: Publisher, key: Path) -> None:
    machine.add_remote("acme", f"oci+http://{publisher.registry.host}/acme", key, publisher.lookaside.url)


@pytest.fixture
def lacking(
    request: pytest.FixtureRequest, tmp_path: Path, publisher: Publisher, key: Path
) -> Iterator[Machine]:
    """A machine that trusts acme, and lacks programs."""
    with Machine(tmp_path / "machine", measured=False, program=(LACKING, *request.param)) as machine:
        trusting(machine, publisher, key)
        yield machine


def told(ran: Ran) -> tuple[str, str]:
    """Its sentence and its hint."""
    error, hint = ran.err.strip().splitlines()
    return error.removeprefix("error: "), hint.removeprefix("hint: ")


@pytest.mark.parametrize(
    ("lacking", "sentence", "package"),
    [
        (["gpgv"], "gpgv is missing: no OpenPGP signature can be judged", "gpgv"),
        (["igzip", "gzip"], "gzip is missing: layers that are packed so cannot be read", "gzip"),
    ],
    indirect=["lacking"],
    ids=["gpgv", "gzip"],
)
def test_what_cannot_be_read_is_not_installed(lacking: Machine, sentence: str, package: str) -> None:
    assert told(lacking.appctl("install", "-y", REFERENCE, code=1)) == (sentence, f"apt install {package}")
    assert (lacking.appctl("list").out, lacking.refs()) == ("", set())


@pytest.mark.parametrize("lacking", [["igzip"]], indirect=True)
def test_without_igzip_gzip_does_it(lacking: Machine) -> None:
    lacking.appctl("install", "-y", REFERENCE)
    lacking.fsck()


def test_without_gpg_nobody_can_be_trusted(tmp_path: Path, publisher: Publisher, key: Path) -> None:
    with Machine(tmp_path / "machine", measured=False, program=(LACKING, "gpg")) as machine:
        command = ["remote", "add", "acme", f"oci+http://{publisher.registry.host}/acme", "--gpg-import", key]
        sentence, _ = told(machine.appctl(*map(str, command), code=1))
        assert sentence.startswith("gpg (package gnupg) is missing")
        assert not list(machine.configuration.glob("*"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Volume]:
    """Where a machine keeps its state."""
    directory = tmp_path / "machine/data"
    directory.mkdir(parents=True)
    with Volume(directory, megabytes=1) as disk:
        try:
            os.setxattr(disk.path, "user.attribute", b"kept")
        except OSError as error:
            pytest.skip(f"no file system in memory holds a repository on this kernel: {error.strerror}")
        yield disk


@pytest.fixture
def small(tmp_path: Path, disk: Volume, publisher: Publisher, key: Path) -> Iterator[Machine]:
    """A machine with that disk, which trusts acme."""
    machine = Machine(tmp_path / "machine", measured=False)
    machine.within = disk.within
    with machine:
        trusting(machine, publisher, key)
        yield machine


def fill(disk: Volume) -> None:
    """Leave no byte."""
    with (disk.path / "filler").open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        assert os.fstatvfs(file.fileno()).f_bavail == 0


def test_what_does_not_fit_is_not_installed_until_it_does(small: Machine, disk: Volume) -> None:
    """Once it is seen before the download, once in the middle of it."""
    sentence, hint = told(small.appctl("install", "-y", REFERENCE, code=7))
    assert sentence == f"{small.state} needs 2 MB, 1 MB free above the 1 MB reserve"
    assert hint == "appctl prune --dry-run    (0 MB can go)"
    assert not list((disk.path / "appctl/blobs").iterdir())
    disk.say("size 3")
    sentence, hint = told(small.appctl("install", "-y", REFERENCE, code=7))
    assert sentence == "the disk is full: 1 MB more are needed above the reserve"
    assert hint == "appctl prune --dry-run"
    assert small.appctl("list").out == ""
    assert not list((disk.path / "appctl/apps").iterdir())
    small.fsck()
    disk.say("size 40")
    small.appctl("install", "-y", REFERENCE)
    small.fsck()


def test_on_a_disk_without_a_byte_left_apps_run_and_go(small: Machine, disk: Volume) -> None:
    disk.say("size 40")
    small.appctl("install", "-y", REFERENCE)
    fill(disk)
    small.stop()
    small.start()
    for look in (["verify"], ["prune", "--dry-run"], ["repair", "--dry-run"]):
        small.appctl(*look)
    assert "Greeter" in small.appctl("list").out
    sentence, hint = told(small.appctl("hold", "greeter", code=7))
    assert (sentence.endswith("No space left on device"), hint) == (True, "appctl prune --dry-run")
    assert not small.appctl("info", "greeter", "--json").json["held"]
    told(small.appctl("install", "-y", "--reinstall", REFERENCE, code=7))
    assert "Hello" in small.run_app("greeter").out
    small.fsck()
    small.appctl("uninstall", "-y", "greeter")
    assert small.appctl("list").out == ""
    small.fsck()


def test_where_nobody_can_write_apps_run_and_stay(small: Machine, disk: Volume) -> None:
    """Whether the daemon was there before the disk failed or comes after."""
    disk.say("size 40")
    small.appctl("install", "-y", REFERENCE)
    disk.say("read-only")
    for command in (["install", "-y", "--reinstall", REFERENCE], ["uninstall", "-y", "greeter"], ["prune"]):
        sentence, hint = told(small.appctl(*command, code=1))
        assert sentence == f"{small.state} is read-only: nothing was changed"
        assert hint.startswith("appctl doctor    (")
    sentence, hint = told(small.appctl("hold", "greeter", code=1))
    assert (sentence.endswith("Read-only file system"), hint[:13]) == (True, "appctl doctor")
    assert f"{small.state} lies on a read-only file system" in small.appctl("doctor", code=1).out
    small.stop()
    small.start()
    for look in (["verify"], ["prune", "--dry-run"], ["repair", "--dry-run"]):
        small.appctl(*look)
    assert "Greeter" in small.appctl("list").out
    assert small.appctl("info", "greeter").out
    assert "Hello" in small.run_app("greeter").out
    told(small.appctl("uninstall", "-y", "greeter", code=1))
    disk.say("writable")
    small.appctl("uninstall", "-y", "greeter")
    assert (small.appctl("list").out, small.refs()) == ("", set())


def test_another_programs_repository_is_left_alone(machine: Machine, publisher: Publisher, key: Path) -> None:
    """What the hint says is true: once it is away what was installed comes back."""
    trusting(machine, publisher, key)
    machine.appctl("install", "-y", REFERENCE)
    repository, away = machine.state / "repo", machine.directory / "away"
    shutil.rmtree(repository)
    ostree(repository, "init", "--mode=bare-user-only")  # as flatpak's
    ostree(repository, "commit", "--orphan", "--tree=dir=/usr/share/base-files")
    before = {path: path.lstat().st_mtime_ns for path in (repository, *repository.rglob("*"))}
    sentence, hint = told(machine.appctl("prune", code=1))
    assert sentence == f"{repository} is another program's repository (its mode is bare-user-only)"
    assert hint == "move it away, then: appctl repair"
    machine.stop()
    daemon = [str(BIN / "appctld"), "--user"]
    ended = subprocess.run(daemon, env=machine.environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, f"{sentence} ({hint})" in ended.stderr) == (78, True), ended.stderr
    doctor = machine.appctl("doctor", code=1).out
    assert f"{repository} is another program's repository\n" in doctor
    assert f"hint: {hint}\n" in doctor
    assert {path: path.lstat().st_mtime_ns for path in (repository, *repository.rglob("*"))} == before
    repository.rename(away)
    machine.start()
    machine.appctl("repair")
    assert "Hello" in machine.run_app("greeter").out
    machine.appctl("verify")


def ostree(repository: Path, command: str, *arguments: str) -> None:
    subprocess.run(["ostree", f"--repo={repository}", command, *arguments], check=True, capture_output=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a user of a bus that nobody is on yet, and who has nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "COVERAGE_"))}
    tests = str(Path(__file__).resolve().parents[1])
    with private_bus(tmp_path) as address:
        places = {"HOME": str(tmp_path), "PYTHONPATH": tests, "DBUS_SESSION_BUS_ADDRESS": address}
        yield {**kept, **places, "APPCTL_SCOPE": "user"}


def test_without_bubblewrap_nothing_begins(home: dict[str, str], tmp_path: Path) -> None:
    """The bus starts the daemon, which ends: what is missing it says itself, and doctor says it."""
    program = [sys.executable, "-m", LACKING, "bwrap"]
    ended = subprocess.run(program, env=home, capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "bwrap (package bubblewrap) is missing: what strangers wrote" in ended.stderr
    assert "(apt install bubblewrap)" in ended.stderr
    started = shlex.join(["/usr/bin/env", *(f"{name}={value}" for name, value in home.items()), *program])
    services = tmp_path / "services"
    services.mkdir()
    (services / "appctl.service").write_text(f"[D-BUS Service]\nName={NAME}\nExec={started}\n")
    ran = appctl(home, "install", "-y", REFERENCE)
    assert ran.code == 1
    sentence, hint = told(ran)
    assert sentence.endswith(f"Process {NAME} exited with status 78")
    assert hint.startswith("appctl --user doctor, ")
    assert not (tmp_path / ".local").exists()


def test_without_bubblewrap_no_app_is_run(home: dict[str, str], tmp_path: Path) -> None:
    made = Made(tmp_path / ".local/share/appctl", "org.acme.Tool").programs("true").write(entrypoint=["true"])
    assert appctl(home, "run", made.id).code == 0
    ran = appctl(home, "run", made.id, around=("bwrap", "--dev-bind", "/", "/", *HIDDEN))
    assert ran.code == 125
    assert told(ran) == ("bubblewrap is missing, and no app is run without it", "apt install bubblewrap")


def test_where_the_runtime_directory_is_full_no_app_starts(home: dict[str, str], tmp_path: Path) -> None:
    made = Made(tmp_path / ".local/share/appctl", "org.acme.Tool").programs("true").write(entrypoint=["true"])
    (tmp_path / "run").mkdir(mode=0o700)
    with Volume(tmp_path / "run", megabytes=1) as disk:
        disk.path.chmod(0o700)
        fill(disk)
        home = {**home, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
        ran = appctl(home, "run", made.id, around=disk.within)
        assert ran.code == 125
        assert told(ran) == (f"{made.id} cannot be started: No space left on device", "appctl doctor")
        assert f"{tmp_path}/run is full: no app starts\n" in appctl(home, "doctor", around=disk.within).out


def appctl(environment: dict[str, str], *arguments: str, around: Sequence[str] = ()) -> Ran:
    """Run the CLI."""
    command = [*around, str(BIN / "appctl"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)
