# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry that wants a login: the caller's own opens it, and is seen nowhere on this machine meanwhile."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import build
from support.layers.tarball import archive, entry
from support.machines.called import Near
from support.machines.exposure import (
    auth_file,
    downloads,
    encoded,
    exposing,
    files_with,
    log_in,
    processes,
)
from support.machines.machine import BIN, Machine
from support.people.terminal import Terminal
from support.publishers.publisher import Publisher
from support.servers.registry import Registry
from support.servers.shelf import Shelf

USER, PASSWORD = "alice", "correct-horse-battery"
LOGIN = f"{USER}:{PASSWORD}"
PATIENCE = 60.0  # seconds on a busy machine until something must have happened


class Private(Publisher):
    """A publisher whose registry knows one user; `key` signs."""

    key = ""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.registry = Registry(directory / "registry", users={USER: PASSWORD})

    def publish(self, tag: str, name: str) -> None:
        """Push the image `tag` of the layout as `name`, signed."""
        self.registry.push(
            self.layout.source(tag),
            name,
            f"--sign-by={self.key}",
            credential=LOGIN,
            registries_d=self.directory / "registries.d",
            env={"GNUPGHOME": str(self.keys.home)},
        )


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """Versions 1 and 2 of the app are built."""
    work = tmp_path_factory.mktemp("private")
    with Private(work) as private:
        for version in (1, 2):
            (work / str(version)).mkdir()
            build(private.layout, work / str(version), version)
        private.key = private.keys.make("private")
        yield private


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Who uses it leaves no app, no remote and no login behind."""
    with Near(tmp_path_factory.mktemp("private-user") / "machine", measured=False) as machine:
        yield machine
        machine.fsck()


@pytest.fixture
def reference(private: Private, machine: Machine, tmp_path: Path) -> Iterator[str]:
    """Version 1 in a repository of this test's own, from a remote of the same name."""
    repository = tmp_path.name.lower().replace("_", "-")
    file = tmp_path / "key.asc"
    file.write_bytes(private.keys.export(private.key, armor=True))
    private.publish("v1", f"{repository}/greeter:stable")
    machine.add_remote(
        repository, f"oci+http://{private.registry.host}/{repository}", file, private.lookaside.url
    )
    yield f"{private.registry.host}/{repository}/greeter:stable"
    machine.appctl("uninstall", "-y", "greeter", code=None)
    machine.appctl("remote", "remove", "-y", repository)
    auth_file(machine).unlink(missing_ok=True)


def republish(private: Private, tag: str, reference: str) -> None:
    """Another version under the same name."""
    private.publish(tag, reference.partition("/")[2])


def test_the_callers_login_installs_and_updates(machine: Machine, private: Private, reference: str) -> None:
    log_in(machine, private.registry.host, LOGIN)
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    assert (app["version"], app["changed"]) == ("1.0", True)
    republish(private, "v2", reference)
    assert "2.0" in machine.appctl("update", "--check").out
    app = machine.appctl("update", "-y", "--json").json["apps"][0]
    assert (app["version"], app["changed"]) == ("2.0", True)
    assert 0 < app["bytes_downloaded"] < app["bytes_reused"]
    assert "2.0" in machine.run_app("greeter").out
    assert files_with(LOGIN, machine.directory) == [auth_file(machine)]


def test_a_login_of_one_update_is_kept_for_no_other(
    machine: Machine, private: Private, reference: str
) -> None:
    log_in(machine, private.registry.host, LOGIN)
    machine.appctl("install", "-y", reference)
    auth_file(machine).unlink()
    republish(private, "v2", reference)
    hint = f"hint: appctl login {private.registry.host}"
    assert hint in machine.appctl("update", "-y", code=1).err
    machine.appctl("update", "--check", code=1)
    assert "1.0" in machine.run_app("greeter").out


def test_an_update_asks_a_person_for_the_login(machine: Machine, private: Private, reference: str) -> None:
    log_in(machine, private.registry.host, LOGIN)
    machine.appctl("install", "-y", reference)
    auth_file(machine).unlink()
    republish(private, "v2", reference)
    with Terminal([str(BIN / "appctl"), "update", "greeter"], machine.environment) as person:
        person.until("User: ")
        person.type(f"{USER}\n")
        person.until("Password: ")
        person.type(f"{PASSWORD}\n")
        assert person.end() == 0, person.lines()
    assert PASSWORD.encode() not in person.raw
    assert "2.0" in machine.run_app("greeter").out
    assert files_with(LOGIN, machine.directory) == []


