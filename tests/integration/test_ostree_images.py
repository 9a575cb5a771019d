# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that ostree-ext made of a commit install over a real registry, and the commit comes out."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines.machine import Machine
from support.publishers.attachments import push
from support.servers.registry import Registry
from support.signatures.cosign import CosignKey

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
COMMIT = "f1295095a4cc6d06c08199cf29e2b8b932e960031ac1cabe923f6b22c85294de"
OWNER = CosignKey()
SIGNER = "A9224799278A335FAF0F5956CEDCC28E78EBA748"  # whose signature lies in each of the images
LAYERS = {"ostree-plain": 1, "ostree-chunked": 6, "ostree-derived": 1}  # which hold the commit


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        for tag in LAYERS:
            source, target = f"oci:{FIXTURES / 'images'}:{tag}", f"docker://{running.host}/golden/{tag}:1"
            command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
            subprocess.run([*command, source, target], check=True)
        yield running


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


def install(machine: Machine, registry: Registry, tag: str, key: str = "") -> dict[str, object]:
    """Install it by digest, and look at everything that is stored; `key` must have signed the commit."""
    reference, size = trust(machine, registry, tag, key)
    app: dict[str, object] = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    assert (app["bytes_downloaded"], app["ostree_layers"]) == (size, LAYERS[tag])
    machine.appctl("verify")
    return app


def trust(machine: Machine, registry: Registry, tag: str, key: str) -> tuple[str, int]:
    """Add the remote; the image's reference, and how many bytes its layers have.

    Where the commit must be signed the image must be, too, and is: with a key of the registry's owner.
    """
    url, file = f"oci+http://{registry.host}/golden", FIXTURES / "keys" / key if key else None
    owners = machine.directory / "owner.pub"
    owners.write_bytes(OWNER.pem)
    signed = ["cosign", "--cosign-key", str(owners), "--verify-commit", "gpg"]
    machine.add_remote("golden", url, file, "", "--verify", *(signed if key else ["digest"]))
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/golden/{tag}:1"]
    manifest = subprocess.run(command, capture_output=True, check=True).stdout
    repository, digest = f"golden/{tag}", f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    if key:
        tagged = f"{registry.host}/{repository}:1"
        push(registry.host, repository, digest, OWNER.attach(digest, tagged))
    size = sum(layer["size"] for layer in json.loads(manifest)["layers"])
    return f"{registry.host}/{repository}@{digest}", size


def test_that_commits_must_be_signed_is_shown_and_can_be_changed(machine: Machine) -> None:
    key = FIXTURES / "keys/publisher.asc"
    machine.add_remote("acme", "quay.io/acme", key, "https://sigs.example")
    assert "Verify-commit: no" in machine.appctl("remote", "show", "acme").out
    changed = machine.appctl("remote", "modify", "acme", "--verify-commit", "gpg", "--json").json
    assert (changed["changed"], changed["settings"]["verify_commit"]) == (True, "gpg")
    assert "Verify-commit: gpg" in machine.appctl("remote", "show", "acme").out
    refused = machine.appctl("remote", "modify", "acme", "--verify", "digest", code=64)
    assert "verify-commit=gpg" in refused.err
    machine.appctl("remote", "modify", "acme", "--verify-commit", "maybe", code=64)


def listing(machine: Machine, commit: object, *options: str) -> str:
    command = ["ostree", f"--repo={machine.state / 'repo'}", "ls", "-R", *options, str(commit)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("tag", ["ostree-plain", "ostree-chunked"])
def test_the_publishers_commit_comes_out(tag: str, registry: Registry, machine: Machine) -> None:
    app = install(machine, registry, tag)
    assert app["commit"] == COMMIT
    assert listing(machine, COMMIT, "-C", "-X") == (FIXTURES / "ostree-ls.txt").read_text()
    files = Path(str(app["deployment"]))
    assert (files / "usr/lib/big.bin").stat().st_size == 300_000
    assert (files / "usr/bin/su").stat().st_mode & 0o7777 == 0o555


def test_what_is_layered_on_top_is_what_the_peer_makes_of_it(registry: Registry, machine: Machine) -> None:
    app = install(machine, registry, "ostree-derived")
    assert listing(machine, app["commit"], "-X") == (FIXTURES / "ostree-derived-ls.txt").read_text()
    files = Path(str(app["deployment"]))
    assert (files / "usr/etc/derived.conf").is_file()
    assert not (files / "run/x").exists()


@pytest.mark.parametrize("tag", LAYERS)
def test_it_leaves_as_it_was_published(
    tag: str, registry: Registry, machine: Machine, tmp_path: Path
) -> None:
    app, to = install(machine, registry, tag), f"oci:{tmp_path / 'out'}"
    exported = machine.appctl("export", str(app["id"]), to, "--json").json["apps"][0]
    assert exported["digest"] == app["image_digest"]
    command = ["skopeo", "inspect", "--raw", f"{to}:{exported['name']}"]
    manifest = subprocess.run(command, capture_output=True, check=True).stdout
    assert f"sha256:{hashlib.sha256(manifest).hexdigest()}" == app["image_digest"]


@pytest.mark.parametrize("tag", ["ostree-chunked", "ostree-derived"])
def test_the_commit_was_signed_by_the_remotes_key(tag: str, registry: Registry, machine: Machine) -> None:
    """And `verify` asks that again, of what was kept of it."""
    app = install(machine, registry, tag, "publisher.asc")
    assert (app["commit"] == COMMIT) == (tag == "ostree-chunked")
    machine.appctl("remote", "modify", "golden", "--set", f"deny-keys={SIGNER}")
    told = machine.appctl("verify", code=5).err
    assert "valid when checked on" in told
    assert "does not trust" in told
    machine.appctl("remote", "modify", "golden", "--verify-commit", "no")
    machine.appctl("verify")


def test_that_a_commit_must_be_signed_counts_for_what_is_installed(
    registry: Registry, machine: Machine
) -> None:
    reference, _ = trust(machine, registry, "ostree-chunked", "publisher.asc")
    machine.appctl("remote", "modify", "golden", "--verify-commit", "no")
    machine.appctl("install", "-y", reference)
    machine.appctl("remote", "modify", "golden", "--verify-commit", "gpg")
    assert "the remote did not ask who signed the commit" in machine.appctl("verify", code=5).err
    machine.appctl("install", "-y", "--reinstall", reference)
    machine.appctl("verify")


def test_a_commit_that_another_key_signed_is_refused(registry: Registry, machine: Machine) -> None:
    reference, _ = trust(machine, registry, "ostree-chunked", "other.asc")
    ran = machine.appctl("install", "-y", reference, code=5)
    assert "does not trust" in ran.err
    assert machine.objects() == set()
