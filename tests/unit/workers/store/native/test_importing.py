# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""importing.py: what arrives is what `ostree pull` would have brought, or nothing is."""

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NoSpace,
    RepoCorrupt,
    UnsafeArchive,
)
from appctld.workers.store import walk
from appctld.workers.store.deploy import deploy
from appctld.workers.store.directory import DEPTH
from appctld.workers.store.native import importing
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import FileHead
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, Xattrs, serialize_dirmeta, serialize_dirtree
from support.layers.tarball import archive, base256, directory, entry, hardlink, pax, pax_raw, record, symlink
from support.repositories.quarantine import (
    CASES,
    HONEST,
    Archive,
    Forged,
    Published,
    Scene,
    ostree,
    pull,
    send,
    variant,
)
from support.repositories.store_state import APP, State, ref


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def scene(tmp_path: Path, published: Published) -> Iterator[Scene]:
    """At the end every object is what its name says, and nothing of a transaction is left."""
    scene = Scene(tmp_path, published)
    yield scene
    for kind in Kind:
        for path in scene.state.repo.glob(f"objects/??/*.{kind.suffix}"):
            Repository.open(scene.state.repo).verify(kind, path.parent.name + path.stem)
    assert list(scene.state.repo.glob("tmp/*/??/*")) == []


def objects(repo: Path) -> set[str]:
    return {str(path.relative_to(repo)) for path in repo.glob("objects/??/*")}


# --- the same as `ostree pull` ---------------------------------------------------------------------------

LONG = "n" * 200
TREES = {
    "honest": [HONEST],
    "modes": [
        archive(
            directory("./", mode=0o700),
            directory("none/", mode=0o511),
            directory("sticky/", mode=0o1777, uid=5, gid=6),
            entry("none/f", content=b"x", mode=0),
            entry("setuid", content=b"x", mode=0o6755),
            entry("owned", content=b"x", uid=1000, gid=base256(2**31, 8), mode=0o640),
            symlink("l", "/etc/passwd", uid=3),
        )
    ],
    "names": [
        archive(
            directory("./"),
            entry(LONG[:100], content=b"1"),
            *[
                pax_raw(record(b"path", name.encode())) + entry("x", content=b"2")
                for name in (LONG, "ü/ö", "日本")
            ],
        )
    ],
    "contents": [
        archive(
            directory("./"),
            entry("empty"),
            entry("empty2"),
            entry("a", content=b"same"),
            hardlink("b", "a"),
            entry("c", content=b"same"),
            entry("c2", content=b"same", mode=0o755),
            entry("big", content=os.urandom(3 << 20)),
            pax(SCHILY__xattr__user__z="1") + entry("attributed", content=b"x"),
            pax(SCHILY__xattr__security__capability="\x01") + entry("capable", mode=0o755),
            pax(SCHILY__xattr__user__d="1") + directory("dir"),
        )
    ],
    "two xattrs": [  # which libarchive gives last one first, and libostree before 2024.10 does not sort
        archive(directory("./"), pax(SCHILY__xattr__user__z="2", SCHILY__xattr__user__a="1") + entry("f"))
    ],
    "two xattrs of a directory": [
        archive(pax(SCHILY__xattr__user__a="1", SCHILY__xattr__user__z="2") + directory("./"))
    ],
    "parents": [HONEST, archive(directory("./"), entry("new", content=b"2"))],
    "nothing": [archive(directory("./"))],
}


@pytest.mark.parametrize("tars", TREES.values(), ids=TREES)
def test_the_result_is_what_ostree_pull_brings(tmp_path: Path, state: State, tars: list[bytes]) -> None:
    source = Archive(tmp_path / "archive")
    options = ("--subject=A title", "--add-metadata-string=big=" + "x" * 100_000, "--add-metadata=n=uint64 7")
    commit = [source.commit(tar, *options) for tar in tars][-1]
    quarantine = pull(source.path, commit, tmp_path / "0123456789")
    answer = send(state, quarantine, commit)
    assert answer["commit"] == commit
    state.fsck()
    same_as(quarantine, state.repo, commit, tmp_path)
    theirs, ours = objects(quarantine), objects(state.repo)
    assert {path for path in theirs if not path.endswith("meta2")} == ours
    assert answer["objects"] == answer["written"] == len(ours)
    for path in ours:
        assert stat.S_IMODE((state.repo / path).stat().st_mode) in {0o444, 0o555}


