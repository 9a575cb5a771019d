# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bad input, through the CLI and a real daemon: one sentence, a hint, the right exit code, nothing changed.

A good version is installed first. After every attack it is current and all there is, byte for byte; after all
of them it runs. Of each kind of refusal one stands here: the tables are beside what refuses, in tests/unit.
"""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from support.images.greeter import build
from support.layers.tarball import archive, entry
from support.machines.machine import Machine, Ran
from support.machines.unchanged import installed_state
from support.publishers.forge import Forgery, digest_of
from support.publishers.publisher import Publisher
from support.signatures.keys import payload

GOOD = archive(entry(b"usr/"), entry(b"usr/new", content=b"new"))


def names_of(ran: Ran) -> list[str]:
    """The names of the errors that --json told."""
    document = ran.json
    errors = document.get("errors") or [document["error"]]
    return [error["name"] for error in errors]


class Victim:
    """A machine that trusts `acme` and `other`, each with a key, and runs acme's app in version 1."""

    def __init__(self, machine: Machine, publisher: Publisher, keys: dict[str, str]) -> None:
        self.machine = machine
        self.publisher = publisher
        self.keys = keys
        self.name = "acme/greeter:stable"
        self.reference = f"{publisher.registry.host}/{self.name}"

    def refuses(self, *command: str, code: int, name: str, says: str = "") -> Ran:
        """Run the CLI; the attack fails with that error and exit code, and changes nothing."""
        before = installed_state(self.machine.state)
        ran = self.machine.appctl(*command, "--json", code=code)
        assert name in names_of(ran), ran
        assert says in ran.err
        assert "error: " in ran.err
        assert "hint: " in ran.err
        assert "Traceback" not in ran.err + ran.out
        assert installed_state(self.machine.state) == before
        return ran

    def push(self, forgery: Forgery, name: str = "acme/forged:1") -> str:
        """Publish a forgery under acme's good signature; its reference."""
        forgery.push(self.publisher, name, self.keys["acme"])
        return f"{self.publisher.registry.host}/{name}"


