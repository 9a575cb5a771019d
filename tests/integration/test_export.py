# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Installed images leave and come back: registry, machine, directory, machine, every part real."""

import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.images.golden import FIXTURES
from support.images.greeter import APP_ID, build
from support.machines.exposure import log_in
from support.machines.machine import Machine
from support.publishers.attachments import push
from support.publishers.publisher import Publisher
from support.servers.registry import Registry
from support.signatures.cosign import CosignKey, statement

KEY = CosignKey()
COSIGNED = "org.mine.Cosigned"  # beside the one that is signed with OpenPGP


@pytest.fixture(scope="module")
def acme(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A publisher's OpenPGP key, who signed version 1 of the app; its layers are gzip."""
    build(publisher.layout, tmp_path_factory.mktemp("layers"), 1)
    key = publisher.keys.make("acme")
    (publisher.directory / "acme.asc").write_bytes(publisher.keys.export(key, armor=True))
    publisher.push("v1", "acme/greeter:stable", key)
    return key


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all; at the end every stored object is what its name says."""
    with Machine(tmp_path_factory.mktemp("export") / "machine", measured=False) as running:
        yield running
        running.fsck()


@pytest.fixture(scope="module")
def reference(publisher: Publisher, acme: str, machine: Machine) -> str:
    """The app, installed from the publisher's registry."""
    key = publisher.directory / "acme.asc"
    machine.add_remote("acme", f"oci+http://{publisher.registry.host}/acme", key, publisher.lookaside.url)
    reference = f"{publisher.registry.host}/acme/greeter:stable"
    machine.appctl("install", "-y", reference)
    return reference


@pytest.fixture(scope="module")
def other_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("other") / "machine", measured=False) as running:
        yield running
        running.fsck()


@pytest.fixture
def other(other_machine: Machine) -> Iterator[Machine]:
    """Another machine, which trusts nobody and has nothing."""
    yield other_machine
    other_machine.appctl("uninstall", "-y", "--ignore", APP_ID)
    for remote in other_machine.appctl("remote", "list", "--json").json:
        other_machine.appctl("remote", "remove", remote["name"], "-y")
    assert other_machine.objects() == set()


def skopeo(*arguments: str) -> bytes:
    return subprocess.run(["skopeo", "--insecure-policy", *arguments], check=True, capture_output=True).stdout


