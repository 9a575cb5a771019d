# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`install --from`, with real parts alone: what a publisher signed holds without its registry."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

from support.buses.bus import MANAGER, NAME, ROOT
from support.images.greeter import build
from support.images.images import Layout
from support.images.layouts import NAME as REF_NAME
from support.images.layouts import blob, entries, named
from support.machines.machine import Machine
from support.people.terminal import PATIENCE
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


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all; at the end every stored object is what its name says."""
    with Machine(tmp_path_factory.mktemp("bundles") / "machine", measured=False) as running:
        yield running
        running.fsck()


@pytest.fixture(autouse=True)
def _nothing_is_installed_then(machine: Machine) -> Iterator[None]:
    yield
    if found := [path.parent.name for path in machine.state.glob("apps/*/current")]:
        machine.appctl("uninstall", "-y", *found)


@pytest.fixture(scope="module")
def key(keys: Keys, acme: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publisher's, in a file."""
    file = tmp_path_factory.mktemp("acme") / "acme.asc"
    file.write_bytes(keys.export(acme))
    return file


@pytest.fixture(scope="module")
def offline(machine: Machine, key: Path) -> Machine:
    """It trusts a publisher whose registry and web server cannot be reached."""
    machine.add_remote("acme", f"oci+http://{PREFIX}", key, f"http://{NOWHERE}/signatures")
    machine.appctl("install", "-y", REFERENCE, code=75)
    return machine


def elsewhere(offline: Machine, name: str, key: Path) -> str:
    """Another place of theirs, for images that are not those which the first has; the reference."""
    offline.add_remote(name, f"oci+http://{NOWHERE}/{name}", key, f"http://{NOWHERE}/signatures")
    return f"{NOWHERE}/{name}/greeter:stable"


def test_install_and_update_without_a_network(offline: Machine, disk: Brought, key: Path, acme: str) -> None:
    """From a directory, and its update from an archive."""
    name, reference = "growing/greeter:stable", elsewhere(offline, "growing", key)
    source, first = f"oci:{disk.directory}", disk.put("v1", reference)
    disk.sign(first, acme, reference)
    assert first[:11] in offline.appctl("install", "--dry-run", "--from", source, name).out
    (app,) = offline.appctl("install", "-y", "--json", "--from", source, name).json["apps"]
    assert (app["image_digest"], app["reference"], app["remote"]) == (first, reference, "growing")
    assert (app["signer"], app["verify"], app["tag_bound"]) == (acme, "gpg", True)
    assert app["bytes_downloaded"] > 0
    assert "1" in offline.run_app("greeter").out
    assert offline.appctl("verify", "--json").json["problems"] == []
    (again,) = offline.appctl("install", "-y", "--json", "--from", source, reference).json["apps"]
    assert again["changed"] is False

    second = disk.put("v2", reference)
    disk.sign(second, acme, reference)
    archive = disk.archive()
    (app,) = offline.appctl("install", "-y", "--json", "--from", archive, reference).json["apps"]
    assert (app["image_digest"], app["changed"]) == (second, True)
    (again,) = offline.appctl("install", "-y", "--json", "--from", archive, reference).json["apps"]
    assert again["changed"] is False
    disk.put("v1", reference)
    for older in (source, disk.archive()):
        assert "was replaced here" in offline.appctl("install", "-y", "--from", older, reference, code=5).err
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
    prefix = f"{NOWHERE}/cosign-{kind}"
    disk.attach(digest, key.attach(digest, f"{prefix}/greeter:stable"))
    (tmp_path / "cosign.pub").write_bytes(key.pem)
    url = [f"oci:{disk.directory}", "--prefix", prefix] if kind == "remote" else [f"oci+http://{prefix}"]
    machine.appctl("remote", "add", kind, *url, "--cosign-key", str(tmp_path / "cosign.pub"))
    sources = {"directory": ["--from", f"oci:{disk.directory}"], "archive": ["--from", disk.archive()]}
    install = ("install", "-y", "--json", *sources.get(kind, []), f"{prefix}/greeter:stable")
    (app,) = machine.appctl(*install).json["apps"]
    assert (app["signer"], app["verify"], app["tag_bound"]) == (key.fingerprint, "cosign", True)


def test_a_directory_as_umoci_made_it(machine: Machine, built: Layout) -> None:
    """Its tags are bare, and no registry ever had it."""
    machine.add_remote("bare", f"oci+http://{NOWHERE}/bare", None, "", "--verify", "digest")
    for name in ("v1", "v2"):
        reference = f"{NOWHERE}/bare/greeter@{built.digest(name)}"
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


def test_a_link_beside_the_images_leads_nowhere(
    offline: Machine, disk: Brought, acme: str, tmp_path: Path
) -> None:
    """Others, in directories and archives: tests/unit/client/bundles and tests/unit/workers/fetch/layout."""
    signature = disk.sign(disk.put("v1"), acme)
    secret = tmp_path / "secret"
    secret.write_text("the caller's own")
    signature.unlink()
    signature.symlink_to(secret)
    ran = offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE, code=5)
    assert "signature-1: Too many levels of symbolic links" in ran.err
    ran = offline.appctl("install", "-y", "--from", disk.archive(), REFERENCE, code=5)
    assert "is a link in the archive" in ran.err or "has links" in ran.err


