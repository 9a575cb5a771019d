# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Deploy, activate and remove on a real repository: what is there, in which order, and what a kill leaves."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from stat import S_ISREG

import pytest

from appctld.errors import (
    AppctlError,
    Conflict,
    Failed,
    InUse,
    LimitExceeded,
    NoSpace,
    NotFound,
    RepoCorrupt,
    UnsafeArchive,
)
from appctld.workers.store import checkout, disk, recent
from appctld.workers.store import deploy as deploy_module
from appctld.workers.store.disk import RECORD_BYTES
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, checksum, serialize_dirmeta, serialize_dirtree
from appctld.workers.store.space import BLOCK
from support.repositories.killed import Killer
from support.repositories.store_state import APP, State, modes, ref

ONE = ("./", "usr/", "usr/run 0755 = one", "usr/data = same", "run -> usr/run")
TWO = ("./", "usr/", "usr/run 0755 = two", "usr/data = same", "run -> usr/run")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


# --- deploy -------------------------------------------------------------------------------------------------


def test_a_deployment_is_the_files_the_records_the_ref_and_current(state: State) -> None:
    commit = state.merge(*ONE)
    files = state.deploy(commit)
    assert files == state.app / f"{commit[:12]}.0" / "files"
    assert (state.app / "current" / "files").samefile(files)
    assert (files / "run").read_text() == "one"
    assert str((files / "run").readlink()) == "usr/run"
    record = json.loads((files.parent / "record.json").read_text())
    sizes = {"installed_size": record["installed_size"], "content_size": len("one" + "same" + "usr/run") + 1}
    assert record == {"id": APP, "commit": commit} | sizes
    assert record["installed_size"] == sizes["content_size"] + own_blocks(files)
    assert json.loads((files.parent / "run.json").read_text()) == {"format": 1}
    assert state.refs() == {ref(commit): commit}
    state.fsck()


def own_blocks(files: Path) -> int:
    """What du counts of a deployment that it does not share with the objects."""
    found = [path.lstat() for path in (files, *files.rglob("*"))]
    return sum(
        status.st_blocks * 512 for status in found if status.st_nlink == 1 or not S_ISREG(status.st_mode)
    )


def test_files_are_hard_links_to_objects_and_versions_share_them(state: State) -> None:
    one = state.deploy(state.merge(*ONE))
    two = state.deploy(state.merge(*TWO))
    assert state.object_of(one / "usr/data").samefile(two / "usr/data")


HIDDEN = (
    "./ 0700",
    "none/ 0000",
    "none/below/ 0000",
    "none/below/f 0000 = x",
    "home/ 0700",
    "home/f 0600 = x",
    "tmp/ 01777",
    "group/ 02775",
    "su 04755 = x",
    "sg 02711 = x",
    "open 0666 = x",
    "wide 0777 = x",
    "empty 0200",
    "owner 0100 = x",
)
EXECUTABLE = {"su", "sg", "wide", "owner"}


def test_image_modes_hide_nothing_and_grant_nothing(state: State) -> None:
    files = state.deploy(state.merge(*HIDDEN))
    expected = {
        name: 0o755 if (files / name).is_dir() else 0o555 if name in EXECUTABLE else 0o444
        for name in modes(files)
    }
    assert modes(files) == expected
    assert len(expected) == len(HIDDEN)


def test_a_strict_umask_changes_no_mode(state: State) -> None:
    commit = state.merge(*ONE)
    before = os.umask(0o077)
    try:
        files = state.deploy(commit)
    finally:
        os.umask(before)
    assert modes(state.app.parent)["org.example.App"] == 0o755
    assert modes(files.parent) == {
        ".": 0o755,
        "files": 0o755,
        "files/usr": 0o755,
        "files/usr/run": 0o555,
        "files/usr/data": 0o444,
        "provenance.json": 0o644,
        "record.json": 0o644,
        "run.json": 0o644,
    }


