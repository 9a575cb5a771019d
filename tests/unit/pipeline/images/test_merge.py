# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""merge.py: which commits are united where some of the layers hold a publisher's."""

from pathlib import Path

import pytest

from appctld.errors import BadManifest
from support.layers.ostree_layers import File, Published
from support.repositories.ostree_store import tar_of
from support.workers.inline import digest_of, layer_of
from support.worlds.world import World

REFERENCE = "acme.example/x/hello:1"
MADE = Published({"usr": {"f": File(b"x")}})
LAYER = tar_of(MADE.layer())
ABOVE = layer_of({"usr/": None, "usr/new": b"x"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def publish(world: World, layers: list[bytes], commit: str) -> None:
    labels = {"ostree.commit": commit, "ostree.final-diffid": digest_of(LAYER)}
    world.registry.push("1", layers, Labels=labels)


@pytest.mark.parametrize("above", [[], [ABOVE]], ids=["alone", "derived"])
def test_what_is_here_is_the_commit_of_the_label_or_nothing(world: World, above: list[bytes]) -> None:
    """The layer's record says which commit it holds; an image that says another one lies."""
    publish(world, [LAYER], MADE.commit)
    world.install(REFERENCE)
    publish(world, [LAYER, *above], "c" * 64)
    with pytest.raises(BadManifest, match="as its label says"):
        world.install(REFERENCE)


def test_a_layer_above_may_be_one_of_those_below(world: World) -> None:
    """One tar, read for its objects and for its paths, of which nothing counts."""
    publish(world, [LAYER, ABOVE, ABOVE], MADE.commit)
    files = world.install(REFERENCE).path
    assert sorted(path.name for path in (files / "usr").iterdir()) == ["f", "new"]
