# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""derived.py: what counts of a layer on top of a publisher's commit, in the language of support/layers."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from appctld.errors import UnsafeArchive
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.dropped import DROPPED_NAMES
from appctld.workers.store.merge import merge, union_again
from appctld.workers.store.ostree.commit import IMPLICIT_DIRS, Commit
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from support.layers.layers import commit_layer, listing

BASE = ("./", "usr/", "usr/bin/", "usr/bin/a = 1", "usr/etc/ 0700", "usr/etc/old = 1")
AS_IT_WAS = sorted(BASE)


def ask(repo: Path, commits: Sequence[str]) -> JsonObject:
    about: JsonObject = {"metadata": {}, "timestamp": 0, "ostree": True}
    request: JsonObject = {"repo": str(repo), "layers": [*commits], **about}
    return merge(request, lambda _facts: None)


def run(repo: Path, commits: Sequence[str]) -> str:
    return str(ask(repo, commits)["commit"])


def with_(*lines: str) -> list[str]:
    return sorted([*BASE, *lines])


DERIVED = {
    "etc is usr/etc": (["./", "etc/ 0700", "etc/new = 2"], with_("usr/etc/new = 2")),
    "etc without an entry keeps its mode": (["etc/new = 2"], with_("usr/etc/new = 2")),
    "etc with another mode": (
        ["etc/ 0711", "etc/new = 2"],
        sorted([*(line for line in BASE if "0700" not in line), "usr/etc/ 0711", "usr/etc/new = 2"]),
    ),
    "a directory below etc without an entry": (["etc/d/f = 2"], with_("usr/etc/d/", "usr/etc/d/f = 2")),
    "a whiteout in etc": (
        ["etc/.wh.old"],
        [line for line in AS_IT_WAS if "old" not in line],
    ),
    "etc that is opaque": (
        ["etc/ 0700", "etc/.wh..wh..opq", "etc/new = 2"],
        sorted([*(line for line in BASE if "old" not in line), "usr/etc/new = 2"]),
    ),
    "etc beside usr": (
        ["usr/", "usr/bin/", "usr/bin/b = 2", "etc/new = 2"],
        with_("usr/bin/b = 2", "usr/etc/new = 2"),
    ),
    "etc as a symlink": (
        ["etc -> /elsewhere"],
        ["./", "usr/", "usr/bin/", "usr/bin/a = 1", "usr/etc -> /elsewhere"],
    ),
    "usr/etc itself": (["usr/etc/new = 2"], with_("usr/etc/new = 2")),
    "usr whose attributes are explicit": (
        ["usr/ 0711", "etc/new = 2"],
        sorted([*(line for line in BASE if line != "usr/"), "usr/ 0711", "usr/etc/new = 2"]),
    ),
    "a directory that counts, of the name of one that does not": (
        ["bin/x = 1", "usr/", "usr/bin/ 0711", "etc/new = 2"],
        sorted([*(line for line in BASE if line != "usr/bin/"), "usr/bin/ 0711", "usr/etc/new = 2"]),
    ),
    "var": (["var/", "var/lib/", "var/lib/f = 2"], with_("var/", "var/lib/", "var/lib/f = 2")),
    "var without entries": (["var/lib/f = 2"], with_("var/", "var/lib/", "var/lib/f = 2")),
    "run, itself alone": (["run/", "run/x/", "run/x/y = 2"], with_("run/")),
    "run without an entry": (["run/x/y = 2"], AS_IT_WAS),
    "tmp, proc, sys and dev": (
        ["tmp/ 0700", "tmp/a = 2", "proc/", "proc/a = 2", "sys/", "sys/a = 2", "dev/", "dev/a = 2"],
        with_("dev/", "proc/", "sys/", "tmp/ 0700"),
    ),
    "a link of that name": (["run -> /x"], with_("run -> /x")),
    "anything else": (["opt/", "opt/f = 2", "f = 2", "bin -> usr/bin", "home/x/f = 2"], AS_IT_WAS),
    "whiteouts at the top": ([".wh.usr", ".wh..wh..opq", ".wh.etc"], AS_IT_WAS),
    "the root's own mode": (["./ 0711"], ["./ 0711", *AS_IT_WAS[1:]]),
    "nothing": ([], AS_IT_WAS),
}


@pytest.mark.parametrize(("lines", "expected"), DERIVED.values(), ids=DERIVED)
def test_what_counts(repo: Path, lines: Sequence[str], expected: list[str]) -> None:
    commits = [commit_layer(repo, BASE), commit_layer(repo, lines)]
    made = run(repo, commits)
    assert listing(repo, made) == expected
    repository = Repository.open(repo)
    found = repository.commit(made)
    assert union_again(repository, commits, ostree=True) == (found.tree, found.meta)


