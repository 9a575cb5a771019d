# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""layer.py: what becomes of a tar as a whole, and what of the repository when it is refused."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    Busy,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NoSpace,
    NotFound,
    RepoCorrupt,
    UnsafeArchive,
)
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.store import disk
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive import layertree, tar
from appctld.workers.store.dropped import DROPPED_BYTES
from appctld.workers.store.ostree import contents
from appctld.workers.store.ostree import repository as repository_module
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.contents import Contents
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from support.layers.tarball import archive, directory, entry, hardlink, pax, symlink
from support.repositories.fsck import fsck

ROOT = directory("./")
GOOD = archive(ROOT, directory("d/"), entry("d/f", content=b"hello", mode=0o4755), symlink("l", "d/f"))


@pytest.fixture(name="repo")
def _repo(tmp_path: Path) -> Iterator[Path]:
    """A repository that must be sound at the end, whatever the test did to it through us."""
    path = tmp_path / "repo"
    Repository.open(path)
    yield path
    fsck(path)
    for ref in Repository.open(path).refs().values():
        assert disk_modes(path, ref) <= {0o444, 0o555}


def disk_modes(repo: Path, commit: str) -> set[int]:
    """Modes on disk of everything that a commit needs."""
    found = {(repo / loose_path(Kind.COMMIT, commit)).stat().st_mode & 0o7777}
    repository = Repository.open(repo)
    waiting = [(repository.commit(commit).tree, repository.commit(commit).meta)]
    while waiting:
        tree, meta = waiting.pop()
        children = repository.tree(tree)
        waiting += children.dirs.values()
        wanted = [
            (Kind.DIRTREE, tree),
            (Kind.DIRMETA, meta),
            *[(Kind.FILE, n) for n in children.files.values()],
        ]
        found |= {(repo / loose_path(kind, name)).stat().st_mode & 0o7777 for kind, name in wanted}
    return found


def ref_of(data: bytes, remote: str = "acme") -> str:
    return f"appctl/layer/{remote}/{Digest.of(data).hex}"


def asked(repo: Path, data: bytes, tar: int) -> JsonObject:
    """The request that the daemon makes for this layer."""
    return {
        "repo": str(repo),
        "tar_split": str(repo.parent / "tar-split"),
        "diff_id": str(Digest.of(data)),
        "max_bytes": 1 << 30,
        "strict": False,
        "ref": ref_of(data),
        "fds": {"tar": tar},
    }


