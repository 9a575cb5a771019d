# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images made by other people's tools install over a real registry, and come out as umoci unpacks them."""

import csv
import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.images.layouts import document, named
from support.machines.machine import Machine
from support.publishers.forge import MANIFEST, digest_of, put_manifest
from support.servers.registry import Registry

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
IMAGES = FIXTURES / "images"
CHUNKED = {"plain-zstd-chunked": "io.github.containers", "plain-zstd-chunked-old": "io.containers"}
TAGS = ("plain", "plain-zstd", "plain-multiarch", *CHUNKED)
PLAIN = "sha256:33c268a9bbc8042564d50b774fb510185bd029b9e3b54dc70e274ab9ce9c292c"
Row = dict[str, str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def machine(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One that takes what is named by its digest; each test leaves nothing installed on it."""
    with Machine(tmp_path_factory.mktemp("golden") / "machine", measured=False) as running:
        running.add_remote("golden", f"oci+http://{registry.host}/golden", None, "", "--verify", "digest")
        yield running
        running.fsck()


@pytest.fixture(scope="module")
def expected() -> list[Row]:
    names = ("path", "type", "mode", "uid", "gid", "size", "target")
    with (FIXTURES / "plain-merged.tsv").open() as file:
        return [dict(zip(names, row, strict=True)) for row in csv.reader(file, delimiter="\t") if row[0]]


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    lines = (FIXTURES / "plain-merged.sha256").read_text().splitlines()
    return {path.removeprefix("./"): digest for digest, path in (line.split("  ", 1) for line in lines)}


@pytest.mark.parametrize("tag", TAGS)
def test_deployment_and_commit_equal_what_umoci_unpacks_and_leave_as_they_came(
    tag: str,
    registry: Registry,
    machine: Machine,
    expected: list[Row],
    digests: dict[str, str],
    tmp_path: Path,
) -> None:
    """As they were published, or with the same layers packed anew."""
    digest = registry.push(_source(tag), "golden/image:1", "--all")
    with _installed(machine, f"{registry.host}/golden/image@{digest}") as app:
        _compare_deployment(Path(str(app["deployment"])), expected, digests)
        _compare_commit(machine, str(app["commit"]), expected)
        layers = document(IMAGES, named(IMAGES)[tag]["digest"]).get("layers", [])
        assert not layers or app["bytes_downloaded"] == sum(layer["size"] for layer in layers)
        name, directory = str(app["id"]), f"oci:{tmp_path / 'whole'}"
        whole = machine.appctl("export", name, directory, "--json").json["apps"][0]
        assert str(app["reference"]).endswith(f"@{whole['digest']}"), "the image, or the index that led to it"
        anew = machine.appctl("export", name, f"oci:{tmp_path / 'anew'}", "--recompress", "--json")
    image = f"oci:{tmp_path / 'anew'}:{anew.json['apps'][0]['name']}"
    command = ["skopeo", "--override-arch=amd64", "inspect", "--config", image]
    config = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert config["rootfs"]["diff_ids"] == app["layers"]
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", image, f"dir:{tmp_path / 'd'}"], check=True)


LIES = (  # one for each layer of the image
    {
        "manifest-checksum": f"sha256:{'0' * 64}",
        "manifest-position": "0:100:1000000:1",
        "tarsplit-position": "100:100:1000000",
    },
    {"manifest-position": f"{1 << 63}:{1 << 63}:{1 << 63}:1"},
    {"manifest-checksum": "../../etc/passwd", "manifest-position": "-1:x", "tarsplit-position": ""},
)


@pytest.mark.parametrize("tag", CHUNKED)
def test_what_says_where_the_files_of_a_chunked_layer_are_is_not_read(
    tag: str,
    registry: Registry,
    machine: Machine,
    digests: dict[str, str],
) -> None:
    """Every layer is fetched whole, whatever its annotations say, and is hashed (R1, R2)."""
    registry.push(_source(tag), "golden/image:1")
    told = subprocess.run(["skopeo", "inspect", "--raw", _source(tag)], capture_output=True, check=True)
    manifest = json.loads(told.stdout)
    for layer, lie in zip(manifest["layers"], LIES, strict=True):
        assert f"{CHUNKED[tag]}.zstd-chunked.manifest-checksum" in layer["annotations"]
        layer["annotations"] |= {f"{CHUNKED[tag]}.zstd-chunked.{key}": value for key, value in lie.items()}
    raw = json.dumps(manifest).encode()  # which skopeo itself may refuse to push
    put_manifest(registry.host, "golden/image", "1", raw, MANIFEST)
    with _installed(machine, f"{registry.host}/golden/image@{digest_of(raw)}") as app:
        assert app["bytes_downloaded"] == sum(layer["size"] for layer in manifest["layers"])
        files = Path(str(app["deployment"]))
        found = {name: hashlib.sha256((files / name).read_bytes()).hexdigest() for name in digests}
        assert found == digests


def _source(tag: str) -> str:
    """What skopeo calls the image."""
    return f"oci:{IMAGES}:{tag}"


@contextmanager
def _installed(machine: Machine, reference: str, *options: str) -> Iterator[dict[str, object]]:
    """Install it, where nothing is installed; for the length of the block the app is there."""
    app: dict[str, object] = machine.appctl("install", "-y", "--json", *options, reference).json["apps"][0]
    try:
        yield app
    finally:
        machine.appctl("uninstall", "-y", str(app["id"]))
        assert machine.objects() == set(), "so that the next image is read, and not what is here of this one"


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_archives_of_the_same_image(
    kind: str, machine: Machine, expected: list[Row], digests: dict[str, str]
) -> None:
    """The address of the one remote refuses every connection; nothing asks the other's either."""
    source = f"{kind}-archive:{FIXTURES / f'plain-{kind}-archive.tar'}"
    reference = "docker.io/demo/plain:1"
    if kind == "docker":
        remote = "[remote]\nurl = docker.io/demo\nverify = none\n"
    else:
        remote = "[remote]\nurl = oci+http://127.0.0.1:9/golden\nverify = digest\n"
        reference = f"127.0.0.1:9/golden/plain@{PLAIN}"
    (machine.configuration / f"{kind}.conf").write_text(remote)
    with _installed(machine, reference, "--from", source) as app:
        _compare_deployment(Path(str(app["deployment"])), expected, digests)
        _compare_commit(machine, str(app["commit"]), expected)


def _compare_deployment(files: Path, expected: list[Row], digests: dict[str, str]) -> None:
    """Path, type, target and bytes; R12 says which modes there are."""
    found = {str(path.relative_to(files)): path for path in files.rglob("*")}
    assert sorted(found) == sorted(row["path"] for row in expected)
    for row in expected:
        path = found[row["path"]]
        mode = path.lstat().st_mode
        match row["type"]:
            case "d":
                assert (stat.S_ISDIR(mode), stat.S_IMODE(mode)) == (True, 0o755), path
            case "l":
                assert str(path.readlink()) == row["target"]
            case _:
                executable = int(row["mode"], 8) & 0o100
                assert (stat.S_ISREG(mode), stat.S_IMODE(mode)) == (True, 0o555 if executable else 0o444), (
                    path
                )
                assert hashlib.sha256(path.read_bytes()).hexdigest() == digests[row["path"]]
                assert path.stat().st_size == int(row["size"])
                assert not [name for name in os.listxattr(path) if not name.startswith("user.")]


def _compare_commit(machine: Machine, commit: str, expected: list[Row]) -> None:
    """Mode, uid and gid stand in the commit as the image has them."""
    command = ["ostree", f"--repo={machine.state / 'repo'}", "ls", "-R", commit]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listing.splitlines():
        kind_mode, uid, gid, _, path = line.split(None, 4)
        found[path.partition(" -> ")[0].lstrip("/")] = (kind_mode[0], int(kind_mode[1:], 8), uid, gid)
    found.pop("", None)
    kinds = {"f": "-", "d": "d", "l": "l"}
    assert found == {
        row["path"]: (kinds[row["type"]], int(row["mode"], 8), row["uid"], row["gid"]) for row in expected
    }
