# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Merging: docs/rules.md, "Layers" as tables, the oracle (umoci), and what the algebra promises about reuse.

The language of the tables is that of support/layers/layers.py.
"""

import base64
import binascii
import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from appctld.errors import Failed, LimitExceeded, RepoCorrupt, UnsafeArchive
from appctld.model.permissions import METADATA_BYTES
from appctld.workers.store import merge as merge_module
from appctld.workers.store import union
from appctld.workers.store.directory import DEPTH, Directory
from appctld.workers.store.merge import merge
from appctld.workers.store.ostree.commit import Commit, parse_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.union import LINKS
from support.layers.layers import commit_layer, listing, listing_of_directory, unpacked_by_umoci

Layers = Sequence[Sequence[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repo"


def run(repository: Path, commits: list[str], **more: object) -> dict[str, Any]:
    request: dict[str, Any] = {
        "repo": str(repository),
        "layers": commits,
        "metadata": {},
        "timestamp": 0,
        **more,
    }
    return merge(request, lambda _facts: None)


def merged(repository: Path, layers: Layers) -> list[str]:
    commits = [commit_layer(repository, lines) for lines in layers]
    return listing(repository, run(repository, commits)["commit"])


BASE = (
    "./",
    "usr/ 0711",
    "usr/bin/",
    "usr/bin/old = 1",
    "bin -> usr/bin",
    "etc/ 0700",
    "etc/a = 1",
    "etc/b = 2",
)

MERGES = {
    "one layer is itself": (
        [["d/ 0700", "d/f = x", "l -> d"]],
        ["./", "d/ 0700", "d/f = x", "l -> d"],
    ),
    "a whiteout deletes a file": (
        [["a = 1", "b = 2"], [".wh.a"]],
        ["./", "b = 2"],
    ),
    "a whiteout deletes a whole directory": (
        [["d/", "d/e/", "d/e/f = 1", "x = 1"], [".wh.d"]],
        ["./", "x = 1"],
    ),
    "a whiteout deletes a symlink, not what it points to": (
        [["d/", "d/f = 1", "l -> d"], [".wh.l"]],
        ["./", "d/", "d/f = 1"],
    ),
    "a whiteout acts on lower layers only, whatever the order": (
        [["a = 1"], ["a = 2", ".wh.a"]],
        ["./", "a = 2"],
    ),
    "a whiteout beside its directory makes it opaque": (
        [["d/", "d/old = 1"], [".wh.d", "d/ 0700", "d/new = 2"]],
        ["./", "d/ 0700", "d/new = 2"],
    ),
    "a whiteout beside an implicit directory too": (
        [["d/ 0700", "d/old = 1"], [".wh.d", "d/new = 2"]],
        ["./", "d/", "d/new = 2"],
    ),
    "opaque hides all lower children, and no new one before or after it": (
        [["d/ 0700", "d/old = 1", "d/s/", "d/s/x = 1"], ["d/ 0711", "d/a = 2", "d/.wh..wh..opq", "d/z = 3"]],
        ["./", "d/ 0711", "d/a = 2", "d/z = 3"],
    ),
    "opaque in an implicit directory keeps the directory's mode": (
        [["d/ 0700", "d/old = 1"], ["d/.wh..wh..opq", "d/new = 2"]],
        ["./", "d/ 0700", "d/new = 2"],
    ),
    "opaque at the root": (
        [["a = 1", "d/", "d/b = 2"], [".wh..wh..opq", "c = 3"]],
        ["./", "c = 3"],
    ),
    "opaque with a whiteout below it": (
        [["d/", "d/s/", "d/s/x = 1"], ["d/.wh..wh..opq", "d/s/.wh.x", "d/s/y = 2"]],
        ["./", "d/", "d/s/", "d/s/y = 2"],
    ),
    "layer 0's whiteouts are dropped": (
        [[".wh.a", "b = 1", "d/", "d/.wh..wh..opq", "d/f = 2", "e/.wh.x"]],
        ["./", "b = 1", "d/", "d/f = 2"],
    ),
    "a whiteout of nothing, in nothing": (
        [["a = 1"], [".wh.b", "d/.wh.x", "d/e/.wh..wh..opq"]],
        ["./", "a = 1"],
    ),
    "an explicit directory that holds only whiteouts is there": (
        [["a = 1"], ["d/ 0700", "d/.wh.x"]],
        ["./", "a = 1", "d/ 0700"],
    ),
    "an explicit directory below one that holds only whiteouts is there": (
        [["a = 1"], ["d/e/ 0700", "d/.wh.x"]],
        ["./", "a = 1", "d/", "d/e/ 0700"],
    ),
    "directory over directory replaces attributes": (
        [["d/ 0700", "d/f = 1"], ["d/ 0711"]],
        ["./", "d/ 0711", "d/f = 1"],
    ),
    "an implicit directory keeps the lower one's attributes": (
        [["d/ 0700", "d/e/ 0711", "d/e/f = 1"], ["d/e/g = 2"]],
        ["./", "d/ 0700", "d/e/ 0711", "d/e/f = 1", "d/e/g = 2"],
    ),
    "the root is no exception": (
        [["./ 0700", "a = 1"], ["b = 1"], ["c = 1"]],
        ["./ 0700", "a = 1", "b = 1", "c = 1"],
    ),
    "an explicit root replaces attributes": (
        [["./ 0700", "a = 1"], ["./ 0711"]],
        ["./ 0711", "a = 1"],
    ),
    "a file replaces a directory": (
        [["d/", "d/f = 1"], ["d = 2"]],
        ["./", "d = 2"],
    ),
    "a symlink replaces a directory": (
        [["d/", "d/f = 1"], ["d -> e"]],
        ["./", "d -> e"],
    ),
    "an explicit directory replaces a file": (
        [["d = 1"], ["d/ 0700", "d/f = 1"]],
        ["./", "d/ 0700", "d/f = 1"],
    ),
    "an explicit directory replaces a symlink, and leaves its target alone": (
        [[*BASE], ["bin/", "bin/new = 2"]],
        [*BASE[:4], "bin/", "bin/new = 2", *BASE[5:]],
    ),
    "whiteouts in a directory that replaces a symlink hide nothing": (
        [[*BASE], ["bin/", "bin/.wh.old"]],
        [*BASE[:4], "bin/", *BASE[5:]],
    ),
    "a parent that is a symlink is followed": (
        [[*BASE], ["bin/new = 2"]],
        [*BASE, "usr/bin/new = 2"],
    ),
    "so is an absolute one, below the merged tree's root": (
        [["usr/bin/old = 1", "bin -> /usr/bin"], ["bin/new = 2"]],
        ["./", "bin -> /usr/bin", "usr/", "usr/bin/", "usr/bin/new = 2", "usr/bin/old = 1"],
    ),
    "a directory below a symlink": (
        [[*BASE], ["bin/sub/ 0700", "bin/sub/new = 2"]],
        [*BASE, "usr/bin/sub/ 0700", "usr/bin/sub/new = 2"],
    ),
    "a whiteout below a symlink": (
        [[*BASE], ["bin/.wh.old"]],
        [line for line in BASE if line != "usr/bin/old = 1"],
    ),
    "an opaque directory below a symlink": (
        [[*BASE], ["bin/.wh..wh..opq", "bin/new = 2"]],
        [*(line for line in BASE if line != "usr/bin/old = 1"), "usr/bin/new = 2"],
    ),
    "a chain of symlinks, upwards too": (
        [["a/b/", "a/x/", "l -> a/b/m", "a/b/m -> ../n", "a/n -> x"], ["l/f = 1"]],
        ["./", "a/", "a/b/", "a/b/m -> ../n", "a/n -> x", "a/x/", "a/x/f = 1", "l -> a/b/m"],
    ),
    "a symlink to the root": (
        [["d/", "d/root -> .."], ["d/root/f = 1"]],
        ["./", "d/", "d/root -> ..", "f = 1"],
    ),
    "a symlink to nothing gets its target made": (
        [["var/", "var/run -> /run"], ["var/run/f = 1"]],
        ["./", "run/", "run/f = 1", "var/", "var/run -> /run"],
    ),
    "a whiteout below a symlink to nothing hides nothing": (
        [["var/", "var/run -> /run"], ["var/run/.wh.f"]],
        ["./", "var/", "var/run -> /run"],
    ),
    "a symlink that the layer hides is not followed": (
        [[*BASE], [".wh.bin", "bin/new = 2", "bin/.wh.old"]],
        [*BASE[:4], "bin/", "bin/new = 2", *BASE[5:]],
    ),
    "a symlink that the layer brings is followed": (
        [["a/", "b/"], ["l -> b"], ["a/l -> ../l"], ["a/l/f = 1"]],
        ["./", "a/", "a/l -> ../l", "b/", "b/f = 1", "l -> b"],
    ),
    "whiteouts are all resolved before the first is carried out": (
        [["a/", "a/c -> ../d", "d/", "d/x = 1", "z -> a/c"], ["z/.wh.x", "a/.wh.c"]],
        ["./", "a/", "d/", "z -> a/c"],
    ),
    "two paths to one directory, of different names in it": (
        [[*BASE], ["bin/new = 2", "usr/bin/newer = 3"]],
        [*BASE, "usr/bin/new = 2", "usr/bin/newer = 3"],
    ),
    "a third layer sees what the second one did": (
        [["d/", "d/f = 1"], ["d = 2"], ["d/ 0700", "d/g = 3"]],
        ["./", "d/ 0700", "d/g = 3"],
    ),
    "what was hidden may come again": (
        [["a = 1"], [".wh.a"], ["a = 3"]],
        ["./", "a = 3"],
    ),
}


@pytest.mark.parametrize(("layers", "expected"), MERGES.values(), ids=MERGES)
def test_layers_merge_as_the_rules_say(repository: Path, layers: Layers, expected: Sequence[str]) -> None:
    assert merged(repository, layers) == sorted(expected)


@pytest.mark.parametrize("layers", [layers for layers, _ in MERGES.values()], ids=MERGES)
def test_umoci_reads_the_rules_in_the_same_way(tmp_path: Path, repository: Path, layers: Layers) -> None:
    root = unpacked_by_umoci(tmp_path, layers)
    assert root is not None
    assert merged(repository, layers) == listing_of_directory(root)


REFUSED = {
    "a file below a file": ([["f = 1"], ["f/x = 1"]], "f"),
    "a whiteout below a file": ([["f = 1"], ["f/.wh.x"]], "f"),
    "a directory below a file": ([["d/", "d/f = 1"], ["d/f/e/"]], "d/f"),
    "a symlink to a file": ([["f = 1", "l -> f"], ["l/x = 1"]], "l"),
    "a symlink through a file": ([["f = 1", "l -> f/../d", "d/"], ["l/x = 1"]], "l"),
    "a symlink out of the tree": ([["l -> .."], ["l/x = 1"]], "l"),
    "a symlink out of the tree and back": ([["d/", "d/l -> ../../d"], ["d/l/x = 1"]], "d/l"),
    "a whiteout by way of it": ([["l -> ../etc"], ["l/.wh.passwd"]], "l"),
    "an absolute symlink out of the tree": ([["l -> /../etc"], ["l/x = 1"]], "l"),
    "a symlink to itself": ([["l -> l"], ["l/x = 1"]], "l"),
    "two symlinks in a circle": ([["a -> b", "b -> /a"], ["a/x = 1"]], "a"),
    "a symlink through nothing and up again": ([["l -> no/../d", "d/"], ["l/x = 1"]], "l"),
    "one place by two paths": ([["usr/bin/", "bin -> usr/bin"], ["bin/x = 1", "usr/bin/x = 2"]], "usr/bin/x"),
    "one directory by two paths": ([["usr/bin/", "bin -> usr/bin"], ["bin/d/", "usr/bin/d/"]], "usr/bin/d"),
    "a directory and a file by two paths": ([["u/", "l -> u"], ["u/x = 1", "l/x/"]], "u/x"),
    "a file and a directory by two paths": ([["u/", "l -> u"], ["u/x/", "l/x = 1"]], "u/x"),
    "a file in place of what the layer wrote by another path": (
        [["u/", "l -> u"], ["u/x/y = 1", "l/x = 1"]],
        "u/x",
    ),
}


@pytest.mark.parametrize(("layers", "path"), REFUSED.values(), ids=REFUSED)
def test_what_tools_disagree_about_is_refused_by_path_and_layer(
    repository: Path, layers: Layers, path: str
) -> None:
    commits = [commit_layer(repository, lines) for lines in layers]
    with pytest.raises(UnsafeArchive) as caught:
        run(repository, commits)
    assert caught.value.data == {"path": path, "layer": commits[1]}
    assert f"layer 2: /{path} " in caught.value.message


def chain(length: int) -> list[str]:
    return ["d/", "l1 -> d", *(f"l{number} -> l{number - 1}" for number in range(2, length + 1))]


def test_forty_symlinks_are_followed_and_no_more(repository: Path) -> None:
    assert "d/f = 1" in merged(repository, [chain(LINKS), [f"l{LINKS}/f = 1"]])
    with pytest.raises(UnsafeArchive, match="more than 40 symlinks"):
        merged(repository, [chain(LINKS + 1), [f"l{LINKS + 1}/f = 1"]])


def test_symlinks_cannot_make_a_tree_deeper_than_the_limit(repository: Path) -> None:
    half = "/".join(["d"] * (DEPTH // 2 + 1))
    with pytest.raises(LimitExceeded):
        merged(repository, [[f"{half}/", f"l -> {half}"], [f"l/{half}/f = 1"]])


def test_a_layer_that_is_deeper_than_the_limit_is_refused_as_that(repository: Path) -> None:
    """No tar makes one, a publisher's commit may; and Python recurses no deeper than a thousand levels."""
    stored = Repository.open(repository)
    with stored.shared(), stored.transaction() as writer:
        meta, tree = writer.meta(0, 0, 0o755), writer.tree(DirTree())
        for _ in range(2000):
            tree = writer.tree(DirTree({}, {"d": (tree, meta)}))
        commit = writer.commit(Commit(tree, meta))
    with pytest.raises(LimitExceeded, match="below each other"):
        run(repository, [commit])


