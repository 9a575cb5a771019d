# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Prune: what no kept ref needs goes, what one needs stays, and nobody is disturbed."""

import subprocess
from pathlib import Path

import pytest

from appctld.errors import Busy, Failed
from appctld.model.jsonvalue import JsonObject, get_int, get_strings
from appctld.workers.store import prune as prune_module
from appctld.workers.store.ostree.repository import Repository
from support.layers.layers import commit_layer, listing
from support.layers.tarball import archive, entry
from support.repositories.quarantine import Archive, pull, send
from support.repositories.store_state import State, ref

ONE = ("./", "usr/", "usr/a = one", "usr/shared = same")
TWO = ("./", "usr/", "usr/a = two", "usr/shared = same")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def objects(state: State) -> set[Path]:
    return {path for path in state.repo.glob("objects/??/*") if path.is_file()}


def layer_refs(state: State) -> list[str]:
    return sorted(Repository.open(state.repo).refs("appctl/layer"))


def test_what_a_kept_ref_needs_stays_and_the_rest_goes(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    expected, before = listing(state.repo, two), objects(state)
    answer = state.prune(ref(two))
    assert answer["refs"] == [*([ref(one)]), *layer_refs_of(answer)]
    assert answer["objects"] == len(before - objects(state))
    assert state.refs() == {ref(two): two}
    assert listing(state.repo, two) == expected
    contents = {path.read_text() for path in objects(state) if path.suffix == ".file"}
    assert contents == {"two", "same"}
    state.fsck()


def test_a_prune_that_comes_to_nothing_leaves_no_commit_without_its_tree(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it were killed when libostree has removed every directory, which it does in no order."""
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(two)
    for path in state.repo.glob("objects/??/*.commit"):
        path.with_suffix(".commitmeta").write_bytes(b"")

    def removed(repository: Repository) -> tuple[int, int]:
        commits = drop_commits(repository)
        raise Failed(f"killed after {len(commits)} commits")

    drop_commits = prune_module._drop_commits
    monkeypatch.setattr(prune_module, "_prune", removed)
    with pytest.raises(Failed, match="killed after 1 commits"):
        state.prune(ref(two))
    left = {path.parent.name + path.stem for path in state.repo.glob("objects/??/*.commit*")}
    assert left == {two}
    assert one not in left
    state.fsck()


def layer_refs_of(answer: JsonObject) -> list[str]:
    return [name for name in get_strings(answer, "refs") if name.startswith("appctl/layer/")]


def test_a_layer_without_a_kept_app_stays_while_its_ref_is_kept(state: State) -> None:
    layer = commit_layer(state.repo, ONE)
    (name,) = layer_refs(state)
    assert state.prune(name)["objects"] == 0
    assert listing(state.repo, layer) == sorted(ONE)
    assert state.prune()["refs"] == [name]
    assert objects(state) == set()


def test_two_remotes_hold_one_layer_and_either_may_let_go(state: State) -> None:
    layer = commit_layer(state.repo, ONE)
    assert commit_layer(state.repo, ONE, "other") == layer
    mine, theirs = layer_refs(state)
    assert state.prune(theirs)["refs"] == [mine]
    assert listing(state.repo, layer) == sorted(ONE)
    state.fsck()


def test_a_layers_tar_metadata_stays_while_some_remote_has_the_layer(state: State) -> None:
    commit_layer(state.repo, ONE)
    commit_layer(state.repo, ONE, "other")
    mine, theirs = layer_refs(state)
    assert state.prune(theirs)["refs"] == [mine]
    (kept,) = state.tar_split.iterdir()
    assert kept.name == theirs[-64:]
    size = kept.stat().st_size
    said = get_int(state.prune(dry_run=True), "freed_bytes")
    assert said == get_int(state.prune(), "freed_bytes") > size
    assert list(state.tar_split.iterdir()) == []


def test_a_dry_run_says_what_a_real_one_does(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    state.blobs.mkdir()
    (state.blobs / ("ab" * 32)).write_bytes(b"x" * 1000)
    before = (objects(state), state.refs(), layer_refs(state))
    said = state.prune(ref(two), dry_run=True)
    assert (objects(state), state.refs(), layer_refs(state)) == before
    assert (state.blobs / ("ab" * 32)).exists()
    assert said == state.prune(ref(two))
    assert int(str(said["freed_bytes"])) > 1000


def test_blobs_go_finished_or_not_unless_somebody_downloads(state: State) -> None:
    state.blobs.mkdir()
    for name in ("ab" * 32, ".unverified-0123", "note"):
        (state.blobs / name).write_bytes(b"12345")
    assert state.prune(keep_blobs=True)["freed_bytes"] == 0
    assert len(list(state.blobs.iterdir())) == 3
    assert state.prune()["freed_bytes"] == 10
    assert [path.name for path in state.blobs.iterdir()] == ["note"]


SHELVES = ("acme", "acme.login", "a" * 64, "x-_9")


def test_each_remotes_blobs_go_with_their_directory(state: State, tmp_path: Path) -> None:
    for name in SHELVES:
        (state.blobs / name).mkdir(parents=True)
        (state.blobs / name / ("ab" * 32)).write_bytes(b"12345")
    (state.blobs / "empty").mkdir()
    (state.blobs / "acme/.unverified-0123").write_bytes(b"1")
    (state.blobs / ("ab" * 32)).write_bytes(b"12345")
    assert state.prune(keep_blobs=True)["freed_bytes"] == 0
    before = sorted(state.blobs.rglob("*"))
    assert state.prune(dry_run=True)["freed_bytes"] == 26
    assert sorted(state.blobs.rglob("*")) == before
    assert state.prune()["freed_bytes"] == 26
    assert list(state.blobs.iterdir()) == []


def test_a_directory_in_which_something_is_left_stays(state: State) -> None:
    (state.blobs / "acme").mkdir(parents=True)
    for name in ("note", "ab" * 32):
        (state.blobs / "acme" / name).write_bytes(b"12345")
    assert state.prune()["freed_bytes"] == 5
    assert [path.name for path in (state.blobs / "acme").iterdir()] == ["note"]


@pytest.mark.parametrize("name", ["Acme", "acme.other", "9acme", "acme.login.login", "a" * 65, ".hidden"])
def test_a_directory_that_is_no_remotes_is_not_looked_into(state: State, name: str) -> None:
    (state.blobs / name).mkdir(parents=True)
    (state.blobs / name / ("ab" * 32)).write_bytes(b"12345")
    assert state.prune()["freed_bytes"] == 0
    assert (state.blobs / name / ("ab" * 32)).exists()


def test_blobs_are_swept_one_level_deep_and_through_no_symlink(state: State, tmp_path: Path) -> None:
    outside, blob = tmp_path / "outside", "ab" * 32
    for directory in (outside, state.blobs / "acme/deeper", state.blobs / f"acme/{blob}"):
        directory.mkdir(parents=True)
        (directory / blob).write_bytes(b"12345")
    (state.blobs / "bolt").symlink_to(outside)
    (state.blobs / "acme/deeper/link").symlink_to(outside)
    assert state.prune()["freed_bytes"] == 0
    assert (outside / blob).exists()
    assert (state.blobs / "acme/deeper" / blob).exists()
    assert (state.blobs / "acme" / blob / blob).exists()
    assert (state.blobs / "bolt").is_symlink()


def test_a_ref_that_is_not_ours_is_left_alone(state: State) -> None:
    commit = state.merge(*ONE)
    subprocess.run(
        ["ostree", "refs", f"--repo={state.repo}", "--create=main", commit], check=True, capture_output=True
    )
    said = state.prune(dry_run=True)
    assert said == state.prune()
    assert Repository.open(state.repo).refs() == {"main": commit}
    assert listing(state.repo, commit) == sorted(ONE)
    state.fsck()


def test_a_name_that_is_no_ref_is_refused_before_anything(state: State) -> None:
    state.deploy(state.merge(*ONE))
    before = objects(state)
    with pytest.raises(Failed):
        state.prune("appctl/app/acme/../x")
    assert objects(state) == before


def no_wait(_seconds: float) -> None:
    pytest.fail("it waits")


def test_an_import_under_way_makes_prune_busy_at_once_and_lose_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    monkeypatch.setattr("time.sleep", no_wait)
    before = objects(state)
    with Repository.open(state.repo).shared(), pytest.raises(Busy, match="is being read or changed"):
        state.prune()
    assert objects(state) == before
    assert state.refs() == {ref(one): one}


def test_a_publishers_commit_keeps_nothing_of_its_parent(state: State, tmp_path: Path) -> None:
    """Ours have no parents; without a limit, every version that ever was here would stay."""
    made = Archive(tmp_path / "archive")
    old, new = (made.commit(archive(entry("./", b"5", mode=0o755), entry(name))) for name in ("old", "new"))
    for commit in (old, new):
        send(state, pull(made.path, commit, state.quarantine / commit), commit)
    kept = f"appctl/commit/acme/{new}"
    unneeded = state.prune(kept, dry_run=True)
    pruned = state.prune(kept)
    assert unneeded == pruned
    assert pruned["refs"] == [f"appctl/commit/acme/{old}"]
    assert listing(state.repo, new) == ["./", "new"]
    assert len(objects(state)) == 4
    state.fsck()
