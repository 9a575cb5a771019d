# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Installed images that leave: byte for byte, whole or not at all, from what is here or can be had again."""

import base64
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    Busy,
    InvalidReference,
    NotFound,
    NotInstalled,
    RepoCorrupt,
    UnsupportedMediaType,
)
from appctld.model.jsonvalue import Json, JsonObject, get_objects
from appctld.state.records import find_app
from appctld.workers.export.image import export as module
from appctld.workers.export.image.export import export
from appctld.workers.store import disk
from support.servers.fake_registry import FakeServer, Reply
from support.workers.inline import digest_of
from support.workers.leaving import names, registry
from support.worlds.compressed import GZIP, push_packed
from support.worlds.world import BASE, TOP, World

REFERENCE = "acme.example/x/hello:1"
APP = "example.acme.x.hello"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An app of two layers that are plain tars."""
    made = World(tmp_path / "machine")
    made.registry.push("1", [BASE, TOP])
    made.install(REFERENCE)
    return made


@pytest.fixture
def packed(tmp_path: Path) -> World:
    """The same app in two layers that are compressed."""
    made = World(tmp_path / "machine")
    push_packed(made, "1", [BASE, TOP])
    made.install(REFERENCE)
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "layout"


def directory(path: Path) -> JsonObject:
    return {"kind": "directory", "path": str(path)}


def leave(world: World, to: JsonObject, recompress: str = "", **app: Json) -> JsonObject:
    whole: JsonObject = {"state": str(world.paths.root), "id": APP, **app}
    answer = export({"apps": [whole], "to": to, "recompress": recompress}, lambda _: None)
    return get_objects(answer, "apps")[0]


def document(target: Path, name: str = REFERENCE) -> JsonObject:
    """The manifest that a name means in a layout."""
    command = ["skopeo", "inspect", "--raw", f"oci:{target}:{name}"]
    found: JsonObject = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def blob(target: Path, digest: object) -> Path:
    return target / "blobs/sha256" / str(digest).removeprefix("sha256:")


def object_of(world: World, content: bytes) -> Path:
    """The stored file of that content."""
    (found,) = [
        path
        for path in (world.paths.repo / "objects").glob("??/*.file")
        if not path.is_symlink() and path.read_bytes() == content
    ]
    return found


# --- as it was published -----------------------------------------------------------------------------------


def test_layers_that_nobody_compressed_are_made_again_as_they_were(world: World, target: Path) -> None:
    app = leave(world, directory(target))
    manifest = json.loads(world.registry.tags["1"])
    assert app["digest"] == digest_of(world.registry.tags["1"])
    assert (app["id"], app["reference"], app["name"]) == (APP, REFERENCE, REFERENCE)
    assert document(target) == manifest
    for layer, tar in zip(manifest["layers"], (BASE, TOP), strict=True):
        assert blob(target, layer["digest"]).read_bytes() == tar


def test_what_umoci_unpacks_is_what_is_deployed(world: World, target: Path, tmp_path: Path) -> None:
    leave(world, directory(target))
    bundle = tmp_path / "bundle"
    command = ["umoci", "unpack", "--rootless", "--image", f"{target}:{REFERENCE}", str(bundle)]
    subprocess.run(command, check=True, capture_output=True)
    found = find_app(world.paths, APP)
    assert found is not None
    files = world.paths.app(APP) / found.current.deployment / "files"
    assert names(bundle / "rootfs") == names(files)


def test_several_apps_fit_one_layout(world: World, target: Path) -> None:
    world.registry.push("2", [BASE])
    world.install("acme.example/x/other:2")
    apps: list[Json] = [
        {"state": str(world.paths.root), "id": name} for name in (APP, "example.acme.x.other")
    ]
    request: JsonObject = {"apps": apps, "to": directory(target), "beside": {"acme.appctlremote": "public"}}
    export(request, lambda _: None)
    assert document(target) != document(target, "acme.example/x/other:2")
    assert (target / "acme.appctlremote").read_text() == "public"


def test_progress_is_told(world: World, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.0)
    told: list[JsonObject] = []
    request: JsonObject = {"apps": [{"state": str(world.paths.root), "id": APP}], "to": directory(target)}
    export(request, told.append)
    total = len(BASE) + len(TOP)
    assert told[-1] == {"stage": "exporting", "title": APP, "bytes": total, "total": total}


def test_nothing_of_the_installation_is_changed_or_locked(world: World, target: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in world.paths.root.rglob("*")}
    (world.paths.repo / ".lock").chmod(0o000)
    leave(world, directory(target))
    leave(world, directory(target), "gzip")
    assert {path: path.lstat().st_mtime_ns for path in world.paths.root.rglob("*")} == before


# --- compressed layers -------------------------------------------------------------------------------------


def test_compressed_layers_that_are_nowhere_are_not_made_up(
    packed: World, target: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="no copy was kept") as caught:
        leave(packed, directory(target))
    assert "--recompress" in caught.value.advice
    assert not target.exists()
    assert names(tmp_path)[0].startswith("machine"), "and nothing unfinished"


@pytest.fixture
def server(packed: World) -> Iterator[FakeServer]:
    """A registry that has the blobs of the packed app."""
    with FakeServer() as running:
        for digest, data in packed.registry.blobs.items():
            running.on(f"/v2/x/hello/blobs/{digest}", Reply(body=data))
        yield running


def endpoint(server: FakeServer) -> JsonObject:
    return {"registry": server.url, "repository": "x/hello"}


def test_they_are_fetched_again(packed: World, target: Path, server: FakeServer) -> None:
    app = leave(packed, directory(target), endpoint=endpoint(server))
    assert app["digest"] == digest_of(packed.registry.tags["1"])
    assert document(target) == json.loads(packed.registry.tags["1"])
    skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet"]
    subprocess.run([*skopeo, f"oci:{target}:{REFERENCE}", f"dir:{target}2"], check=True)


def test_what_the_registry_has_now_must_be_what_was_published(
    packed: World, target: Path, server: FakeServer
) -> None:
    layer = json.loads(packed.registry.tags["1"])["layers"][1]
    server.on(f"/v2/x/hello/blobs/{layer['digest']}", Reply(body=b"x" * layer["size"]))
    with pytest.raises(NotFound, match="is another one"):
        leave(packed, directory(target), endpoint=endpoint(server))
    assert not target.exists()


def test_what_is_in_the_directory_that_it_came_from_is_copied(
    packed: World, target: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source/blobs/sha256"
    source.mkdir(parents=True)
    for digest, data in packed.registry.blobs.items():
        (source / digest.removeprefix("sha256:")).write_bytes(data)
    app = leave(packed, directory(target), layout=str(tmp_path / "source"))
    assert app["digest"] == digest_of(packed.registry.tags["1"])


def test_a_copy_that_was_kept_is_taken_first_and_a_damaged_one_is_not(
    packed: World, target: Path, server: FakeServer
) -> None:
    manifest = json.loads(packed.registry.tags["1"])
    kept = packed.paths.root / "kept/acme"
    kept.mkdir(parents=True, exist_ok=True)
    for layer, tar in zip(manifest["layers"], (BASE, TOP), strict=True):
        name = f"{digest_of(tar)[7:]}.{layer['digest'][7:]}"
        (kept / name).write_bytes(packed.registry.blobs[layer["digest"]])
    leave(packed, directory(target))
    (kept / min(names(kept))).write_bytes(b"x" * 100)
    app = leave(packed, directory(target.with_name("two")), endpoint=endpoint(server))
    assert app["digest"] == digest_of(packed.registry.tags["1"])
    assert len(server.seen) == 1
    with pytest.raises(NotFound, match="is another one; "):
        leave(
            packed,
            directory(target.with_name("three")),
            endpoint={**endpoint(server), "repository": "x/none"},
        )


def test_a_copy_that_cannot_be_read_is_passed_over(packed: World, target: Path, server: FakeServer) -> None:
    kept = packed.paths.root / "kept/acme"
    kept.mkdir(parents=True)
    layers = json.loads(packed.registry.tags["1"])["layers"]
    for layer, tar in zip(layers, (BASE, TOP), strict=True):
        blob = target.with_name(layer["digest"][7:])
        blob.write_bytes(packed.registry.blobs[layer["digest"]])
        (kept / f"{digest_of(tar)[7:]}.{layer['digest'][7:]}").symlink_to(blob)
    leave(packed, directory(target), endpoint=endpoint(server))
    assert len(server.seen) == len(layers)


def test_a_remote_that_is_no_name_leads_to_no_copy(packed: World, target: Path) -> None:
    edit(packed, "record.json", {"remote": "../elsewhere"})
    elsewhere = packed.paths.root / "elsewhere"
    elsewhere.mkdir()
    (packed.paths.root / "kept").mkdir(exist_ok=True)
    for layer, tar in zip(json.loads(packed.registry.tags["1"])["layers"], (BASE, TOP), strict=True):
        name = f"{digest_of(tar)[7:]}.{layer['digest'][7:]}"
        (elsewhere / name).write_bytes(packed.registry.blobs[layer["digest"]])
    with pytest.raises(NotFound):
        leave(packed, directory(target))


def test_copies_that_are_for_others_are_passed_over(packed: World, target: Path, server: FakeServer) -> None:
    closed = packed.paths.root / "kept/acme.login"
    closed.mkdir(parents=True, mode=0o000)
    try:
        leave(packed, directory(target), endpoint=endpoint(server))
    finally:
        closed.chmod(0o700)
    assert target.exists()


def test_what_the_destination_has_need_not_be_anywhere_else(
    packed: World, target: Path, server: FakeServer
) -> None:
    leave(packed, directory(target), endpoint=endpoint(server))
    server.seen.clear()
    leave(packed, directory(target), endpoint=endpoint(server))
    assert server.seen == []


def test_that_a_destination_refuses_is_not_that_a_layer_is_missing(packed: World, server: FakeServer) -> None:
    with FakeServer() as other:
        other.on("/v2/demo/plain/blobs/uploads/", Reply(403))
        with pytest.raises(AppctlError) as caught:
            leave(packed, registry(other.url), endpoint=endpoint(server))
    assert caught.value.name == "RegistryAuth"


def test_one_tag_is_one_image(packed: World) -> None:
    app: JsonObject = {"state": str(packed.paths.root), "id": APP}
    with pytest.raises(InvalidReference):
        export({"apps": [app, app], "to": registry("http://127.0.0.1:1")}, lambda _: None)


# --- packed anew -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_layers_that_are_packed_anew_have_the_same_content(packed: World, target: Path, how: str) -> None:
    app = leave(packed, directory(target), how)
    manifest = document(target)
    published = json.loads(packed.registry.tags["1"])
    assert app["digest"] != digest_of(packed.registry.tags["1"])
    assert "signatures" in str(app["left"])
    assert manifest["config"] == published["config"], "which names the diffIDs"
    layers = get_objects(manifest, "layers")
    assert {layer["mediaType"] for layer in layers} == {f"{GZIP.partition('+')[0]}+{how}"}
    for layer, tar in zip(layers, (BASE, TOP), strict=True):
        with blob(target, layer["digest"]).open("rb") as file:
            done = subprocess.run([how, "-dc"], stdin=file, check=True, capture_output=True)
        assert done.stdout == tar


def test_packing_anew_twice_gives_the_same_digests(packed: World, target: Path, tmp_path: Path) -> None:
    one = leave(packed, directory(target), "gzip")
    archive: JsonObject = {"kind": "archive", "path": str(tmp_path / "image.tar")}
    assert leave(packed, archive, "gzip")["digest"] == one["digest"]


def test_a_way_to_compress_that_is_none_is_refused(packed: World, target: Path) -> None:
    with pytest.raises(InvalidReference):
        leave(packed, directory(target), "rar")
    assert not target.exists()


# --- what is not right here --------------------------------------------------------------------------------


def damage(path: Path) -> None:
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"?")
    path.chmod(0o444)


@pytest.mark.parametrize("recompress", ["", "gzip"])
@pytest.mark.parametrize("what", ["damaged", "missing", "shortened", "tar-split damaged"])
def test_what_is_not_what_it_was_is_not_exported(
    world: World, target: Path, tmp_path: Path, what: str, recompress: str
) -> None:
    path = object_of(world, b"new")
    match what:
        case "damaged":
            damage(path)
        case "missing":
            path.unlink()
        case "shortened":
            path.chmod(0o644)
            path.write_bytes(b"n")
        case _:
            damage(world.paths.tar_split / digest_of(TOP).removeprefix("sha256:"))
    with pytest.raises(RepoCorrupt):
        leave(world, directory(target), recompress)
    archive: JsonObject = {"kind": "archive", "path": str(tmp_path / "image.tar")}
    with pytest.raises(RepoCorrupt):
        leave(world, archive, recompress)
    assert names(tmp_path)[0].startswith("machine")
    assert not target.exists()


def test_a_layer_without_its_tar_metadata_is_not_made_up(world: World, target: Path) -> None:
    (world.paths.tar_split / digest_of(TOP).removeprefix("sha256:")).unlink()
    with pytest.raises(NotFound):
        leave(world, directory(target), "gzip")
    assert not target.exists()


def test_an_app_that_is_not_here_is_not_installed(world: World, target: Path) -> None:
    for name in ("org.example.Nothing", APP + "2"):
        with pytest.raises(NotInstalled):
            leave(world, directory(target), id=name)


def test_an_app_that_is_removed_meanwhile_is_said_to_be_gone(
    world: World, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed(*_: object) -> Iterator[bytes]:
        (world.paths.app(APP) / "current").unlink()
        yield b""
        raise RepoCorrupt("an object is missing")

    monkeypatch.setattr(module, "tar", removed)
    with pytest.raises(NotInstalled):
        leave(world, directory(target), "gzip")


def test_an_app_that_is_updated_meanwhile_is_said_to_be_changed(
    world: World, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.registry.push("1", [BASE], created="2024-01-01T00:00:00Z")

    def updated(*_: object) -> Iterator[bytes]:
        world.install(REFERENCE)
        yield b""
        raise NotFound("no tar metadata")

    monkeypatch.setattr(module, "tar", updated)
    with pytest.raises(Busy):
        leave(world, directory(target), "gzip")
    assert not target.exists()


def edit(world: World, name: str, change: JsonObject) -> None:
    """Change members of one of the app's papers."""
    path = next(world.paths.app(APP).glob(f"*/{name}"))
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))


