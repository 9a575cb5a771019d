# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""importing.py: the publisher's commit comes out of the layers that other people's tools made."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, Failed, LimitExceeded, NotFound, RepoCorrupt
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive.stream import RECORD
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, serialize_dirtree
from appctld.workers.store.ostree_ext import importing
from support.images.golden import COMMIT, FIXTURES, layers_of
from support.layers.ostree_layers import VERSIONS, File, Published, changed, loose, obj, skeleton
from support.repositories.ostree_lies import LAYER, MADE, SUID
from support.repositories.ostree_store import TREE, ref_of, refused, send, send_commit, tar_of

# --- images of other people's tools


def listing(repo: Path, commit: str, *options: str) -> str:
    command = ["ostree", f"--repo={repo}", "ls", "-R", *options, commit]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_commit_in_one_layer_is_the_publishers(repo: Path) -> None:
    (layer,) = layers_of("ostree-plain")
    answer = send_commit(repo, layer, COMMIT)
    assert answer["commit"] == COMMIT
    assert answer["size"] == len(layer)
    assert listing(repo, COMMIT, "-C", "-X") == (FIXTURES / "ostree-ls.txt").read_text()
    assert Repository.open(repo).refs() == {ref_of(layer): COMMIT}
    assert answer["objects"] == len(list(repo.glob("objects/??/*")))
    assert list(repo.glob("objects/??/*meta2")) == list(repo.glob("objects/??/*.commitmeta")) == []


def test_a_commit_in_chunks_is_the_same(repo: Path) -> None:
    first, *chunks = layers_of("ostree-chunked")
    before = [ref_of(chunk) for chunk in chunks]
    for chunk, ref in zip(chunks, before, strict=True):
        answer = send(repo, "import-objects", chunk)
        assert Repository.open(repo).refs()[ref] == answer["commit"]
    send_commit(repo, first, COMMIT, *before)
    assert listing(repo, COMMIT, "-C", "-X") == (FIXTURES / "ostree-ls.txt").read_text()


def test_zeros_that_a_compressor_cut_off_count(repo: Path) -> None:
    """As skopeo 1.9's does of zstd:chunked (ADR 31); the layer is the one that the config names (R2)."""
    layer, chunk = tar_of(MADE.layer(files=False)), tar_of(MADE.files_layer(*MADE.files))
    whole = [data + bytes(-len(data) % RECORD) for data in (chunk, layer)]
    names = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in whole]
    before = ref_of(whole[0])
    send(repo, "import-objects", chunk, diff_id=names[0], ref=before)
    answer = send_commit(repo, layer, MADE.commit, before, diff_id=names[1], ref=ref_of(whole[1]))
    assert answer["size"] == len(whole[1]) > len(layer)


def test_what_is_layered_on_top_is_what_the_peer_makes_of_it(repo: Path) -> None:
    base, top = layers_of("ostree-derived")
    send_commit(repo, base, COMMIT)
    diff_id = hashlib.sha256(top).hexdigest()
    layer = send(
        repo, "import-layer", top, ref=f"appctl/layer/acme/{diff_id}", tar_split=str(repo.parent / "split")
    )
    merged = HANDLERS["merge"](
        {
            "repo": str(repo),
            "layers": [COMMIT, layer["commit"]],
            "ostree": True,
            "metadata": {},
            "timestamp": 0,
        },
        lambda _facts: None,
    )
    assert listing(repo, str(merged["commit"]), "-X") == (FIXTURES / "ostree-derived-ls.txt").read_text()


# --- every version of the format


@pytest.fixture(scope="module")
def published() -> Published:
    return Published(TREE)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_format_is_read(repo: Path, published: Published, version: str) -> None:
    send_commit(repo, tar_of(published.layer(version)), published.commit)
    shown = listing(repo, published.commit, "-C", "-X")
    assert "04755 0 0      1" in shown
    assert "user.b" in shown
    assert set(published.files) == {path.parent.name + path.stem for path in repo.glob("objects/??/*.file")}


@pytest.mark.parametrize("version", VERSIONS)
def test_chunks_of_every_version_are_read(repo: Path, published: Published, version: str) -> None:
    one, *others = published.files
    chunks = [
        tar_of(published.files_layer(one, version=version)),
        tar_of(published.files_layer(*others, version=version)),
    ]
    for chunk in chunks:
        send(repo, "import-objects", chunk)
    send_commit(repo, tar_of(published.layer(version, files=False)), published.commit, *map(ref_of, chunks))
    assert "/x/suid" in listing(repo, published.commit)


def test_a_commit_without_detached_metadata_is_read(repo: Path, published: Published) -> None:
    send_commit(repo, tar_of(published.layer(detached=None)), published.commit)


def test_a_layer_without_files_is_read(repo: Path) -> None:
    """As an exporter reserves one for what comes later."""
    answer = send(repo, "import-objects", tar_of(skeleton()))
    assert answer["objects"] == 0


