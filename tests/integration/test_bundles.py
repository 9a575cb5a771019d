# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`install --from`, with real parts alone: what a publisher signed holds without its registry."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support.images.greeter import build
from support.images.images import Layout
from support.images.layouts import NAME, blob, entries, named
from support.machines.machine import Machine
from support.publishers.disk import Disk, skopeo
from support.publishers.podman_storage import rootless_podman
from support.publishers.publisher import Publisher
from support.signatures.cosign import CosignKey
from support.signatures.keys import Keys

NOWHERE = "127.0.0.1:9"  # the discard port: whoever connects is refused
PREFIX = f"{NOWHERE}/acme"
REFERENCE = f"{PREFIX}/greeter:stable"


class Brought(Disk):
    """Signed for REFERENCE, unless something else is said."""

    def sign(self, digest: str, key: str, identity: str = REFERENCE) -> Path:
        return super().sign(digest, key, identity)


@pytest.fixture
def disk(tmp_path: Path, built: Layout, keys: Keys) -> Brought:
    return Brought(tmp_path / "disk", built, keys)


@pytest.fixture
def offline(machine: Machine, keys: Keys, acme: str, tmp_path: Path) -> Machine:
    """It trusts a publisher whose registry and web server cannot be reached."""
    file = tmp_path / "acme.asc"
    file.write_bytes(keys.export(acme))
    machine.add_remote("acme", f"oci+http://{PREFIX}", file, f"http://{NOWHERE}/signatures")
    machine.appctl("install", "-y", REFERENCE, code=75)
    return machine


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_install_and_update_without_a_network(kind: str, offline: Machine, disk: Brought, acme: str) -> None:
    first = disk.put("v1")
    disk.sign(first, acme)
    source = f"oci:{disk.directory}" if kind == "directory" else disk.archive()
    shown = offline.appctl("install", "--dry-run", "--from", source, "acme/greeter:stable").out
    assert first[:11] in shown
    (app,) = offline.appctl("install", "-y", "--json", "--from", source, "acme/greeter:stable").json["apps"]
    assert (app["image_digest"], app["reference"], app["remote"]) == (first, REFERENCE, "acme")
    assert (app["signer"], app["verify"], app["tag_bound"]) == (acme, "gpg", True)
    assert app["bytes_downloaded"] > 0
    assert "1" in offline.run_app("greeter").out
    assert offline.appctl("verify", "--json").json["problems"] == []
    (again,) = offline.appctl("install", "-y", "--json", "--from", source, REFERENCE).json["apps"]
    assert again["changed"] is False

    second = disk.put("v2")
    disk.sign(second, acme)
    source = f"oci:{disk.directory}" if kind == "directory" else disk.archive()
    (app,) = offline.appctl("install", "-y", "--json", "--from", source, REFERENCE).json["apps"]
    assert (app["image_digest"], app["changed"]) == (second, True)
    disk.put("v1")
    source = f"oci:{disk.directory}" if kind == "directory" else disk.archive()
    ran = offline.appctl("install", "-y", "--from", source, REFERENCE, code=5)
    assert "was replaced here" in ran.err
    offline.appctl("update", code=75)
    assert offline.appctl("info", "greeter", "--json").json["image_digest"] == second


def test_what_came_so_is_updated_and_repaired_from_its_registry(
    machine: Machine, publisher: Publisher, built: Layout, tmp_path: Path
) -> None:
    key = publisher.keys.make("publisher")
    registry, reference = publisher.registry.host, f"{publisher.registry.host}/demo/greeter:stable"
    for version in (1, 2):
        build(publisher.layout, _made(tmp_path / f"layers{version}"), version)
    publisher.push("v1", "demo/greeter:stable", key)
    skopeo("copy", "--src-tls-verify=false", f"docker://{reference}", f"oci:{tmp_path / 'disk'}:{reference}")
    shutil.copytree(publisher.lookaside.directory, tmp_path / "disk/lookaside")
    file = tmp_path / "publisher.asc"
    file.write_bytes(publisher.keys.export(key))
    machine.add_remote("demo", f"oci+http://{registry}/demo", file, publisher.lookaside.url)
    publisher.lookaside.requests.clear()
    machine.appctl("install", "-y", "--from", f"oci:{tmp_path / 'disk'}", "demo/greeter:stable")
    assert publisher.lookaside.requests == []
    assert machine.appctl("update", "-y", "--json").json["apps"][0]["changed"] is False
    assert publisher.lookaside.requests != []

    shutil.rmtree(tmp_path / "disk")
    damaged = next(path for path in (machine.state / "repo/objects").glob("*/*.file") if path.stat().st_size)
    damaged.unlink()
    machine.appctl("repair")
    assert machine.appctl("verify", "--json").json["problems"] == []
    publisher.push("v2", "demo/greeter:stable", key)
    (app,) = machine.appctl("update", "-y", "--json").json["apps"]
    assert (app["version"], app["changed"]) == ("2.0", True)