@pytest.fixture(scope="module")
def victim(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    work = tmp_path_factory.mktemp("victim")
    keys = {name: publisher.keys.make(name) for name in ("acme", "other")}
    (work / "layers").mkdir()
    build(publisher.layout, work / "layers", 1)
    with Machine(work / "machine", measured=False) as machine:
        for name in ("acme", "other"):
            key = work / f"{name}.asc"
            key.write_bytes(publisher.keys.export(keys[name], armor=True))
            machine.add_remote(
                name, f"oci+http://{publisher.registry.host}/{name}", key, publisher.lookaside.url
            )
        victim = Victim(machine, publisher, keys)
        publisher.push("v1", victim.name, keys["acme"])
        machine.appctl("install", "-y", victim.reference)
        yield victim
        assert "1.0" in machine.run_app("greeter").out
        machine.fsck()


def test_no_remote_covers_the_host(victim: Victim) -> None:
    ran = victim.refuses(
        "install", "-y", "quay.example.org/other/x:1", code=3, name="NoRemote", says="no remote covers"
    )
    assert "hint: appctl remote add" in ran.err


def test_a_remote_without_a_key_is_not_added(victim: Victim) -> None:
    ran = victim.machine.appctl("remote", "add", "nokey", "https://nokey.example.org", code=64)
    assert "key" in ran.err
    assert "hint: " in ran.err
    assert "nokey" not in victim.machine.appctl("remote", "list").out


def test_a_remote_whose_key_is_gone_trusts_nobody(victim: Victim) -> None:
    key = victim.machine.configuration / "acme.gpg"
    kept = key.read_bytes()
    key.unlink()
    try:
        victim.refuses("update", "-y", "greeter", code=5, name="UntrustedSigner", says="key")
    finally:
        key.write_bytes(kept)


def test_an_unsigned_image(victim: Victim) -> None:
    source = victim.publisher.layout.source("v1")
    victim.publisher.registry.push(source, "acme/unsigned:1")
    reference = f"{victim.publisher.registry.host}/acme/unsigned:1"
    ran = victim.refuses("install", "-y", reference, code=5, name="SignatureMissing", says="has no signature")
    assert victim.publisher.lookaside.url in ran.err
    assert "hint: appctl help unsigned" in ran.err


def test_an_image_that_another_remotes_key_signed(victim: Victim) -> None:
    victim.publisher.push("v1", "acme/other:1", victim.keys["other"])
    reference = f"{victim.publisher.registry.host}/acme/other:1"
    ran = victim.refuses(
        "install", "-y", reference, code=5, name="UntrustedSigner", says="which remote acme does not trust"
    )
    for word in ("trust this key", "--verify none", "--allow-downgrade"):
        assert word not in ran.err


def test_a_good_signature_for_another_tag(victim: Victim) -> None:
    publisher = victim.publisher
    digest = publisher.registry.push(publisher.layout.source("v1"), "acme/swapped:1")
    claimed = f"{publisher.registry.host}/acme/swapped:2"
    publisher.lookaside.place(
        "acme/swapped", digest, publisher.keys.sign(payload(digest, claimed), victim.keys["acme"])
    )
    reference = claimed.replace(":2", ":1")
    victim.refuses("install", "-y", reference, code=5, name="SignatureInvalid", says=claimed)


def test_a_blob_that_was_tampered_with_in_the_registry(victim: Victim) -> None:
    forgery = Forgery([GOOD])
    reference = victim.push(forgery, "acme/tampered:1")
    stored = victim.publisher.registry.blob(digest_of(forgery.blobs[0]))
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 1
    stored.write_bytes(data)
    victim.refuses("install", "-y", reference, code=5, name="DigestMismatch")


def test_a_manifest_that_was_tampered_with_in_the_registry(victim: Victim) -> None:
    """What it serves then is bytes that nobody signed."""
    forgery = Forgery([archive(entry(b"x", content=b"manifest"))])
    reference = victim.push(forgery, "acme/tampered-manifest:1")
    digest = forgery.push(victim.publisher, "acme/tampered-manifest:1", victim.keys["acme"])
    stored = victim.publisher.registry.blob(digest)
    stored.write_bytes(stored.read_bytes().replace(b"schemaVersion", b"schemaVersioN"))
    victim.refuses("install", "-y", reference, code=5, name="SignatureMissing")


def test_a_layer_that_is_larger_than_its_manifest_says(victim: Victim) -> None:
    forgery = Forgery([archive(entry(b"size", content=b"size"))])

    def shrink(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["size"] -= 1

    forgery.change_manifest = shrink
    victim.refuses("install", "-y", victim.push(forgery, "acme/size:1"), code=1, name="LimitExceeded")


def test_a_layer_that_would_be_written_outside(victim: Victim) -> None:
    forgery = Forgery([archive(entry(b"../escape", content=b"x"))])
    victim.refuses("install", "-y", victim.push(forgery, "acme/hostile:1"), code=5, name="UnsafeArchive")
    assert not list(victim.machine.directory.glob("**/escape"))


def test_a_truncated_gzip(victim: Victim) -> None:
    forgery = Forgery([archive(entry(b"x", content=b"gzip" * 1000))])
    forgery.blobs[0] = forgery.blobs[0][:-12]
    victim.refuses("install", "-y", victim.push(forgery, "acme/truncated:1"), code=5, name="UnsafeArchive")


def test_an_id_of_another_remote(victim: Victim) -> None:
    victim.publisher.push("v1", "other/greeter:1", victim.keys["other"])
    reference = f"{victim.publisher.registry.host}/other/greeter:1"
    victim.refuses("install", "-y", reference, code=1, name="Conflict", says="installed from remote acme")


def test_the_registry_is_down(victim: Victim) -> None:
    with (
        socket.socket() as nobody
    ):  # which has the port, so that no other program gets it, and does not listen
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        url, key = f"oci+http://{host}/down", victim.machine.configuration / "acme.gpg"
        victim.machine.add_remote("down", url, key, victim.publisher.lookaside.url)
        reference = f"{host}/down/greeter:1"
        victim.refuses("install", "-y", reference, code=75, name="RegistryUnavailable")


def test_the_registry_does_not_know_the_tag(victim: Victim) -> None:
    reference = f"{victim.publisher.registry.host}/acme/greeter:nope"
    victim.refuses("install", "-y", reference, code=3, name="NotFound", says="nope")


def test_what_is_no_reference(victim: Victim) -> None:
    victim.refuses("install", "-y", "quay.io/../x:1", code=64, name="InvalidReference")


def test_an_app_that_is_not_installed(victim: Victim) -> None:
    for command in (["uninstall", "-y"], ["update", "-y"], ["rollback", "-y"], ["info"]):
        victim.refuses(
            *command, "org.example.Nothing", code=3, name="NotInstalled", says="org.example.Nothing"
        )


def test_nothing_to_roll_back_to(victim: Victim) -> None:
    victim.refuses("rollback", "-y", "greeter", code=3, name="NotFound", says="no other version")


def test_no_terminal_and_no_yes_is_no_hang(victim: Victim) -> None:
    ran = victim.machine.appctl("uninstall", "greeter", code=64)
    assert "\nerror: " in ran.err
    assert "hint: -y" in ran.err


def test_a_damaged_object_is_found_before_it_is_deployed(victim: Victim) -> None:
    machine = victim.machine
    reference = victim.push(
        Forgery([archive(entry(b"precious", content=b"precious" * 100))]), "acme/precious:1"
    )
    machine.appctl("install", "-y", reference)
    files = machine.state.glob("repo/objects/*/*.file")
    (stored,) = [path for path in files if path.read_bytes() == b"precious" * 100]
    honest = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(honest.replace(b"p", b"P"))
    deployed = installed_state(machine.state)
    ran = machine.appctl("install", "-y", "--reinstall", reference, code=1)
    assert stored.stem in ran.err
    assert installed_state(machine.state) == deployed
    stored.write_bytes(honest)
    stored.chmod(0o444)
