# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The whole of it, into layouts: what is the same everywhere, and what cannot be published."""

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    InvalidReference,
    LimitExceeded,
    NoSpace,
    NotFound,
    RepoCorrupt,
    UnsafeArchive,
)
from appctld.model.image import CONFIG_BYTES
from appctld.model.permissions import METADATA_BYTES
from appctld.workers.export.publish.contentmap import MAP_BYTES
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.objects import FileHead
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from support.layers.published_tar import entries
from support.publishers.ostree_remote import REF, OstreeRemote
from support.workers.publishing import METADATA, Layout, commit, directory, published, request

FORMS = ["ostree", "plain"]
PROGRAM = """
import os
from appctld.workers.protocol import main, late
os.umask(int(os.environ['UMASK'], 8))
main({'publish': late('appctld.workers.export.publish.publish:publish')})
"""
PLACES = [
    {"TZ": "UTC", "LC_ALL": "C", "UMASK": "022"},
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "UMASK": "077", "PYTHONHASHSEED": "7"},
]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_tree_gives_the_same_digests_everywhere(tree: Path, tmp_path: Path, form: str) -> None:
    answers = []
    for number, place in enumerate(PLACES):
        copied = tmp_path / f"copy{number}"
        subprocess.run(["cp", "-a", tree, copied], check=True)
        asked = request(directory(copied), tmp_path / f"out{number}", form, chunked=True)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(asked) + "\n", capture_output=True, text=True,
            check=True, env={**os.environ, **place},
        )  # fmt: skip
        answers.append(json.loads(done.stdout.splitlines()[-1])["result"])
    assert answers[0] == answers[1]
    assert Layout(tmp_path / "out0").index == Layout(tmp_path / "out1").index


def test_a_commit_gives_the_same_image_from_a_repository_of_any_mode(tmp_path: Path) -> None:
    first = OstreeRemote(tmp_path, "archive")
    name = first.commit(
        {"usr/f": b"1", "usr/g": b"2" * 70_000}, "--owner-uid=3", "--add-metadata-string=version=7"
    )
    digests = {published(commit(first.path, REF), tmp_path / "out")["digest"]}
    for mode in ("bare-user", "bare-user-only"):
        repo = tmp_path / mode
        subprocess.run(["ostree", "init", f"--repo={repo}", f"--mode={mode}"], check=True)
        pulled = subprocess.run(
            ["ostree", f"--repo={repo}", "pull-local", first.path, REF], capture_output=True, check=False
        )
        if mode == "bare-user":
            assert pulled.returncode == 0
            digests.add(published(commit(repo, name), tmp_path / mode / "out")["digest"])
    assert len(digests) == 1
    labels = Layout(tmp_path / "out").config()["config"]["Labels"]
    assert labels["ostree.commit"] == name
    assert labels.keys().isdisjoint({"ostree.bootable", "containers.bootc", "ostree.linux"})


def test_the_signatures_of_a_commit_travel_with_it(tmp_path: Path) -> None:
    from gi.repository import GLib  # noqa: PLC0415 - of this test alone

    remote = OstreeRemote(tmp_path)
    name = remote.commit({"f": b"1"})
    remote.detach(name, {"x.y": GLib.Variant("s", "z")})
    published(commit(remote.path, name), tmp_path / "out")
    (layer,) = Layout(tmp_path / "out").layers()
    (found,) = (entry for entry in entries(layer) if entry.name.endswith(".commitmeta"))
    assert found.data == remote.object(name, "commitmeta").read_bytes()


def test_a_commit_that_can_start_a_machine_says_so(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path)
    remote.commit(
        {"f": b"1"}, "--add-metadata=ostree.bootable=true", "--add-metadata-string=ostree.linux=6.1"
    )
    published(commit(remote.path, REF), tmp_path / "out", labels={"ostree.commit": "a lie", "a": "b"})
    labels = Layout(tmp_path / "out").config()["config"]["Labels"]
    assert labels["ostree.bootable"] == "true"
    assert (labels["containers.bootc"], labels["ostree.linux"], labels["a"]) == ("1", "6.1", "b")
    assert labels["ostree.commit"] == remote.ostree("rev-parse", REF)


