# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images signed with cosign keys, on a machine whose every part is real, in the form that cosign writes."""

from collections.abc import Iterator

import pytest

from appctld.trust.evidence import Attachment, Bundle
from support.images.greeter import build
from support.machines.machine import Machine
from support.publishers.attachments import push
from support.publishers.publisher import Publisher
from support.signatures.cosign import CosignKey, statement
from support.signatures.keys import payload

KEY, STRANGER = CosignKey(), CosignKey()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("machine") / "of", sandboxed=True) as running:
        yield running
        running.fsck()


@pytest.fixture(scope="module")
def image(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of an image in the publisher's layout."""
    build(publisher.layout, tmp_path_factory.mktemp("layers"), 1)
    return "v1"


class Shop:
    """A repository of a test's own, below a remote that the machine trusts."""

    def __init__(self, name: str, image: str, publisher: Publisher, machine: Machine) -> None:
        self.host = publisher.registry.host
        self.name = name
        self.repository = f"{name}/greeter"
        self.machine = machine
        self.reference = f"{self.host}/{self.repository}:stable"
        source = publisher.layout.source(image)
        self.digest = publisher.registry.push(source, f"{self.repository}:stable")

    def attach(self, *found: Attachment | Bundle) -> None:
        """Put signatures beside the image."""
        push(self.host, self.repository, self.digest, *found)

    def trust(self, *options: str, key: CosignKey = KEY) -> None:
        """Add the remote with a cosign key."""
        file = self.machine.directory / f"{self.name}.pub"
        file.write_bytes(key.pem)
        url = f"oci+http://{self.host}/{self.name}"
        self.machine.appctl("remote", "add", self.name, url, "--cosign-key", str(file), *options)

    def refused(self) -> str:
        """What is told to who tries to install it; nothing is there afterwards."""
        ran = self.machine.appctl("install", "-y", self.reference, code=5)
        assert self.machine.appctl("list", "--json").json == []
        return ran.err


@pytest.fixture
def shop(request: pytest.FixtureRequest, image: str, publisher: Publisher, machine: Machine) -> Shop:
    name = request.node.name.removeprefix("test_")[:40].replace("[", "-").replace("]", "")
    return Shop(name.replace("_", "-"), image, publisher, machine)


def test_signed_install(shop: Shop, machine: Machine) -> None:
    shop.trust("--identity", "repository")
    shown = machine.appctl("remote", "show", shop.name).out
    assert "Verify:       cosign" in shown
    assert f"Trusts:       {KEY.fingerprint} (cosign: names no owner, does not expire)\n" in shown
    shop.attach(KEY.attach(shop.digest, f"{shop.host}/{shop.repository}"))
    (app,) = machine.appctl("install", "-y", "--json", shop.reference).json["apps"]
    assert (app["signer"], app["signed_at"], app["verify"]) == (KEY.fingerprint, 0, "cosign")
    short = f"{KEY.fingerprint[:4]}…{KEY.fingerprint[-4:]}"
    assert f"{short} (tag not bound)" in machine.appctl("info", "greeter").out
    assert "Hello" in machine.run_app("greeter").out
    assert machine.appctl("update", "-y", "--json").json["apps"][0]["changed"] is False
    machine.appctl("uninstall", "-y", "greeter")
    machine.appctl("remote", "remove", shop.name)
    assert not list(machine.configuration.glob(f"{shop.name}.*"))


def test_bound_tag(shop: Shop, machine: Machine) -> None:
    shop.trust()
    shop.attach(KEY.attach(shop.digest, f"{shop.host}/{shop.repository}"))
    assert f"signed {shop.host}/{shop.repository} " in shop.refused()
    shop.attach(KEY.attach(shop.digest, shop.reference))
    assert machine.appctl("install", "-y", "--json", shop.reference).json["apps"][0]["tag_bound"] is True
    machine.appctl("uninstall", "-y", "greeter")


def test_stranger(shop: Shop) -> None:
    shop.trust()
    shop.attach(STRANGER.attach(shop.digest, shop.reference))
    told = shop.refused()
    assert f"none of the keys of remote {shop.name} made" in told
    assert "appctl help key-change" in told


def test_nothing_signed(shop: Shop) -> None:
    shop.trust()
    told = shop.refused()
    short = shop.digest[7:11]
    assert f"looked at tag sha256-{short}….sig (404), referrers (404), tag sha256-{short}… (404)" in told
    assert "appctl help unsigned" in told


def test_bundle(shop: Shop, machine: Machine) -> None:
    """What cosign 3 writes names no repository; one with a name counts."""
    shop.trust("--identity", "repository")
    shop.attach(KEY.bundle(statement(shop.digest)))
    assert "signed a digest without naming a repository" in shop.refused()
    shop.attach(KEY.bundle(statement(shop.digest, shop.reference)))
    machine.appctl("install", "-y", shop.reference)
    machine.appctl("uninstall", "-y", "greeter")


def test_both_kinds(shop: Shop, publisher: Publisher, machine: Machine) -> None:
    key = publisher.keys.make("both")
    file = machine.directory / "both.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    pub = machine.directory / "both.pub"
    pub.write_bytes(KEY.pem)
    add = ["remote", "add", shop.name, f"oci+http://{shop.host}/{shop.name}", "--gpg-import", str(file)]
    add += ["--cosign-key", str(pub), "--lookaside", publisher.lookaside.url]
    assert "say who must have signed" in machine.appctl(*add, code=64).err
    machine.appctl(*add, "--verify", "gpg+cosign")
    shop.attach(KEY.attach(shop.digest, shop.reference))
    assert "has no signature" in shop.refused()
    blob = publisher.keys.sign(payload(shop.digest, shop.reference), key)
    publisher.lookaside.place(shop.repository, shop.digest, blob)
    (app,) = machine.appctl("install", "-y", "--json", shop.reference).json["apps"]
    assert (app["verify"], app["signer"]) == ("gpg+cosign", key)
    machine.appctl("uninstall", "-y", "greeter")


def test_private_key(shop: Shop, machine: Machine) -> None:
    file = machine.directory / "private.pem"
    file.write_bytes(KEY.private_pem)
    url = f"oci+http://{shop.host}/{shop.name}"
    ran = machine.appctl("remote", "add", shop.name, url, "--cosign-key", str(file), code=64)
    assert "holds a private key" in ran.err
    assert not list(machine.configuration.glob(f"{shop.name}.*"))