def test_what_ostree_makes_of_a_directorys_xattrs_is_in_order(tmp_path: Path, state: State) -> None:
    """In whatever order the file system gives them."""
    source, tree = Archive(tmp_path / "archive"), tmp_path / "tree"
    tree.mkdir()
    (tree / "f").write_bytes(b"x")
    for name in ("user.b", "user.d", "user.a", "user.c"):
        os.setxattr(tree / "f", name, b"1")
        os.setxattr(tree, name, b"1")
    commit = ostree(source.path, "commit", f"--tree=dir={tree}", "--branch=b").strip()
    send(state, pull(source.path, commit, tmp_path / "0123456789"), commit)
    state.fsck()


def same_as(theirs: Path, ours: Path, commit: str, place: Path) -> None:
    """Both repositories tell and check out the same."""
    shown = [ostree(repo, "ls", "-R", "-C", "-X", commit) for repo in (theirs, ours)]
    assert shown[0] == shown[1]
    assert ostree(theirs, "show", "--raw", commit) == ostree(ours, "show", "--raw", commit)
    out = [place / f"checkout-{number}" for number in range(2)]
    for repo, directory_ in zip((theirs, ours), out, strict=True):
        ostree(repo, "checkout", "-U", commit, str(directory_))
    subprocess.run(["diff", "-r", "--no-dereference", *out], check=True)


def test_a_commit_with_related_objects_and_a_missing_parent(tmp_path: Path, state: State) -> None:
    """Both are names of objects that belong to other commits; none of them is followed."""
    made = Forged(tmp_path / "0123456789")
    commit = made.publisher_commit(made.tree(DirTree({"f": made.file(b"x")})))
    assert send(state, made.path, commit)["objects"] == 4
    state.fsck()
    stored = (state.repo / loose_path(Kind.COMMIT, commit)).read_bytes()
    assert stored == (made.path / loose_path(Kind.COMMIT, commit)).read_bytes()


def test_what_the_tree_says_about_its_permissions_is_told(scene: Scene) -> None:
    answer = scene.send(scene.honest())
    assert answer["files"] == {"app/metadata": "[Application]\nname=org.example.App\n"}
    sizes = [path.stat().st_size for path in scene.state.repo.glob("objects/??/*.file")]
    assert answer["installed_size"] == sum(sizes)
    assert Repository.open(scene.state.repo).refs() == {f"appctl/commit/acme/{scene.commit}": scene.commit}


def test_a_second_import_writes_nothing(scene: Scene) -> None:
    first = scene.send(scene.honest())
    before = {path: path.stat().st_ino for path in scene.state.repo.glob("objects/??/*")}
    second = scene.send(scene.honest(), remote="other")
    assert (first["written"], second["written"]) == (first["objects"], 0)
    assert second["objects"] == first["objects"]
    assert {path: path.stat().st_ino for path in scene.state.repo.glob("objects/??/*")} == before


