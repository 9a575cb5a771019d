# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/paths.py: every name below the state directory."""

from pathlib import Path

from appctld.model.digest import Digest
from appctld.state.paths import Paths, app_ref, commit_ref, layer_ref

DIGEST = Digest("a" * 64)


def test_every_place_is_below_the_root(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    places = {
        "repo": paths.repo,
        "blobs": paths.blobs,
        "blobs/acme": paths.blobs_of("acme", private=False),
        "blobs/acme.login": paths.blobs_of("acme", private=True),
        "tar-split": paths.tar_split,
        "apps": paths.apps,
        "apps/org.example.App": paths.app("org.example.App"),
        "quarantine": paths.quarantine,
        "remotes": paths.remotes,
        "remotes/acme/layers": paths.layers("acme"),
        "remotes/acme/pulled": paths.pulled("acme"),
        "history.jsonl": paths.history,
        "failures.jsonl": paths.failures,
        "last-check.json": paths.last_check,
        "damaged.json": paths.damaged,
        "lock": paths.lock,
    }
    assert {name: str(path.relative_to(tmp_path)) for name, path in places.items()} == {n: n for n in places}


def test_what_later_steps_expect_is_made_and_the_repository_is_left_to_the_store(tmp_path: Path) -> None:
    Paths(tmp_path / "a" / "state").create()
    Paths(tmp_path / "a" / "state").create()
    assert {path.name for path in (tmp_path / "a" / "state").iterdir()} == {
        "blobs",
        "tar-split",
        "apps",
        "quarantine",
        "kept",
        "remotes",
    }


def test_refs_name_remote_and_content() -> None:
    assert layer_ref("acme", DIGEST) == f"appctl/layer/acme/{DIGEST.hex}"
    assert commit_ref("acme", "c" * 64) == f"appctl/commit/acme/{'c' * 64}"
    assert app_ref("acme", "org.example.App", "a.1") == "appctl/app/acme/org.example.App/a.1"
