# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/store.py and tree.py: what is read of an image, and what is not, over a real repository."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import BadManifest, LimitExceeded, NoSpace, RepoCorrupt
from appctld.model.jsonvalue import Json, JsonObject
from appctld.pipeline.tools import Tools
from appctld.workers.store.catalog import store
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from support.images.catalogs import XML, component, document, png, tree
from support.workers.inline import layer_of
from support.worlds.world import World

EDITOR = component("org.acme.Editor", "acme.example/x/editor:1", "Editor")
Stored = Callable[[bytes], JsonObject]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def stored(world: World) -> Stored:
    """Stores what a layer lists, as remote acme's."""

    def act(layer: bytes) -> JsonObject:
        world.registry.push("1", [layer])
        commit = world.install("acme.example/x/list:1").record.commit
        return store.store_catalog(request(world.tools, commit=commit), lambda _facts: None)

    return act


def request(tools: Tools, **more: str) -> JsonObject:
    places: JsonObject = {
        "repo": str(tools.paths.repo),
        "catalogs": str(tools.paths.catalogs),
        "swcatalog": str(tools.paths.swcatalog),
        "apps": str(tools.paths.apps),
    }
    return {**places, "remote": "acme", "prefix": "acme.example/x", "ids": [], "signed": True, **more}


def linked(path: str, target: str) -> bytes:
    """A layer in which a path is a symlink."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        tar.addfile(entry)
    return buffer.getvalue()


def test_what_an_image_lists_is_prepared_and_shown_when_it_is_said(stored: Stored, world: World) -> None:
    icons = {
        f"64x64/{name}": png(64) for name in ("org.acme.Editor.png", "org.acme.Tool.png", "org.acme.Editor")
    }
    answer = stored(layer_of(tree(document(EDITOR), icons)))
    assert not world.paths.catalog("acme").exists()
    shown = request(world.tools, name=str(answer["name"]))
    assert store.show_catalog(shown, lambda _facts: None) == {"shown": answer["name"]}
    assert b"org.acme.Editor" in world.paths.catalog("acme").read_bytes()
    pictures = [path.name for path in world.paths.catalogs.rglob("*.png")]
    assert pictures == ["org.acme.Editor.png"]


@pytest.mark.parametrize(
    "layer", [linked(XML, "/etc/passwd"), linked("usr/share/swcatalog", "/usr"), layer_of({"usr/": None})]
)
def test_a_link_is_followed_by_nobody(layer: bytes, stored: Stored) -> None:
    with pytest.raises(BadManifest, match="has no catalogue at"):
        stored(layer)


def test_how_much_is_read_is_bounded(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    xml = document(EDITOR)
    layer = layer_of(tree(xml, {"64x64/org.acme.Editor.png": png(64)}))
    monkeypatch.setattr(store, "XML_BYTES", len(xml))
    monkeypatch.setattr(store, "ICON_BYTES", len(png(64)))
    stored(layer)
    monkeypatch.setattr(store, "XML_BYTES", len(xml) - 1)
    with pytest.raises(LimitExceeded, match="a file of"):
        stored(layer)
    monkeypatch.undo()
    monkeypatch.setattr(store, "ICON_BYTES", 10)
    with pytest.raises(LimitExceeded, match="bytes of icons"):
        stored(layer)


def test_a_picture_that_is_too_large_is_left_out(stored: Stored, world: World) -> None:
    stored(layer_of(tree(document(EDITOR), {"64x64/org.acme.Editor.png": b"x" * (2 << 20)})))
    assert not list(world.paths.catalogs.rglob("*.png"))


def test_where_there_is_no_room_nothing_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.registry.push("1", [layer_of(tree(document(EDITOR)))])
    commit = world.install("acme.example/x/list:1").record.commit
    monkeypatch.setattr(Repository, "free_space", lambda _self: 10)
    with pytest.raises(NoSpace):
        store.store_catalog(request(world.tools, commit=commit), lambda _facts: None)
    assert not world.paths.catalogs.exists()


def test_what_is_stored_is_hashed_again(world: World) -> None:
    world.registry.push("1", [layer_of(tree(document(EDITOR)))])
    commit = world.install("acme.example/x/list:1").record.commit
    repository = Repository.open(world.paths.repo)
    here = repository.tree(repository.commit(commit).tree)
    for part in XML.split("/")[:-1]:
        here = repository.tree(here.dirs[part][0])
    path = world.paths.repo / loose_path(Kind.FILE, here.files["catalog.xml"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"Editor</name>", b"Ediror</name>"))
    with pytest.raises(RepoCorrupt):
        store.store_catalog(request(world.tools, commit=commit), lambda _facts: None)


def test_what_is_not_to_be_kept_goes(stored: Stored, world: World) -> None:
    answer = stored(layer_of(tree(document(EDITOR))))
    store.show_catalog(request(world.tools, name=str(answer["name"])), lambda _facts: None)
    united = world.paths.swcatalog / "xml/appctl.xml"
    acme: JsonObject = {"name": "acme", "ids": []}
    keep: JsonObject = {**request(world.tools), "keep": ["acme"], "unite": [acme]}
    keep |= {"installed": [], "made-of": ""}
    store.keep_catalogs(keep, lambda _facts: None)
    assert b"org.acme.Editor" in united.read_bytes()
    assert world.paths.catalog("acme").exists()
    store.keep_catalogs({**keep, "keep": [], "unite": []}, lambda _facts: None)
    assert b"org.acme.Editor" not in united.read_bytes()
    assert not world.paths.catalog("acme").exists()


def test_of_installed_apps_those_are_told_that_somebody_signed(world: World) -> None:
    apps: list[Json] = [
        {"id": f"org.acme.{name}", "remote": "acme", "reference": f"acme.example/x/{name.lower()}:1",
         "name": name, "version": "1", "signed": name == "Editor"}
        for name in ("Editor", "Tool")
    ]  # fmt: skip
    told: JsonObject = {"keep": [], "unite": [], "installed": apps, "made-of": "both"}
    store.keep_catalogs(request(world.tools) | told, lambda _facts: None)
    united = (world.paths.swcatalog / "xml/appctl.xml").read_text()
    assert [f"<id>org.acme.{name}</id>" in united for name in ("Editor", "Tool")] == [True, False]
