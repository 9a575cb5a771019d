# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Logins between jobs, callers and remotes: where one counts, who else gets it, who sees what it opened."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.config.remote import make_remote
from appctld.jobs.requests import AnyRequest, CheckUpdates, Install, Resolve, Update
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.login import Login
from appctld.model.reference import parse_reference
from appctld.pipeline.tools import endpoint
from support.buses.bus import NAME, ROOT
from support.layers.tarball import archive, entry
from support.machines.exposure import auth_file, downloads, files_with, holds, log_in
from support.machines.machine import BIN, Machine
from support.machines.net import DOCUMENT, LOGIN, MANIFEST, Net, basic
from support.servers.fake_registry import Reply
from support.servers.shelf import Shelf
from support.workers.inline import layer_of
from support.worlds.world import BASE, TOP, Yard

FIRST = f"registry GET {MANIFEST} -"
WITH_LOGIN = f"registry GET {MANIFEST} login"
PATIENCE = 60.0  # seconds on a busy machine until something must have happened

# --- where a login counts

OTHERS: JsonObject = {"username": "mallory", "password": "another"}
PLACES = {
    "the-registry": ("{host}", True),
    "a-path": ("{host}/demo", True),
    "the-repository": ("{host}/demo/plain", True),
    "half-a-component": ("{host}/dem", False),
    "half-a-name": ("{host}/demo/plai", False),
    "a-longer-name": ("{host}/demo/plain-evil", False),
    "below-the-repository": ("{host}/demo/plain/x", False),
    "a-slash-at-the-end": ("{host}/demo/", False),
    "the-host-without-its-port": ("127.0.0.1", False),
    "another-port": ("127.0.0.1:1", False),
    "another-host": ("registry.example", False),
    "the-host-in-front-of-another": ("{host}.evil.example", False),
    "a-scheme": ("http://{host}", False),
}


def asked_with(net: Net, *logins: Login) -> list[str]:
    """What the registry receives for `demo/plain`, from a job with these logins."""
    settings = {"url": f"oci+http://{net.registry.host}", "verify": "none"}
    remote = make_remote("acme", settings, keyring=None, ca=None, origin=Path("/x"), writable=True)
    net.registry.on(MANIFEST, basic(), DOCUMENT)
    net.ask("resolve", endpoint(remote, parse_reference(f"{net.registry.host}/demo/plain:1"), logins))
    return net.received


@pytest.mark.parametrize("place", PLACES)
def test_a_login_counts_where_it_was_given_for(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, counts = PLACES[place]
    with Net(tmp_path, monkeypatch) as net:
        received = asked_with(net, Login(text.format(host=net.registry.host), LOGIN))
        assert received == ([FIRST, WITH_LOGIN] if counts else [FIRST])
        assert net.leaf == ("" if counts else "RegistryAuth")


@pytest.mark.parametrize("order", ["wide-first", "narrow-first"])
def test_the_login_of_the_narrowest_place_is_sent_and_no_other(
    order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Net(tmp_path, monkeypatch) as net:
        logins = [Login(net.registry.host, OTHERS), Login(f"{net.registry.host}/demo", LOGIN)]
        given = logins if order == "wide-first" else reversed(logins)
        assert asked_with(net, *given) == [FIRST, WITH_LOGIN]


# --- jobs of several callers

GIVEN = {"registry-auth": [{"host": "acme.example", "username": "u", "password": "p"}]}
HELLO, MINE = "acme.example/x/hello:1", "other.example/x/mine:1"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE, TOP])
    return yard


def sent(yard: Yard) -> dict[str, list[object]]:
    """Which credentials the fetchers were given, by operation, since this was last asked."""
    found: dict[str, list[object]] = {}
    for request in yard.runner.requests:
        if "registry" in request:
            found.setdefault(get_str(request, "op"), []).append(request["credential"])
    yard.runner.requests.clear()
    return found


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(Resolve(HELLO), id="resolve"),
        pytest.param(Update(()), id="update"),
        pytest.param(CheckUpdates(), id="check"),
        pytest.param(Install((MINE,)), id="another-remote"),
        pytest.param(Install((MINE,), GIVEN), id="another-remote-with-it"),
    ],
)
def test_a_login_of_one_job_is_in_no_other(later: AnyRequest, yard: Yard) -> None:
    yard.do(Install((HELLO,), GIVEN))
    login: JsonObject = {"username": "u", "password": "p"}
    assert {op: [*found] for op, found in sent(yard).items()} == {"resolve": [login], "blob": [login] * 3}
    yard.registry.push("1", [BASE, layer_of({"usr/": None, "usr/newer": b"x"})], Env=["A=b"])
    yard.do(later)
    found = sent(yard)
    assert found["resolve"]
    assert not [one for credentials in found.values() for one in credentials if one is not None]


