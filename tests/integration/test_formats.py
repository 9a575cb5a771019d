# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signed images in the shapes that publishers push: an index of platforms, Docker's schema 2, many layers."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import Machine
from support.publishers.publisher import Publisher
from support.servers.shelf import Shelf

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(scope="module")
def key(publisher: Publisher) -> str:
    return publisher.keys.make("shapes")


@pytest.fixture(scope="module")
def machine(publisher: Publisher, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One that trusts the publisher; each test leaves nothing installed on it."""
    work = tmp_path_factory.mktemp("shapes")
    (work / "key.asc").write_bytes(publisher.keys.export(key, armor=True))
    with Machine(work / "machine", measured=False) as running:
        url = f"oci+http://{publisher.registry.host}/shapes"
        running.add_remote("shapes", url, work / "key.asc", publisher.lookaside.url)
        yield running
        running.fsck()


@pytest.fixture(autouse=True)
def _nothing_is_installed_then(machine: Machine) -> Iterator[None]:
    yield
    if found := [path.parent.name for path in machine.state.glob("apps/*/current")]:
        machine.appctl("uninstall", "-y", *found)
    assert machine.objects() == set(), "so that the next image is read, and not what is here of this one"


def push(publisher: Publisher, key: str, tag: str, repository: str, *options: str) -> str:
    """Push a golden image as `repository:1`, signed; the digest that skopeo names."""
    return publisher.registry.push(
        f"oci:{FIXTURES / 'images'}:{tag}",
        f"{repository}:1",
        f"--sign-by={key}",
        *options,
        registries_d=publisher.directory / "registries.d",
        env={"GNUPGHOME": str(publisher.keys.home)},
    )


def document(publisher: Publisher, repository: str) -> bytes:
    """What the registry has under that name."""
    name = f"docker://{publisher.registry.host}/{repository}:1"
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", name]
    return subprocess.run(command, capture_output=True, check=True).stdout


def install(machine: Machine, publisher: Publisher, repository: str, mark: str = ":1") -> dict[str, object]:
    """Install it; the app, whose files are those that umoci unpacks."""
    reference = f"{publisher.registry.host}/{repository}{mark}"
    app: dict[str, object] = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    files = Path(str(app["deployment"]))
    lines = (FIXTURES / "plain-merged.sha256").read_text().splitlines()
    for digest, name in (line.split("  ", 1) for line in lines):
        assert hashlib.sha256((files / name).read_bytes()).hexdigest() == digest
    return app


# --- an index of platforms

PLATFORMS = "shapes/platforms"


@pytest.fixture(scope="module")
def index(publisher: Publisher, key: str) -> str:
    """The index that was pushed with its images, each signed; its digest."""
    digest = push(publisher, key, "plain-multiarch", PLATFORMS, "--all")
    raw = document(publisher, PLATFORMS)
    assert json.loads(raw)["mediaType"] == OCI_INDEX
    assert digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return digest


@contextmanager
def unsigned(publisher: Publisher, index: str, *what: str) -> Iterator[None]:
    """For the length of the block the `index` or the `images` that are in it have no signature."""
    places = list(publisher.lookaside.directory.glob(f"{PLATFORMS}@sha256=*"))
    assert len(places) >= 3, "an index, and an image for each of two platforms"
    kinds = {one: "index" if one.name.endswith(index.rpartition(":")[2]) else "images" for one in places}
    hidden = {one: one.rename(one.with_name(f"hidden-{one.name}")) for one in places if kinds[one] in what}
    try:
        yield
    finally:
        for place, kept in hidden.items():
            kept.rename(place)


def test_a_signed_index_of_signed_images_installs(
    machine: Machine, publisher: Publisher, key: str, index: str
) -> None:
    app = install(machine, publisher, PLATFORMS)
    assert (app["signer"], app["tag_bound"]) == (key, True)
    assert app["image_digest"] != index
    info = machine.appctl("info", str(app["id"]), "--json").json
    assert info["arch"] == "amd64"


def test_a_signature_of_the_image_suffices(
    machine: Machine, publisher: Publisher, key: str, index: str
) -> None:
    with unsigned(publisher, index, "index"):
        assert install(machine, publisher, PLATFORMS)["signer"] == key


def test_a_signature_of_the_index_suffices(
    machine: Machine, publisher: Publisher, key: str, index: str
) -> None:
    with unsigned(publisher, index, "images"):
        assert install(machine, publisher, PLATFORMS)["signer"] == key


def test_the_index_may_be_named_by_its_digest(
    machine: Machine, publisher: Publisher, key: str, index: str
) -> None:
    app = install(machine, publisher, PLATFORMS, f"@{index}")
    assert (app["signer"], app["tag_bound"]) == (key, False)


def test_an_index_without_any_signature_is_refused(
    machine: Machine, publisher: Publisher, index: str
) -> None:
    with unsigned(publisher, index, "index", "images"):
        ran = machine.appctl("install", "-y", f"{publisher.registry.host}/{PLATFORMS}:1", code=5)
    assert "has no signature" in ran.err
    assert machine.objects() == set()


# --- Docker's schema 2


def test_an_image_of_dockers_schema_installs(machine: Machine, publisher: Publisher, key: str) -> None:
    repository = "shapes/plain"
    push(publisher, key, "plain", repository, "--format", "v2s2")
    raw = document(publisher, repository)
    manifest = json.loads(raw)
    assert manifest["mediaType"] == DOCKER_MANIFEST
    assert {layer["mediaType"] for layer in manifest["layers"]} == {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    }
    app = install(machine, publisher, repository)
    assert (app["signer"], app["tag_bound"]) == (key, True)
    assert app["image_digest"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert app["bytes_downloaded"] == sum(layer["size"] for layer in manifest["layers"])


# --- many layers


LAYERS = [
    archive(
        entry(b"top", content=b"%d" % number),
        entry(b"layer-%d" % number, content=os.urandom(100_000)),
        *((entry(b".wh.layer-%d" % (number - 1)),) if number % 2 else ()),
    )
    for number in range(8)
]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


def test_eight_layers_come_side_by_side_and_lie_in_their_order(machine: Machine, shelf: Shelf) -> None:
    """Nobody is answered who asks for a layer before three of them are asked for."""
    image = shelf.put("demo/many", LAYERS)
    shelf.meet(image.layers, 3)
    machine.add_remote("many", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
    app = machine.appctl("install", "-y", "--json", image.reference).json["apps"][0]
    assert app["layers"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in LAYERS]
    assert app["bytes_downloaded"] == sum(map(len, LAYERS))
    assert [len(shelf.asked(layer)) for layer in image.layers] == [1] * 8
    files = Path(app["deployment"])
    assert sorted(path.name for path in files.iterdir()) == [
        "layer-1",
        "layer-3",
        "layer-5",
        "layer-7",
        "top",
    ]
    assert (files / "top").read_bytes() == b"7"