def test_a_stored_object_that_turns_out_wrong_is_replaced(scene: Scene) -> None:
    scene.send(scene.honest())
    for path in scene.state.repo.glob("objects/??/*"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?" if path.stat().st_size else b"")
    scene.send(scene.honest(), remote="other")


def test_only_what_the_commit_names_is_copied(scene: Scene) -> None:
    quarantine = scene.honest()
    shard = quarantine / "objects" / scene.commit[:2]
    for suffix in ("commitmeta", "tombstone-commit", "payload-link", "commitmeta2"):
        (shard / f"{scene.commit[2:]}.{suffix}").write_bytes(b"x")
    extra = Forged(quarantine)
    extra.file(b"nobody's")
    scene.send(quarantine)
    assert len(objects(scene.state.repo)) == scene.send(scene.honest())["objects"]
    assert {Path(path).suffix[1:] for path in objects(scene.state.repo)} == {kind.suffix for kind in Kind}


# --- lies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("present", ["absent", "present"])
@pytest.mark.parametrize(("about", "way"), CASES)
def test_a_lie_is_found_and_leaves_nothing(scene: Scene, about: str, way: str, present: str) -> None:
    quarantine, lie = scene.lie(about, way, honest_present=present == "present")
    before = (objects(scene.state.repo), Repository.open(scene.state.repo).refs())
    with pytest.raises((DigestMismatch, UnsafeArchive)) as raised:
        scene.send(quarantine)
    if (
        way == "linked-shard"
    ):  # whatever is first looked for in it, and the commit's name is another each time
        assert str(raised.value.data["checksum"]).startswith(lie.checksum[:2])
    elif isinstance(raised.value, DigestMismatch) and way != "linked-objects":
        assert raised.value.data["checksum"] == lie.checksum
        assert raised.value.data["kind"] == lie.kind.suffix
        assert lie.checksum in raised.value.message
    assert (objects(scene.state.repo), Repository.open(scene.state.repo).refs()) == before


# --- what is here already counts only if this remote brought it (R5) -------------------------------------


def held(scene: Scene, remote: str = "acme") -> Path:
    """A quarantine from which everything below the commit is missing, after a remote brought all of it."""
    scene.send(scene.honest(), remote=remote)
    quarantine = scene.honest()
    for path in quarantine.glob("objects/??/*"):
        if path.suffix != ".commit":
            path.unlink()
    return quarantine


def test_what_this_remote_has_installed_need_not_arrive(scene: Scene) -> None:
    quarantine = held(scene)
    answer = scene.send(quarantine, parent_commit=scene.commit)
    assert answer["written"] == 0
    assert answer["objects"] == len(objects(scene.state.repo))


@pytest.mark.parametrize("parent", [None, "a" * 64], ids=["none", "unknown"])
def test_what_is_here_does_not_count_without_a_parent(scene: Scene, parent: str | None) -> None:
    with pytest.raises(DigestMismatch, match="missing"):
        scene.send(held(scene), parent_commit=parent)


def test_what_another_remote_brought_does_not_count(scene: Scene) -> None:
    quarantine = held(scene, remote="other")
    with pytest.raises(DigestMismatch, match="missing"):
        scene.send(quarantine, parent_commit=scene.commit)


@pytest.mark.parametrize("suffix", ["dirtree", "dirmeta", "file"])
def test_what_the_parent_lacks_does_not_count(scene: Scene, tmp_path: Path, suffix: str) -> None:
    """Another remote's objects are named by a commit of one that has a parent here."""
    scene.send(scene.honest(), remote="other")
    made = Forged(tmp_path / "0123456789")
    parent = made.commit(made.tree(DirTree({"own": made.file(b"own")})))
    send(scene.state, made.path, parent)
    quarantine = scene.honest()
    sent = (path.relative_to(quarantine) for path in quarantine.glob(f"objects/??/*.{suffix}"))
    lacking = sorted(path for path in sent if not (made.path / path).exists())
    (quarantine / lacking[0]).unlink()
    with pytest.raises(DigestMismatch, match="missing"):
        scene.send(quarantine, parent_commit=parent)


@pytest.mark.parametrize("suffix", ["dirtree", "dirmeta", "file"])
def test_what_is_held_is_hashed_again(scene: Scene, suffix: str) -> None:
    quarantine = held(scene)
    stored = max(scene.state.repo.glob(f"objects/??/*.{suffix}"), key=lambda path: path.stat().st_size)
    honest = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(honest[:-1] + b"?")
    os.utime(stored, (0, 0))
    with pytest.raises(RepoCorrupt):
        scene.send(quarantine, parent_commit=scene.commit)
    stored.write_bytes(honest)


def test_what_is_held_gets_its_mode_back(scene: Scene) -> None:
    """Nobody else may write to it, nor run it as its owner, whatever was done to it meanwhile (R12)."""
    quarantine = held(scene)
    modes = {path: path.stat().st_mode for path in scene.state.repo.glob("objects/??/*.file")}
    assert modes
    for path in modes:
        path.chmod(0o4777)
    scene.send(quarantine, parent_commit=scene.commit)
    assert {path: path.stat().st_mode for path in modes} == modes


def test_strict_holds_for_what_is_held(state: State, tmp_path: Path) -> None:
    made = Forged(tmp_path / "0123456789")
    commit = made.commit(made.tree(DirTree({"f": made.file(head=FileHead(0, 0, stat.S_IFREG | 0o4755))})))
    send(state, made.path, commit)
    for path in made.path.glob("objects/??/*.file"):
        path.unlink()
    assert send(state, made.path, commit, parent_commit=commit)["written"] == 0
    with pytest.raises(UnsafeArchive, match="strict"):
        send(state, made.path, commit, parent_commit=commit, strict=True)


# --- publishers who mean harm ----------------------------------------------------------------------------

EMPTY = serialize_dirtree(DirTree())
NAME = b"\1" * 32


def raw_tree(files: list[tuple[str, bytes]], dirs: list[tuple[str, bytes, bytes]] | None = None) -> bytes:
    """A dirtree that says whatever it likes, in GVariant's normal form."""
    return variant("(a(say)a(sayay))", (files, dirs or []))


BAD_TREES = {
    "dot dot": raw_tree([("..", NAME)]),
    "dot": raw_tree([], [(".", NAME, NAME)]),
    "slash": raw_tree([("a/b", NAME)]),
    "empty name": raw_tree([("", NAME)]),
    "unsorted": raw_tree([("b", NAME), ("a", NAME)]),
    "twice": raw_tree([("a", NAME), ("a", NAME)]),
    "file and directory": raw_tree([("a", NAME)], [("a", NAME, NAME)]),
    "short checksum": raw_tree([("a", NAME[:-1])]),
    "not UTF-8": raw_tree([("aaaa", NAME)]).replace(b"aaaa", b"\xff\xfe\xff\xfe"),
    "long name": raw_tree([("n" * 256, NAME)]),
    "nothing": b"",
    "noise": b"\xff" * 99,
    "slack": EMPTY + b"\0",
}


@pytest.mark.parametrize("data", BAD_TREES.values(), ids=BAD_TREES)
def test_a_directory_that_r12_refuses_is_unsafe(state: State, tmp_path: Path, data: bytes) -> None:
    made = Forged(tmp_path / "0123456789")
    refused(state, made, made.commit(made.add(Kind.DIRTREE, data)), UnsafeArchive)


def refused(
    state: State, made: Forged, commit: str, error: type[AppctlError], **request: object
) -> AppctlError:
    """A forged commit is refused, and nothing of it stays."""
    with pytest.raises(error) as raised:
        send(state, made.path, commit, "acme", **request)
    assert objects(state.repo) == set()
    assert Repository.open(state.repo).refs() == {}
    return raised.value


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 12, b"\0" * 8 + b"\0\0\x81\xed", b"\0" * 8 + b"\0\0\x41\xed\0"]
)
def test_a_dirmeta_that_is_none_is_unsafe(state: State, tmp_path: Path, data: bytes) -> None:
    made = Forged(tmp_path / "0123456789")
    refused(
        state, made, made.commit(made.add(Kind.DIRTREE, EMPTY), made.add(Kind.DIRMETA, data)), UnsafeArchive
    )


