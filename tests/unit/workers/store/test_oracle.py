# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The import's oracle: for the tars that libostree reads as we do, both make the same tree.

The set: every directory, the root included, has one entry before its children; paths are
unique; names and targets are UTF-8; symlinks are 0777; at most one xattr an entry (libostree before 2024.10
does not sort them); hard links name an earlier file. What lies outside is in the tables of test_tar.py and
test_layer.py.
"""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appctld.model.digest import Digest
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.ostree import writer
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.repository import Repository
from support.tarball import GNU, archive, directory, entry, gnu_long, hardlink, pax_raw, record, symlink

names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in {".", ".."} and not name.startswith(".wh.") and len(name.encode()) < 256)
modes = st.integers(0, 0o7777)
owners = st.sampled_from([0, 1, 1000, 0o7777777, 0o10000000, 2**31, 2**32 - 2])
targets = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=120)
xattrs = st.none() | st.tuples(st.from_regex(r"user\.[a-z.]{1,20}", fullmatch=True), st.binary(max_size=40))
contents = st.binary(max_size=2000) | st.sampled_from([b"", b"x" * 511, b"y" * 512, b"z" * 5000])


@dataclass(frozen=True)
class Tar:
    data: bytes = field(repr=False)
    devices: tuple[str, ...]


@st.composite
def tars(draw: st.DrawFn) -> Tar:
    """An archive of the set, each entry in one of the encodings that can say it."""
    parts = [draw(_entry("./", b"5"))]
    directories, taken = [""], {""}
    files: list[str] = []
    devices: list[str] = []
    for _ in range(draw(st.integers(0, 14))):
        path = draw(st.sampled_from(directories)) + draw(names)
        if path in taken:
            continue
        taken.add(path)
        kind = draw(
            st.sampled_from(["file", "file", "directory", "symlink", "hardlink", "device", "whiteout"])
        )
        match kind:
            case "directory":
                parts.append(draw(_entry(path + "/", b"5")))
                directories.append(path + "/")
            case "symlink":
                parts.append(draw(_entry(path, b"2", link=draw(targets))))
            case "hardlink" if files:
                parts.append(draw(_entry(path, b"1", link=draw(st.sampled_from(files)))))
            case "device" if path.isprintable():  # a skip-list has a path on each line
                parts.append(draw(_entry(path, draw(st.sampled_from([b"3", b"4", b"6"])))))
                devices.append("/" + path)
            case "whiteout" if len(path.rpartition("/")[2].encode()) < 250:
                head, slash, last = path.rpartition("/")
                parts.append(draw(_entry(f"{head}{slash}.wh.{last}", b"0")))
            case _:
                parts.append(draw(_entry(path, b"0", draw(contents))))
                files.append(path)
    return Tar(archive(*parts), tuple(devices))


@st.composite
def _entry(draw: st.DrawFn, path: str, kind: bytes, content: bytes = b"", link: str = "") -> bytes:
    uid, gid = draw(owners), draw(owners)
    mode = 0o777 if kind == b"2" else draw(modes)
    xattr = None if kind == b"1" else draw(xattrs)
    raw, target = path.encode(), link.encode()
    small = max(uid, gid) <= 0o7777777 and xattr is None
    if small and len(raw) <= 100 and len(target) <= 100 and draw(st.booleans()):
        return entry(raw, kind, content, uid=uid, gid=gid, mode=mode, link=target)
    if small and draw(st.booleans()):
        long = gnu_long(b"L", raw) + (gnu_long(b"K", target) if link else b"")
        return long + entry("short", kind, content, uid=uid, gid=gid, mode=mode, link=b"short", magic=GNU)
    records = {b"path": raw, b"uid": b"%d" % uid, b"gid": b"%d" % gid}
    records |= {b"linkpath": target} if link else {}
    records |= {b"SCHILY.xattr." + xattr[0].encode(): xattr[1]} if xattr else {}
    body = b"".join(record(key, value) for key, value in records.items())
    return pax_raw(body) + entry("short", kind, content, mode=mode, link=b"short" if link else b"")


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ours, and one that the ostree command writes into."""
    base = tmp_path_factory.mktemp("oracle")
    ours, theirs = base / "ours", base / "theirs"
    _ostree(theirs, "init", "--mode=bare-user")
    _ostree(theirs, "config", "set", "core.fsync", "false")
    return ours, theirs


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tars())
def test_our_tree_is_libostrees(repositories: tuple[Path, Path], tar: Tar) -> None:
    ours, theirs = repositories
    expected = _theirs(theirs, tar)
    found = _ours(ours, tar.data)
    assert (found.tree, found.meta) == (expected.tree, expected.meta)
    assert found.implicit_dirs == frozenset()


def test_a_spooled_file_is_libostrees_too(
    repositories: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SMALL_FILE", 1000)
    tar = Tar(
        archive(directory("./"), entry("large", content=os.urandom(300_000)), symlink("l", "large")), ()
    )
    expected, found = _theirs(repositories[1], tar), _ours(repositories[0], tar.data)
    assert (found.tree, found.meta) == (expected.tree, expected.meta)


def test_the_oracle_sees_a_difference(repositories: tuple[Path, Path]) -> None:
    one = archive(directory("./"), entry("a", content=b"x"), hardlink("b", "a"))
    other = archive(directory("./"), entry("a", content=b"x", mode=0o600), hardlink("b", "a"))
    assert _theirs(repositories[1], Tar(one, ())).tree != _ours(repositories[0], other).tree


@pytest.fixture(autouse=True, scope="module")
def _clean_at_the_end(repositories: tuple[Path, Path]) -> object:
    yield
    _ostree(repositories[0], "fsck", "--quiet")
    modes = {path.stat().st_mode & 0o7777 for path in (repositories[0] / "objects").glob("*/*")}
    assert modes <= {0o444, 0o555}


def _ours(repo: Path, data: bytes) -> Commit:
    digest = Digest.of(data)
    source = repo.parent / "ours.tar"
    source.write_bytes(data)
    answer = HANDLERS["import-layer"](
        {
            "repo": str(repo),
            "tar_split": str(repo.parent / "tar-split"),
            "diff_id": str(digest),
            "max_bytes": 1 << 20,
            "strict": False,
            "ref": f"appctl/layer/acme/{digest.hex}",
            "fds": {"tar": os.open(source, os.O_RDONLY)},
        },
        lambda _: None,
    )
    return Repository.open(repo).commit(str(answer["commit"]))


def _theirs(repo: Path, tar: Tar) -> Commit:
    source, skipped = repo.parent / "theirs.tar", repo.parent / "skipped"
    source.write_bytes(tar.data)
    skipped.write_text("".join(f"{path}\n" for path in tar.devices), encoding="utf-8")
    options = ["--tar-autocreate-parents", "--orphan", "--no-bindings", "--timestamp=@0", "-s", ""]
    skip = [f"--skip-list={skipped}"] if tar.devices else []
    return Repository.open(repo).commit(_ostree(repo, "commit", f"--tree=tar={source}", *options, *skip))


def _ostree(repo: Path, command: str, *arguments: str) -> str:
    done = subprocess.run(
        ["ostree", f"--repo={repo}", command, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return done.stdout.strip()
