# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Recover: what a crash leaves goes, what was committed stays. Kills at every step are in test_deploy.py."""

import errno
import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from appctld.model.jsonvalue import JsonObject, get_strings
from appctld.system.child import LINE_BYTES
from appctld.workers.store import disk
from appctld.workers.store.deploy import UNCOMMITTED
from appctld.workers.store.ostree.repository import Repository
from support.layers.layers import commit_layer
from support.repositories.store_state import APP, State, ref

ONE = ("./", "usr/", "usr/a = one")
TWO = ("./", "usr/", "usr/a = two")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


@pytest.fixture
def installed(state: State) -> str:
    one = state.merge(*ONE)
    state.deploy(one)
    return one


def test_a_first_start_finds_nothing_to_do(state: State) -> None:
    assert state.recover() == {"missing_refs": [], "dropped": []}
    assert state.repo.is_dir()


def test_what_is_whole_is_left_alone(state: State, installed: str) -> None:
    two = state.merge(*TWO)
    state.deploy(two)
    layers = sorted(Repository.open(state.repo).refs("appctl/layer"))
    assert state.recover(ref(installed), ref(two), *layers) == {"missing_refs": [], "dropped": []}
    assert state.current == f"{two[:12]}.0"
    assert len(state.deployments) == 2
    state.fsck()


def test_downloads_that_were_not_hashed_go_and_whole_blobs_stay(state: State) -> None:
    state.blobs.mkdir()
    (state.blobs / ".unverified-0123").write_bytes(b"x")
    (state.blobs / ("ab" * 32)).write_bytes(b"x")
    state.recover()
    assert [path.name for path in state.blobs.iterdir()] == ["ab" * 32]


def test_tar_metadata_goes_that_has_no_layer_or_was_not_finished(state: State) -> None:
    commit_layer(state.repo, ONE)
    commit_layer(state.repo, TWO)
    (state.tar_split / ".unfinished-0123").write_bytes(b"x")
    one, _ = sorted(Repository.open(state.repo).refs("appctl/layer"))
    state.recover(one)
    assert [path.name for path in state.tar_split.iterdir()] == [one[-64:]]


def test_downloads_of_each_remote_are_cleared_and_empty_directories_go(state: State, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for directory in (outside, *(state.blobs / name for name in ("acme", "acme.login", "Other"))):
        directory.mkdir(parents=True)
        (directory / ".unverified-0123").write_bytes(b"x")
    (state.blobs / "bolt").symlink_to(outside)
    (state.blobs / "acme" / ("ab" * 32)).write_bytes(b"x")
    state.recover()
    assert sorted(path.name for path in state.blobs.iterdir()) == ["Other", "acme", "bolt"]
    assert [path.name for path in (state.blobs / "acme").iterdir()] == ["ab" * 32]
    assert (outside / ".unverified-0123").exists()
    assert (state.blobs / "Other/.unverified-0123").exists()


def test_temporary_files_of_ours_and_of_libostree_go(state: State, installed: str) -> None:
    for name in ("appctl-0123", "staging-boot-x"):
        (state.repo / "tmp" / name / "00").mkdir(parents=True)
        (state.repo / "tmp" / name / "00" / "object").write_bytes(b"x")
    (state.repo / "tmp" / "appctl-ref-0123").write_text("x")
    (state.repo / "tmp" / "staging-boot-x-lock").write_text("")
    state.recover(ref(installed))
    assert {path.name for path in (state.repo / "tmp").iterdir()} <= {"cache"}


def test_a_staging_directory_that_somebody_holds_stays(state: State, installed: str) -> None:
    held, abandoned = (state.repo / "tmp" / f"appctl-{digit * 16}" for digit in "ab")
    for directory in (held, abandoned):
        directory.mkdir()
        (directory / "object").write_bytes(b"x")
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    state.recover(ref(installed))
    os.close(descriptor)
    assert {path.name for path in (state.repo / "tmp").iterdir()} - {"cache"} == {held.name}
    assert (held / "object").exists()
    state.recover(ref(installed))
    assert not held.exists()


def test_unfinished_checkouts_go_even_if_they_cannot_be_entered(state: State, installed: str) -> None:
    staging = state.app / ".staging-0123"
    (staging / "files/none/below").mkdir(parents=True)
    (staging / "files/none/below/f").write_text("x")
    (staging / "files/none").chmod(0)
    (state.app / ".staging-4567").symlink_to("nowhere")
    state.recover(ref(installed))
    assert state.deployments == [f"{installed[:12]}.0"]


def test_no_ref_is_dropped_while_a_record_cannot_be_read(state: State, installed: str) -> None:
    two = state.merge(*TWO)
    state.deploy(two)
    assert state.recover(ref(installed), keep_all=True)["dropped"] == []
    dropped = state.recover(ref(installed))["dropped"]
    assert isinstance(dropped, list)
    assert ref(two) in dropped


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"a": 1, "a": 2}'])
def test_a_checkout_without_a_readable_record_goes_with_its_ref(
    state: State, installed: str, content: str | None
) -> None:
    two = state.merge(*TWO)
    record = state.deploy(two).parent / "record.json"
    state.activate(installed)
    record.unlink()
    if content is not None:
        record.write_text(content)
    answer = state.recover(ref(installed), ref(two))
    assert answer["dropped"] == [ref(two), *layer_refs(answer)]
    assert state.deployments == [f"{installed[:12]}.0"]
    assert state.current == f"{installed[:12]}.0"


def layer_refs(answer: JsonObject) -> list[str]:
    return [name for name in get_strings(answer, "dropped") if name.startswith("appctl/layer/")]