def _made(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["directory", "archive", "remote"])
def test_signatures_of_cosign_are_entries_of_the_index(
    kind: str, machine: Machine, disk: Brought, tmp_path: Path
) -> None:
    digest, key = disk.put("v1"), CosignKey()
    disk.attach(digest, key.attach(digest, REFERENCE))
    (tmp_path / "cosign.pub").write_bytes(key.pem)
    url = [f"oci:{disk.directory}", "--prefix", PREFIX] if kind == "remote" else [f"oci+http://{PREFIX}"]
    machine.appctl("remote", "add", "acme", *url, "--cosign-key", str(tmp_path / "cosign.pub"))
    sources = {"directory": ["--from", f"oci:{disk.directory}"], "archive": ["--from", disk.archive()]}
    install = ("install", "-y", "--json", *sources.get(kind, []), REFERENCE)
    (app,) = machine.appctl(*install).json["apps"]
    assert (app["signer"], app["verify"], app["tag_bound"]) == (key.fingerprint, "cosign", True)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_directory_as_umoci_made_it(name: str, machine: Machine, built: Layout) -> None:
    """Its tags are bare, and no registry ever had it."""
    machine.add_remote("acme", f"oci+http://{PREFIX}", None, "", "--verify", "digest")
    reference = f"{PREFIX}/greeter@{built.digest(name)}"
    machine.appctl("install", "-y", "--from", f"oci:{built.directory}", reference)
    assert name[1] in machine.run_app("greeter").out


def test_signatures_count_for_the_named_reference_alone(
    offline: Machine, disk: Brought, keys: Keys, acme: str
) -> None:
    digest = disk.put("v1")
    source = f"oci:{disk.directory}"
    ran = offline.appctl("install", "-y", "--from", source, REFERENCE, code=5)
    assert "has no signature" in ran.err
    assert "the archive/lookaside/acme/greeter@sha256=" in ran.err
    signature = disk.sign(digest, acme, f"{PREFIX}/greeter:other")
    ran = offline.appctl("install", "-y", "--from", source, REFERENCE, code=5)
    assert f"signed {PREFIX}/greeter:other" in ran.err
    signature.unlink()
    disk.sign(digest, keys.make("stranger"))
    assert "does not trust" in offline.appctl("install", "-y", "--from", source, REFERENCE, code=5).err
    assert offline.appctl("list", "--json").json == []
    assert offline.refs() == set()


def test_a_directory_of_many_images_costs_the_one_that_is_asked_for(
    offline: Machine, disk: Brought, acme: str
) -> None:
    disk.sign(disk.put("v1", "greeter:stable"), acme)
    disk.put("v2", "viewer:stable")
    blob(disk.directory, named(disk.directory)["viewer:stable"]["digest"]).unlink()
    offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE)
    assert "1" in offline.run_app("greeter").out


def test_links_lead_nowhere(offline: Machine, disk: Brought, acme: str, tmp_path: Path) -> None:
    digest = disk.put("v1")
    signature = disk.sign(digest, acme)
    secret = tmp_path / "secret"
    secret.write_text("the caller's own")
    kept = signature.read_bytes()
    signature.unlink()
    signature.symlink_to(secret)
    ran = offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE, code=5)
    assert "signature-1: Too many levels of symbolic links" in ran.err
    ran = offline.appctl("install", "-y", "--from", disk.archive(), REFERENCE, code=5)
    assert "is a link in the archive" in ran.err or "has links" in ran.err
    signature.unlink()
    signature.write_bytes(kept)
    (disk.directory / "index.json").unlink()
    (disk.directory / "index.json").symlink_to(secret)
    ran = offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE, code=5)
    assert "index.json: Too many levels" in ran.err


def test_hostile_archives(offline: Machine, disk: Brought, acme: str, tmp_path: Path) -> None:
    disk.sign(disk.put("v1"), acme)
    path = Path(disk.archive().partition(":")[2])
    whole = path.read_bytes()
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("index.json"))
    ran = offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE, code=5)
    assert "has index.json twice" in ran.err
    path.write_bytes(whole[: len(whole) // 2])
    offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE, code=5)
    layer = max((disk.directory / "blobs/sha256").iterdir(), key=lambda each: each.stat().st_size)
    data = layer.read_bytes()
    path.write_bytes(whole.replace(data, bytes(len(data))))
    ran = offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE, code=5)
    assert "sha256" in ran.err
    path.write_text("no archive")
    assert (
        "no uncompressed tar"
        in offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE, code=5).err
    )
    os.mkfifo(tmp_path / "fifo")
    ran = offline.appctl("install", "-y", "--from", f"oci-archive:{tmp_path / 'fifo'}", REFERENCE, code=64)
    assert "is no regular file" in ran.err
    assert offline.appctl("list", "--json").json == []
    path.write_bytes(whole)
    offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE)


STALLING = """
import os, sys, time
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

with open_dbus_connection("SESSION", enable_fds=True) as connection:
    where = DBusAddress("/org/appctl/Installer1", "org.appctl.Installer1", "org.appctl.Installer1.Manager")
    reader, writer = os.pipe()
    os.write(writer, b"the beginning of an archive")
    body = ([sys.argv[1]], {"bundle": ("h", reader)})
    answer = connection.send_and_get_reply(new_method_call(where, "Install", "asa{sv}", body))
    print(answer.body[0], flush=True)
    sys.stdin.read()
"""