BAD_COMMITS = {
    "nothing": b"",
    "noise": b"\xff" * 99,
    "no checksum": variant("(a{sv}aya(say)sstayay)", ({}, b"", [], "", "", 0, b"x", NAME)),
    "a parent of 31 bytes": variant("(a{sv}aya(say)sstayay)", ({}, NAME[1:], [], "", "", 0, NAME, NAME)),
    "slack": serialize_commit(Commit("a" * 64, "b" * 64)) + b"\0\0",
}


@pytest.mark.parametrize("data", BAD_COMMITS.values(), ids=BAD_COMMITS)
def test_a_commit_that_is_none_is_a_bad_manifest(state: State, tmp_path: Path, data: bytes) -> None:
    made = Forged(tmp_path / "0123456789")
    refused(state, made, made.add(Kind.COMMIT, data), BadManifest)


TYPES = [0, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR, 1 << 16 | stat.S_IFREG]


@pytest.mark.parametrize("kind", TYPES, ids=oct)
def test_an_object_is_a_file_or_a_symlink(state: State, tmp_path: Path, kind: int) -> None:
    """Its name is right: only its type says that no deployment may have it."""
    made = Forged(tmp_path / "0123456789")
    device = made.file(head=FileHead(0, 0, kind | 0o644))
    refused(state, made, made.commit(made.tree(DirTree({"x": device}))), UnsafeArchive)