def test_an_archive_with_another_layer_in_it_is_refused(offline: Machine, disk: Brought, acme: str) -> None:
    """What else archives try: tests/unit/workers/fetch/layout/test_archive.py."""
    disk.sign(disk.put("v1"), acme)
    path = Path(disk.archive().partition(":")[2])
    whole = path.read_bytes()
    layer = max((disk.directory / "blobs/sha256").iterdir(), key=lambda each: each.stat().st_size)
    data = layer.read_bytes()
    path.write_bytes(whole.replace(data, bytes(len(data))))
    ran = offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE, code=5)
    assert "sha256" in ran.err
    assert offline.appctl("list", "--json").json == []
    path.write_bytes(whole)
    offline.appctl("install", "-y", "--from", f"oci-archive:{path}", REFERENCE)


def test_who_writes_nothing_more_holds_up_nobody_and_can_be_ended(
    offline: Machine, disk: Brought, acme: str
) -> None:
    disk.sign(disk.put("v1"), acme)
    reader, writer = os.pipe()
    os.write(writer, b"the beginning of an archive")
    address = offline.environment["DBUS_SESSION_BUS_ADDRESS"]
    connection = open_dbus_connection(address, enable_fds=True)
    with os.fdopen(writer), os.fdopen(reader), closing(connection) as caller:
        body = ([REFERENCE], {"bundle": ("h", reader)})
        asked = new_method_call(DBusAddress(ROOT, NAME, MANAGER), "Install", "asa{sv}", body)
        (path,) = caller.send_and_get_reply(asked).body
        number = str(path).rpartition("/")[2]
        offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", REFERENCE)
        jobs = offline.appctl("jobs", "--json").json
        assert [str(job["number"]) for job in jobs if job["state"] == "running"] == [number]
        offline.appctl("cancel", number)
        end = time.monotonic() + PATIENCE
        while state_of(offline, number) != "cancelled":
            assert time.monotonic() < end, f"job {number} does not end"
            time.sleep(0.05)
    assert "was cancelled" in offline.appctl("history", "--failed", "--json").json[0]["message"]
    assert not [path for path in (offline.state / "blobs").rglob("*") if path.is_file()]


def state_of(machine: Machine, number: str) -> str:
    (job,) = [job for job in machine.appctl("jobs", "--json").json if str(job["number"]) == number]
    return str(job["state"])


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


@pytest.fixture(scope="module")
def podman(built: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """podman, which has the image under the name of REFERENCE."""
    loaded = tmp_path_factory.mktemp("podman") / "loaded.tar"
    skopeo("copy", built.source("v1"), f"docker-archive:{loaded}:{REFERENCE}")
    with rootless_podman() as podman:
        subprocess.run([*podman, "load", "-i", str(loaded)], check=True)
        yield podman


@pytest.mark.parametrize("short", ["stable", "greeter:stable", ""], ids=["tag", "name", "reference"])
def test_what_podman_pushes_into_a_directory(
    short: str, offline: Machine, disk: Brought, podman: list[str], key: Path, acme: str
) -> None:
    reference = elsewhere(offline, f"pushed{len(short)}", key)
    name = short or reference
    subprocess.run([*podman, "push", REFERENCE, f"oci:{disk.directory}:{name}"], check=True)
    (entry,) = entries(disk.directory)
    assert entry["annotations"][REF_NAME] == name
    disk.sign(entry["digest"], acme, reference)
    offline.appctl("install", "-y", "--from", f"oci:{disk.directory}", reference)
    assert "1" in offline.run_app("greeter").out


def test_what_podman_saves_as_a_layout(
    offline: Machine, disk: Brought, podman: list[str], key: Path, acme: str, tmp_path: Path
) -> None:
    reference, saved = elsewhere(offline, "saved", key), tmp_path / "saved.tar"
    subprocess.run([*podman, "tag", REFERENCE, reference], check=True)
    subprocess.run([*podman, "save", "--format=oci-archive", "-o", str(saved), reference], check=True)
    disk.directory.mkdir()
    subprocess.run(["tar", "-C", str(disk.directory), "-xf", str(saved)], check=True)
    (entry,) = entries(disk.directory)
    disk.sign(entry["digest"], acme, reference)
    ran = offline.appctl("install", "-y", "--from", f"oci-archive:{saved}", reference, code=5)
    assert "has no signature" in ran.err
    offline.appctl("install", "-y", "--from", disk.archive(), reference)
    assert "1" in offline.run_app("greeter").out


@pytest.mark.parametrize("tool", ["skopeo", "podman"])
def test_docker_archives(
    tool: str, offline: Machine, built: Layout, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path, reference = tmp_path / "saved.tar", f"{NOWHERE}/{tool}/greeter:stable"
    if tool == "podman":
        podman = request.getfixturevalue("podman")
        subprocess.run([*podman, "tag", REFERENCE, reference], check=True)
        subprocess.run([*podman, "save", "-o", str(path), reference], check=True)
    else:
        skopeo("copy", built.source("v1"), f"docker-archive:{path}:{reference}")
    ran = offline.appctl("install", "-y", "--from", f"docker-archive:{path}", REFERENCE, code=5)
    assert "no manifest that anyone could have signed" in ran.err
    conf = offline.configuration / f"{tool}.conf"
    conf.write_text(f"[remote]\nurl = oci+http://{NOWHERE}/{tool}\nverify = none\n")
    install = ("install", "-y", "--json", "--from", f"docker-archive:{path}", reference)
    (app,) = offline.appctl(*install).json["apps"]
    assert (app["verify"], app["reference"]) == ("none", reference)
    assert "1" in offline.run_app("greeter").out
    assert offline.appctl("verify", "--json").json["problems"] == []
    exported = offline.appctl("export", "greeter", f"oci:{tmp_path / 'out'}", "--json").json["apps"][0]
    assert exported["digest"] == app["image_digest"], "of the manifest that was made of it"