def test_who_writes_nothing_more_holds_up_nobody_and_can_be_ended(
    offline: Machine, disk: Brought, acme: str
) -> None:
    disk.sign(disk.put("v1"), acme)
    command = [sys.executable, "-c", STALLING, REFERENCE]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=offline.environment, stdin=pipe, stdout=pipe, text=True) as caller:
        assert caller.stdout is not None
        number = caller.stdout.readline().rpartition("/")[2].strip()
        offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE)
        jobs = offline.appctl("jobs", "--json").json
        assert [str(job["number"]) for job in jobs if job["state"] == "running"] == [number]
        offline.appctl("cancel", number)
        caller.communicate("")
    assert "was cancelled" in offline.appctl("history", "--failed", "--json").json[0]["message"]
    assert not [path for path in (offline.state / "blobs").rglob("*") if path.is_file()]


def test_command_lines_that_cannot_be_meant(offline: Machine, disk: Brought) -> None:
    for words in (
        ("--from", "oci:", REFERENCE),
        ("--from", "docker://x/y", REFERENCE),
        ("--from", str(disk.directory), REFERENCE),
        ("--from", "oci-archive:/nowhere", REFERENCE),
        ("--from", "oci:/x", REFERENCE, REFERENCE),
    ):
        offline.appctl("install", "-y", *words, code=64)
    disk.put("v1", "other")
    ran = offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE, code=3)
    assert f"has no {REFERENCE}; it has other" in ran.err
    ran = offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", "quay.io/other/x:1", code=3)
    shutil.rmtree(disk.directory)
    offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE, code=3)


@pytest.mark.parametrize("name", ["stable", "greeter:stable", REFERENCE])
def test_what_podman_pushes_into_a_directory(
    name: str, offline: Machine, disk: Brought, built: Layout, acme: str, tmp_path: Path
) -> None:
    loaded = tmp_path / "loaded.tar"
    skopeo("copy", built.source("v1"), f"docker-archive:{loaded}:{REFERENCE}")
    with rootless_podman() as podman:
        subprocess.run([*podman, "load", "-i", str(loaded)], check=True)
        subprocess.run([*podman, "push", REFERENCE, f"oci:{disk.directory}:{name}"], check=True)
    (entry,) = entries(disk.directory)
    assert entry["annotations"][NAME] == name
    disk.sign(entry["digest"], acme)
    offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE)
    assert "1" in offline.run_app("greeter").out


def test_what_podman_saves_as_a_layout(
    offline: Machine, disk: Brought, built: Layout, acme: str, tmp_path: Path
) -> None:
    loaded, saved = tmp_path / "loaded.tar", tmp_path / "saved.tar"
    skopeo("copy", built.source("v1"), f"docker-archive:{loaded}:{REFERENCE}")
    with rootless_podman() as podman:
        subprocess.run([*podman, "load", "-i", str(loaded)], check=True)
        save = [*podman, "save", "--format=oci-archive", "-o", str(saved), REFERENCE]
        subprocess.run(save, check=True)
    disk.directory.mkdir()
    subprocess.run(["tar", "-C", str(disk.directory), "-xf", str(saved)], check=True)
    (entry,) = entries(disk.directory)
    disk.sign(entry["digest"], acme)
    ran = offline.appctl("install", "-y", "--from", f"oci-archive:{saved}", REFERENCE, code=5)
    assert "has no signature" in ran.err
    offline.appctl("install", "-y", "--from", disk.archive(), REFERENCE)
    assert "1" in offline.run_app("greeter").out


@pytest.mark.parametrize("tool", ["skopeo", "podman"])
def test_docker_archives(tool: str, offline: Machine, built: Layout, tmp_path: Path) -> None:
    path = tmp_path / "saved.tar"
    skopeo("copy", built.source("v1"), f"docker-archive:{path}:{REFERENCE}")
    if tool == "podman":
        with rootless_podman() as podman:
            subprocess.run([*podman, "load", "-i", str(path)], check=True)
            path.unlink()
            subprocess.run([*podman, "save", "-o", str(path), REFERENCE], check=True)
    ran = offline.appctl("install", "-y", "--from", f"docker-archive:{path}", REFERENCE, code=5)
    assert "no manifest that anyone could have signed" in ran.err
    offline.appctl("remote", "remove", "acme")
    conf = offline.configuration / "acme.conf"
    conf.write_text(f"[remote]\nurl = oci+http://{PREFIX}\nverify = none\n")
    (app,) = offline.appctl("install", "-y", "--json", "--from", f"docker-archive:{path}", REFERENCE).json[
        "apps"
    ]
    assert (app["verify"], app["reference"]) == ("none", REFERENCE)
    assert "1" in offline.run_app("greeter").out
    assert offline.appctl("verify", "--json").json["problems"] == []
    exported = offline.appctl("export", "greeter", f"oci:{tmp_path / 'out'}", "--json").json["apps"][0]
    assert exported["digest"] == app["image_digest"], "of the manifest that was made of it"