def send(repo: Path, data: bytes, **changed: Json) -> JsonObject:
    source = repo.parent / "layer.tar"
    source.write_bytes(data)
    request = asked(repo, data, os.open(source, os.O_RDONLY)) | changed
    return HANDLERS["import-layer"](request, lambda _: None)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for a lock."""
    monkeypatch.setattr(repository_module, "LOCK_SECONDS", 0)


def imported(repo: Path, data: bytes) -> tuple[Commit, Repository]:
    answer = send(repo, data)
    repository = Repository.open(repo)
    assert repository.refs() == {ref_of(data): answer["commit"]}
    return repository.commit(str(answer["commit"])), repository


def paths(repo: Path, data: bytes) -> list[str]:
    """Every path of the layer commit, directories with a slash."""
    commit, repository = imported(repo, data)
    found, waiting = [], [("", commit.tree)]
    while waiting:
        prefix, tree = waiting.pop()
        children = repository.tree(tree)
        found += [prefix + name for name in children.files]
        for name, (below, _) in children.dirs.items():
            found.append(f"{prefix}{name}/")
            waiting.append((f"{prefix}{name}/", below))
    return sorted(found)


def objects(repo: Path) -> set[str]:
    return {path.name for path in (repo / "objects").glob("*/*")}


# what a layer becomes


def test_a_layer_becomes_a_commit_with_a_ref(repo: Path) -> None:
    answer = send(repo, GOOD)
    assert {key: answer[key] for key in ("entries", "size", "dropped")} == {
        "entries": 4,
        "size": len(GOOD),
        "dropped": [],
    }
    commit = Repository.open(repo).commit(str(answer["commit"]))
    assert (commit.timestamp, commit.metadata) == (0, {})


def test_the_commit_is_a_function_of_the_layer_alone(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert send(repo, GOOD)["commit"] == send(other, GOOD, ref=ref_of(GOOD, "bolt"))["commit"]


def test_on_disk_nothing_is_writable_and_modes_live_in_the_metadata(repo: Path) -> None:
    commit, repository = imported(repo, GOOD)
    file = repository.tree(repository.tree(commit.tree).dirs["d"][0]).files["f"]
    found = repository.stat(Kind.FILE, file)
    assert found is not None
    assert found.st_mode & 0o7777 == 0o555
    assert repository.file_mode(file) & 0o7777 == 0o4755
    assert found.st_mtime == 0


def test_what_follows_the_end_counts_for_the_digest(repo: Path) -> None:
    data = GOOD + b"trailing" * 100
    assert send(repo, data)["size"] == len(data)


def test_directories_without_an_entry_are_listed(repo: Path) -> None:
    commit, repository = imported(repo, archive(entry("a/b/c"), directory("a/x")))
    assert commit.metadata["appctl.implicit-dirs"] == ["", "a", "a/b"]
    meta = repository.meta(commit.meta)
    assert (meta.uid, meta.gid, meta.mode & 0o7777, meta.xattrs) == (0, 0, 0o755, ())


def test_a_directory_may_come_after_its_children(repo: Path) -> None:
    commit, repository = imported(repo, archive(entry("a/b"), directory("a/", mode=0o700), ROOT))
    assert commit.metadata == {}
    assert repository.meta(repository.tree(commit.tree).dirs["a"][1]).mode & 0o7777 == 0o700


def test_an_empty_layer_is_a_layer(repo: Path) -> None:
    commit, repository = imported(repo, archive())
    assert commit.implicit_dirs == {""}
    assert repository.tree(commit.tree).files == {}


def test_whiteouts_are_kept_as_entries(repo: Path) -> None:
    data = archive(ROOT, entry(".wh.x"), entry("x"), directory("d"), entry("d/.wh..wh..opq"))
    assert paths(repo, data) == [".wh.x", "d/", "d/.wh..wh..opq", "x"]


def test_hard_links_are_the_same_object(repo: Path) -> None:
    data = archive(
        ROOT,
        entry("a", content=b"x"),
        hardlink("b", "a"),
        hardlink("c", "b"),
        symlink("l", "a"),
        hardlink("m", "l"),
    )
    commit, repository = imported(repo, data)
    files = repository.tree(commit.tree).files
    assert files["a"] == files["b"] == files["c"]
    assert files["l"] == files["m"] != files["a"]


def test_devices_and_fifos_are_dropped_and_reported(repo: Path) -> None:
    devices = [directory("dev/"), entry("dev/console", b"3"), entry("dev/sda", b"4"), entry("dev/p", b"6")]
    answer = send(repo, archive(ROOT, *devices))
    assert answer["dropped"] == ["dev/console", "dev/sda", "dev/p"]
    repository = Repository.open(repo)
    commit = repository.commit(str(answer["commit"]))
    assert repository.tree(repository.tree(commit.tree).dirs["dev"][0]).files == {}


def test_only_so_many_names_are_reported(repo: Path) -> None:
    answer = send(repo, archive(*[entry(f"p{number}", b"6") for number in range(120)]))
    assert answer["dropped"] == [f"p{number}" for number in range(100)]


@pytest.mark.parametrize("character", ["x", "ü", "\x07"])
def test_the_names_that_are_reported_fit_into_a_record(repo: Path, character: str) -> None:
    path = "/".join([character * 100] * 8)
    pipes = [pax(path=f"{path}/{number}") + entry("p", b"6") for number in range(100)]
    dropped = send(repo, archive(*pipes))["dropped"]
    assert isinstance(dropped, list)
    assert len(dropped) == 4096 // len(json.dumps(f"{path}/0"))
    assert sum(len(json.dumps(name)) for name in dropped) <= DROPPED_BYTES


STRICT = [
    ("character device", entry("x", b"3")),
    ("block device", entry("x", b"4")),
    ("FIFO", entry("x", b"6")),
    ("setuid", entry("x", mode=0o4755)),
    ("setgid", entry("x", mode=0o2755)),
    ("capability", pax(SCHILY__xattr__security__capability="x") + entry("x")),
    ("trusted", pax(SCHILY__xattr__trusted__overlay__opaque="y") + directory("x")),
]


@pytest.mark.parametrize("item", [case[1] for case in STRICT], ids=[case[0] for case in STRICT])
def test_strict_refuses_what_no_deployment_may_have(repo: Path, item: bytes) -> None:
    with pytest.raises(UnsafeArchive, match="strict"):
        send(repo, archive(ROOT, item), strict=True)
    assert Repository.open(repo).refs() == {}
    assert send(repo, archive(ROOT, item))["entries"] == 2


def test_strict_takes_what_is_ordinary(repo: Path) -> None:
    data = archive(ROOT, directory("mail", mode=0o2775), pax(SCHILY__xattr__user__note="1") + entry("x"))
    assert send(repo, data, strict=True)["entries"] == 3


# parents that are symlinks of the layer itself


FOLLOWED = [
    ("relative", [symlink("bin", "usr/bin"), entry("bin/x")], ["bin", "usr/", "usr/bin/", "usr/bin/x"]),
    ("absolute", [symlink("bin", "/usr/bin"), entry("bin/x")], ["bin", "usr/", "usr/bin/", "usr/bin/x"]),
    ("chain", [symlink("a", "b"), symlink("b", "c/"), entry("a/x")], ["a", "b", "c/", "c/x"]),
    ("up within the tree", [directory("d"), directory("e"), symlink("d/l", "../e"), entry("d/l/x")],
     ["d/", "d/l", "e/", "e/x"]),
    ("a whiteout", [symlink("bin", "usr"), entry("bin/.wh.x")], ["bin", "usr/", "usr/.wh.x"]),
    ("a directory", [symlink("bin", "usr"), directory("bin/x")], ["bin", "usr/", "usr/x/"]),
    ("a hard link's way", [symlink("l", "d"), entry("d/f"), hardlink("g", "l/f")], ["d/", "d/f", "g", "l"]),
    ("a dangling one", [symlink("l", "no/where"), entry("l/x")], ["l", "no/", "no/where/", "no/where/x"]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "found"), [c[1:] for c in FOLLOWED], ids=[c[0] for c in FOLLOWED])
def test_a_parent_that_is_a_symlink_is_followed_inside_the_tree(
    repo: Path, items: list[bytes], found: list[str]
) -> None:
    assert paths(repo, archive(ROOT, *items)) == found


LOOP = [symlink(f"l{n}", f"l{n + 1}") for n in range(41)]
REFUSED = [
    ("out of the tree", [symlink("l", ".."), entry("l/x")], UnsafeArchive),
    ("out of the tree by detour", [directory("d"), symlink("d/l", "../../x"), entry("d/l/x")], UnsafeArchive),
    ("out of the tree absolutely", [symlink("l", "/../etc"), entry("l/passwd")], UnsafeArchive),
    ("up from a directory that may be elsewhere", [symlink("d/l", "../e"), entry("d/l/x")], UnsafeArchive),
    ("a loop", [symlink("a", "b"), symlink("b", "a"), entry("a/x")], UnsafeArchive),
    ("too many links", [*LOOP, entry("l0/x")], UnsafeArchive),
    ("a file as a parent", [entry("f"), entry("f/x")], UnsafeArchive),
    ("a symlink to a file as a parent", [entry("f"), symlink("l", "f"), entry("l/x")], UnsafeArchive),
    ("a device as a parent", [entry("f", b"3"), entry("f/x")], UnsafeArchive),
    ("a whiteout as a parent", [symlink("l", ".wh.d"), entry("l/x")], UnsafeArchive),
    (
        "a name that is none as a parent",
        [pax(linkpath="n" * 300) + symlink("l", "n"), entry("l/x")],
        UnsafeArchive,
    ),
    (
        "too deep by links",
        [pax(linkpath="a/" * 150) + symlink("l", "a"), pax(path="l/" + "b/" * 60 + "x") + entry("x")],
        LimitExceeded,
    ),
    ("file twice", [entry("a"), entry("a")], UnsafeArchive),
    ("file twice, spelt otherwise", [entry("a"), entry("./a")], UnsafeArchive),
    ("file twice through a symlink", [symlink("l", "d"), entry("d/x"), entry("l/x")], UnsafeArchive),
    ("directory twice", [directory("a"), directory("a/")], UnsafeArchive),
    ("root twice", [directory(".")], UnsafeArchive),
    ("file over a directory", [directory("a"), entry("a")], UnsafeArchive),
    ("file over an implicit directory", [entry("a/b"), entry("a")], UnsafeArchive),
    ("symlink over an implicit directory", [entry("a/b"), symlink("a", "c")], UnsafeArchive),
    ("directory over a symlink", [symlink("a", "b"), directory("a")], UnsafeArchive),
    ("device twice", [entry("a", b"3"), entry("a", b"6")], UnsafeArchive),
    ("file over a device", [entry("a", b"3"), entry("a")], UnsafeArchive),
    ("opaque twice", [entry(".wh..wh..opq"), entry(".wh..wh..opq")], UnsafeArchive),
    ("hard link to nothing", [hardlink("a", "b")], UnsafeArchive),
    ("hard link to a later file", [hardlink("a", "b"), entry("b")], UnsafeArchive),
    ("hard link to itself", [hardlink("a", "a")], UnsafeArchive),
    ("hard link to a directory", [directory("d"), hardlink("a", "d")], UnsafeArchive),
    ("hard link to the root", [hardlink("a", ".")], UnsafeArchive),
    ("hard link to a whiteout", [entry(".wh.b"), hardlink("a", ".wh.b")], UnsafeArchive),
    ("hard link to a dropped device", [entry("b", b"3"), hardlink("a", "b")], UnsafeArchive),
    ("hard link through nothing", [hardlink("a", "no/b")], UnsafeArchive),
    ("hard link out of the tree", [symlink("l", "../.."), hardlink("a", "l/etc/passwd")], UnsafeArchive),
]


@pytest.mark.parametrize(("items", "leaf"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_entries_that_do_not_fit_together_are_refused(
    repo: Path, items: list[bytes], leaf: type[AppctlError]
) -> None:
    with pytest.raises(AppctlError) as raised:
        send(repo, archive(ROOT, *items))
    assert type(raised.value) is leaf
    assert Repository.open(repo).refs() == {}
    assert objects(repo) == set()


def test_forty_links_are_followed(repo: Path) -> None:
    assert "l40/x" in paths(repo, archive(ROOT, *LOOP[1:40], directory("l40"), entry("l1/x")))


def test_nodes_are_counted_and_implicit_ones_too(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layertree, "NODES", 5)
    send(repo, archive(entry("a/b/c/d")))
    for items in (
        [entry("a/b/c/d/e")],
        [entry(f"{n}") for n in range(5)],
        [directory(f"{n}") for n in range(5)],
    ):
        with pytest.raises(LimitExceeded):
            send(repo, archive(*items))


def test_xattrs_of_directories_are_not_kept_in_memory(repo: Path) -> None:
    """60 KiB each: 300 directories of one tar stay far below what their xattrs are (17 MiB)."""

    def directories() -> Iterator[bytes]:
        for number in range(300):
            value = f"{number:04}".encode() * 750
            yield pax(**{f"SCHILY__xattr__user__a{n}": value for n in range(20)}) + directory(f"d{number}/")

    data = archive(*directories())
    source = repo.parent / "layer.tar"
    source.write_bytes(data)
    request = asked(repo, data, os.open(source, os.O_RDONLY))
    del data
    tracemalloc.start()
    try:
        HANDLERS["import-layer"](request, lambda _: None)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def through_links(number: int) -> list[bytes]:
    """Entries that lie behind a symlink of four parts."""
    return [directory("a/"), symlink("l", "././a/."), *[entry(f"l/{n}") for n in range(number)]]


BOUNDED = {
    "steps through symlinks": (layertree, "LINK_STEPS", 12, through_links),
    "bytes of targets": (layertree, "TARGET_BYTES", 6, lambda n: [symlink(f"{i}", "xx") for i in range(n)]),
    "bytes of implicit paths": (
        layertree,
        "IMPLICIT_BYTES",
        10,
        lambda n: [entry(f"d{i}/f") for i in range(n)],  # "" and its end are one byte, "dN" three
    ),
    "bytes of xattrs": (
        tar,
        "LAYER_XATTR_BYTES",
        21,
        lambda n: [pax(SCHILY__xattr__user__a="x") + directory(f"{i}") for i in range(n)],
    ),
    "bytes of files' xattrs": (
        tar,
        "LAYER_XATTR_BYTES",
        21,
        lambda n: [pax(SCHILY__xattr__user__a="x") + entry(f"{i}") for i in range(n)],
    ),
}


@pytest.mark.parametrize(("module", "name", "limit", "items"), BOUNDED.values(), ids=BOUNDED)
def test_what_a_layer_costs_is_counted_over_all_its_entries(
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    limit: int,
    items: Callable[[int], list[bytes]],
) -> None:
    monkeypatch.setattr(module, name, limit)
    send(repo, archive(*items(3)))
    before = objects(repo)
    with pytest.raises(LimitExceeded):
        send(repo, archive(*items(4)))
    assert objects(repo) == before


# what does not become a layer


def test_another_diff_id_leaves_no_ref_and_no_object(repo: Path) -> None:
    wrong = Digest.of(b"something else")
    with pytest.raises(DigestMismatch):
        send(repo, GOOD, diff_id=str(wrong), ref=f"appctl/layer/acme/{wrong.hex}")
    assert Repository.open(repo).refs() == {}
    assert objects(repo) == set()


def test_a_change_behind_the_end_of_the_archive_is_noticed(repo: Path) -> None:
    with pytest.raises(DigestMismatch):
        send(repo, GOOD + b"x", diff_id=str(Digest.of(GOOD)), ref=ref_of(GOOD))


def test_a_ref_for_another_layer_is_refused(repo: Path) -> None:
    with pytest.raises(Failed):
        send(repo, GOOD, ref=ref_of(b"another"))


@pytest.mark.parametrize(
    ("changed", "leaf"),
    [
        ({"ref": "appctl/layer/acme/../../evil"}, Failed),
        ({"ref": "appctl/app/acme/org.example.App/0123456789ab.0"}, Failed),
        ({"ref": "heads"}, Failed),
        ({"diff_id": "sha256:../x"}, BadManifest),
    ],
)
def test_names_outside_their_patterns_are_refused(
    repo: Path, changed: dict[str, Json], leaf: type[AppctlError]
) -> None:
    with pytest.raises(leaf):
        send(repo, GOOD, **changed)


@pytest.mark.parametrize("data", [GOOD, GOOD + bytes(1000), archive(entry("a", content=b"x" * 5000))])
def test_the_stream_is_cut_at_the_limit(repo: Path, data: bytes) -> None:
    send(repo, data, max_bytes=len(data))
    with pytest.raises(LimitExceeded):
        send(repo, data, max_bytes=len(data) - 1)


def test_a_promised_size_that_is_not_there_stays_bounded(repo: Path) -> None:
    with pytest.raises(LimitExceeded):
        send(repo, pax(size=str(1 << 40)) + entry("a"))
    with pytest.raises(UnsafeArchive):
        send(repo, pax(size=str(1 << 29)) + entry("a"))


def test_a_failure_midway_leaves_what_was_there(repo: Path) -> None:
    send(repo, GOOD)
    before = objects(repo), Repository.open(repo).refs()
    with pytest.raises(UnsafeArchive):
        send(repo, archive(ROOT, entry("new", content=b"new"), entry("../evil")))
    assert (objects(repo), Repository.open(repo).refs()) == before


def test_while_somebody_prunes_an_import_is_busy(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)
    with Repository.open(repo).exclusive(), pytest.raises(Busy, match="is being removed"):
        send(repo, GOOD)
    send(repo, GOOD)


def test_imports_run_side_by_side(repo: Path) -> None:
    with Repository.open(repo).shared():
        assert send(repo, GOOD)["entries"] == 4


def test_the_reserve_of_free_space_stays_free(repo: Path) -> None:
    config = repo / "config"
    config.write_text(config.read_text() + "min-free-space-size=900000TB\n")
    with pytest.raises(NoSpace):
        send(repo, GOOD)
    assert objects(repo) == set()


# what was there before


def test_an_object_that_was_changed_on_the_disk_is_replaced_by_a_fresh_inode(repo: Path) -> None:
    commit, repository = imported(repo, GOOD)
    tree = repository.tree(commit.tree)
    file = repo / loose_path(Kind.FILE, repository.tree(tree.dirs["d"][0]).files["f"])
    meta, deployed = repo / loose_path(Kind.DIRMETA, commit.meta), repo.parent / "deployed"
    deployed.hardlink_to(file)
    for path, evil in ((file, b"evil!!!"), (meta, meta.read_bytes()[::-1])):
        path.chmod(0o644)
        path.write_bytes(evil)
    send(repo, GOOD)
    assert file.read_bytes() == b"hello"
    assert deployed.read_bytes() == b"evil!!!"


def test_an_object_with_another_time_is_replaced_too(repo: Path) -> None:
    commit, repository = imported(repo, GOOD)
    link = repo / loose_path(Kind.FILE, repository.tree(commit.tree).files["l"])
    os.utime(link, (5, 5))
    send(repo, GOOD)
    assert link.stat().st_mtime_ns == 0


def test_modes_that_a_crash_left_are_set_right(repo: Path) -> None:
    send(repo, GOOD)
    for path in (repo / "objects").glob("*/*"):
        path.chmod(0o644)
    send(repo, GOOD)
    assert {path.stat().st_mode & 0o7777 for path in (repo / "objects").glob("*/*")} == {0o444, 0o555}


def test_the_ref_comes_last_and_is_on_the_disk(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    sync, settle = os.fsync, Repository.write_ref

    def record(descriptor: int) -> None:
        calls.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix(f"{repo}/"))
        sync(descriptor)

    def write(self: Repository, name: str, commit: str) -> None:
        assert disk_modes(repo, commit) <= {0o444, 0o555}
        calls.append("write_ref")
        settle(self, name, commit)

    monkeypatch.setattr(os, "fsync", record)
    monkeypatch.setattr(Repository, "write_ref", write)
    send(repo, GOOD)
    start = calls.index("write_ref")
    assert calls[start + 1].startswith("tmp/appctl-ref-")
    assert calls[start + 2 :] == [
        "refs/heads/appctl/layer/acme",
        "refs/heads/appctl/layer",
        "refs/heads/appctl",
        "refs/heads",
    ]


def test_nothing_can_be_pruned_until_the_ref_is_there(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)
    write, refused = Repository.write_ref, []

    def late(self: Repository, name: str, commit: str) -> None:
        write(self, name, commit)
        with pytest.raises(Busy), Repository.open(repo).exclusive():
            pass
        refused.append(name)

    monkeypatch.setattr(Repository, "write_ref", late)
    adopt(repo, send(repo, GOOD)["commit"])
    assert refused == [ref_of(GOOD), ref_of(GOOD, "bolt")]
    with Repository.open(repo).exclusive():
        pass


def test_a_disk_that_cannot_sync_gets_no_ref(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    class Libc:
        @staticmethod
        def syncfs(descriptor: int) -> int:
            synced.append(os.fstat(descriptor).st_ino)
            return -1

    monkeypatch.setattr(disk, "_libc", Libc)
    with pytest.raises(Failed, match="syncfs"):
        send(repo, GOOD)
    assert synced == [(repo / "objects").stat().st_ino]
    assert Repository.open(repo).refs() == {}


def test_a_worker_that_is_killed_midway_leaves_a_sound_repository(repo: Path) -> None:
    body = os.urandom(3 << 20)
    data = archive(ROOT, *[entry(f"f{n}", content=body[n:]) for n in range(3)])
    reading, writing = os.pipe()
    worker = subprocess.Popen(
        [sys.executable, "-m", "appctld.workers.store"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[reading],
    )
    assert worker.stdin is not None
    worker.stdin.write(json.dumps({"op": "import-layer", **asked(repo, data, reading)}).encode() + b"\n")
    worker.stdin.flush()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(data[:-5000])  # more than a pipe holds: it is reading by now
        worker.kill()
    worker.wait()
    worker.stdin.close()
    assert Repository.open(repo).refs() == {}
    assert send(repo, data)["entries"] == 4


# by two processes


def large() -> bytes:
    """Files across the pieces in which a stream comes, hard links to them, and a large one."""
    files = [(f"d{n % 7}/f{n}", os.urandom(n * 37 % 9000), 0o644 + n % 2 * 0o111) for n in range(700)]
    return archive(
        ROOT,
        *[entry(name, content=content, mode=mode) for name, content, mode in files],
        entry("big", content=os.urandom(3 << 20)),
        *[hardlink(f"link{n}", f"d{n % 7}/f{n}") for n in range(0, 700, 50)],
        symlink("s", "big"),
        entry("last", content=b"x"),
    )


@pytest.fixture(name="begun")
def _begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the contents from which on a second process wrote."""
    found: list[int] = []
    begin = Contents.begin

    def begun(self: Contents) -> None:
        begin(self)
        found.append(self._count)

    monkeypatch.setattr(Contents, "begin", begun)
    monkeypatch.setattr(contents, "_useful", lambda: True)
    return found


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_two_processes_make_of_a_large_layer_what_one_makes(
    repo: Path, tmp_path: Path, begun: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large()
    answer = send(repo, data)
    assert len(begun) == 1
    assert 100 < begun[0] < 600
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(contents, "_useful", lambda: False)
    assert send(tmp_path / "other" / "repo", data) == answer
    for where in (f"tar-split/{Digest.of(data).hex}", "repo/objects"):
        assert tree(tmp_path / where) == tree(tmp_path / "other" / where)


def tree(path: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file.relative_to(path)): (file.stat().st_mode, file.read_bytes())
        for file in (path, *path.rglob("*"))
        if file.is_file()
    }


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_is_wrong_at_the_end_of_a_large_layer_leaves_nothing(repo: Path, begun: list[int]) -> None:
    data = large()
    for bad in (data + bytes(512), data[:-2000] + b"x" + data[-1999:], data[: -(1 << 20)]):
        with pytest.raises(AppctlError):
            send(repo, bad, diff_id=str(Digest.of(data)), ref=ref_of(data))
    assert len(begun) == 3
    assert not [*repo.glob("objects/??/*"), *repo.glob("tmp/appctl-*")]
    assert not Repository.open(repo).refs()
    assert imported(repo, data)


