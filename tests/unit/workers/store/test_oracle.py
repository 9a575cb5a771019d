# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The import's oracle: for the tars that libostree reads as we do, both make the same tree and objects.

The set: every directory, the root included, has one entry before its children; paths are
unique; names and targets are UTF-8; symlinks are 0777; at most one xattr an entry (libostree before 2024.10
does not sort them); hard links name an earlier file. What lies outside is in the tables of test_tar.py and
test_layer.py.
"""

import gzip
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_objects, get_str, parse_object
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.ostree import writer
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.repository import Repository
from support.layers.tarball import (
    GNU,
    archive,
    directory,
    entry,
    gnu_long,
    hardlink,
    pax_raw,
    record,
    symlink,
)
from support.repositories.fsck import fsck
from support.repositories.oracle_writer import stored

IMAGES = Path(__file__).resolve().parents[3] / "fixtures" / "images"

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


@pytest.fixture(name="empty", scope="module")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the ostree command's."""
    repo = tmp_path_factory.mktemp("oracle") / "empty"
    _ostree(repo, "init", "--mode=bare-user")
    _ostree(repo, "config", "set", "core.appctl-format", "1")  # else it is not ours to open
    _ostree(repo, "config", "set", "core.fsync", "false")
    return repo


@contextmanager
def _repositories(empty: Path) -> Iterator[tuple[Path, Path]]:
    """Ours, and one that the ostree command writes into; ours is sound at the end."""
    with tempfile.TemporaryDirectory(dir=empty.parent) as directory:
        ours, theirs = Path(directory, "ours"), Path(directory, "theirs")
        shutil.copytree(empty, theirs)
        yield ours, theirs
        fsck(ours)
        modes = {path.stat().st_mode for path in (ours / "objects").glob("*/*")}
        assert modes <= {stat.S_IFREG | 0o444, stat.S_IFREG | 0o555}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tars(), st.sampled_from([0, 600, 1 << 20]))
def test_our_tree_and_every_object_below_it_are_libostrees(empty: Path, tar: Tar, small: int) -> None:
    """Objects: in name, bytes, attributes and time. `small`: files above it are written as they come."""
    with _repositories(empty) as (ours, theirs), pytest.MonkeyPatch.context() as patched:
        patched.setattr(writer, "SMALL_FILE", small)
        expected, found = _read(theirs, _theirs(theirs, tar)), _read(ours, _ours(ours, tar.data))
        assert (found.tree, found.meta) == (expected.tree, expected.meta)
        assert found.implicit_dirs == frozenset()
        assert stored(ours, commits=False) == stored(theirs, commits=False)


def test_a_file_of_more_than_a_piece_is_libostrees_too(empty: Path) -> None:
    content = os.urandom(3_000_000)
    large = archive(directory("./"), entry("large", content=content), symlink("l", "large"))
    with _repositories(empty) as (ours, theirs):
        _ours(ours, large)
        _theirs(theirs, Tar(large, ()))
        assert stored(ours, commits=False) == stored(theirs, commits=False)


@pytest.mark.parametrize("number", range(3))
def test_a_layer_that_umoci_wrote_is_libostrees_too_and_libostree_reads_ours(
    empty: Path, number: int
) -> None:
    layer = gzip.decompress(golden_layers()[number].read_bytes())
    with _repositories(empty) as (ours, theirs):
        commits = {ours: _ours(ours, layer), theirs: _theirs(theirs, Tar(layer, ()))}
        assert stored(ours, commits=False) == stored(theirs, commits=False)
        _ostree(ours, "fsck", "--quiet")
        listings = {_ostree(repo, "ls", "-R", "-C", "-X", name) for repo, name in commits.items()}
        assert len(listings) == 1
        for repo, name in commits.items():
            _ostree(repo, "checkout", "-U", name, str(repo.parent / f"{repo.name}.out"))
        subprocess.run(
            ["diff", "-r", "--no-dereference", ours.with_suffix(".out"), theirs.with_suffix(".out")],
            check=True,
        )


def golden_layers() -> list[Path]:
    """The layers of the golden image `plain`."""
    blobs = IMAGES / "blobs"

    def read(digest: str) -> JsonObject:
        return parse_object((blobs / digest.replace(":", "/")).read_bytes(), 1 << 20)

    index = get_objects(parse_object((IMAGES / "index.json").read_bytes(), 1 << 20), "manifests")
    manifest = read(get_str(index[0], "digest"))
    digests = [get_str(layer, "digest") for layer in get_objects(manifest, "layers")]
    return [blobs / digest.replace(":", "/") for digest in digests]


def test_the_oracle_sees_a_difference(empty: Path) -> None:
    one = archive(directory("./"), entry("a", content=b"x"), hardlink("b", "a"))
    other = archive(directory("./"), entry("a", content=b"x", mode=0o600), hardlink("b", "a"))
    with _repositories(empty) as (ours, theirs):
        assert _read(theirs, _theirs(theirs, Tar(one, ()))).tree != _read(ours, _ours(ours, other)).tree
        assert stored(ours, commits=False) != stored(theirs, commits=False)


def _read(repo: Path, name: str) -> Commit:
    return Repository.open(repo).commit(name)


def _ours(repo: Path, data: bytes) -> str:
    digest = Digest.of(data)
    source = repo.parent / "ours.tar"
    source.write_bytes(data)
    answer = HANDLERS["import-layer"](
        {
            "repo": str(repo),
            "tar_split": str(repo.parent / "tar-split"),
            "diff_id": str(digest),
            "max_bytes": 1 << 22,
            "strict": False,
            "ref": f"appctl/layer/acme/{digest.hex}",
            "fds": {"tar": os.open(source, os.O_RDONLY)},
        },
        lambda _: None,
    )
    return str(answer["commit"])


def _theirs(repo: Path, tar: Tar) -> str:
    source, skipped = repo.parent / "theirs.tar", repo.parent / "skipped"
    source.write_bytes(tar.data)
    skipped.write_text("".join(f"{path}\n" for path in tar.devices), encoding="utf-8")
    options = ["--tar-autocreate-parents", "--orphan", "--no-bindings", "--timestamp=@0", "-s", ""]
    skip = [f"--skip-list={skipped}"] if tar.devices else []
    return _ostree(repo, "commit", f"--tree=tar={source}", *options, *skip)


def _ostree(repo: Path, command: str, *arguments: str) -> str:
    done = subprocess.run(
        ["ostree", f"--repo={repo}", command, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return done.stdout.strip()