BAD_XATTRS: dict[str, tuple[str, Xattrs]] = {
    "not in order": ("not in order", ((b"user.b", b"1"), (b"user.a", b"2"))),
    "twice": ("two of one name", ((b"user.a", b"1"), (b"user.a", b"2"))),
    "without a name": ("without a name", ((b"", b"1"),)),
    "with a NUL in its name": ("without a name", ((b"user.a\0b", b"1"),)),
}
ANYTHING: dict[str, FileHead] = {
    "file": FileHead(0, 0, stat.S_IFREG | 0o644),
    "symlink": FileHead(0, 0, stat.S_IFLNK | 0o777, "x"),
}


@pytest.mark.parametrize(("words", "xattrs"), BAD_XATTRS.values(), ids=BAD_XATTRS)
@pytest.mark.parametrize("head", ANYTHING.values(), ids=ANYTHING)
def test_a_file_whose_xattrs_libostree_would_call_damaged_is_refused(
    state: State, tmp_path: Path, words: str, xattrs: Xattrs, head: FileHead
) -> None:
    made = Forged(tmp_path / "0123456789")
    file = made.file(b"x", replace(head, xattrs=xattrs))
    commit = made.commit(made.tree(DirTree({"the-file": file})))
    error = refused(state, made, commit, UnsafeArchive)
    assert words in error.message
    assert error.data["path"] == "the-file"


@pytest.mark.parametrize("case", ["twice", "without a name", "with a NUL in its name"])
def test_a_directory_with_xattrs_that_no_file_system_has_is_refused(
    state: State, tmp_path: Path, case: str
) -> None:
    made, (words, xattrs) = Forged(tmp_path / "0123456789"), BAD_XATTRS[case]
    meta = made.add(Kind.DIRMETA, serialize_dirmeta(0, 0, 0o755, xattrs))
    error = refused(state, made, made.commit(made.tree(DirTree()), meta), UnsafeArchive)
    assert words in error.message


@pytest.mark.parametrize("target", ["", "a\0b", "x" * 4096], ids=["empty", "NUL", "long"])
def test_a_symlink_that_cannot_be_is_refused(state: State, tmp_path: Path, target: str) -> None:
    made = Forged(tmp_path / "0123456789")
    link = made.file(head=FileHead(0, 0, stat.S_IFLNK | 0o777, target))
    commit = made.commit(made.tree(DirTree({"l": link})))
    refused(state, made, commit, LimitExceeded if len(target) > 4095 else UnsafeArchive)


def chain(made: Forged, depth: int) -> str:
    """A commit of `depth` directories below each other."""
    meta, tree = made.meta(), made.tree(DirTree())
    for _ in range(depth):
        tree = made.tree(DirTree(dirs={"d": (tree, meta)}))
    return made.commit(tree, meta)


def test_depth_is_bounded(state: State, tmp_path: Path) -> None:
    made = Forged(tmp_path / "0123456789")
    refused(state, made, chain(made, DEPTH + 1), LimitExceeded)
    assert send(state, made.path, chain(made, DEPTH))["objects"] == DEPTH + 3
    state.fsck()


def test_a_few_objects_that_make_a_large_tree_are_refused(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "NAMES", 8189)
    made = Forged(tmp_path / "0123456789")
    meta, tree = made.meta(), made.tree(DirTree())
    for _ in range(12):
        tree = made.tree(DirTree(dirs={"a": (tree, meta), "b": (tree, meta)}))
    refused(state, made, made.commit(tree, meta), LimitExceeded)
    monkeypatch.setattr(walk, "NAMES", 8190)
    assert send(state, made.path, made.commit(tree, meta))["objects"] == 15


def test_objects_are_bounded(state: State, tmp_path: Path) -> None:
    made = Forged(tmp_path / "0123456789")
    files = {f"{number}": made.file(b"%d" % number) for number in range(4)}
    commit = made.commit(made.tree(DirTree({**files, "again": files["0"]})))
    assert refused(state, made, commit, LimitExceeded, max_objects=6).data["limit"] == 6
    assert send(state, made.path, commit, max_objects=7)["objects"] == 7


def test_objects_are_bounded_even_if_the_request_says_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "OBJECTS", 3)
    with pytest.raises(LimitExceeded):
        scene.send(scene.honest())


def test_bytes_are_bounded(scene: Scene) -> None:
    size = int(str(scene.send(scene.honest())["bytes"]))
    scene.state.prune()
    assert size == sum(path.stat().st_size for path in scene.honest().glob("objects/??/*"))
    with pytest.raises(LimitExceeded):
        scene.send(scene.honest(), max_bytes=size - 1)
    assert objects(scene.state.repo) == set()
    scene.send(scene.honest(), max_bytes=size)