ALONE = """
import json, sys
from appctld.workers.store.deploy import deploy
print(json.dumps(deploy(json.load(sys.stdin), print)))
"""


def test_an_object_with_too_many_links_is_copied_with_the_mode_of_a_link(state: State) -> None:
    commit = state.merge("su 04755 = content", "f 0666 = x")
    # ext4 stops at 65,000 links; here the kernel says so at the first
    strace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=linkat:error=EMLINK:when=1")
    done = subprocess.run(
        [*strace, sys.executable, "-c", ALONE],
        input=json.dumps(state.whole(state.request(commit))),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files = state.app / "current" / "files"
    assert sorted((files / name).stat().st_nlink for name in ("su", "f")) == [1, 2]
    assert modes(files) == {".": 0o755, "su": 0o555, "f": 0o444}
    assert (files / "su").read_text() == "content"
    record = json.loads((files.parent / "record.json").read_text())
    copy = min((files / name for name in ("su", "f")), key=lambda path: path.stat().st_nlink)
    assert record["installed_size"] == record["content_size"] + own_blocks(files)
    assert own_blocks(files) >= copy.stat().st_blocks * 512 > 0


def test_a_deployment_that_is_there_is_a_conflict(state: State) -> None:
    commit = state.merge(*ONE)
    files = state.deploy(commit)
    with pytest.raises(Conflict):
        state.deploy(commit)
    assert (files / "usr/run").read_text() == "one"
    assert state.refs() == {ref(commit): commit}
    assert state.deploy(commit, 1) != files


def other(commit: str) -> str:
    return commit[::-1]


HOSTILE = {
    "an ID that climbs": {"id": "../../etc"},
    "an ID that is a path": {"id": "a.b.c/d"},
    "an ID that is short": {"id": "a.b"},
    "a deployment that climbs": {"deployment": "../x"},
    "a deployment named after another commit": {"deployment": "0123456789ab.0"},
    "a deployment and a ref named after another commit": {
        "deployment": "0123456789ab.0",
        "ref": f"appctl/app/acme/{APP}/0123456789ab.0",
    },
    "a commit that is no checksum": {"commit": "../../etc/passwd"},
    "a ref that climbs": {"ref": "appctl/app/acme/../../x"},
    "a ref outside our names": {"ref": "main"},
    "another app's ref": {"ref": "appctl/app/acme/org.example.Other/0123456789ab.0"},
}


@pytest.mark.parametrize("changed", HOSTILE.values(), ids=HOSTILE)
def test_a_name_that_is_none_is_refused_before_anything(state: State, changed: dict[str, str]) -> None:
    commit = state.merge(*ONE)
    with pytest.raises(Failed):
        state.call(deploy_module.deploy, **(state.request(commit) | changed))
    assert not state.apps.exists()
    assert state.refs() == {}


def test_a_ref_is_checked_before_anything(state: State) -> None:
    """One that is not ours, but ends as ours do."""
    commit = state.merge(*ONE)
    changed = {"ref": f"other/refs/acme/{APP}/{commit[:12]}.0"}
    with pytest.raises(Failed):
        state.call(deploy_module.deploy, **(state.request(commit) | changed))
    assert not state.apps.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "../../etc"},
        {"deployment": ".."},
        {"deployment": "../x.0"},
        {"commit": "0123456789ab", "deployment": "0123456789ab.0"},
    ],
)
def test_a_name_that_is_none_activates_nothing(state: State, changed: dict[str, str]) -> None:
    commit = state.merge(*ONE)
    state.deploy(commit)
    before = state_of(state)
    with pytest.raises(Failed):
        state.call(deploy_module.activate, **(state.request(commit) | changed))
    assert state_of(state) == before