def test_the_size_that_it_has_unpacked_is_in_the_label_of_which_previews_tell(
    tree: Path, tmp_path: Path
) -> None:
    published(directory(tree), tmp_path / "out", chunked=True)
    layout = Layout(tmp_path / "out")
    label = layout.config()["config"]["Labels"]["org.flatpak.installed-size"]
    assert int(label) == sum(map(len, layout.layers()))


def test_components_of_a_map_are_layers(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "map").write_text("usr/bin/* programs\nusr/* rest\n")
    published(directory(tree), tmp_path / "out", chunked=True, map=str(tmp_path / "map"))
    layers = Layout(tmp_path / "out").manifest()["layers"]
    assert [layer.get("annotations") for layer in layers] == [
        None, {"ostree.components": "programs"}, {"ostree.components": "rest"},
    ]  # fmt: skip


def test_an_image_joins_those_that_a_layout_has(tree: Path, tmp_path: Path) -> None:
    first = published(directory(tree), tmp_path / "out")
    again = published(directory(tree), tmp_path / "out", name="registry.example.org/pub/x:2")
    assert (first["written"], again["written"]) == (first["size"], 0)
    assert set(Layout(tmp_path / "out").index.values()) == {first["digest"]}
    assert len(Layout(tmp_path / "out").index) == 2


# --- bad input


def damaged(tmp_path: Path, _tree: Path) -> dict[str, object]:
    remote = OstreeRemote(tmp_path, "bare-user")
    remote.commit({"a": b"1", "b": b"right"})
    (wrong,) = (path for path in remote.objects("file") if path.read_bytes() == b"right")
    wrong.chmod(0o644)
    wrong.write_bytes(b"wrong")
    return {"source": commit(remote.path, REF)}


def missing(tmp_path: Path, _tree: Path) -> dict[str, object]:
    remote = OstreeRemote(tmp_path)
    remote.commit({"a": b"1", "b": b"2"})
    remote.objects("filez")[0].unlink()
    return {"source": commit(remote.path, REF)}


def whiteout(tmp_path: Path, tree: Path) -> dict[str, object]:
    (tree / "usr/.wh.bin").write_bytes(b"")
    return {}


def no_ref(tmp_path: Path, _tree: Path) -> dict[str, object]:
    return {"source": commit(OstreeRemote(tmp_path).path, "no/such")}


def no_commit(tmp_path: Path, _tree: Path) -> dict[str, object]:
    return {"source": commit(OstreeRemote(tmp_path).path, "0" * 64)}


def no_repository(tmp_path: Path, tree: Path) -> dict[str, object]:
    return {"source": commit(tree, "x")}


def no_map(tmp_path: Path, _tree: Path) -> dict[str, object]:
    return {"chunked": True, "map": str(tmp_path / "none")}


def bad_map(tmp_path: Path, tree: Path) -> dict[str, object]:
    (tmp_path / "map").write_bytes(b"one\n\0")
    return {"chunked": True, "map": str(tmp_path / "map")}


