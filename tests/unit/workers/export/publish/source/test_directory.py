# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A directory as a commit: what counts, what does not, and what is refused."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from appctld.errors import AppctlError, LimitExceeded, NotFound, RepoCorrupt, UnsafeArchive
from appctld.workers.export.publish.source import directory as module
from appctld.workers.export.publish.source.directory import DirectoryObjects, Owner
from appctld.workers.export.publish.source.objects import content
from appctld.workers.store.directory import DEPTH


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One file of each kind."""
    root = tmp_path / "tree"
    (root / "d/e").mkdir(parents=True)
    (root / "d/f").write_bytes(b"content")
    (root / "d/same").write_bytes(b"content")
    (root / "d/run").write_bytes(b"#!/bin/sh\n")
    (root / "d/link").symlink_to("../nowhere")
    (root / "d/grüße").write_bytes(b"")
    os.link(root / "d/f", root / "hard")
    for path, mode in (
        ("d/run", 0o4755),
        ("d/f", 0o640),
        ("d/same", 0o640),
        ("d/e", 0o1777),
        ("d", 0o755),
        (".", 0o755),
        ("d/grüße", 0o644),
    ):
        (root / path).chmod(mode)
    return root


def test_the_commit_has_the_tree_that_ostree_makes_of_the_directory(tree: Path, tmp_path: Path) -> None:
    subprocess.run(["ostree", "init", f"--repo={tmp_path / 'repo'}", "--mode=archive"], check=True)
    ostree = ["ostree", f"--repo={tmp_path / 'repo'}", "commit", "--orphan", "--owner-uid=3", "--owner-gid=4"]
    command = [
        *ostree,
        "--no-xattrs",
        f"--tree=dir={tree}",
        "--timestamp=@7",
        "--add-metadata-string=version=1.2",
        "--no-bindings",
    ]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert DirectoryObjects(tree, Owner(3, 4)).commit(7, "1.2") == theirs


def test_what_the_umask_the_time_and_xattrs_are_is_not_in_it(tree: Path) -> None:
    before = DirectoryObjects(tree, Owner())
    os.setxattr(tree / "d/f", "user.note", b"1")
    os.utime(tree / "d/f", (5, 5))
    mask = os.umask(0o777)
    try:
        after = DirectoryObjects(tree, Owner())
    finally:
        os.umask(mask)
    assert (after.tree, after.meta) == (before.tree, before.meta)


def test_the_order_in_which_the_kernel_lists_it_is_not_in_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, listed = DirectoryObjects(tree, Owner()).tree, os.listdir
    monkeypatch.setattr(os, "listdir", lambda of: sorted(listed(of), reverse=True))
    assert DirectoryObjects(tree, Owner()).tree == before


def test_its_time_is_the_newest_in_it(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (1000, 1000), follow_symlinks=False)
    os.utime(tree / "d/link", (2000, 2000), follow_symlinks=False)
    assert DirectoryObjects(tree, Owner()).newest == 2000


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_a_special_file_is_refused_by_its_path(tree: Path, kind: int) -> None:
    os.mknod(tree / "d/e/special", kind | 0o600)
    with pytest.raises(UnsafeArchive, match="d/e/special") as caught:
        DirectoryObjects(tree, Owner())
    assert caught.value.data["path"] == "d/e/special"


@pytest.mark.parametrize("name", [b"bad\xff", b"worse\xed\xa0\x80"])
def test_a_name_that_is_not_utf8_is_refused_with_its_directory(tree: Path, name: bytes) -> None:
    (Path(os.fsdecode(os.fsencode(tree / "d/e") + b"/" + name))).write_bytes(b"")
    with pytest.raises(UnsafeArchive, match="in d/e: "):
        DirectoryObjects(tree, Owner())


def test_a_symlink_to_what_is_not_utf8_is_refused(tree: Path) -> None:
    (tree / "d/e/l").symlink_to(os.fsdecode(b"bad\xff"))
    with pytest.raises(UnsafeArchive, match="d/e/l"):
        DirectoryObjects(tree, Owner())


def test_a_directory_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "/".join("x" * (DEPTH + 1))).mkdir(parents=True)
    with pytest.raises(AppctlError, match="below each other"):
        DirectoryObjects(tmp_path, Owner())


def test_a_directory_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("nothing", "file"):
        with pytest.raises(NotFound):
            DirectoryObjects(tmp_path / name, Owner())


def test_more_names_than_a_tree_may_have_are_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NAMES", 7)
    with pytest.raises(LimitExceeded, match="more than 7"):
        DirectoryObjects(tree, Owner())
    monkeypatch.setattr(module, "NAMES", 8)
    DirectoryObjects(tree, Owner())


def test_a_large_file_comes_in_pieces(tree: Path) -> None:
    (tree / "large").write_bytes(bytes(3 << 20))
    objects = DirectoryObjects(tree, Owner())
    (name,) = (name for name in objects.names() if objects.file(name).size == 3 << 20)
    assert max(map(len, content(name, objects.file(name)))) <= 1 << 20


@pytest.mark.parametrize("become", [b"CONTENT", b"longer content", b""])
def test_a_file_that_changes_meanwhile_does_not_leave(tree: Path, become: bytes) -> None:
    objects = DirectoryObjects(tree, Owner())
    before = {name for name in objects.names() if objects.file(name).size == 7}
    for path in ("d/f", "d/same"):
        (tree / path).write_bytes(become)
    for name in before:
        with pytest.raises(RepoCorrupt):
            list(content(name, objects.file(name)))


def test_a_file_that_becomes_a_symlink_or_goes_does_not_leave(tree: Path) -> None:
    objects = DirectoryObjects(tree, Owner())
    (tree / "d/run").unlink()
    (tree / "d/run").symlink_to("f")
    (name,) = (name for name in objects.names() if objects.file(name).size == 10)
    with pytest.raises(RepoCorrupt, match="reading d/run") as caught:
        list(content(name, objects.file(name)))
    assert "did it change" in caught.value.advice
