# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""linking.py beside libostree's own checkout; what is in the way stops it, and nothing is followed."""

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.workers.store import disk
from appctld.workers.store.checkout import inventory, symlinks
from appctld.workers.store.linking import Checkout
from appctld.workers.store.ostree.closure import check_content
from appctld.workers.store.ostree.repository import Repository
from support.repositories.store_state import State

TREE = (
    "./ 0700",
    "usr/ 0000",
    "usr/run 04755 = run",
    "usr/empty",
    "usr/ünder/f 0600 = x",
    "usr/large = " + "x" * 5000,
    "link -> usr/run",
    "out -> /etc/passwd",
    "far -> " + "/x" * 2000,
)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def check_out(state: State, commit: str, within: Path) -> int:
    repository = Repository.open(state.repo)
    tree = inventory(repository, commit)
    content = check_content(repository, tree.names)
    checkout = Checkout(repository.directory, tree.trees, content, symlinks(repository, content))
    within.mkdir(exist_ok=True)
    with disk.opened(within) as directory:
        checkout.make("files", tree.root, directory)
    return checkout.own


def seen(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a directory: what it is, and what it holds."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (top, *sorted(top.rglob("*"))):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = ("link", path.readlink())
        elif path.is_dir():
            found[name] = ("directory",)
        else:
            status = path.stat()
            found[name] = ("file", status.st_mode, status.st_mtime_ns, path.read_bytes())
    return found


def test_it_is_what_libostree_checks_out(state: State, tmp_path: Path) -> None:
    commit = state.merge(*TREE)
    check_out(state, commit, tmp_path / "ours")
    theirs = tmp_path / "theirs"
    command = ["ostree", "checkout", f"--repo={state.repo}", "-U", "-H", commit, str(theirs)]
    subprocess.run(command, check=True)
    for closed in ("usr", "."):
        (theirs / closed).chmod(0o755)
    ours, empty = tmp_path / "ours" / "files", "usr/empty"
    assert seen(ours) | {empty: ()} == seen(theirs) | {empty: ()}
    # libostree makes each empty file anew, and lets its time be now
    assert (ours / empty).samefile(state.object_of(ours / empty))
    assert {path.stat().st_mode & 0o7777 for path in (ours, ours / "usr", ours / "usr/ünder")} == {0o755}


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_what_cannot_be_linked_is_copied(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    commit = state.merge(*TREE)
    check_out(state, commit, tmp_path / "linked")

    def refused(*_arguments: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refused)
    check_out(state, commit, tmp_path / "copied")
    assert seen(tmp_path / "copied") == seen(tmp_path / "linked")
    assert (tmp_path / "copied/files/usr/run").stat().st_nlink == 1


def test_another_refusal_is_not_a_reason_to_copy(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = state.merge(*TREE)

    def refused(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(OSError, match="no"):
        check_out(state, commit, tmp_path / "place")


@pytest.mark.parametrize("linked", [True, False])
def test_an_object_that_became_a_symlink_does_not_bring_in_what_it_points_to(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """Between the look at the objects and the link anybody who may write there can change them."""
    commit = state.merge("f = x")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    link = os.link

    def swapped(source: str, *arguments: object, src_dir_fd: int, **named: object) -> None:
        os.unlink(source, dir_fd=src_dir_fd)
        os.symlink(secret, source, dir_fd=src_dir_fd)
        if not linked:
            raise OSError(errno.EMLINK, "too many")
        link(source, *arguments, src_dir_fd=src_dir_fd, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", swapped)
    if linked:
        check_out(state, commit, tmp_path / "place")
    else:
        with pytest.raises(OSError, match="symbolic links"):
            check_out(state, commit, tmp_path / "place")
    assert secret.stat().st_nlink == 1
    assert all(
        path.is_symlink() or path.read_text() != "secret" for path in (tmp_path / "place/files").iterdir()
    )


def in_the_way(place: Path) -> None:
    place.mkdir(parents=True)


def leading_elsewhere(place: Path) -> None:
    place.parent.mkdir(parents=True)
    (place.parent.parent / "elsewhere").mkdir()
    place.symlink_to(place.parent.parent / "elsewhere")


@pytest.mark.parametrize("harm", [in_the_way, leading_elsewhere])
def test_nothing_is_added_to_what_is_there(
    state: State, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    commit = state.merge(*TREE)
    harm(tmp_path / "place" / "files")
    with pytest.raises(FileExistsError):
        check_out(state, commit, tmp_path / "place")
    assert not list((tmp_path / "place").glob("*/*"))


def test_a_copy_replaces_nothing_and_follows_nothing(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = state.merge("f = x")
    (tmp_path / "victim").write_text("old")

    def refused(_source: str, name: bytes, *, dst_dir_fd: int, **_named: object) -> None:
        os.symlink(tmp_path / "victim", name, dir_fd=dst_dir_fd)
        raise OSError(errno.EMLINK, "too many")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(FileExistsError):
        check_out(state, commit, tmp_path / "place")
    assert (tmp_path / "victim").read_text() == "old"


def test_an_object_that_became_a_symlink_is_not_followed(state: State, tmp_path: Path) -> None:
    repository, commit = Repository.open(state.repo), state.merge("f = x", "l -> target")
    tree = inventory(repository, commit)
    content = check_content(repository, tree.names)
    checkout = Checkout(repository.directory, tree.trees, content, symlinks(repository, content))
    for path in state.repo.glob("objects/??/*.file"):
        if path.read_bytes() == b"target\0":
            path.unlink()
            path.symlink_to("/etc/passwd")
    with disk.opened(tmp_path) as directory, pytest.raises(OSError, match="symbolic"):
        checkout.make("files", tree.root, directory)
