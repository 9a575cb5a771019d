# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Remotes that are a directory of images, on a machine whose every part is real, and without a registry."""

import shutil
from pathlib import Path

import pytest

from support.images.images import Layout
from support.machines.machine import Machine
from support.publishers.disk import Disk
from support.signatures.keys import Keys

PREFIX = "quay.io/acme"


class Shelf(Disk):
    """What is put there is signed, for PREFIX unless something else is said."""

    def hold(self, tag: str, name: str, key: str, identity: str = f"{PREFIX}/greeter:stable") -> str:
        """Put an image there under that name, signed; its digest."""
        digest = self.put(tag, name)
        self.sign(digest, key, identity)
        return digest


@pytest.fixture
def shelf(tmp_path: Path, built: Layout, keys: Keys) -> Shelf:
    return Shelf(tmp_path / "shelf", built, keys)


def trust(machine: Machine, shelf: Shelf, keys: Keys, key: str, *more: str) -> None:
    file = shelf.directory.parent / "acme.asc"
    file.write_bytes(keys.export(key))
    machine.add_remote("acme", f"oci:{shelf.directory}", file, "", *more)


def test_install_update_rollback_repair_uninstall(
    machine: Machine, shelf: Shelf, keys: Keys, acme: str
) -> None:
    first = shelf.hold("v1", "stable", acme)
    trust(machine, shelf, keys, acme, "--prefix", PREFIX)
    shown = machine.appctl("remote", "show", "acme").out
    assert f"Directory:    oci:{shelf.directory}\n" in shown
    assert f"Prefix:       {PREFIX}\n" in shown
    assert "Lookaside" not in shown
    (app,) = machine.appctl("install", "-y", "--json", "acme/greeter:stable").json["apps"]
    assert (app["image_digest"], app["reference"]) == (first, f"{PREFIX}/greeter:stable")
    assert (app["signer"], app["remote"], app["tag_bound"]) == (acme, "acme", True)
    assert "1" in machine.run_app("greeter").out
    assert machine.appctl("update", "--check", code=2).out.strip() == ""

    second = shelf.hold("v2", "stable", acme)
    (app,) = machine.appctl("update", "-y", "--json").json["apps"]
    assert (app["image_digest"], app["changed"]) == (second, True)
    machine.appctl("rollback", "-y", "greeter")
    assert machine.appctl("info", "greeter", "--json").json["image_digest"] == first
    machine.appctl("update", "-y", "greeter")

    assert machine.appctl("verify", "--json").json["problems"] == []
    damaged = next(path for path in (machine.state / "repo/objects").glob("*/*.file") if path.stat().st_size)
    damaged.unlink()
    assert machine.appctl("verify", "--json", code=1).json["problems"] != []
    machine.appctl("repair")
    assert machine.appctl("verify", "--json").json["problems"] == []

    machine.appctl("uninstall", "-y", "greeter")
    machine.appctl("remote", "remove", "acme")
    machine.appctl("install", "-y", f"{PREFIX}/greeter:stable", code=3)


def test_without_a_prefix_the_images_are_local(machine: Machine, shelf: Shelf, keys: Keys, acme: str) -> None:
    shelf.hold("v1", "greeter:1", acme, identity="localhost/acme/greeter:1")
    trust(machine, shelf, keys, acme)
    (app,) = machine.appctl("install", "-y", "--json", "acme/greeter:1").json["apps"]
    assert app["reference"] == "localhost/acme/greeter:1"


def test_a_signature_is_for_the_named_reference(
    machine: Machine, shelf: Shelf, keys: Keys, acme: str, stranger: str
) -> None:
    shelf.hold("v1", "stable", acme, identity=f"{PREFIX}/greeter:other")
    trust(machine, shelf, keys, acme, "--prefix", PREFIX)
    assert (
        f"signed {PREFIX}/greeter:other" in machine.appctl("install", "-y", "acme/greeter:stable", code=5).err
    )
    shelf.hold("v2", "stranger", stranger, identity=f"{PREFIX}/greeter:stranger")
    ran = machine.appctl("install", "-y", "acme/greeter:stranger", code=5)
    assert "does not trust" in ran.err
    shutil.rmtree(shelf.directory / "lookaside")
    ran = machine.appctl("install", "-y", "acme/greeter:stable", code=5)
    assert "has no signature" in ran.err
    assert f"{shelf.directory}/lookaside/acme/greeter@sha256=" in ran.err
    ran = machine.appctl("install", "-y", "acme/greeter:none", code=3)
    assert f"{shelf.directory} has no {PREFIX}/greeter:none; it has stable, stranger" in ran.err
    assert machine.appctl("list", "--json").json == []


def test_a_directory_that_others_can_change_is_not_used(
    machine: Machine, shelf: Shelf, keys: Keys, acme: str
) -> None:
    shelf.hold("v1", "stable", acme)
    trust(machine, shelf, keys, acme, "--prefix", PREFIX)
    shelf.directory.chmod(0o777)
    ran = machine.appctl("install", "-y", "acme/greeter:stable", code=4)
    assert f"{shelf.directory} can be changed by others" in ran.err
    shelf.directory.chmod(0o755)
    shelf.directory.rename(shelf.directory.with_name("unmounted"))
    ran = machine.appctl("install", "-y", "acme/greeter:stable", code=75)
    assert f"there is no {shelf.directory}" in ran.err


def test_two_remotes_have_no_one_prefix_and_another_place_keeps_no_layers(
    machine: Machine, shelf: Shelf, keys: Keys, acme: str
) -> None:
    shelf.hold("v1", "stable", acme)
    trust(machine, shelf, keys, acme, "--prefix", PREFIX)
    more = ("--verify", "digest")
    ran = machine.appctl("remote", "add", "other", f"https://{PREFIX}", *more, code=1)
    assert f"both are {PREFIX}" in ran.err
    ran = machine.appctl(
        "remote", "add", "other", "https://quay.io/other", "--prefix", PREFIX, *more, code=64
    )
    assert "'prefix' means nothing to a registry" in ran.err
    machine.appctl("install", "-y", "acme/greeter:stable")
    assert list((machine.state / "remotes/acme").glob("**/*"))
    moved = shelf.directory.with_name("moved")
    shutil.copytree(shelf.directory, moved)
    machine.appctl("remote", "modify", "acme", "--set", f"url=oci:{moved}")
    assert not [path for path in (machine.state / "remotes/acme").glob("**/*") if path.is_file()]
    (app,) = machine.appctl("install", "-y", "--reinstall", "--json", "acme/greeter:stable").json["apps"]
    assert app["bytes_downloaded"] > 0