def large_map(tmp_path: Path, tree: Path) -> dict[str, object]:
    (tmp_path / "map").write_bytes(b"a b\n" * (MAP_BYTES // 4) + b"\n")
    return {"chunked": True, "map": str(tmp_path / "map")}


def binary_metadata(tmp_path: Path, tree: Path) -> dict[str, object]:
    (tree / "app/metadata").write_bytes(b"\xff")
    return {}


def linked_metadata(tmp_path: Path, tree: Path) -> dict[str, object]:
    (tree / "app/metadata").unlink()
    (tree / "app/metadata").symlink_to("elsewhere")
    return {}


def large_metadata(tmp_path: Path, tree: Path) -> dict[str, object]:
    (tree / "app/metadata").write_bytes(b"#" * (METADATA_BYTES + 1))
    return {}


def long_label(tmp_path: Path, tree: Path) -> dict[str, object]:
    return {"labels": {"a": "b" * CONFIG_BYTES}}


def no_flatpak(tmp_path: Path, tree: Path) -> dict[str, object]:
    return {"form": "flatpak"}


def no_form(tmp_path: Path, tree: Path) -> dict[str, object]:
    return {"form": "docker"}


def no_name(tmp_path: Path, tree: Path) -> dict[str, object]:
    return {"name": ""}


def tagless(tmp_path: Path, tree: Path) -> dict[str, object]:
    return {"sign": {"identity": "", "gpg": "x", "cosign": "", "lookaside": ""}}


@pytest.mark.parametrize(("spoil", "leaf"), [
    (damaged, RepoCorrupt), (missing, RepoCorrupt), (whiteout, UnsafeArchive), (no_ref, NotFound),
    (no_commit, RepoCorrupt), (no_repository, NotFound), (no_map, NotFound), (bad_map, InvalidReference),
    (binary_metadata, BadManifest), (no_flatpak, BadManifest), (no_name, InvalidReference),
    (no_form, InvalidReference), (tagless, InvalidReference), (linked_metadata, BadManifest),
    (large_metadata, BadManifest), (long_label, LimitExceeded), (large_map, LimitExceeded),
])  # fmt: skip
def test_what_cannot_be_published_leaves_nothing(
    spoil: object, leaf: type[AppctlError], tree: Path, tmp_path: Path
) -> None:
    asked = {"source": directory(tree), **spoil(tmp_path, tree)}  # type: ignore[operator]
    before = set(tmp_path.iterdir())
    with pytest.raises(leaf) as caught:
        published(asked.pop("source"), tmp_path / "out", asked.pop("form", "ostree"), **asked)
    assert set(tmp_path.iterdir()) == before
    assert caught.value.message


def test_a_full_disk_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
    try:
        (tree / "usr/random").write_bytes(os.urandom(60 << 10))
        with pytest.raises(NoSpace):
            published(directory(tree), tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "out").exists()


def test_the_trees_own_file_is_its_metadata_whatever_a_label_says(tree: Path, tmp_path: Path) -> None:
    published(directory(tree), tmp_path / "out", labels={"org.appctl.metadata": "[Application]\nname=evil\n"})
    assert Layout(tmp_path / "out").config()["config"]["Labels"]["org.appctl.metadata"] == METADATA


@pytest.mark.parametrize(
    "xattrs", [[(b"user.b", b""), (b"user.a", b"")], [(b"user.a", b""), (b"user.a", b"")]]
)
def test_a_file_that_no_importer_of_ours_takes_does_not_leave(
    xattrs: list[tuple[bytes, bytes]], tmp_path: Path
) -> None:
    repository = Repository.open(tmp_path / "repo")
    with repository.shared(), repository.transaction() as writer:
        head = FileHead(0, 0, stat.S_IFREG | 0o644, "", tuple(xattrs))
        tree = writer.tree(DirTree({"f": writer.file(head, 1, [b"x"])}))
        name = writer.commit(Commit(tree, writer.meta(0, 0, 0o755), 1))
    # libostree from 2024.10 on sorts what it reads, which is then not what its name says
    with pytest.raises((UnsafeArchive, RepoCorrupt), match=r"xattr|not what its name says"):
        published(commit(tmp_path / "repo", name), tmp_path / "out")


def test_a_directory_with_one_xattr_twice_does_not_leave(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path / "repo")
    with repository.shared(), repository.transaction() as writer:
        meta = writer.meta(0, 0, 0o755, [(b"user.a", b""), (b"user.a", b"")])
        name = writer.commit(Commit(writer.tree(DirTree()), meta, 1))
    with pytest.raises(UnsafeArchive, match="xattr"):
        published(commit(tmp_path / "repo", name), tmp_path / "out")


def test_a_time_that_no_date_can_say_is_the_last_one(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path / "repo")
    with repository.shared(), repository.transaction() as writer:
        name = writer.commit(Commit(writer.tree(DirTree()), writer.meta(0, 0, 0o755), 1 << 62))
    published(commit(tmp_path / "repo", name), tmp_path / "out")
    assert Layout(tmp_path / "out").config()["created"] == "9999-12-31T23:59:59Z"