@pytest.mark.parametrize(
    "name", [".wh.", ".wh..", ".wh...", ".wh..wh.", ".wh..wh.plnk", ".wh..wh..opq2", ".wh..wh.aufs"]
)
def test_a_whiteout_of_nothing_that_can_be_is_refused_here_too(repository: Path, name: str) -> None:
    commit = handmade(repository, lambda empty: DirTree({name: empty}))
    with pytest.raises(UnsafeArchive, match="whiteout"):
        run(repository, [commit])


def test_a_whiteout_that_is_a_directory_is_refused_here_too(repository: Path) -> None:
    opened = Repository.open(repository)
    with opened.shared(), opened.transaction() as writer:
        meta = writer.meta(0, 0, 0o755)
        tree = writer.tree(DirTree({}, {".wh.d": (writer.tree(DirTree()), meta)}))
        commit = writer.commit(Commit(tree, meta))
    with pytest.raises(UnsafeArchive, match="whiteout"):
        run(repository, [commit])


def handmade(repository: Path, make: Any) -> str:  # noqa: ANN401 - a function of one checksum
    opened = Repository.open(repository)
    with opened.shared(), opened.transaction() as writer:
        tree = writer.tree(make(writer.file(regular(0, 0, 0o644), 0)))
        return writer.commit(Commit(tree, writer.meta(0, 0, 0o755)))