def raw(source: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(skopeo("inspect", "--tls-verify=false", "--raw", source))
    return found


def offline(other: Machine, publisher: Publisher, layout: Path, *keys: str) -> None:
    """Let another machine trust the same publisher, of whom it has a directory and nothing else."""
    prefix = f"{publisher.registry.host}/acme"
    other.appctl("remote", "add", "acme", f"oci:{layout}", "--prefix", prefix, *keys)


def test_a_directory_verifies_on_a_machine_without_the_registry(
    machine: Machine, other: Machine, publisher: Publisher, acme: str, reference: str, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    exported = machine.appctl("export", "acme/greeter:stable", f"oci:{layout}", "--json").json["apps"][0]
    installed = machine.appctl("info", "greeter", "--json").json
    assert (exported["digest"], exported["signatures"]) == (installed["image_digest"], 1)
    assert (exported["id"], exported["name"]) == (APP_ID, reference)
    assert exported["left"] == ["acme.appctlremote: it is not reached by https"]

    publisher.registry.stop()
    try:
        offline(other, publisher, layout, "--gpg-import", str(publisher.directory / "acme.asc"))
        again = other.appctl("install", "-y", "--json", reference).json["apps"][0]
    finally:
        publisher.registry.start()
    assert (again["signer"], again["image_digest"]) == (acme, installed["image_digest"])
    assert again["commit"] == installed["commit"]
    assert "1.0" in other.run_app("greeter").out


def test_an_archive_installs_on_a_machine_without_the_registry(
    machine: Machine, other: Machine, publisher: Publisher, acme: str, reference: str, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    machine.appctl("export", "greeter", f"oci-archive:{archive}")
    key, url = publisher.directory / "acme.asc", f"oci+http://{publisher.registry.host}/acme"
    other.add_remote("acme", url, key, publisher.lookaside.url)
    publisher.registry.stop()
    try:
        command = ("install", "-y", "--json", "--from", f"oci-archive:{archive}", reference)
        again = other.appctl(*command).json["apps"][0]
    finally:
        publisher.registry.start()
    assert (again["signer"], again["commit"]) == (
        acme,
        machine.appctl("info", "greeter", "--json").json["commit"],
    )


def test_without_its_blobs_it_leaves_packed_anew_or_not_at_all(
    machine: Machine, publisher: Publisher, reference: str, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    publisher.registry.stop()
    try:
        refused = machine.appctl("export", "greeter", f"oci-archive:{archive}", code=3)
        assert list(tmp_path.glob("*image*")) == []
        said = machine.appctl("export", "greeter", f"oci-archive:{archive}", "--recompress")
    finally:
        publisher.registry.start()
    assert "--recompress" in refused.err.partition("hint:")[2]
    assert "signatures" in said.err
    with tarfile.open(archive) as tar:
        assert not [name for name in tar.getnames() if "lookaside" in name or "appctlremote" in name]
    published = raw(f"docker://{reference}")
    anew = raw(f"oci-archive:{archive}:{reference}")
    assert anew["config"]["digest"] == published["config"]["digest"]
    skopeo("copy", "--quiet", f"oci-archive:{archive}:{reference}", f"dir:{tmp_path / 'copy'}")


def test_what_was_kept_leaves_without_the_registry_as_it_was_published(
    other: Machine, publisher: Publisher, acme: str, tmp_path: Path
) -> None:
    key, host = publisher.directory / "acme.asc", publisher.registry.host
    other.add_remote(
        "acme", f"oci+http://{host}/acme", key, publisher.lookaside.url, "--set", "keep-blobs=yes"
    )
    other.appctl("install", "-y", f"{host}/acme/greeter:stable")
    assert "Keep-blobs:   yes" in other.appctl("remote", "show", "acme").out
    published = raw(f"docker://{host}/acme/greeter:stable")
    publisher.registry.stop()
    try:
        other.appctl("export", "greeter", f"oci:{tmp_path / 'layout'}")
    finally:
        publisher.registry.start()
    assert raw(f"oci:{tmp_path / 'layout'}:{host}/acme/greeter:stable") == published
    other.appctl("uninstall", "-y", "greeter")
    assert list((other.state / "kept").iterdir()) == []


def test_what_umoci_unpacks_of_it_is_what_it_unpacks_of_the_publishers(
    machine: Machine, publisher: Publisher, reference: str, tmp_path: Path
) -> None:
    machine.appctl("export", "greeter", f"oci:{tmp_path / 'layout'}", "--recompress")
    trees = []
    for number, image in enumerate(
        (f"{tmp_path / 'layout'}:{reference}", f"{publisher.layout.directory}:v1")
    ):
        bundle = tmp_path / str(number)
        command = ["umoci", "unpack", "--rootless", "--image", image, str(bundle)]
        subprocess.run(command, check=True, capture_output=True)
        trees.append({path.relative_to(bundle): _shape(path) for path in (bundle / "rootfs").rglob("*")})
    assert trees[0] == trees[1]


def _shape(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    return path.stat().st_mode, path.read_bytes() if path.is_file() else b""


def test_another_repository_of_the_registry_takes_its_blobs_over(
    machine: Machine, publisher: Publisher, reference: str
) -> None:
    host = publisher.registry.host
    exported = machine.appctl("export", "greeter", f"oci+http://{host}/copies/greeter:1")
    assert f"{host}/copies/greeter:1" in exported.out
    assert "OpenPGP" in exported.err, "there is no place for them in a registry"
    assert raw(f"docker://{host}/copies/greeter:1") == raw(f"docker://{reference}")
    log = (publisher.directory / "registry/registry.log").read_text()
    puts = [line for line in log.splitlines() if '"PUT /v2/copies/' in line]
    assert [line for line in puts if "blobs" in line and "mount" not in line] == [], (
        "no byte of a layer was sent"
    )


@pytest.fixture(scope="module")
def signed_with_cosign(publisher: Publisher, acme: str, machine: Machine) -> str:
    """The app, as COSIGNED, whose signatures lie in the registry: one as ever, one in a bundle."""
    host, name = publisher.registry.host, "cosign/greeter"
    digest = publisher.registry.push(publisher.layout.source("v1"), f"{name}:stable")
    signed = statement(digest, name=f"{host}/{name}:stable")
    push(host, name, digest, KEY.attach(digest, f"{host}/{name}:stable"), KEY.bundle(signed))
    (machine.directory / "cosign.pub").write_bytes(KEY.pem)
    machine.appctl(
        "remote",
        "add",
        "cosign",
        f"oci+http://{host}/cosign",
        "--cosign-key",
        f"{machine.directory}/cosign.pub",
    )
    machine.appctl("install", "-y", "--as", COSIGNED, f"{host}/{name}:stable")
    return f"{host}/{name}:stable"


def test_signatures_that_lie_in_a_registry_go_along_to_a_directory(
    machine: Machine, other: Machine, publisher: Publisher, signed_with_cosign: str, tmp_path: Path
) -> None:
    layout, reference = tmp_path / "layout", signed_with_cosign
    exported = machine.appctl("export", COSIGNED, f"oci:{layout}", "--json").json["apps"][0]
    assert exported["signatures"] >= 1
    prefix = f"{publisher.registry.host}/cosign"
    key = f"{machine.directory}/cosign.pub"
    other.appctl("remote", "add", "cosign", f"oci:{layout}", "--prefix", prefix, "--cosign-key", key)
    again = other.appctl("install", "-y", "--json", reference).json["apps"][0]
    assert (again["signer"], again["verify"]) == (KEY.fingerprint, "cosign")


def test_signatures_that_lie_in_a_registry_go_along_to_another(
    machine: Machine, signed_with_cosign: str, tmp_path: Path
) -> None:
    with Registry(tmp_path / "registry", users={"alice": "secret"}) as private:
        to = f"oci+http://{private.host}/copies/greeter:1"
        assert "login" in machine.appctl("export", COSIGNED, to, code=1).err
        log_in(machine, private.host, "alice:secret")
        machine.appctl("export", COSIGNED, to)
        exported = machine.appctl("export", COSIGNED, to, "--json").json["apps"][0]
        assert exported["left"] == [], "the same signatures are no others"
        tag = f"sha256-{exported['digest'].removeprefix('sha256:')}"
        creds = ["--creds=alice:secret"]
        command = ["inspect", "--tls-verify=false", "--raw", *creds]
        layers = json.loads(skopeo(*command, f"docker://{private.host}/copies/greeter:{tag}.sig"))["layers"]
        assert "simplesigning" in layers[0]["mediaType"]


def test_an_image_that_holds_a_commit_leaves_as_it_was_published(
    machine: Machine, publisher: Publisher, tmp_path: Path
) -> None:
    host = publisher.registry.host
    digest = publisher.registry.push(f"oci:{FIXTURES / 'images'}:ostree-chunked", "golden/chunked:1")
    machine.appctl("remote", "add", "golden", f"oci+http://{host}/golden", "--verify", "digest")
    (app,) = machine.appctl("install", "-y", "--json", f"{host}/golden/chunked@{digest}").json["apps"]
    exported = machine.appctl("export", app["id"], f"oci:{tmp_path / 'layout'}", "--json").json["apps"][0]
    assert exported["digest"] == digest
    anew = machine.appctl("export", app["id"], f"oci:{tmp_path / 'anew'}", "--recompress", code=3)
    assert "tar metadata" in anew.err
    assert not (tmp_path / "anew").exists()


def test_what_makes_no_sense_is_refused(machine: Machine, reference: str, tmp_path: Path) -> None:
    machine.appctl("export", "greeter", "elsewhere", code=64)
    machine.appctl("export", "nothing", f"oci:{tmp_path / 'x'}", code=3)
    machine.appctl("export", f"oci:{tmp_path / 'x'}", code=64)
    (tmp_path / "file").touch()
    machine.appctl("export", "greeter", f"oci:{tmp_path / 'file'}", code=1)
    machine.appctl("export", "greeter", f"oci-archive:{tmp_path / 'file'}", code=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