LEFT_OUT = {
    "anything else": (
        ["opt/", "opt/f = 2", "f = 2", "bin -> usr/bin", "home/x/f = 2"],
        ["bin", "f", "home/", "opt/"],
    ),
    "below what stays empty": (
        ["run/", "run/x/", "run/x/y = 2", "run/z = 2", "tmp/a = 2", "dev -> x"],
        ["run/z", "run/x/", "tmp/a"],
    ),
    "whiteouts at the top": ([".wh.usr", ".wh..wh..opq"], [".wh..wh..opq", ".wh.usr"]),
    "nothing": (["./ 0711", "usr/", "usr/f = 2", "etc/f = 2", "var/f = 2", "run/", "proc/"], []),
}


@pytest.mark.parametrize(("lines", "names"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_does_not_count_is_told(repo: Path, lines: Sequence[str], names: list[str]) -> None:
    commits = [commit_layer(repo, BASE), commit_layer(repo, lines)]
    assert ask(repo, commits)["dropped"] == names


def test_only_so_much_is_told_of_all_layers_together(repo: Path) -> None:
    above = [[f"{letter}{number} = 2" for number in range(60)] for letter in "xy"]
    commits = [commit_layer(repo, BASE), *(commit_layer(repo, sorted(lines)) for lines in above)]
    dropped = ask(repo, commits)["dropped"]
    assert isinstance(dropped, list)
    assert len(dropped) == DROPPED_NAMES
    assert dropped[0] == "x0"
    assert str(dropped[-1]).startswith("y")


def test_of_plain_layers_everything_counts(repo: Path) -> None:
    commits = [commit_layer(repo, ["opt/f = 2", "run/x = 2"]) for _ in range(2)]
    request: JsonObject = {"repo": str(repo), "layers": [*commits], "metadata": {}, "timestamp": 0}
    assert merge(request, lambda _facts: None)["dropped"] == []


def test_usr_keeps_its_attributes_where_a_layer_has_only_etc(repo: Path) -> None:
    commits = [commit_layer(repo, ["./", "usr/ 0711", "usr/etc/"]), commit_layer(repo, ["etc/a = 2"])]
    assert listing(repo, run(repo, commits)) == ["./", "usr/ 0711", "usr/etc/", "usr/etc/a = 2"]


def test_layers_lie_on_each_other(repo: Path) -> None:
    above = (["etc/a = 2", "etc/b = 2"], ["etc/.wh.a", "etc/c = 3", "opt/x = 3"])
    commits = [commit_layer(repo, lines) for lines in (BASE, *above)]
    assert listing(repo, run(repo, commits)) == with_("usr/etc/b = 2", "usr/etc/c = 3")


@pytest.mark.parametrize(
    "lines",
    [
        ["etc/a = 2", "usr/etc/b = 2"],
        ["etc/a = 2", "usr/etc -> x"],
        ["etc -> x", "usr/etc/b = 2"],
        ["etc/a = 2", "usr -> x"],
    ],
)
def test_a_layer_with_two_of_etc_is_refused(repo: Path, lines: Sequence[str]) -> None:
    commits = [commit_layer(repo, BASE), commit_layer(repo, lines)]
    with pytest.raises(UnsafeArchive) as raised:
        run(repo, commits)
    assert raised.value.data["layer"] == commits[1]


def test_a_publishers_commit_does_not_say_which_of_its_directories_count(repo: Path) -> None:
    """What our own layer commits say of themselves anybody may write into theirs."""
    repository = Repository.open(repo)
    with repository.shared(), repository.transaction() as writer:
        meta, private = writer.meta(0, 0, 0o755), writer.meta(0, 0, 0o700)
        tree = writer.tree(DirTree({}, {"d": (writer.tree(DirTree()), private)}))
        commit = writer.commit(Commit(tree, meta, 0, {IMPLICIT_DIRS: ["", "d"]}))
        repository.write_ref(f"appctl/commit/acme/{commit}", commit)
    made = run(repo, [commit, commit_layer(repo, ["./"])])
    assert listing(repo, made) == ["./", "d/ 0700"]


def test_a_publishers_commit_alone_stays_what_it_is(repo: Path) -> None:
    """Even where it holds names that would be whiteouts in a layer."""
    repository = Repository.open(repo)
    with repository.shared(), repository.transaction() as writer:
        file = writer.file(regular(0, 0, 0o644), 4, [b"text"])
        app = writer.tree(DirTree({"metadata": file, ".wh.x": writer.file(regular(0, 0, 0o644), 0)}))
        meta = writer.meta(0, 0, 0o755)
        commit = Commit(writer.tree(DirTree({}, {"app": (app, meta)})), meta)
        name = writer.commit(commit)
        repository.write_ref(f"appctl/commit/acme/{name}", name)
    answer = ask(repo, [name])
    assert answer == {"commit": name, "installed_size": 4, "files": {"app/metadata": "text"}, "dropped": []}
    assert union_again(repository, [name], ostree=True) == (commit.tree, commit.meta)
