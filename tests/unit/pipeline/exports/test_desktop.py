# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An ID that the host has as its own is refused before anything is fetched."""

from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import Conflict
from appctld.pipeline.exports.desktop import HOST, Desktop
from support.workers.inline import layer_of
from support.worlds.world import World

APP = "org.acme.Editor"
TAKEN = (f"applications/{APP}.desktop", f"dbus-1/services/{APP}.service")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.tools = replace(made.tools, desktop=Desktop(host=(tmp_path / "local", tmp_path / "host")))
    made.registry.push("1", [layer_of({"usr/": None, "usr/a": b"a"})], Labels={"org.appctl.id": APP})
    return made


@pytest.mark.parametrize("share", ["local", "host"])
@pytest.mark.parametrize("path", TAKEN)
def test_an_id_of_the_hosts_is_a_conflict_and_no_layer_comes(
    path: str, share: str, world: World, tmp_path: Path
) -> None:
    there = tmp_path / share / path
    there.parent.mkdir(parents=True)
    there.write_text("the host's")
    with pytest.raises(Conflict, match=f"{APP} is an app that this machine has already") as caught:
        world.plan("acme.example/x:1")
    assert str(there) in caught.value.message
    assert f"--as {APP}_appctl" in caught.value.advice
    assert len(world.registry.asked) == 1  # the config


@pytest.mark.parametrize(
    "path", [f"applications/{APP}.Plugin.desktop", f"metainfo/{APP}.metainfo.xml", f"icons/{APP}.desktop"]
)
def test_other_files_of_the_hosts_are_none_of_it(path: str, world: World, tmp_path: Path) -> None:
    there = tmp_path / "host" / path
    there.parent.mkdir(parents=True)
    there.write_text("the host's")
    assert world.plan("acme.example/x:1").id == APP


def test_who_was_here_first_is_updated_all_the_same(world: World, tmp_path: Path) -> None:
    world.install("acme.example/x:1")
    there = tmp_path / "host" / TAKEN[0]
    there.parent.mkdir(parents=True)
    there.write_text("the host's")
    assert world.plan("acme.example/x:1").id == APP


def test_the_hosts_directories_are_those_of_the_distribution() -> None:
    assert list(map(str, HOST)) == ["/usr/local/share", "/usr/share"]
