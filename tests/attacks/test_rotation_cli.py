# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What becomes of an app when its signer's key is given up: it stays, and waits for a key that counts.

Through the command line, with a real gpg; an attacker has the registry and the key that was given up. One
daemon serves all tests: each has a remote and an app of its own. Which keys count is told by
tests/unit/trust/test_verdict.py, one way after the other.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import Machine, Ran
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher
from support.signatures.rotation import Rotating

GIVEN_UP = {
    "revoked": ("SignatureInvalid", "its key was revoked"),
    "rotated": ("UntrustedSigner", "which remote {} does not trust"),
}


class Shop:
    """A machine that has version 1 of an app, which `old` signed; `new` is the publisher's next key."""

    def __init__(self, name: str, machine: Machine, publisher: Publisher, place: Path) -> None:
        self.name, self.machine, self.publisher, self.place = name, machine, publisher, place
        self.app = f"org.acme.{name.capitalize()}"
        self.old, self.new = (publisher.keys.make(f"{age}-{name}") for age in ("old", "new"))
        self.yard = Rotating(place / "yard", publisher.keys)
        self.push(1, self.old)
        url, key = f"oci+http://{publisher.registry.host}/{name}", self.exported(self.old)
        machine.add_remote(name, url, key, publisher.lookaside.url)
        machine.appctl("install", "-y", f"{publisher.registry.host}/{name}/app:1")

    def push(self, version: int, key: str) -> None:
        """Publish a version."""
        forgery = Forgery([archive(entry(b"version", content=b"%d" % version))])
        forgery.config["config"]["Labels"] = {"org.appctl.id": self.app}
        forgery.config["created"] = f"2024-01-0{version}T00:00:00Z"
        forgery.push(self.publisher, f"{self.name}/app:1", key)

    def exported(self, *keys: str) -> Path:
        """A file with public keys as they are now."""
        path = self.place / "keys.gpg"
        path.write_bytes(self.publisher.keys.export(*keys))
        return path

    def modify(self, *words: str, code: int = 0) -> Ran:
        """`appctl remote modify`."""
        return self.machine.appctl("remote", "modify", self.name, *words, code=code)

    def update_file(self, *keys: str, serial: int = 1) -> str:
        """A keyring update to these keys."""
        path = self.place / f"update-{serial}"
        statement = self.yard.statement(*keys, serial=serial, remote=self.name)
        path.write_bytes(self.yard.update(statement, self.old, self.new))
        return str(path)

    def update(self) -> Ran:
        """`appctl update`, which goes well."""
        return self.machine.appctl("update", "-y", self.app)

    def refused(self, name: str, says: str) -> None:
        """An update ends in exit code 5 with that error, and version 1 is current."""
        document = self.machine.appctl("update", "-y", self.app, "--json", code=5).json
        (error,) = document["errors"]
        assert (error["name"], says.format(self.name) in error["message"]) == (name, True), error
        assert self.version == "1"

    def refused_as_a_strangers(self) -> None:
        """See `refused`."""
        self.refused(*GIVEN_UP["rotated"])

    @property
    def version(self) -> str:
        """What is current."""
        return (self.machine.state / "apps" / self.app / "current/files/version").read_text()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One machine for all shops."""
    with Machine(tmp_path_factory.mktemp("rotation") / "machine", measured=False) as machine:
        yield machine
        machine.fsck()


@pytest.fixture
def shop(running: Machine, publisher: Publisher, tmp_path: Path) -> Iterator[Shop]:
    """Named after the test's directory: no other one has the name."""
    with (shop := Shop(tmp_path.name.replace("_", ""), running, publisher, tmp_path)).yard:
        yield shop


@pytest.mark.parametrize("how", GIVEN_UP)
def test_an_app_stays_and_is_updated_only_to_what_a_key_signed_that_counts(how: str, shop: Shop) -> None:
    shop.push(2, shop.old)
    if how == "revoked":
        shop.publisher.keys.revoke(shop.old, 2)
        shop.modify("--gpg-import", str(shop.exported(shop.old)))
        shop.refused(*GIVEN_UP[how])
        shop.modify("--gpg-import", str(shop.exported(shop.new)))
    else:
        shop.modify("--keyring-update", shop.update_file(shop.new))
    shop.refused_as_a_strangers()
    shop.push(2, shop.new)
    shop.update()
    assert shop.version == "2"
    shop.machine.appctl("rollback", "-y", shop.app)
    assert shop.version == "1"


def test_nothing_but_the_administrator_lifts_a_denial(shop: Shop) -> None:
    shop.push(2, shop.old)
    shop.modify("--set", f"deny-keys={shop.old}", "--gpg-import", str(shop.exported(shop.old, shop.new)))
    shop.modify("--gpg-import", str(shop.exported(shop.old, shop.new)))
    shop.refused_as_a_strangers()
    ran = shop.modify("--keyring-update", shop.update_file(shop.old, shop.new))
    assert f"Trusts:       {shop.new} " in ran.out
    assert shop.old not in ran.out.partition("Trusts:")[2].partition("Deny-keys:")[0]
    shop.refused_as_a_strangers()
    shop.modify("--title", "Acme")
    assert f"Deny-keys:    {shop.old}" in shop.machine.appctl("remote", "show", shop.name).out
    shop.modify("--set", "deny-keys=")
    shop.refused_as_a_strangers()
    shop.modify("--gpg-import", str(shop.exported(shop.old)))
    shop.update()
    assert shop.version == "2"


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
        ran = shop.modify("--keyring-update", update, code=5)
        assert ran.err.startswith("error: ")
        assert "--gpg-import" not in ran.err
    shop.machine.appctl("remote", "modify", "nobody", "--keyring-update", alone, code=3)
