# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is shown to a pull: the objects of one commit of that very remote, and nothing else that is here."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from appctld.errors import Failed, NoSpace, NotFound, RepoCorrupt
from appctld.workers.store.__main__ import HANDLERS
from support.layers.layers import commit_layer
from support.repositories.quarantine import Published, Scene, object_of

PLACE = "0123456789abcdef"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def scene(tmp_path: Path, published: Published) -> Scene:
    """Remote acme has the commit; a layer of somebody else's lies beside it."""
    scene = Scene(tmp_path, published)
    scene.send(scene.honest())
    commit_layer(scene.state.repo, ["usr/", "usr/secret = private"])
    return scene


def lend(scene: Scene, remote: str = "acme", commit: str = "", name: str = PLACE) -> Path:
    place = scene.state.quarantine / name
    place.mkdir(parents=True)
    ref = f"appctl/commit/{remote}/{commit or scene.commit}"
    scene.state.call(HANDLERS["lend"], quarantine=str(place), ref=ref)
    return place


def objects(repo: Path) -> set[str]:
    return {str(path.relative_to(repo)) for path in (repo / "objects").glob("*/*")}


def test_a_commit_is_there_whole_and_nothing_beside_it(scene: Scene) -> None:
    place = lend(scene)
    listed = subprocess.run(
        ["ostree", f"--repo={place}", "ls", "-R", "-C", scene.commit],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "/d/f" in listed.stdout
    assert objects(place) == objects(scene.published.pulled) - {
        path for path in objects(scene.published.pulled) if path.endswith(".commitmeta")
    }
    assert objects(place) < objects(scene.state.repo)


def test_it_costs_no_space(scene: Scene) -> None:
    place = lend(scene)
    for path in objects(place):
        assert (place / path).stat().st_ino == (scene.state.repo / path).stat().st_ino


def test_another_remotes_commit_is_not_lent(scene: Scene) -> None:
    """R5: naming a private object would hand over its contents."""
    with pytest.raises(NotFound):
        lend(scene, remote="other")
    assert objects(scene.state.quarantine / PLACE) == set()


def test_a_commit_that_no_ref_names_is_not_lent(scene: Scene) -> None:
    layer = commit_layer(scene.state.repo, ["usr/", "usr/secret = private"])
    with pytest.raises(NotFound):
        lend(scene, commit=layer)


@pytest.mark.parametrize("name", ["..", "x", "0123"])
def test_only_a_quarantine_is_filled(scene: Scene, name: str) -> None:
    with pytest.raises((Failed, FileExistsError)):
        lend(scene, name=name)


def test_where_metadata_is_damaged_nothing_is_lent(scene: Scene) -> None:
    lie = object_of(scene.published.pulled, scene.commit, "dirtree")
    path = scene.state.repo / "objects" / lie.checksum[:2] / f"{lie.checksum[2:]}.dirtree"
    path.unlink()
    with pytest.raises(RepoCorrupt):
        lend(scene)


def failing(scene: Scene, number: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an object that cannot be linked."""
    lie = object_of(scene.published.pulled, scene.commit, "file")
    real = os.link

    def link(source: str, target: str, **options: object) -> None:
        if lie.checksum[2:] in source:
            raise OSError(number, os.strerror(number))
        real(source, target, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)
    return lie.checksum[2:]


def test_an_object_with_too_many_links_is_left_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    name = failing(scene, errno.EMLINK, monkeypatch)
    lent = objects(lend(scene))
    assert not [path for path in lent if name in path]
    assert lent


def test_any_other_failure_is_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(scene, errno.ENOSPC, monkeypatch)
    with pytest.raises(NoSpace):
        lend(scene)


def test_a_symlink_among_the_objects_is_not_followed(scene: Scene, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("somebody's")
    lie = object_of(scene.published.pulled, scene.commit, "file")
    path = Path("objects") / lie.checksum[:2] / f"{lie.checksum[2:]}.file"
    (scene.state.repo / path).unlink()
    (scene.state.repo / path).symlink_to(outside)
    assert (lend(scene) / path).is_symlink()
    assert outside.stat().st_nlink == 1