def test_a_first_install_that_never_became_current_goes(state: State, installed: str) -> None:
    (state.app / "current").unlink()
    answer = state.recover(ref(installed))
    assert ref(installed) in get_strings(answer, "dropped")
    assert answer["missing_refs"] == []
    assert list(state.apps.iterdir()) == []


def test_an_uninstall_is_finished_but_not_under_a_running_app(state: State, installed: str) -> None:
    (state.app / "current").unlink()
    with (state.app / f"{installed[:12]}.0" / "run.json").open() as running:
        fcntl.flock(running, fcntl.LOCK_SH)
        state.recover(ref(installed))
        assert state.deployments == [f"{installed[:12]}.0"]
    state.recover(ref(installed))
    assert not state.app.exists()


def test_refs_that_no_record_wants_are_dropped(state: State, installed: str) -> None:
    commit_layer(state.repo, ["x = 1"])
    layers = sorted(Repository.open(state.repo).refs("appctl/layer"))
    assert state.recover(ref(installed)) == {"missing_refs": [], "dropped": layers}
    assert state.refs() == {ref(installed): installed}


def test_a_publishers_commit_that_no_job_needs_is_dropped(state: State, installed: str) -> None:
    name = f"appctl/commit/acme/{installed}"
    Repository.open(state.repo).write_ref(name, installed)
    layers = sorted(Repository.open(state.repo).refs("appctl/layer"))
    assert state.recover(ref(installed), name) == {"missing_refs": [], "dropped": layers}
    assert name in Repository.open(state.repo).refs()
    assert get_strings(state.recover(ref(installed)), "dropped") == [name]


def test_a_record_whose_ref_is_gone_is_told(state: State, installed: str) -> None:
    Repository.open(state.repo).drop_ref(ref(installed))
    layer = f"appctl/layer/acme/{'ab' * 32}"
    answer = state.recover(ref(installed), layer)
    assert answer["missing_refs"] == [ref(installed), layer]
    assert state.current == f"{installed[:12]}.0"


def test_a_ref_to_a_commit_that_is_gone_is_told(state: State, installed: str) -> None:
    (state.repo / "objects" / installed[:2] / f"{installed[2:]}.commit").unlink()
    assert state.recover(ref(installed))["missing_refs"] == [ref(installed)]


def test_of_many_refs_that_are_gone_as_many_are_told_as_a_line_holds(state: State) -> None:
    layers = [f"appctl/layer/acme/{number:064x}" for number in range(20_000)]
    answer = state.recover(*layers)
    assert len(json.dumps({"result": answer})) < LINE_BYTES
    told = get_strings(answer, "missing_refs")
    assert state.recover(*set(layers).difference(told))["missing_refs"] == layers[len(told) : 2 * len(told)]


def test_what_is_not_ours_in_the_apps_directory_is_left_alone(state: State, installed: str) -> None:
    (state.apps / "lost+found").mkdir()
    (state.apps / "note").write_text("x")
    state.recover(ref(installed))
    assert sorted(path.name for path in state.apps.iterdir()) == ["lost+found", "note", APP]


def test_a_deployment_that_lost_its_files_goes(state: State, installed: str) -> None:
    two = state.merge(*TWO)
    files = state.deploy(two)
    state.activate(installed)
    shutil.rmtree(files)
    state.recover(ref(installed), ref(two))
    assert state.deployments == [f"{installed[:12]}.0"]


@pytest.mark.parametrize("goes_on", ["another update", "a rollback and back"])
def test_a_store_that_was_killed_right_after_the_commit_point_costs_no_version(
    state: State, installed: str, goes_on: str
) -> None:
    """Nobody starts the daemon again in between: what was current then is kept, and is no leftover."""
    two = state.merge(*TWO)
    state.deploy(two)
    (state.app / "current" / UNCOMMITTED).write_text("{}")
    if goes_on == "another update":
        other = state.merge("./", "usr/", "usr/a = three")
        state.deploy(other)
    else:
        other = installed
        state.activate(installed)
    state.recover(ref(two), ref(other), ref(installed))
    assert state.activate(two).is_dir()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EIO])
def test_a_deployment_that_cannot_be_looked_at_just_now_stays(
    state: State, installed: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes back to it later must not have lost it to a start that was short of descriptors."""
    two = state.merge(*TWO)
    state.deploy(two)

    def fail(name: str, within: int) -> JsonObject:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(disk, "read_json", fail)
        state.recover(ref(installed), ref(two))
    assert state.activate(installed).is_dir()


def test_what_is_current_is_never_removed_whatever_its_record(state: State, installed: str) -> None:
    (state.app / "current/record.json").unlink()
    state.recover(ref(installed))
    assert state.current == f"{installed[:12]}.0"
    assert (state.app / "current/files/usr/a").read_text() == "one"


def test_a_version_that_was_finished_but_never_current_goes(state: State, installed: str) -> None:
    two = state.merge(*TWO)
    files = state.deploy(two)
    assert not (files.parent / UNCOMMITTED).exists()
    state.activate(installed)
    (files.parent / UNCOMMITTED).write_text("{}")
    state.recover(ref(installed), ref(two))
    assert state.deployments == [f"{installed[:12]}.0"]


def test_a_crash_right_after_the_commit_point_keeps_the_new_version(state: State, installed: str) -> None:
    two = state.merge(*TWO)
    state.deploy(two)
    (state.app / "current" / UNCOMMITTED).write_text("{}")
    state.recover(ref(installed), ref(two))
    state.activate(installed)
    state.recover(ref(installed), ref(two))
    assert state.deployments == sorted([f"{installed[:12]}.0", f"{two[:12]}.0"])
