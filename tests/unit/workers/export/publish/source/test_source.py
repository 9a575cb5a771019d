# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is published of a commit that was made here from an image's layers."""

import json
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.model.image import CONFIG_BYTES
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from support.workers.publishing import Layout, commit, published

CONFIG = {
    "architecture": "amd64",
    "config": {
        "Entrypoint": ["/usr/bin/x"],
        "Cmd": ["y"],
        "Env": ["A=b"],
        "WorkingDir": "/",
        "User": "7",
        "Labels": {"org.appctl.id": "org.example.X", "ostree.commit": "z", "org.flatpak.ref": "app/x/y/z"},
    },
}


def made_here(directory: Path, config: str) -> str:
    """A merged commit in a repository like the store's."""
    repository = Repository.open(directory / "repo")
    with repository.shared(), repository.transaction() as writer:
        meta = writer.meta(0, 0, 0o755)
        said = {"appctl.remote": "acme", "ostree.container.image-config": config, "version": "2"}
        return writer.commit(Commit(writer.tree(DirTree()), meta, 1_700_000_000, said))


@pytest.mark.parametrize("form", ["ostree", "plain"])
def test_it_says_how_it_starts_and_nothing_of_the_image_that_it_was(tmp_path: Path, form: str) -> None:
    name = made_here(tmp_path, json.dumps(CONFIG))
    answer = published(commit(tmp_path / "repo", name), tmp_path / "out", form)
    run = Layout(tmp_path / "out").config()["config"]
    labels = run.pop("Labels")
    assert run == {"Entrypoint": ["/usr/bin/x"], "Cmd": ["y"], "Env": ["A=b"], "WorkingDir": "/"}
    assert (labels["org.appctl.id"], labels["org.opencontainers.image.version"]) == ("org.example.X", "2")
    assert labels.get("ostree.commit") == (answer["commit"] if form == "ostree" else None)
    assert "org.flatpak.ref" not in labels
    assert answer["commit"] != name


def test_another_entrypoint_takes_the_place_of_both(tmp_path: Path) -> None:
    name = made_here(tmp_path, json.dumps(CONFIG))
    published(commit(tmp_path / "repo", name), tmp_path / "out", entrypoint=["/usr/bin/z"])
    run = Layout(tmp_path / "out").config()["config"]
    assert (run["Entrypoint"], run["Cmd"]) == (["/usr/bin/z"], [])


def test_what_this_machine_noted_of_the_image_is_not_in_the_commit(tmp_path: Path) -> None:
    name = made_here(tmp_path, json.dumps(CONFIG))
    published(commit(tmp_path / "repo", name), tmp_path / "out")
    (layer,) = Layout(tmp_path / "out").layers()
    assert b"appctl.remote" not in layer


def test_what_the_image_did_not_say_is_not_said(tmp_path: Path) -> None:
    published(
        commit(tmp_path / "repo", made_here(tmp_path, '{"config": {"Env": []}}')), tmp_path / "out", "plain"
    )
    assert set(Layout(tmp_path / "out").config()["config"]) == {"Labels"}


LARGE = json.dumps({"config": {"Labels": {"a": "b" * CONFIG_BYTES}}})


@pytest.mark.parametrize("config", ["{", "[]", '{"config": {"Labels": {"a": 1}}}', LARGE], ids=range(4))
def test_a_config_that_cannot_be_read_is_damage(tmp_path: Path, config: str) -> None:
    with pytest.raises(RepoCorrupt, match="cannot be read"):
        published(commit(tmp_path / "repo", made_here(tmp_path, config)), tmp_path / "out")