# --- the oracle ---------------------------------------------------------------------------------------------


SEEDS = int(os.environ.get("APPCTL_TEST_STACKS", "60"))  # a second each ten; set it to look longer


class Stack:
    """Layers made from a seed: few names, so that they meet; each in the order `union` uses."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable is the point
        self.layers = [self._layer(first=number == 0) for number in range(self._random.randint(2, 4))]

    def _layer(self, *, first: bool) -> list[str]:
        self._kinds: dict[str, str] = {}
        for _ in range(self._random.randint(2, 9)):
            self._add(self._path(), first=first)
        implied = {parent for path in self._kinds for parent in parents(path)} - self._kinds.keys()
        lines = [path for path, kind in sorted(self._kinds.items()) if kind == "whiteout"]
        root = self._random.choice([[], ["./"], ["./ 0711"]])
        return lines + root + self._in_order("", implied)

    def _path(self) -> str:
        return "/".join(self._random.choices("abc", k=self._random.randint(1, 3)))

    def _add(self, path: str, *, first: bool) -> None:
        above = {self._kinds.get(parent, "directory") for parent in parents(path)}
        below = [other for other in self._kinds if other.startswith(f"{path}/")]
        if path in self._kinds or any(
            self._kinds.get(parent, "directory") != "directory" for parent in above
        ):
            return
        kinds = ["directory", "file", "symlink", *(() if first else ("whiteout", "opaque"))]
        kind = self._random.choice(kinds)
        if kind == "directory":
            self._kinds[path] = kind
        elif kind in {"whiteout", "opaque"}:
            parent, _, name = path.rpartition("/")
            hidden = ".wh." + (name if kind == "whiteout" else ".wh..opq")
            self._kinds[f"{parent}/{hidden}" if parent else hidden] = "whiteout"
        elif not below:
            self._kinds[path] = kind

    def _in_order(self, path: str, implied: set[str]) -> list[str]:
        here = [other for other in {*self._kinds, *implied} if other.rpartition("/")[0] == path]
        lines = [self._line(other) for other in sorted(here) if self._kinds.get(other) in {"file", "symlink"}]
        explicit = sorted(other for other in here if self._kinds.get(other) == "directory")
        for other in explicit:
            lines += [self._line(other), *self._in_order(other, implied)]
        for other in sorted(implied & set(here)):
            lines += self._in_order(other, implied)
        return lines

    def _line(self, path: str) -> str:
        if self._kinds[path] == "directory":
            return f"{path}/" + self._random.choice(["", " 0700", " 0750"])
        if self._kinds[path] == "file":
            mode = self._random.choice(["", " 0600", " 0755", " 4755"])
            return f"{path}{mode} = {self._random.randint(0, 9)}".replace(" 4755", " 04755")
        target = self._random.choice(["", "/", "../", "./"]) + self._path()
        return f"{path} -> {target}"


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def test_generated_stacks_merge_as_umoci_merges_them(tmp_path: Path) -> None:
    compared = 0
    for seed in range(SEEDS):
        directory = tmp_path / str(seed)
        directory.mkdir()
        layers = Stack(seed).layers
        try:
            ours = merged(directory / "repo", layers)
        except UnsafeArchive:
            continue
        root = unpacked_by_umoci(directory, layers)
        if root is None:
            continue  # it met a circle of symlinks before the directory that replaces it: order is all to it
        assert ours == listing_of_directory(root), (seed, layers)
        compared += 1
    assert compared >= SEEDS // 2


# --- how much work ------------------------------------------------------------------------------------------


def behind_links(number: int) -> list[list[str]]:
    """A layer whose every file lies behind a symlink of its own."""
    low = ["a/", *(f"d{n} -> ./a/{n}" for n in range(number))]
    return [low, [f"d{n}/f{n} = x" for n in range(number)]]


def whiteouts(number: int) -> list[str]:
    """A directory that brings nothing within another and so on, and a file below the last."""
    deep = ["/".join(["z"] * (depth + 1)) for depth in range(number)]
    return [*(f"{path}/a/.wh.x" for path in deep), f"{deep[-1]}/f = 1"]


def test_the_steps_through_symlinks_are_counted_over_all_layers(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(union, "LINK_STEPS", 9)  # three parts each
    merged(repository, behind_links(3))
    with pytest.raises(LimitExceeded, match="steps through symlinks"):
        merged(repository, behind_links(4))
    low, high = behind_links(4)
    with pytest.raises(LimitExceeded, match="steps through symlinks"):
        merged(repository, [low, high[:2], high[2:]])


def test_the_symlinks_that_are_read_are_counted(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_module, "LINKS_READ", 3)
    merged(repository, behind_links(3))
    with pytest.raises(LimitExceeded, match="symlinks in the way"):
        merged(repository, behind_links(4))


def test_a_symlink_is_read_once_in_a_merge(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    verify = Repository.verify

    def watched(self: Repository, kind: Kind, name: str) -> None:
        read.append(name)
        verify(self, kind, name)

    monkeypatch.setattr(Repository, "verify", watched)
    low = ["a/", "l -> a", *(f"d{n} -> l" for n in range(20))]
    layers = [[f"d{n}/f{n} = x" for n in range(start, start + 10)] for start in (0, 10)]
    commits = [commit_layer(repository, lines) for lines in (low, *layers)]
    read.clear()
    run(repository, commits)
    assert len(read) == 2  # l, and d0 to d19 are one object


def test_the_names_of_all_layers_are_counted(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(union, "NAMES", 7)
    layers = [["a/", "a/b = 1"], ["a/", "a/b = 1"], ["c/", "c/d/", "c/d/e = 1"]]
    merged(repository, layers)
    with pytest.raises(LimitExceeded, match="names in all layers") as caught:
        merged(repository, [*layers, ["f = 1"]])
    assert caught.value.message.startswith("layer 4: ")


def test_what_an_implicit_directory_brings_is_looked_up_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = union._Application._looks_brought

    def watched(self: Any, tree: str, path: str) -> bool:  # noqa: ANN401
        looked.append(path)
        return look(self, tree, path)

    monkeypatch.setattr(union._Application, "_looks_brought", watched)
    merged(repository, [["b = 1"], whiteouts(20)])
    assert len(looked) == len(set(looked))
    assert len(looked) >= 20


# --- the commit ---------------------------------------------------------------------------------------------


def test_one_layer_without_whiteouts_is_reused_whole(repository: Path) -> None:
    layer = commit_layer(repository, BASE)
    opened = Repository.open(repository)
    result = opened.commit(run(repository, [layer])["commit"])
    assert (result.tree, result.meta) == (opened.commit(layer).tree, opened.commit(layer).meta)


def test_an_unchanged_subtree_keeps_its_checksum_and_is_not_written(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = commit_layer(repository, [*BASE, "big/", "big/a/", "big/a/f = 1"])
    top = commit_layer(repository, ["etc/c = 3"])
    opened = Repository.open(repository)
    big = opened.tree(opened.commit(base).tree).dirs["big"]
    written = []
    add = merge_module._Writing.add_dirtree

    def watched(self: Any, tree: DirTree) -> str:  # noqa: ANN401
        written.append(tree)
        return add(self, tree)

    monkeypatch.setattr(merge_module._Writing, "add_dirtree", watched)
    result = run(repository, [base, top])["commit"]
    assert opened.tree(opened.commit(result).tree).dirs["big"] == big
    assert len(written) == 2  # the root and etc/


def test_no_file_is_read_but_the_symlink_in_the_way(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = commit_layer(repository, [*BASE, "other -> usr"])
    top = commit_layer(repository, ["bin/new = 2", "etc/a = 3", "other -> etc"])
    read = []
    target = merge_module._Stored.symlink_target

    def watched(self: Any, name: str) -> str | None:  # noqa: ANN401
        read.append(target(self, name))
        return read[-1]

    monkeypatch.setattr(merge_module._Stored, "symlink_target", watched)
    run(repository, [base, top])
    assert read == ["usr/bin"]


def test_the_commit_is_a_function_of_what_was_asked(repository: Path) -> None:
    layers = [commit_layer(repository, BASE), commit_layer(repository, [".wh.etc"])]
    manifest = base64.b64encode(b'{"x":\0}').decode()
    metadata = {"ostree.manifest": manifest, "appctl.remote": "acme", "appctl.layers": ["a", "b"]}
    once = run(repository, layers, metadata=metadata, timestamp=1_700_000_000)
    again = run(repository, layers, metadata=dict(reversed(metadata.items())), timestamp=1_700_000_000)
    assert once == again
    opened = Repository.open(repository)
    commit = parse_commit(opened.load(Kind.COMMIT, once["commit"]))
    assert commit.timestamp == 1_700_000_000
    assert commit.metadata == {
        "ostree.manifest": b'{"x":\0}',
        "appctl.remote": "acme",
        "appctl.layers": ["a", "b"],
    }


@pytest.mark.parametrize("value", [1, None, True, {"a": "b"}, ["a", 1]])
def test_metadata_of_another_type_is_refused(repository: Path, value: object) -> None:
    with pytest.raises(Failed):
        run(repository, [commit_layer(repository, BASE)], metadata={"appctl.remote": value})


def test_a_merge_of_nothing_is_refused(repository: Path) -> None:
    with pytest.raises(Failed):
        run(repository, [])


def test_the_installed_size_counts_each_object_once(repository: Path) -> None:
    layer = commit_layer(repository, ["a = 12345", "b = 12345", "c = 123"])
    assert run(repository, [layer])["installed_size"] == 5 + 3


def test_fsck_is_clean_and_ostree_reads_the_same(repository: Path) -> None:
    layers = [commit_layer(repository, BASE), commit_layer(repository, ["bin/new 0755 = 2", "etc/.wh.a"])]
    commit = run(repository, layers)["commit"]
    subprocess.run(["ostree", "fsck", f"--repo={repository}"], check=True, capture_output=True)
    shown = subprocess.run(
        ["ostree", "ls", "-R", f"--repo={repository}", commit], check=True, capture_output=True, text=True
    ).stdout
    assert "d00711 0 0      0 /usr\n" in shown
    assert "-00755 0 0      1 /usr/bin/new\n" in shown
    assert "/etc/a" not in shown


METADATA_FILES = {
    "app/metadata": (["app/metadata = [A]"], {"app/metadata": "[A]"}),
    "metadata": (["metadata = [B]"], {"metadata": "[B]"}),
    "both": (["metadata = [B]", "app/metadata = [A]"], {"app/metadata": "[A]", "metadata": "[B]"}),
    "empty": (["metadata"], {"metadata": ""}),
    "none": (["etc/metadata = x"], {}),
    "a directory": (["app/metadata/"], {}),
    "a symlink": (["app/metadata -> real", "app/real = x"], {}),
    "below a symlink": (["app -> real", "real/metadata = x"], {}),
    "the largest": (["metadata = " + "x" * METADATA_BYTES], {"metadata": "x" * METADATA_BYTES}),
    "too large": (["metadata = " + "x" * (METADATA_BYTES + 1)], {}),
}


@pytest.mark.parametrize(("lines", "texts"), METADATA_FILES.values(), ids=METADATA_FILES)
def test_the_metadata_files_come_with_the_answer(
    repository: Path, lines: list[str], texts: dict[str, str]
) -> None:
    assert run(repository, [commit_layer(repository, lines)])["files"] == texts


def test_a_metadata_file_that_is_not_utf8_does_not_come(repository: Path) -> None:
    opened = Repository.open(repository)
    with opened.shared(), opened.transaction() as writer:
        tree = writer.tree(DirTree({"metadata": writer.file(regular(0, 0, 0o644), 1, [b"\xff"])}))
        commit = writer.commit(Commit(tree, writer.meta(0, 0, 0o755)))
    assert run(repository, [commit])["files"] == {}


def test_a_damaged_symlink_is_found_before_it_is_followed(repository: Path) -> None:
    layers = [commit_layer(repository, lines) for lines in ([*BASE, "etc/bin/"], ["bin/new = 2"])]
    (link,) = [path for path in repository.glob("objects/??/*.file") if b"usr/bin" in path.read_bytes()]
    link.chmod(0o644)
    link.write_bytes(link.read_bytes().replace(b"usr", b"etc"))
    with pytest.raises(RepoCorrupt):
        run(repository, layers)


def test_a_layer_that_is_not_there_is_named(repository: Path) -> None:
    there, gone = commit_layer(repository, BASE), "ab" * 32
    with pytest.raises(RepoCorrupt) as raised:
        run(repository, [there, gone])
    assert raised.value.message == f"the commit object {gone} is missing"
    assert raised.value.data == {"checksum": gone}


def test_a_damaged_layer_is_found(repository: Path) -> None:
    layer = commit_layer(repository, BASE)
    opened = Repository.open(repository)
    tree = opened.commit(layer).tree
    path = repository / "objects" / tree[:2] / f"{tree[2:]}.dirtree"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RepoCorrupt):
        run(repository, [layer])


def test_a_manifest_that_is_no_base64_is_not_stored(repository: Path) -> None:
    with pytest.raises(binascii.Error):
        run(repository, [commit_layer(repository, BASE)], metadata={"ostree.manifest": "e3!0="})


def test_a_metadata_file_that_is_not_what_it_was_is_not_told(repository: Path) -> None:
    layer = commit_layer(repository, ["metadata = [A]"])
    (stored,) = (path for path in repository.glob("objects/??/*.file") if path.read_bytes() == b"[A]")
    stored.chmod(0o644)
    stored.write_bytes(b"[B]")
    with pytest.raises(RepoCorrupt):
        run(repository, [layer])


class Nothing:
    """Objects that nobody asks for."""

    implicit_meta = ""

    def dirtree(self, name: str) -> DirTree:
        raise AssertionError(name)

    def add_dirtree(self, tree: DirTree) -> str:
        raise AssertionError(tree)

    def symlink_target(self, name: str) -> str | None:
        raise AssertionError(name)


def test_no_directory_is_made_too_deep() -> None:
    """Links can lead deeper than any layer is."""
    deepest = Directory(Nothing(), None, "meta", 0)
    for _ in range(DEPTH):
        deepest = deepest.make("d", "meta", 0, 0)
    with pytest.raises(LimitExceeded):
        deepest.make("d", "meta", 0, 0)