def test_what_a_login_opened_is_fetched_again_for_another_remote(yard: Yard) -> None:
    """R5: else whoever can name a private layer's digest would be handed its contents."""
    yard.do(Install((HELLO,), GIVEN))
    before = list(yard.registry.asked)
    (app,) = yard.apps(Install((MINE,)))
    assert yard.registry.asked[len(before) :] == before
    assert app["bytes-reused"] == 0


def test_what_nobody_needed_a_login_for_is_shared(yard: Yard) -> None:
    """The counterpart, without which the test above would hold nothing."""
    yard.do(Install((HELLO,)))
    yard.registry.asked.clear()
    (app,) = yard.apps(Install((MINE,)))
    assert len(yard.registry.asked) == 1, "its config"
    assert app["bytes-downloaded"] == 0


def test_blobs_that_a_login_opens_arrive_apart(yard: Yard) -> None:
    yard.do(Install((HELLO,), GIVEN))
    assert [path.name for path in yard.paths.blobs.iterdir()] == ["acme.login"]


# --- a whole machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all, each with a login, a registry and a remote of its own."""
    with Machine(tmp_path_factory.mktemp("jobs") / "machine", measured=False) as running:
        yield running


@pytest.fixture
def login() -> str:
    """One that no other test puts anywhere."""
    return f"alice:{os.urandom(12).hex()}"


def on_the_bus(machine: Machine) -> bytes:
    """Every property of every object."""
    address = machine.environment["DBUS_SESSION_BUS_ADDRESS"]
    method = ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    command = ["busctl", f"--address={address}", "--json=short", "call", NAME, ROOT, *method]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_a_login_is_in_no_property_no_history_and_no_log(machine: Machine, login: str) -> None:
    large = archive(entry(b"large", content=os.urandom(1 << 20)))
    with Shelf(login=login) as shelf:
        image = shelf.put("demo/slow", [large])
        shelf.stall_once(image.layers[0])
        machine.add_remote("slow", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        log_in(machine, shelf.host, login)
        command = [str(BIN / "appctl"), "install", "-y", image.reference]
        with subprocess.Popen(command, env=machine.environment, stdout=subprocess.DEVNULL) as client:
            try:
                end = time.monotonic() + PATIENCE
                while not (shelf.served(image.layers[0]) and downloads(machine)):
                    assert time.monotonic() < end, "the download does not begin"
                    time.sleep(0.02)
                told = on_the_bus(machine)
            finally:
                client.send_signal(signal.SIGINT)  # which cancels the job: a stalled one would be waited for
        assert image.reference.encode() in told
        assert not holds(told, login)
        machine.appctl("install", "-y", image.reference)
    assert (machine.state / "history.jsonl").read_text()
    assert files_with(login, machine.directory) == [auth_file(machine)]


@pytest.mark.parametrize("what", ["wrong", "of-another-host"])
def test_a_login_that_fails_is_in_no_error(machine: Machine, login: str, what: str) -> None:
    with Shelf(login="alice:another") as shelf:
        image = shelf.put("demo/app", [archive(entry(b"x", content=b"x"))])
        machine.add_remote(what, f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        log_in(machine, shelf.host if what == "wrong" else "127.0.0.1:1", login)
        ran = machine.appctl("install", "-y", "--json", image.reference, code=1)
        assert ran.json["errors"][0]["name"] == "RegistryAuth"
        assert not holds((ran.out + ran.err).encode() + on_the_bus(machine), login)
        assert files_with(login, machine.directory) == [auth_file(machine)]
        received = {request.headers.get("authorization") for request in shelf.seen}
        assert (received == {None}) is (what == "of-another-host")


def test_a_private_layer_is_not_handed_to_who_can_name_it(machine: Machine, login: str) -> None:
    """Its digest alone: the other registry names the layer and has no blob of it."""
    secret = archive(entry(b"secret", content=b"private"))
    with Shelf(login=login) as private, Shelf() as other:
        image, naming = private.put("demo/app", [secret]), other.put("demo/app", [secret])
        other.on(naming.layers[0], Reply(404))
        for name, shelf in (("private", private), ("other", other)):
            machine.add_remote(name, f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        log_in(machine, private.host, login)
        machine.appctl("install", "-y", image.reference)
        machine.appctl("install", "-y", naming.reference, code=3)
        assert other.asked(naming.layers[0])
        assert {request.headers.get("authorization") for request in other.seen} == {None}