def test_a_vast_file_is_refused_before_it_is_read(scene: Scene) -> None:
    quarantine, _ = scene.lie("file", "vast")
    with pytest.raises(LimitExceeded):
        scene.send(quarantine)


@pytest.mark.parametrize("about", ["commit", "dirtree", "dirmeta"])
def test_metadata_is_bounded_by_itself(scene: Scene, about: str) -> None:
    quarantine, _ = scene.lie(about, "vast")
    with pytest.raises(LimitExceeded, match=about):
        scene.send(quarantine, max_bytes=1 << 60)


def test_the_reserve_of_free_space_stays(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repository, "free_space", lambda _: 4096)
    with pytest.raises(NoSpace):
        scene.send(scene.honest())
    assert objects(scene.state.repo) == set()


# --- strict ----------------------------------------------------------------------------------------------

PRIVILEGED = {
    "setuid": FileHead(0, 0, stat.S_IFREG | 0o4755),
    "setgid": FileHead(0, 0, stat.S_IFREG | 0o2755),
    "capability": FileHead(0, 0, stat.S_IFREG | 0o755, "", ((b"security.capability", b"x"),)),
    "trusted": FileHead(0, 0, stat.S_IFLNK | 0o777, "x", ((b"trusted.overlay.opaque", b"y"),)),
}


@pytest.mark.parametrize("head", PRIVILEGED.values(), ids=PRIVILEGED)
def test_strict_refuses_what_no_deployment_may_have(state: State, tmp_path: Path, head: FileHead) -> None:
    made = Forged(tmp_path / "0123456789")
    commit = made.commit(made.tree(DirTree({"the-file": made.file(b"x", head)})))
    error = refused(state, made, commit, UnsafeArchive, strict=True)
    assert error.data["path"] == "the-file"
    send(state, made.path, commit)
    (stored,) = state.repo.glob("objects/??/*.file")
    assert stat.S_IMODE(stored.stat().st_mode) in {0o444, 0o555}
    state.fsck()


def test_strict_refuses_a_directorys_attributes_too(state: State, tmp_path: Path) -> None:
    made = Forged(tmp_path / "0123456789")
    meta = made.add(Kind.DIRMETA, serialize_dirmeta(0, 0, 0o755, [(b"security.selinux", b"x")]))
    refused(state, made, made.commit(made.tree(DirTree()), meta), UnsafeArchive, strict=True)


def test_strict_takes_what_is_ordinary(scene: Scene) -> None:
    assert scene.send(scene.honest(), strict=True)["commit"] == scene.commit


# --- the request -----------------------------------------------------------------------------------------


def test_a_ref_is_that_of_the_commit(scene: Scene) -> None:
    for other in (f"appctl/commit/acme/{'a' * 64}", f"appctl/layer/acme/{scene.commit}", "x"):
        with pytest.raises(Failed):
            scene.send(scene.honest(), ref=other)
    assert not scene.state.repo.exists()


@pytest.mark.parametrize("name", ["acme/{}", "../{}", ""])
def test_a_commit_is_a_checksum(scene: Scene, name: str) -> None:
    quarantine, wanted = scene.honest(), name.format(scene.commit)
    with pytest.raises(Failed):
        send(scene.state, quarantine, wanted, ref=f"appctl/commit/acme/{scene.commit}")


def test_a_quarantine_that_is_a_symlink_is_not_read(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(scene.honest())
    with pytest.raises(Failed):
        scene.send(tmp_path / "link")


def test_such_a_commit_is_deployed_and_removed(scene: Scene) -> None:
    size = scene.send(scene.honest())["installed_size"]
    request = scene.state.request(scene.commit)
    request["record"] = {"id": APP, "commit": scene.commit, "installed_size": size}
    answer = scene.state.call(deploy, **request)
    files = Path(str(answer["path"]))
    assert (files / "d/f").read_text() == "what was signed"
    assert (files / "d/l").readlink() == Path("f")
    scene.state.prune(ref(scene.commit))
    assert scene.state.activate(scene.commit) == files
    assert scene.state.remove(None, [ref(scene.commit), f"appctl/commit/acme/{scene.commit}"])
    assert Repository.open(scene.state.repo).refs() == {}