@pytest.mark.parametrize("changed", [{"id": "../apps"}, {"deployments": [".."]}])
def test_a_name_that_is_none_removes_nothing(state: State, changed: dict[str, object]) -> None:
    state.deploy(state.merge(*ONE))
    before = state_of(state)
    with pytest.raises(Failed):
        state.call(deploy_module.remove, **({"deployments": [], "refs": []} | changed))
    assert state_of(state) == before


def test_a_lock_that_leads_elsewhere_is_not_taken(state: State, tmp_path: Path) -> None:
    """The app holds the file itself; who holds what a symlink leads to knows nothing of it."""
    state.deploy(state.merge(*ONE))
    run = state.app / "current" / "run.json"
    run.rename(tmp_path / "run.json")
    run.symlink_to(tmp_path / "run.json")
    with pytest.raises(Failed):
        state.remove(None, [])
    assert (state.app / "current" / "files").is_dir()


def test_a_rollback_looks_at_the_attributes_of_directories(state: State) -> None:
    one = state.merge("usr/", "usr/private/ 0700")
    state.deploy(one)
    name = checksum(serialize_dirmeta(0, 0, 0o700))
    stored = state.repo / loose_path(Kind.DIRMETA, name)
    stored.chmod(0o644)
    stored.write_bytes(serialize_dirmeta(0, 0, 0o777))
    with pytest.raises(RepoCorrupt, match=name):
        state.activate(one)


