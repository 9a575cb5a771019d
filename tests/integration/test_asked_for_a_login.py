# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry wants a login, a person at a terminal types one: it opens the registry and is kept nowhere."""

import os
from collections.abc import Iterator

import pytest

from support.exposure import auth_file, exposing, files_with, holds, processes
from support.machine import Machine
from support.person import CTRL_C, Person
from support.shelf import Shelf, Shelved
from support.tarball import archive, entry

USER = "alice"
LARGE = archive(entry(b"large", content=os.urandom(1 << 20)))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("asked") / "machine", measured=False) as machine:
        yield machine


@pytest.fixture
def password() -> str:
    """One that no other test puts anywhere."""
    return os.urandom(12).hex()


@pytest.fixture
def shelf(password: str) -> Iterator[Shelf]:
    with Shelf(login=f"{USER}:{password}") as shelf:
        yield shelf


@pytest.fixture
def image(machine: Machine, shelf: Shelf) -> Iterator[Shelved]:
    machine.add_remote("demo", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
    yield shelf.put("demo/app", [LARGE])
    machine.appctl("uninstall", "-y", "app", code=None)
    machine.appctl("remote", "remove", "demo")
    auth_file(machine).unlink(missing_ok=True)


def types_a_login(person: Person, shelf: Shelf, password: str) -> None:
    person.reads(f"{shelf.host} wants a login for demo/app.")
    person.reads("User: ")
    person.types(f"{USER}\n")
    person.reads("Password: ")
    person.types(f"{password}\n")


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_who_is_asked_types_it_once_and_it_is_kept_nowhere(
    machine: Machine, shelf: Shelf, image: Shelved, password: str, term: str
) -> None:
    """Both jobs need it, the preview's and the install's."""
    with Person(machine, "install", image.reference, term=term) as person:
        types_a_login(person, shelf, password)
        person.reads("Install? [Y/n]")
        assert exposing(processes(), f"{USER}:{password}") == []
        person.types("y\n")
        assert person.ends() == 0, person.shown
    assert "Installed" in person.shown
    assert person.shown.count("Password: ") == 1
    assert password not in person.shown
    assert len(shelf.asked(image.layers[0])) >= 1
    assert files_with(f"{USER}:{password}", machine.directory) == []
    assert not holds(machine.log.read_bytes(), f"{USER}:{password}")
    assert not holds(machine.appctl("history", "--json").out.encode(), f"{USER}:{password}")
    assert not holds(machine.appctl("jobs", "--json").out.encode(), f"{USER}:{password}")


def test_a_login_that_is_kept_and_no_longer_good_gives_way_to_what_is_typed(
    machine: Machine, shelf: Shelf, image: Shelved, password: str
) -> None:
    machine.appctl("login", shelf.host, "--username", USER, "--password-stdin", stdin="old\n")
    with Person(machine, "install", "-y", image.reference) as person:
        types_a_login(person, shelf, password)
        assert person.ends() == 0, person.shown
    machine.appctl("logout", shelf.host)


def test_a_wrong_password_is_told_with_the_way_to_keep_a_good_one(
    machine: Machine, shelf: Shelf, image: Shelved
) -> None:
    with Person(machine, "install", "-y", image.reference) as person:
        types_a_login(person, shelf, "wrong")
        assert person.ends() == 1
    assert "it does not take this login" in person.shown
    assert f"hint: appctl login {shelf.host}" in person.shown


@pytest.mark.parametrize("keys", [CTRL_C, "\x04", "\n"], ids=["interrupt", "end-of-input", "nothing"])
def test_who_types_none_cancels(machine: Machine, image: Shelved, keys: str) -> None:
    with Person(machine, "install", "-y", image.reference) as person:
        person.reads("User: ")
        person.types(keys)
        assert person.ends() == 130, person.shown
    assert "Traceback" not in person.shown
    assert machine.appctl("list", "--json").json == []
    assert not [job for job in machine.appctl("jobs", "--json").json if job["state"] == "needs-credentials"]


@pytest.mark.parametrize("how", ["noninteractive", "no-terminal"])
def test_where_nobody_can_be_asked_the_hint_says_what_to_type(
    machine: Machine, shelf: Shelf, image: Shelved, how: str
) -> None:
    if how == "no-terminal":
        shown = machine.appctl("install", "-y", image.reference, code=1).err
    else:
        with Person(machine, "install", "-y", "--noninteractive", image.reference) as person:
            assert person.ends() == 1
        shown = person.shown
    assert "not found, or a login is needed (HTTP 401)" in shown
    assert f"hint: appctl login {shelf.host}" in shown
    assert "Password" not in shown
