# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Fixtures of several rooms: a publisher and keys a module, a machine a test; proof that nothing is left."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.descriptors import children, open_descriptors
from support.images.greeter import build
from support.images.images import Layout
from support.machines.called import Near
from support.machines.emptied import emptied
from support.machines.machine import Machine
from support.publishers.publisher import Publisher
from support.signatures.keys import Keys


def pytest_collection_finish() -> None:
    """Take what the collected tests are made of out of every garbage collection: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """No descriptor and no child, running or zombie, is left by a test."""
    gc.collect()  # what tests before this one left may be closed now, or in the middle of it
    descriptors, processes = open_descriptors(), children()
    yield
    assert open_descriptors().items() <= descriptors.items()
    assert children() <= processes


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    """A registry, a web server and keys."""
    with Publisher(tmp_path_factory.mktemp("publisher")) as running:
        yield running


@pytest.fixture(scope="module")
def settled(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that trusts acme, and has acme/greeter:1."""
    work = tmp_path_factory.mktemp("settled")
    (work / "layers").mkdir()
    build(publisher.layout, work / "layers", 1)
    key = publisher.keys.make("acme")
    file = work / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    publisher.push("v1", "acme/greeter:1", key)
    with Machine(work / "machine", measured=False) as machine:
        machine.add_remote(
            "acme", f"oci+http://{publisher.registry.host}/acme", file, publisher.lookaside.url
        )
        machine.appctl("install", "-y", "acme/greeter:1")
        yield machine


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    """A keyring with nothing in it."""
    with Keys() as found:
        yield found


@pytest.fixture(scope="module")
def acme(keys: Keys) -> str:
    """A publisher's key."""
    return keys.make("acme")


@pytest.fixture(scope="module")
def stranger(keys: Keys) -> str:
    """The key of somebody whom nobody trusts."""
    return keys.make("stranger")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Two versions of an app by umoci, tags v1 and v2."""
    layout = Layout(tmp_path_factory.mktemp("built") / "images")
    for version in (1, 2):
        build(layout, tmp_path_factory.mktemp(f"layers{version}"), version)
    return layout


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A bus, a daemon and the CLI; at the end every stored object is what its name says."""
    with Machine(tmp_path / "machine", measured=False) as running:
        yield running
        running.fsck()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that a module's tests have one after the other; see `lent`."""
    with Near(tmp_path_factory.mktemp("lasting") / "machine", measured=False) as running:
        yield running


@pytest.fixture
def lent(lasting: Machine) -> Iterator[Machine]:
    """The module's machine, without an app, a remote or an object; it is emptied afterwards."""
    with emptied(lasting):
        yield lasting
