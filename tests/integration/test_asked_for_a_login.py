# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry wants a login, a person at a terminal types one: it opens the registry and is kept nowhere."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from support.layers.tarball import archive, entry
from support.machines.exposure import auth_file, exposing, files_with, holds, processes
from support.machines.machine import BIN, Machine
from support.people.terminal import Terminal
from support.servers.shelf import Shelf, Shelved

USER = "alice"
CTRL_C, END = "\x03", "\x04"
LARGE = archive(entry(b"large", content=os.urandom(1 << 20)))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("asked") / "machine", measured=False) as machine:
        yield machine


@pytest.fixture(scope="module")
def password() -> str:
    """One that nobody else puts anywhere."""
    return os.urandom(12).hex()


@pytest.fixture(scope="module")
def shelf(password: str) -> Iterator[Shelf]:
    with Shelf(login=f"{USER}:{password}") as shelf:
        yield shelf


@pytest.fixture(scope="module")
def image(machine: Machine, shelf: Shelf) -> Shelved:
    machine.add_remote("demo", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
    return shelf.put("demo/app", [LARGE])


@pytest.fixture(autouse=True)
def _nothing_is_installed_or_kept_then(machine: Machine) -> Iterator[None]:
    yield
    if list(machine.state.glob("apps/*/current")):
        machine.appctl("uninstall", "-y", "app")
    auth_file(machine).unlink(missing_ok=True)


def at_terminal(machine: Machine, *words: str, term: str = "xterm") -> Terminal:
    return Terminal([str(BIN / "appctl"), *words], machine.environment, term=term)


def shown_to(person: Terminal) -> str:
    return "\n".join(person.lines())


def types_a_login(person: Terminal, shelf: Shelf, password: str) -> None:
    person.until(f"{shelf.host} wants a login for demo/app.")
    person.until("User: ")
    person.type(f"{USER}\n")
    person.until("Password: ")
    person.type(f"{password}\n")


def waiting_for_a_login(machine: Machine) -> list[dict[str, Any]]:
    return [job for job in machine.appctl("jobs", "--json").json if job["state"] == "needs-credentials"]


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_who_is_asked_types_it_once_and_it_is_kept_nowhere(
    machine: Machine, shelf: Shelf, image: Shelved, password: str, term: str
) -> None:
    """Both jobs need it, the preview's and the install's."""
    before = len(shelf.asked(image.layers[0]))
    with at_terminal(machine, "install", image.reference, term=term) as person:
        types_a_login(person, shelf, password)
        person.until("Install? [Y/n]")
        assert exposing(processes(), f"{USER}:{password}") == []
        person.type("y\n")
        assert person.end() == 0, person.lines()
    shown = person.raw.decode()
    assert "Installed" in shown
    assert shown.count("Password: ") == 1
    assert password not in shown
    assert len(shelf.asked(image.layers[0])) > before
    assert files_with(f"{USER}:{password}", machine.directory) == []
    assert not holds(machine.log.read_bytes(), f"{USER}:{password}")
    assert not holds(machine.appctl("history", "--json").out.encode(), f"{USER}:{password}")
    assert not holds(machine.appctl("jobs", "--json").out.encode(), f"{USER}:{password}")


def test_a_login_that_is_kept_and_no_longer_good_gives_way_to_what_is_typed(
    machine: Machine, shelf: Shelf, image: Shelved, password: str
) -> None:
    machine.appctl("login", shelf.host, "--username", USER, "--password-stdin", stdin="old\n")
    with at_terminal(machine, "install", "-y", image.reference) as person:
        types_a_login(person, shelf, password)
        assert person.end() == 0, person.lines()
    machine.appctl("logout", shelf.host)


def test_a_wrong_password_is_told_with_the_way_to_keep_a_good_one(
    machine: Machine, shelf: Shelf, image: Shelved
) -> None:
    with at_terminal(machine, "install", "-y", image.reference) as person:
        types_a_login(person, shelf, "wrong")
        assert person.end() == 1
    assert "it does not take this login" in shown_to(person)
    assert f"hint: appctl login {shelf.host}" in shown_to(person)


@pytest.mark.parametrize("keys", [CTRL_C, END, "\n"], ids=["interrupt", "end-of-input", "nothing"])
def test_who_types_none_cancels(machine: Machine, image: Shelved, keys: str) -> None:
    with at_terminal(machine, "install", "-y", image.reference) as person:
        person.until("User: ")
        person.type(keys)
        assert person.end() == 130, person.lines()
    assert "Traceback" not in shown_to(person)
    assert machine.appctl("list", "--json").json == []
    assert waiting_for_a_login(machine) == []


def test_who_leaves_at_the_question_leaves_the_job_to_the_other_terminal(
    machine: Machine, shelf: Shelf, image: Shelved, password: str
) -> None:
    command = ("install", "-y", image.reference)
    with at_terminal(machine, *command) as first, at_terminal(machine, *command) as second:
        for person in (first, second):
            person.until("User: ")
        assert len(waiting_for_a_login(machine)) == 1, "it is one job"
        first.type(CTRL_C)
        assert first.end() == 130, first.lines()
        assert len(waiting_for_a_login(machine)) == 1, "which still waits"
        types_a_login(second, shelf, password)
        assert second.end() == 0, second.lines()


@pytest.mark.parametrize("how", ["noninteractive", "no-terminal"])
def test_where_nobody_can_be_asked_the_hint_says_what_to_type(
    machine: Machine, shelf: Shelf, image: Shelved, how: str
) -> None:
    if how == "no-terminal":
        shown = machine.appctl("install", "-y", image.reference, code=1).err
    else:
        with at_terminal(machine, "install", "-y", "--noninteractive", image.reference) as person:
            assert person.end() == 1
        shown = shown_to(person)
    assert "not found, or a login is needed (HTTP 401)" in shown
    assert f"hint: appctl login {shelf.host}" in shown
    assert "Password" not in shown
