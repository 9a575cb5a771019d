# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tars of an image that holds a commit, beside those that ostree-ext made of the same commit."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt, UnsafeArchive
from appctld.workers.export.publish.chunks import Chunk, whole
from appctld.workers.export.publish.forms.structured import StructuredForm, shown
from appctld.workers.export.publish.source.source import Source, open_source
from appctld.workers.export.publish.tree import read_tree
from support.images.golden import COMMIT, FIXTURES, layers_of
from support.layers.published_tar import Seen, entries
from support.publishers.ostree_remote import OstreeRemote


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The commit of which there are images by ostree-ext."""
    directory = tmp_path_factory.mktemp("golden")
    subprocess.run(["tar", "-xf", FIXTURES / "repo-archive.tar", "-C", directory], check=True)
    (repo,) = (path.parent for path in directory.glob("**/config"))
    return open_source({"repo": str(repo), "commit": COMMIT})


def layer_of(source: Source, chunk: Chunk | None = None, *, first: bool = True) -> bytes:
    tree = read_tree(source)
    (all_files,) = whole(tree.files)
    return b"".join(StructuredForm(source, tree).layer(chunk or all_files, first=first))


def in_place(seen: Iterator[Seen]) -> Iterator[Seen]:
    """What ostree-ext 0.15 writes as a link to shared xattrs, as this writer and later ones do: in place."""
    shared: dict[str, bytes] = {}
    for entry in seen:
        if entry.name.endswith(".file-xattrs"):
            shared[entry.name] = entry.data
        elif entry.name.endswith(".file-xattrs-link"):
            yield entry._replace(kind=b"0", link="", data=shared[entry.link])
        else:
            yield entry


def test_the_layer_is_entry_by_entry_that_of_ostree_ext(golden: Source) -> None:
    (theirs,) = layers_of("ostree-plain")
    assert list(entries(layer_of(golden))) == list(in_place(entries(theirs)))


@pytest.mark.parametrize("number", range(1, 6))
def test_a_layer_of_files_is_that_of_ostree_ext(golden: Source, number: int) -> None:
    theirs = list(in_place(entries(layers_of("ostree-chunked")[number])))
    names = [entry.name for entry in theirs if entry.name.endswith(".file")]
    files = tuple("".join(name.removesuffix(".file").split("/")[-2:]) for name in names)
    assert list(entries(layer_of(golden, Chunk("x", files), first=False))) == theirs


def test_xattrs_are_shown_to_container_engines(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "f").write_bytes(b"x")
    os.setxattr(tree / "f", "user.note", b"1")
    remote = OstreeRemote(tmp_path)
    commit = remote.ostree("commit", "--branch=b", f"--tree=dir={tree}")
    layer = layer_of(open_source({"repo": str(remote.path), "commit": commit}))
    assert b"SCHILY.xattr.user.note=1\n" in layer


def test_a_damaged_object_does_not_leave(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path, "bare-user")
    commit = remote.commit({"f": b"right"})
    (damaged,) = remote.objects("file")
    damaged.chmod(0o644)
    damaged.write_bytes(b"wrong")
    with pytest.raises(RepoCorrupt, match="is not what its name says"):
        layer_of(open_source({"repo": str(remote.path), "commit": commit}))


@pytest.mark.parametrize("kind", ["dirtree", "dirmeta"])
def test_damaged_metadata_does_not_leave(tmp_path: Path, kind: str) -> None:
    remote = OstreeRemote(tmp_path)
    commit = remote.commit({"f": b"right"})
    for damaged in remote.objects(kind):
        data = damaged.read_bytes()
        damaged.unlink()
        damaged.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RepoCorrupt):
        layer_of(open_source({"repo": str(remote.path), "commit": commit}))


def test_a_tree_with_etc_twice_has_no_view(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path)
    commit = remote.commit({"etc/a": b"1", "usr/etc/a": b"2"})
    with pytest.raises(UnsafeArchive, match="/etc and /usr/etc") as caught:
        layer_of(open_source({"repo": str(remote.path), "commit": commit}))
    assert "--plain" in caught.value.advice


def test_what_is_below_sysroot_leaves_but_is_not_shown(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path)
    commit = remote.commit({"sysroot/secret": b"1", "usr/a": b"2"})
    found = list(entries(layer_of(open_source({"repo": str(remote.path), "commit": commit}))))
    assert b"1" in {entry.data for entry in found}
    outside = {entry.name for entry in found if not entry.name.startswith("sysroot/ostree")}
    assert outside == {".", "sysroot", "usr", "usr/a", "var/tmp"}


@pytest.mark.parametrize(("files", "kinds"), [
    ({"var/tmp/kept": b"1"}, [b"5"]),
    ({"var/tmp": b"a file"}, [b"1"]),
    ({"var": b"a file"}, []),
    ({"usr/x": b""}, [b"5"]),
])  # fmt: skip
def test_a_scratch_directory_is_added_where_none_is(
    tmp_path: Path, files: dict[str, bytes], kinds: list[bytes]
) -> None:
    remote = OstreeRemote(tmp_path)
    layer = layer_of(open_source({"repo": str(remote.path), "commit": remote.commit(files)}))
    assert [entry.kind for entry in entries(layer) if entry.name == "var/tmp"] == kinds


@pytest.mark.parametrize("path", ["usr/etc/a", "etc/a", "usr/etcetera/a", "sysrooted/a", "etc", "sysroot"])
def test_only_what_is_below_usr_etc_is_shown_elsewhere_and_sysroot_is_not(path: str) -> None:
    assert shown(path) == {"usr/etc/a": "etc/a", "sysroot": ""}.get(path, path)


def test_the_archive_is_the_same_whatever_reads_it(golden: Source) -> None:
    layer = layer_of(golden)
    listed = subprocess.run(["tar", "-tf", "-"], input=layer, capture_output=True, check=True).stdout
    assert len(listed.splitlines()) == len(list(entries(layer)))
    assert hashlib.sha256(layer).digest() == hashlib.sha256(layer_of(golden)).digest()
