# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`install --no-deploy` while there is a network, `install --no-pull` when there is none: a signed image."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import build
from support.machines.machine import Machine
from support.publishers.publisher import Publisher


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    (tmp_path / "publisher").mkdir()
    with Publisher(tmp_path / "publisher") as publisher:
        build(publisher.layout, tmp_path / "publisher", 1)
        yield publisher


def test_what_was_brought_here_is_installed_when_the_publisher_is_gone(
    machine: Machine, publisher: Publisher, tmp_path: Path
) -> None:
    key = publisher.keys.make("acme")
    file = tmp_path / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    publisher.push("v1", "demo/greeter:stable", key)
    machine.add_remote("acme", f"oci+http://{publisher.registry.host}/demo", file, publisher.lookaside.url)
    reference = f"{publisher.registry.host}/demo/greeter:stable"

    missing = machine.appctl("install", "-y", "--no-pull", "--json", reference, code=3).json
    assert [error["name"] for error in missing["errors"]] == ["NotFound"]
    told = machine.appctl("install", "-y", "--no-deploy", reference).out
    assert "is here, and not installed: appctl install --no-pull" in told
    assert machine.appctl("list", "--json").json == []
    machine.stop()
    publisher.registry.stop()
    publisher.lookaside.__exit__(None, None, None)
    machine.start()
    machine.appctl("install", "-y", reference, code=75)
    app = machine.appctl("install", "-y", "--no-pull", "--json", reference).json["apps"][0]
    assert (app["changed"], app["signer"], app["bytes_downloaded"]) == (True, key, 0)
    assert "1.0" in machine.run_app("greeter").out
    assert "good" in machine.appctl("verify").out
    machine.fsck()


def test_where_nothing_was_signed_for_it_nothing_comes_of_it(
    machine: Machine, publisher: Publisher, tmp_path: Path
) -> None:
    """Who is no longer trusted when it is installed is told so without asking anybody."""
    key, other = publisher.keys.make("first"), publisher.keys.make("second")
    for name in (key, other):
        (tmp_path / f"{name}.asc").write_bytes(publisher.keys.export(name, armor=True))
    publisher.push("v1", "demo/greeter:stable", key)
    place = f"oci+http://{publisher.registry.host}/demo"
    machine.add_remote("acme", place, tmp_path / f"{key}.asc", publisher.lookaside.url)
    reference = f"{publisher.registry.host}/demo/greeter:stable"
    machine.appctl("install", "-y", "--no-deploy", reference)
    machine.appctl("remote", "modify", "acme", "--gpg-import", str(tmp_path / f"{other}.asc"))
    refused = machine.appctl("install", "-y", "--no-pull", "--json", reference, code=5).json
    assert [error["name"] for error in refused["errors"]] == ["UntrustedSigner"]


@pytest.mark.parametrize("words", [["--no-pull", "--no-deploy"], ["--no-pull", "--from", "oci:x"]])
def test_what_cannot_be_meant_is_usage(machine: Machine, words: list[str]) -> None:
    machine.appctl("install", "-y", "a.example/b:1", *words, code=64)