def test_the_empty_directory_that_an_exporter_leaves_out_is_made(repo: Path) -> None:
    made = Published({"sysroot": {}, "f": File(b"x")})
    empty = loose(hashlib.sha256(serialize_dirtree(DirTree())).hexdigest(), "dirtree")
    parts = [part for part in made.layer() if part[0] != empty]
    assert len(parts) < len(made.layer())
    send_commit(repo, tar_of(parts), made.commit)
    assert "/sysroot" in listing(repo, made.commit)


def test_the_same_files_make_the_same_object_set(repo: Path, published: Published) -> None:
    names = list(published.files)
    layers = [tar_of(published.files_layer(*order)) for order in (names, names[::-1])]
    assert layers[0] != layers[1]
    first, second = (send(repo, "import-objects", layer)["commit"] for layer in layers)
    assert first == second


def test_what_is_here_is_hashed_all_the_same(repo: Path, published: Published) -> None:
    """R4: honest objects that are here do not vouch for the bytes of a layer."""
    send_commit(repo, tar_of(published.layer()), published.commit)
    name = next(iter(published.files))
    parts = changed(published.layer(), loose(name, "file"), obj(name, "file", b"evil"))
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), published.commit))
    parts = changed(published.files_layer(name), loose(name, "file"), obj(name, "file", b"evil"))
    refused(repo, DigestMismatch, lambda: send(repo, "import-objects", tar_of(parts)))


def test_an_object_that_was_touched_is_replaced(repo: Path, published: Published) -> None:
    layer = tar_of(published.layer())
    send_commit(repo, layer, published.commit)
    path = repo / loose_path(Kind.FILE, next(iter(published.files)))
    path.chmod(0o644)
    path.write_bytes(b"evil")
    send_commit(repo, layer, published.commit)
    Repository.open(repo).verify(Kind.FILE, path.parent.name + path.stem)


# --- refs, other remotes, damage


def test_the_layer_is_the_one_of_the_config(repo: Path) -> None:
    """R2, of both kinds."""
    other = f"sha256:{'0' * 64}"
    ref = f"appctl/ostree/acme/{'0' * 64}"
    commit, files = tar_of(LAYER), tar_of(MADE.files_layer(SUID))
    refused(repo, DigestMismatch, lambda: send(repo, "import-objects", files, diff_id=other, ref=ref))
    refused(repo, DigestMismatch, lambda: send_commit(repo, commit, MADE.commit, diff_id=other, ref=ref))


@pytest.mark.parametrize("ref", [f"appctl/ostree/acme/{'1' * 64}", "appctl/layer/acme/{}", "x"])
def test_a_ref_of_another_layer_or_kind_is_refused(repo: Path, ref: str) -> None:
    layer = tar_of(LAYER)
    ref = ref.format(hashlib.sha256(layer).hexdigest())
    refused(repo, Failed, lambda: send_commit(repo, layer, MADE.commit, ref=ref))


def test_files_of_another_remote_do_not_count(repo: Path) -> None:
    """R5: naming another remote's layer would hand over its files."""
    chunk = tar_of(MADE.files_layer(*MADE.files))
    send(repo, "import-objects", chunk, ref=ref_of(chunk, "other"))
    layer = tar_of(MADE.layer(files=False))
    refused(repo, NotFound, lambda: send_commit(repo, layer, MADE.commit, ref_of(chunk, "other")))
    refused(repo, NotFound, lambda: send_commit(repo, layer, MADE.commit, ref_of(chunk)))
    refused(repo, DigestMismatch, lambda: send_commit(repo, layer, MADE.commit))
    send(repo, "import-objects", chunk)
    send_commit(repo, layer, MADE.commit, ref_of(chunk))


def test_a_file_of_a_layer_that_is_gone_is_missed(repo: Path) -> None:
    chunk = tar_of(MADE.files_layer(*MADE.files))
    send(repo, "import-objects", chunk)
    (repo / loose_path(Kind.FILE, SUID)).unlink()
    layer = tar_of(MADE.layer(files=False))
    refused(repo, RepoCorrupt, lambda: send_commit(repo, layer, MADE.commit, ref_of(chunk)))
    send(repo, "import-objects", chunk)


def test_the_files_of_all_layers_are_bounded(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R13: there may be hundreds of layers; a file that came twice is one."""
    one, *others = MADE.files
    chunks = [tar_of(MADE.files_layer(*names)) for names in ((one, *others[:2]), (one, *others[2:]))]
    for chunk in chunks:
        send(repo, "import-objects", chunk)
    layer, before = tar_of(MADE.layer(files=False)), [*map(ref_of, chunks)]
    monkeypatch.setattr(importing, "NAMES", len(MADE.files) - 1)
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, layer, MADE.commit, *before))
    assert "layers before" in error.message
    monkeypatch.setattr(importing, "NAMES", len(MADE.files))
    send_commit(repo, layer, MADE.commit, *before)


def test_a_layer_has_no_more_bytes_than_it_may(repo: Path) -> None:
    layer = tar_of(LAYER)
    refused(repo, LimitExceeded, lambda: send_commit(repo, layer, MADE.commit, max_bytes=len(layer) - 1))
    send_commit(repo, layer, MADE.commit, max_bytes=len(layer))