def test_an_app_directory_that_is_a_symlink_is_not_followed(state: State, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    state.apps.mkdir()
    state.app.symlink_to(outside)
    commit = state.merge(*ONE)
    for call in (
        lambda: state.deploy(commit),
        lambda: state.remove(None, []),
        lambda: state.activate(commit),
    ):
        with pytest.raises(AppctlError):
            call()
    assert list(outside.iterdir()) == []


def state_of(state: State) -> tuple[object, ...]:
    return (state.refs(), state.current, state.deployments, sorted(state.repo.glob("tmp/*")))


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize(
    ("name", "limit"),
    [("record", RECORD_BYTES), ("run", RECORD_BYTES), ("provenance", 2 * RECORD_BYTES)],
)
def test_a_record_that_nobody_would_read_back_is_refused_before_anything(
    state: State, monkeypatch: pytest.MonkeyPatch, name: str, limit: int, *, installed: bool
) -> None:
    monkeypatch.setattr(disk, "PROVENANCE_BYTES", 2 * RECORD_BYTES)  # of 34 MiB, which take their time
    one, two = state.merge(*ONE), state.merge(*TWO)
    if installed:
        state.deploy(one)
    before = state_of(state)

    def never(*_arguments: object, **_named: object) -> None:
        raise AssertionError

    request = state.request(two)
    member = request[name]
    assert isinstance(member, dict)
    with monkeypatch.context() as patched:
        for owner, function in ((disk, "make_directory"), (disk, "write_json"), (Repository, "write_ref")):
            patched.setattr(owner, function, never)
        with pytest.raises(LimitExceeded):
            state.call(deploy_module.deploy, **request | {name: member | {"x": "ü" * (limit // 6)}})
    assert state_of(state) == before
    assert state.app.exists() == installed
    state.call(deploy_module.deploy, **request | {name: member | {"x": "ü" * (limit // 6 - 100)}})
    assert (state.app / "current" / f"{name}.json").stat().st_size <= limit


def test_no_record_is_written_larger_than_it_is_read(tmp_path: Path) -> None:
    room = RECORD_BYTES - len('{\n "x": ""\n}\n')
    with disk.opened(tmp_path) as directory:
        with pytest.raises(LimitExceeded):
            disk.write_json("f", {"x": "x" * (room + 1)}, directory)
        assert not disk.exists("f", directory)
        disk.write_json("f", {"x": "x" * room}, directory)
        assert disk.read_json("f", directory) == {"x": "x" * room}


def test_what_a_checkout_would_take_from_the_reserve_is_refused_before_anything(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names beyond the links that an inode may have are copies: here 8 of 1 MiB."""
    monkeypatch.setattr(checkout, "LINKS", 3)
    commit = state.merge(*[f"f{number} = {'x' * (1 << 20)}" for number in range(10)])
    cost = (8 << 20) + 2 * BLOCK  # two names are links, beside the object's own; a directory, and some room
    with monkeypatch.context() as patched:
        patched.setattr(Repository, "free_space", lambda _: cost)
        with pytest.raises(NoSpace) as raised:
            state.deploy(commit)
    records = int(str(raised.value.data["bytes_needed"]))
    assert 0 < records < BLOCK
    cost += records
    before = state_of(state)
    monkeypatch.setattr(Repository, "free_space", lambda _: cost - 1)
    with pytest.raises(NoSpace) as raised:
        state.deploy(commit)
    assert raised.value.data == {"bytes_needed": 1}
    assert state_of(state) == before
    assert not state.app.exists()
    monkeypatch.setattr(Repository, "free_space", lambda _: cost)
    state.deploy(commit)


def test_a_file_with_more_names_than_two_versions_can_have_is_refused(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "FILE_NAMES", 4)
    state.deploy(state.merge(*[f"d{number}/f = same" for number in range(4)]))
    before = state_of(state)
    commit = state.merge(*[f"d{number}/f = same" for number in range(5)])
    with pytest.raises(LimitExceeded, match="5 names"):
        state.deploy(commit)
    assert state_of(state) == before


# --- objects that are not what they were --------------------------------------------------------------------


def damage_content(path: Path) -> None:
    path.chmod(0o644)
    path.write_text("oops")


def damage_unseen(path: Path) -> None:
    """Other bytes and another size; mode and time as they were."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_text("another text")
    path.chmod(mode)
    os.utime(path, (0, 0))


def replace_by_symlink(path: Path) -> None:
    copy = path.with_suffix(".copy")
    path.rename(copy)
    path.symlink_to(copy)


def replace_by_fifo(path: Path, mode: int = 0o444) -> None:
    path.unlink()
    os.mkfifo(path)
    path.chmod(mode)
    os.utime(path, (0, 0))


def replace_by_program_like_fifo(path: Path) -> None:
    replace_by_fifo(path, 0o555)


DAMAGES = {
    "a FIFO": replace_by_fifo,
    "a FIFO like a program": replace_by_program_like_fifo,
    "content": damage_content,
    "missing": Path.unlink,
    "a symlink": replace_by_symlink,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_object_stops_a_deploy_before_anything(state: State, damage: object) -> None:
    first = state.merge("usr/other = x")
    state.deploy(first)
    commit = state.merge(*ONE)
    (data,) = [path for path in state.repo.glob("objects/??/*.file") if path.read_text() == "same"]
    assert callable(damage)
    damage(data)
    with pytest.raises(RepoCorrupt):
        state.deploy(commit)
    assert state.current == f"{first[:12]}.0"
    assert state.deployments == [f"{first[:12]}.0"]
    assert state.refs() == {ref(first): first}


def test_a_changed_size_behind_a_restored_time_is_found_at_a_deploy(state: State) -> None:
    commit = state.merge(*ONE)
    request = state.request(commit)
    size = sum(path.stat().st_size for path in state.repo.glob("objects/??/*.file"))
    (data,) = [path for path in state.repo.glob("objects/??/*.file") if path.read_text() == "same"]
    damage_unseen(data)
    with pytest.raises(RepoCorrupt):
        state.call(deploy_module.deploy, **request | {"record": {"installed_size": size}})


def test_a_changed_size_behind_a_restored_time_is_found_at_a_rollback(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    files = state.deploy(one)
    state.deploy(two)
    damage_unseen(state.object_of(files / "usr/run"))
    with pytest.raises(RepoCorrupt):
        state.activate(one)
    assert state.current == f"{two[:12]}.0"


def test_an_object_whose_mode_or_time_alone_changed_is_mended(state: State) -> None:
    commit = state.merge(*ONE)
    objects = {path.read_text(): path for path in state.repo.glob("objects/??/*.file")}
    objects["same"].chmod(0o777)
    os.utime(objects["one"], (1, 1))
    state.deploy(commit)
    assert objects["same"].stat().st_mode & 0o7777 == 0o444
    assert objects["one"].stat().st_mode & 0o7777 == 0o555
    assert objects["one"].stat().st_mtime == 0


def test_a_damaged_dirtree_stops_a_deploy(state: State) -> None:
    commit = state.merge(*ONE)
    recent.take(commit)  # another process merged it
    tree = Repository.open(state.repo).commit(commit).tree
    path = state.repo / "objects" / tree[:2] / f"{tree[2:]}.dirtree"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"usr", b"USR"))
    with pytest.raises(RepoCorrupt):
        state.deploy(commit)
    assert not state.app.exists()


def test_a_damaged_dirmeta_stops_a_deploy(state: State) -> None:
    commit = state.merge(*ONE)
    path = state.repo / loose_path(Kind.DIRMETA, Repository.open(state.repo).commit(commit).meta)
    path.chmod(0o644)
    path.write_bytes(serialize_dirmeta(0, 0, 0o777))
    with pytest.raises(RepoCorrupt):
        state.deploy(commit)
    assert not state.app.exists()


def test_a_dirtree_with_one_name_as_symlink_and_directory_is_not_checked_out(state: State) -> None:
    """Libostree's fsck takes it, and a checkout would write where the symlink points (R12)."""
    repository = Repository.open(state.repo)
    inner = Repository.open(state.repo).commit(state.merge("f = x"))
    outer = Repository.open(state.repo).commit(state.merge("d -> /tmp"))
    link = repository.tree(outer.tree).files["d"]
    evil = (
        serialize_dirtree(DirTree({"d": link})),
        serialize_dirtree(DirTree({}, {"d": (inner.tree, inner.meta)})),
    )
    both = evil[0][:-1] + evil[1][:-1] + evil[0][-1:]
    with repository.shared(), repository.transaction() as writer:
        tree = writer.raw(Kind.DIRTREE, both)
        commit = writer.commit(Commit(tree, inner.meta))
    with pytest.raises(UnsafeArchive, match="at once"):
        state.deploy(commit)
    assert not state.app.exists()


# --- order, failures, kills ---------------------------------------------------------------------------------


STEPS_OF_R10 = [
    "syncfs",
    "ref",
    "checkout",
    "record",
    "record",
    "record",
    "record",
    "rename",
    "syncfs",
    "point",
    "rename",
]


class Steps(list[str]):
    """What was called, in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def note(self, owner: object, name: str, label: str) -> None:
        real = getattr(owner, name)

        def noting(*arguments: object, **named: object) -> object:
            self.append(label)
            return real(*arguments, **named)

        self._patch.setattr(owner, name, noting)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


def test_everything_is_durable_before_current_moves(state: State, steps: Steps) -> None:
    commit = state.merge(*ONE)
    steps.note(disk, "sync", "syncfs")
    steps.note(Repository, "write_ref", "ref")
    steps.note(deploy_module, "_check_out", "checkout")
    steps.note(disk, "write_json", "record")
    steps.note(disk, "point", "point")
    steps.note(os, "rename", "rename")
    state.deploy(commit)
    assert steps == STEPS_OF_R10


def test_a_rollback_is_durable_before_current_moves(state: State, steps: Steps) -> None:
    """What is gone back to may have been mended a moment ago."""
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    steps.note(disk, "sync", "syncfs")
    steps.note(disk, "point", "point")
    state.activate(one)
    assert steps == ["syncfs", "point"]


FAILING = {
    "the ref": (Repository, "write_ref"),
    "the checkout": (deploy_module, "_check_out"),
    "a record": (disk, "write_json"),
    "the sync": (disk, "sync"),
    "the symlink": (os, "symlink"),
}


@pytest.mark.parametrize(("owner", "name"), FAILING.values(), ids=FAILING)
@pytest.mark.parametrize("installed", [False, True])
def test_a_full_disk_leaves_nothing_behind(
    state: State, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, *, installed: bool
) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    if installed:
        state.deploy(one)
    before = (state.refs(), state.current, state.deployments)

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full)
        with pytest.raises(NoSpace):
            state.deploy(two)
    assert (state.refs(), state.current, state.deployments) == before
    assert state.app.exists() == installed
    state.deploy(two)


def test_what_fails_after_the_commit_point_takes_nothing_back(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    point = disk.point

    def then_fail(target: str, within: int) -> None:
        point(target, within)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "point", then_fail)
    with pytest.raises(Failed):
        state.deploy(two)
    assert state.current == f"{two[:12]}.0"
    assert (state.app / "current/files/usr/run").read_text() == "two"
    assert ref(two) in state.refs()


STEPS = [
    *(f"os:{name}" for name in ("mkdir", "rename", "symlink", "link", "chmod", "fchmod", "fsync", "fdopen")),
    *(f"appctld.workers.store.disk:{name}" for name in ("sync", "write_json", "point")),
    "appctld.workers.store.ostree.repository:Repository.write_ref",
    "appctld.workers.store.deploy:_check_out",
]


def test_a_kill_at_any_step_leaves_the_old_version_and_recover_cleans(state: State) -> None:
    one, two = state.merge(*ONE), state.merge("none/ 0000", "none/below/ 0000", *TWO[1:])
    state.deploy(one)
    kills = 0
    with Killer(STEPS) as killer:
        while state.current != f"{two[:12]}.0":
            killer.kills(kills + 1, "deploy", state.whole(state.request(two)))
            kills += 1
            expected = one if state.current == f"{one[:12]}.0" else two
            assert (state.app / "current/files/usr/run").read_text() == ("one" if expected == one else "two")
            state.recover(ref(one), ref(two))
            assert set(state.deployments) == {f"{one[:12]}.0", f"{expected[:12]}.0"}
            assert set(state.refs()) == {ref(one), ref(expected)}
            assert {path.name for path in (state.repo / "tmp").iterdir()} <= {"cache"}
    assert kills > len(STEPS_OF_R10)
    state.fsck()
    assert state.activate(one).is_dir()  # the old version was not lost


# --- activate -----------------------------------------------------------------------------------------------


def test_a_rollback_moves_current_and_nothing_else(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    before = (state.refs(), state.deployments)
    assert state.activate(one) == state.app / f"{one[:12]}.0" / "files"
    assert (state.app / "current/files/usr/run").read_text() == "one"
    assert (state.refs(), state.deployments) == before


def test_a_rollback_to_what_is_not_kept_is_not_found(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    with pytest.raises(NotFound):
        state.activate(one)
    state.apps.mkdir()
    with pytest.raises(NotFound):
        state.activate(one)
    state.deploy(one)
    with pytest.raises(NotFound):
        state.activate(two)
    assert state.current == f"{one[:12]}.0"


def without_files(deployment: Path) -> None:
    (deployment / "files").rename(deployment / "gone")


def without_record(deployment: Path) -> None:
    (deployment / "record.json").unlink()


def with_a_broken_record(deployment: Path) -> None:
    (deployment / "record.json").write_text("{")


def with_anothers_record(deployment: Path) -> None:
    text = (deployment / "record.json").read_text()
    commit = json.loads(text)["commit"]
    (deployment / "record.json").write_text(text.replace(commit, other(commit)))


@pytest.mark.parametrize("harm", [without_files, without_record, with_a_broken_record, with_anothers_record])
def test_a_rollback_to_what_is_not_whole_is_refused(state: State, harm: object) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    files = state.deploy(one)
    state.deploy(two)
    assert callable(harm)
    harm(files.parent)
    with pytest.raises(RepoCorrupt):
        state.activate(one)
    assert state.current == f"{two[:12]}.0"


# --- remove -------------------------------------------------------------------------------------------------


def test_an_old_deployment_goes_with_its_ref(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    assert state.remove([f"{one[:12]}.0"], [ref(one)]) == [f"{one[:12]}.0"]
    assert state.deployments == [f"{two[:12]}.0"]
    assert state.refs() == {ref(two): two}
    assert state.remove([f"{one[:12]}.0"], [ref(one)]) == []


def test_the_whole_app_goes(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    assert state.remove(None, [ref(one), ref(two)]) == sorted([f"{one[:12]}.0", f"{two[:12]}.0"])
    assert list(state.apps.iterdir()) == []
    assert state.refs() == {}
    assert state.remove(None, []) == []


def test_the_current_deployment_alone_does_not_go(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    with pytest.raises(Conflict):
        state.remove([f"{one[:12]}.0", f"{two[:12]}.0"], [ref(one)])
    assert len(state.deployments) == 2
    assert len(state.refs()) == 2


@pytest.mark.parametrize("whole", [False, True])
def test_a_running_deployment_does_not_go_and_nothing_else_does(state: State, *, whole: bool) -> None:
    one, two, three = state.merge(*ONE), state.merge(*TWO), state.merge("usr/x = 1")
    for commit in (one, two, three):
        state.deploy(commit)
    wanted = None if whole else [f"{one[:12]}.0", f"{two[:12]}.0"]
    before = (state.refs(), state.current, state.deployments)
    with (state.app / f"{two[:12]}.0" / "run.json").open() as running:
        fcntl.flock(running, fcntl.LOCK_SH)
        with pytest.raises(InUse):
            state.remove(wanted, [ref(one)])
        assert (state.refs(), state.current, state.deployments) == before
    assert len(state.remove(wanted, [ref(one)])) == (3 if whole else 2)


def test_an_uninstall_begins_with_current(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    state.deploy(state.merge(*ONE))

    def killed(_name: str, _within: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(disk, "remove_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        state.remove(None, [])
    assert state.current is None


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_removed_is_gone_after_a_power_cut(
    state: State, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    old, new = (f"{commit[:12]}.0" for commit in (one, two))
    synced: list[tuple[str, list[str]]] = []

    def noting(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, disk.entries(descriptor)))

    monkeypatch.setattr(os, "fsync", noting)
    state.remove(None if whole else [old], [])
    if whole:
        assert synced == [(APP, sorted([old, new])), (APP, []), ("apps", [])]
    else:
        assert synced == [(APP, sorted([new, "current"]))]


def test_what_a_crash_left_goes_with_the_app_and_is_no_version(state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    (state.app / f"{disk.STAGING}0123").mkdir()
    assert state.remove(None, []) == [f"{one[:12]}.0"]
    assert not state.app.exists()


@pytest.mark.parametrize("name", ["main", "appctl/app/acme/org.example.Other/0123456789ab.0", "appctl/../x"])
def test_a_ref_that_is_not_the_apps_is_not_dropped(state: State, name: str) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    with pytest.raises(Failed):
        state.remove(None, [name])
    assert state.current == f"{one[:12]}.0"


def test_a_current_that_is_no_symlink_is_reported(state: State) -> None:
    one = state.merge(*ONE)
    (state.app / "current").mkdir(parents=True)
    with pytest.raises(AppctlError):
        state.deploy(one)
    with pytest.raises(RepoCorrupt):
        state.remove(None, [])


def test_a_symlink_in_a_deployment_is_removed_not_what_it_points_to(state: State, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (outside / "f").write_text("x")
    state.deploy(state.merge(f"d -> {outside}", f"f -> {outside}/f"))
    state.remove(None, [])
    assert (outside / "f").read_text() == "x"
    assert outside.stat().st_mode & 0o777 == 0o700