PAPERS: dict[str, tuple[str, JsonObject]] = {
    "another digest": ("record.json", {"image_digest": "sha256:" + "0" * 64}),
    "an index of which nothing is kept": ("record.json", {"index_digest": "sha256:" + "0" * 64}),
    "another commit": ("record.json", {"commit": "0" * 64}),
    "no commit": ("record.json", {"commit": "../../x"}),
    "no manifest": ("provenance.json", {"manifest": None}),
    "another manifest": ("provenance.json", {"manifest": {"raw": "e30=", "media_type": "x"}}),
    "no base64": ("provenance.json", {"manifest": {"raw": "?", "media_type": "x"}}),
    "another config": ("provenance.json", {"config": {"raw": "e30=", "media_type": "x"}}),
    "no evidence": ("provenance.json", {"evidence": {}}),
    "too much": ("record.json", {"x": "x" * disk.RECORD_BYTES}),
    "far too much": ("provenance.json", {"x": "x" * disk.PROVENANCE_BYTES}),
    "a signature that is no base64": (
        "provenance.json",
        {
            "evidence": {
                "digest": f"sha256:{'0' * 64}",
                "openpgp": ["b25l?"],
                "attachments": [],
                "bundles": [],
                "looked_at": [],
                "ed25519": [],
            }
        },
    ),
}


