# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What becomes of an installed app when its signer's key is given up: it runs, and waits for one that counts.

Through the command line, with a real gpg; an attacker has the registry and the key that was given up.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import build
from support.machines.machine import Machine, Ran
from support.publishers.publisher import Publisher
from support.signatures.rotation import Rotating

STRANGER = ("UntrustedSigner", "which remote acme does not trust")
GIVEN_UP = {
    "revoked": ("SignatureInvalid", "its key was revoked"),
    "replaced": STRANGER,
    "denied": STRANGER,
    "denied-by-its-subkey": STRANGER,
    "rotated": STRANGER,
}


class Shop:
    """A machine that runs version 1 of an app, which `old` signed; `new` is the publisher's next key."""

    def __init__(self, machine: Machine, publisher: Publisher, place: Path) -> None:
        self.machine, self.publisher, self.place = machine, publisher, place
        self.repository = place.name.lower().replace("_", "-")
        self.old, self.new = (publisher.keys.make(f"{name}-{self.repository}") for name in ("old", "new"))
        self.subkey = publisher.keys.add_subkey(self.old)  # which gpg signs with from now on
        self.yard = Rotating(place / "yard", publisher.keys)
        self.push("v1", self.old)
        url, key = f"oci+http://{publisher.registry.host}/{self.repository}", self.exported(self.old)
        machine.add_remote("acme", url, key, publisher.lookaside.url)
        machine.appctl("install", "-y", f"{publisher.registry.host}/{self.repository}/greeter:stable")

    def push(self, tag: str, key: str) -> None:
        """Publish a version."""
        self.publisher.push(tag, f"{self.repository}/greeter:stable", key)

    def exported(self, *keys: str) -> Path:
        """A file with public keys as they are now."""
        path = self.place / "keys.gpg"
        path.write_bytes(self.publisher.keys.export(*keys))
        return path

    def modify(self, *words: str) -> Ran:
        """`appctl remote modify acme`."""
        return self.machine.appctl("remote", "modify", "acme", *words)

    def update_file(self, *keys: str, serial: int = 1) -> str:
        """A keyring update to these keys."""
        path = self.place / f"update-{serial}"
        statement = self.yard.statement(*keys, serial=serial)
        path.write_bytes(self.yard.update(statement, self.old, self.new))
        return str(path)

    def give_up(self, how: str) -> None:
        """Make `old` a key that counts no more."""
        match how:
            case "revoked":
                self.publisher.keys.revoke(self.old, 2)
                self.modify("--gpg-import", str(self.exported(self.old)))
            case "replaced":
                self.modify("--gpg-import", str(self.exported(self.new)))
            case "denied":
                self.modify("--set", f"deny-keys={self.old}")
            case "denied-by-its-subkey":
                self.modify("--set", f"deny-keys={self.subkey}")
            case _:
                self.modify("--keyring-update", self.update_file(self.new))

    def refused(self, name: str, says: str, *command: str) -> None:
        """A command ends in exit code 5 with that error, and version 1 runs."""
        document = self.machine.appctl(*command, "--json", code=5).json
        error = (document.get("errors") or [document["error"]])[0]
        assert (error["name"], says in error["message"]) == (name, True), error
        assert self.runs("1.0")

    def runs(self, version: str) -> bool:
        """Whether the app is that version."""
        return version in self.machine.run_app("greeter").out


@pytest.fixture(scope="module")
def versions(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Versions 1 and 2 of the app are built."""
    for version in (1, 2):
        build(publisher.layout, tmp_path_factory.mktemp(f"layers-{version}"), version)


@pytest.fixture
def shop(machine: Machine, publisher: Publisher, versions: None, tmp_path: Path) -> Iterator[Shop]:
    with (shop := Shop(machine, publisher, tmp_path)).yard:
        yield shop


@pytest.mark.parametrize("how", GIVEN_UP)
def test_an_app_runs_on_and_is_updated_only_to_what_a_key_signed_that_counts(how: str, shop: Shop) -> None:
    shop.push("v2", shop.old)
    shop.give_up(how)
    shop.refused(*GIVEN_UP[how], "update", "-y")
    if how not in {"replaced", "rotated"}:
        shop.modify("--gpg-import", str(shop.exported(shop.new)))
    shop.refused(*STRANGER, "update", "-y")
    shop.push("v2", shop.new)
    shop.machine.appctl("update", "-y")
    assert shop.runs("2.0")
    shop.machine.appctl("rollback", "-y", "greeter")
    assert shop.runs("1.0")


def test_nothing_but_the_administrator_lifts_a_denial(shop: Shop) -> None:
    shop.push("v2", shop.old)
    shop.modify("--gpg-import", str(shop.exported(shop.old, shop.new)))
    shop.modify("--set", f"deny-keys={shop.old}")
    shop.modify("--gpg-import", str(shop.exported(shop.old, shop.new)))
    shop.refused(*STRANGER, "update", "-y")
    ran = shop.modify("--keyring-update", shop.update_file(shop.old, shop.new))
    assert f"Trusts:       {shop.new} " in ran.out
    assert shop.old not in ran.out.partition("Trusts:")[2].partition("Deny-keys:")[0]
    shop.refused(*STRANGER, "update", "-y")
    shop.modify("--title", "Acme")
    assert f"Deny-keys:    {shop.old}" in shop.machine.appctl("remote", "show", "acme").out
    shop.modify("--set", "deny-keys=")
    shop.refused(*STRANGER, "update", "-y")
    shop.modify("--gpg-import", str(shop.exported(shop.old)))
    shop.machine.appctl("update", "-y")
    assert shop.runs("2.0")


def test_what_a_rotation_prints_and_what_a_replay_gets(shop: Shop) -> None:
    both = shop.update_file(shop.old, shop.new)
    ran = shop.modify("--keyring-update", both)
    assert "No longer trusted" not in ran.out
    assert shop.new in ran.out
    alone = shop.update_file(shop.new, serial=2)
    assert f"  No longer trusted: {shop.old}\n" in shop.modify("--keyring-update", alone).out
    document = shop.modify("--set", "title=Acme", "--json").json
    assert document["fingerprints"] == [shop.new]
    for update in (both, alone):
        command = ("remote", "modify", "acme", "--keyring-update", update)
        ran = shop.machine.appctl(*command, code=5)
        assert ran.err.startswith("error: ")
        assert "--gpg-import" not in ran.err
    shop.machine.appctl("remote", "modify", "nobody", "--keyring-update", alone, code=3)
