# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/catalog: what is no catalogue, or too large for one, is refused before a layer comes."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote
from appctld.errors import AppctlError, BadManifest, LimitExceeded, NotFound, PolicyDenied
from appctld.model import catalog as bounds
from appctld.pipeline.catalog.run import renew_catalog
from appctld.pipeline.catalog.stages import Catalog
from support.images.catalogs import LABELS, component, document, tree
from support.workers.inline import layer_of
from support.worlds.world import BASE, World, trusting

LIST = layer_of(tree(document(component("org.acme.Editor", "acme.example/x/editor:1", "Editor"))))
ACME = trusting("acme")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.remotes["acme"] = ACME
    return world


def renew(world: World, remote: Remote = ACME) -> Catalog:
    return asyncio.run(renew_catalog(remote, None, world.tools))


def refuses(world: World, error: type[AppctlError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        renew(world)
    assert type(caught.value) is error
    assert LIST not in [world.registry.blobs.get(digest) for digest in world.registry.asked]


def test_a_catalogue_may_have_several_layers(world: World) -> None:
    world.registry.push("latest", [BASE, LIST], Labels=LABELS)
    found = renew(world)
    assert (found.signed, found.changed) == (False, True)


def test_what_does_not_say_that_it_is_a_catalogue_is_none(world: World) -> None:
    world.registry.push("latest", [LIST])
    refuses(world, BadManifest, "it is no catalogue")


def test_layers_and_diffids_must_fit(world: World) -> None:
    world.registry.push("latest", [LIST], Labels=LABELS)
    world.registry.change("latest", layers=json.loads(world.registry.tags["latest"])["layers"] * 2)
    refuses(world, BadManifest, "2 layers, but 1 diffIDs")


def test_how_much_comes_is_known_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.registry.push("latest", [LIST, BASE], Labels=LABELS)
    monkeypatch.setattr(bounds, "LAYERS", 1)
    refuses(world, LimitExceeded, "2 layers")
    monkeypatch.undo()
    monkeypatch.setattr(bounds, "CATALOG_BYTES", len(LIST))
    refuses(world, LimitExceeded, "bytes")


def test_a_remote_that_is_another_meanwhile_shows_nothing(world: World) -> None:
    world.registry.push("latest", [LIST], Labels=LABELS)
    world.remotes["acme"] = replace(ACME, ids=("org.other.*",))
    with pytest.raises(PolicyDenied, match="modified meanwhile"):
        renew(world)
    assert not world.paths.catalogs.exists()


def test_nor_does_one_whose_layers_are_here_already(world: World) -> None:
    world.registry.push("latest", [LIST], Labels=LABELS)
    renew(world)
    world.remotes["acme"] = replace(ACME, ids=("org.other.*",))
    with pytest.raises(PolicyDenied, match="modified meanwhile"):
        renew(world)
    assert world.ops().count("store-catalog") == 1


def test_that_there_is_none_is_said(world: World) -> None:
    refuses(world, NotFound, "does not know that tag")