@pytest.mark.parametrize("what", PAPERS)
def test_papers_that_do_not_fit_together_are_not_believed(world: World, target: Path, what: str) -> None:
    name, change = PAPERS[what]
    edit(world, name, change)
    with pytest.raises(RepoCorrupt):
        leave(world, directory(target))
    assert not target.exists()


def test_an_index_in_the_place_of_a_manifest_is_not_believed(world: World, target: Path) -> None:
    raw, kind = b'{"schemaVersion": 2, "manifests": []}', "application/vnd.oci.image.index.v1+json"
    edit(world, "record.json", {"image_digest": digest_of(raw)})
    edit(world, "provenance.json", {"manifest": {"raw": base64.b64encode(raw).decode(), "media_type": kind}})
    with pytest.raises(RepoCorrupt, match="no image"):
        leave(world, directory(target))


def test_a_paper_that_is_a_symlink_is_not_read(world: World, target: Path, tmp_path: Path) -> None:
    path = next(world.paths.app(APP).glob("*/record.json"))
    path.rename(tmp_path / "record")
    path.symlink_to(tmp_path / "record")
    with pytest.raises(RepoCorrupt):
        leave(world, directory(target))


def test_where_nothing_is_installed_no_repository_is_made(target: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with pytest.raises(RepoCorrupt):
        export(
            {"apps": [{"state": str(tmp_path / "state"), "id": APP}], "to": directory(target)}, lambda _: None
        )
    assert names(tmp_path) == ["state"]


def test_a_commit_of_an_ostree_repository_is_no_image(tmp_path: Path, target: Path) -> None:
    world = World(tmp_path / "machine")
    world.trees.commit("app/stable", {"usr/hello": "x"})
    deployed = world.install_commit("app/stable")
    with pytest.raises(UnsupportedMediaType) as caught:
        leave(world, directory(target), id=deployed.record.id)
    assert "appctl publish" in caught.value.advice


def test_a_tar_of_one_layer_is_read_as_such(world: World, target: Path) -> None:
    leave(world, directory(target))
    with tarfile.open(blob(target, digest_of(TOP))) as tar:
        assert tar.getnames() == ["usr", "usr/.wh.old", "usr/new"]