def test_a_small_layer_is_written_by_one_process(repo: Path, begun: list[int]) -> None:
    imported(repo, archive(entry("a", content=bytes(1 << 19)), entry("b", content=bytes(1 << 18))))
    assert begun == []


# another remote's layer


def adopt(repo: Path, commit: object, remote: str = "bolt", data: bytes = GOOD) -> JsonObject:
    request: JsonObject = {"repo": str(repo), "commit": str(commit), "ref": ref_of(data, remote)}
    return HANDLERS["adopt-layer"](request, lambda _: None)


def test_a_layer_of_another_remote_is_adopted(repo: Path) -> None:
    commit = send(repo, GOOD)["commit"]
    assert adopt(repo, commit) == {"objects": 6}  # commit, two dirtrees, one dirmeta, two files
    assert Repository.open(repo).refs() == {ref_of(GOOD): commit, ref_of(GOOD, "bolt"): commit}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_no_object_is_adopted_unread(tmp_path: Path, kind: Kind, damage: str) -> None:
    repo = tmp_path / "repo"
    commit = send(repo, GOOD)["commit"]
    for path in (repo / "objects").glob(f"*/*.{kind.suffix}"):
        time = path.stat().st_mtime_ns
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(time, time))
        if damage == "missing":
            path.unlink()
    with pytest.raises(RepoCorrupt):
        adopt(repo, commit)
    assert Repository.open(repo).refs() == {ref_of(GOOD): commit}


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_adopted_has_its_mode_again(repo: Path, kind: Kind) -> None:
    """R12 holds for what another remote's import left, and for whatever became of it since."""
    commit = send(repo, GOOD)["commit"]
    paths = list((repo / "objects").glob(f"*/*.{kind.suffix}"))
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0o600)
    adopt(repo, commit)
    assert [path.stat().st_mode for path in paths] == modes