def refused(machine: Machine, reference: str) -> None:
    ran = machine.appctl("install", "-y", reference, code=1)
    assert ran.err.startswith("error: ")
    assert f"hint: appctl login {reference.partition('/')[0]}" in ran.err
    (error,) = machine.appctl("install", "-y", "--json", reference, code=1).json["errors"]
    assert error["name"] == "RegistryAuth"
    assert PASSWORD not in ran.err + ran.out
    assert machine.appctl("help", "credentials").out
    assert machine.appctl("list", "--json").json == []


def test_without_a_login_nothing_is_installed(machine: Machine, reference: str) -> None:
    refused(machine, reference)


def test_a_wrong_password_is_refused(machine: Machine, private: Private, reference: str) -> None:
    log_in(machine, private.registry.host, f"{USER}:wrong")
    refused(machine, reference)


def test_a_login_for_another_place_is_not_tried(machine: Machine, private: Private, reference: str) -> None:
    host, repository = private.registry.host, reference.split("/")[1]
    log_in(machine, f"{host}/{repository}-other", LOGIN)
    refused(machine, reference)
    log_in(machine, f"{host}/{repository}", LOGIN)
    machine.appctl("install", "-y", reference)


# --- who may see it meanwhile


@pytest.fixture
def login() -> str:
    """One that no other test puts anywhere."""
    return f"{USER}:{os.urandom(12).hex()}"


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_the_look_at_processes_sees_what_it_should(login: str, how: str) -> None:
    arguments, variables = ([encoded(login)], {}) if how == "argument" else ([], {"LOGIN": login})
    command = ["sh", "-c", "echo; read line", "sh", *arguments]
    environment = {**os.environ, **variables}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert exposing(processes(), login) == [str(process.pid)]


def test_a_login_is_in_no_arguments_and_no_environment(tmp_path: Path, login: str) -> None:
    """All that take part are looked at while a download stands still that the login opened.

    The machine is this test's own: its install goes on until the daemon ends.
    """
    large = archive(entry(b"large", content=os.urandom(8 << 20)))
    with Shelf(login=login) as shelf, Machine(tmp_path / "machine", measured=False) as machine:
        image = shelf.put("demo/slow", [large])
        shelf.stall_once(image.layers[0])
        machine.add_remote("slow", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        log_in(machine, shelf.host, login)
        command = [str(BIN / "appctl"), "install", "-y", image.reference]
        with subprocess.Popen(command, env=machine.environment, stdout=subprocess.DEVNULL) as client:
            try:
                end = time.monotonic() + PATIENCE
                while not (shelf.served(image.layers[0]) and downloads(machine)):
                    assert client.poll() is None
                    assert time.monotonic() < end, "the download does not begin"
                    time.sleep(0.02)
                found = processes()
                kept = files_with(login, machine.directory)
            finally:
                client.kill()
    lines = [argv.replace(b"\0", b" ") for argv, environment in found.values() if environment]
    for part in (b"appctl install", b"appctld.workers.fetch", b"appctld.workers.store"):
        assert any(part in line for line in lines), part
    assert exposing(found, login) == []
    assert kept == [auth_file(machine)]


def test_the_callers_login_fetches_what_leaves(
    machine: Machine, private: Private, reference: str, tmp_path: Path
) -> None:
    log_in(machine, private.registry.host, LOGIN)
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    exported = machine.appctl("export", "greeter", f"oci:{tmp_path / 'one'}", "--json").json["apps"][0]
    assert exported["digest"] == app["image_digest"]
    assert files_with(LOGIN, tmp_path / "one") == []
    auth_file(machine).unlink()
    refused = machine.appctl("export", "greeter", f"oci:{tmp_path / 'two'}", code=3)
    assert "login" in refused.err
    assert not (tmp_path / "two").exists()


def test_a_remote_is_refreshed_with_the_callers_login(
    machine: Machine, private: Private, reference: str
) -> None:
    log_in(machine, private.registry.host, LOGIN)
    remote = reference.split("/")[1]
    machine.appctl("install", "-y", reference)
    republish(private, "v2", reference)
    assert "Greeter 1.0 -> 2.0" in machine.appctl("remote", "refresh", remote).out
    told = machine.appctl("remote", "refresh", "--json").json
    assert [one["name"] for one in told["remotes"]] == [remote]
    assert machine.appctl("remote", "show", remote, "--json").json["lastrefreshed"] > 0
    assert [app["update_version"] for app in machine.appctl("list", "--updates", "--json").json] == ["2.0"]
    auth_file(machine).unlink()
    machine.appctl("remote", "refresh", remote, code=1)
    machine.appctl("remote", "refresh", "nobody", code=3)
    machine.appctl("remote", "refresh", "No/body", code=64)