def test_only_what_somebody_holds_under_that_diff_id_is_adopted(repo: Path) -> None:
    commit = send(repo, GOOD)["commit"]
    other = archive(ROOT, entry("other"))
    send(repo, other)
    with pytest.raises(NotFound):
        adopt(repo, commit, data=other)
    with pytest.raises(Failed):
        adopt(repo, "../" + "0" * 61)


@pytest.mark.parametrize("kind", ["commit", "app"])
def test_only_a_layers_ref_is_put_on_a_layer(repo: Path, kind: str) -> None:
    """One of another kind that ends in the diffID all the same."""
    name = ref_of(GOOD).rpartition("/")[2]
    ref = {"commit": f"appctl/commit/acme/{name}", "app": f"appctl/app/acme/a.b.c/{name}"}[kind]
    with pytest.raises(Failed):
        send(repo, GOOD, ref=ref)
    commit = send(repo, GOOD)["commit"]
    with pytest.raises(Failed):
        HANDLERS["adopt-layer"]({"repo": str(repo), "commit": commit, "ref": ref}, lambda _: None)
    assert Repository.open(repo).refs() == {ref_of(GOOD): commit}


def test_what_a_layer_has_often_is_hashed_once_for_its_adoption(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directories that hold each other twice would else take for ever."""
    data = archive(ROOT, *(entry(f"{a}/{b}/{c}/f", content=b"x") for a in "01" for b in "01" for c in "01"))
    commit = send(repo, data)["commit"]
    hashed: list[str] = []
    monkeypatch.setattr(Repository, "verify", lambda _self, _kind, name: hashed.append(name))
    adopt(repo, commit, data=data)
    assert len(hashed) == 1
