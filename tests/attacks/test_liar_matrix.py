# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The liar matrix: what a remote claims about an object is never believed (R2 to R5, R12).

Type of object x way in x whether the honest object is there x who comes first. Each lie names an object that
the victim's app uses. Afterwards the lie was refused with the right error (or names nothing, and is inert),
the victim's bytes are what they were, and an honest install works and leaves a repository that fsck likes.
docs/attacks.md has the counts, and says which combinations make no sense.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from appctld.errors import AppctlError, DigestMismatch, NotFound, RepoCorrupt, UnsafeArchive
from appctld.workers.store.ostree.repository import Repository
from support.layers.layers import tar
from support.layers.tarball import archive, entry, hardlink, pax, symlink
from support.repositories.lies import (
    DEPLOYED,
    EVIL,
    HONEST,
    LAYER,
    LAYER_LIES,
    LIAR,
    SUFFIXES,
    THIRD,
    VICTIM,
    Town,
    names_of,
)
from support.repositories.malformed import FORMS, commit_with

STORED = ("file", "symlink", "dirtree", "dirmeta", "commit")  # what an app consists of
BESIDE = ("commitmeta", "tombstone-commit")  # what libostree keeps beside a commit, and nothing here reads


@dataclass(frozen=True)
class Case:
    """One lie; `present`: the honest object is there; `first`: the liar is; no `error`: it must be inert."""

    way: str
    about: str
    lie: str
    present: bool
    first: bool
    error: type[AppctlError] | None

    def __str__(self) -> str:
        there = "present" if self.present else "absent"
        return f"{self.about}/{self.way}/{self.lie}/{there}/{'first' if self.first else 'after'}"


def cases(
    way: str,
    lie: str,
    about: Sequence[str],
    error: type[AppctlError] | None,
    present: Sequence[bool] = (True, False),
    first: Sequence[bool] = (True, False),
) -> list[Case]:
    """Every combination of what it is about, what is there and who comes first."""
    return [
        Case(way, one, lie, there, before, error)
        for one, there, before in itertools.product(about, present, first)
    ]


THERE, LOST = [True], [False]
AFTER = [False]

CASES = [
    # An OCI layer names no object but itself, by its diffID
    *cases("layer", "another's diffID", STORED, DigestMismatch),
    # ... but it can hold files that look like a repository
    *cases("layer", "a repository inside", (*STORED, *BESIDE), None),
    *cases("layer", "a parent's repository", (*STORED, *BESIDE), UnsafeArchive, THERE, AFTER),
    *cases("layer", "a link to the repository", (*STORED, *BESIDE), UnsafeArchive, THERE, AFTER),
    *cases("layer", "an absolute link", (*STORED, *BESIDE), None, THERE, AFTER),
    *cases("layer", "a hard link", (*STORED, *BESIDE), UnsafeArchive, THERE, AFTER),
    # A layer that the liar brought, which the victim's image has too (R5)
    *cases("adopt", "another object", STORED, RepoCorrupt, THERE),
    *cases("adopt", "no object", STORED, RepoCorrupt, LOST),
    *cases("adopt", "an object beside", BESIDE, None, THERE),
    *cases("adopt", "another layer's commit", ("commit",), NotFound),
    # What is there already under the victim's name when the victim's own layer comes (R4)
    *cases("planted", "other bytes", STORED, None, THERE),
    *cases("planted", "as many bytes", STORED, None, THERE),
    *cases("planted", "a link", STORED, None, THERE),
]


# --- the lies ------------------------------------------------------------------------------------------


def _objects(town: Town, about: str) -> str:
    """The object's path as a repository has it, for an archive."""
    name = town.objects[about]
    return f"objects/{name[:2]}/{name[2:]}.{SUFFIXES[about]}"


def _anothers_diff_id(town: Town, about: str) -> None:
    town.layer(tar(LAYER_LIES[about]), LIAR, claimed=LAYER)


def _file(path: str) -> bytes:
    """An evil file, under a name of any length."""
    return pax(path=path) + entry("long", content=EVIL)


def _repository_inside(town: Town, about: str) -> None:
    data = archive(_file(f"sysroot/ostree/repo/{_objects(town, about)}"))
    town.merge(town.layer(data, LIAR))


def _parents_repository(town: Town, about: str) -> None:
    town.layer(archive(_file(f"../../../repo/{_objects(town, about)}")), LIAR)


def _link_to_the_repository(town: Town, about: str) -> None:
    town.layer(archive(symlink("r", "../../../repo"), _file(f"r/{_objects(town, about)}")), LIAR)


def _absolute_link(town: Town, about: str) -> None:
    link = pax(linkpath=str(town.state.repo)) + symlink("r", "long")
    town.merge(town.layer(archive(link, _file(f"r/{_objects(town, about)}")), LIAR))


def _hard_link(town: Town, about: str) -> None:
    target = pax(linkpath=f"../repo/{_objects(town, about)}")
    town.layer(archive(target, hardlink("mine", "long")), LIAR)


def _another_object(town: Town, about: str) -> None:
    commit = town.layer(tar(HONEST), LIAR)
    town.plant(about)
    town.adopt(commit)


def _no_object(town: Town, about: str) -> None:
    commit = town.layer(tar(HONEST), LIAR)
    town.lose(about)
    town.adopt(commit)


def _other_commit(town: Town, _about: str) -> None:
    town.adopt(town.layer(tar(LAYER_LIES["file"]), LIAR))


def _planted(town: Town, about: str) -> None:
    town.plant(about)


def _planted_alike(town: Town, about: str) -> None:
    """As long as the honest one, but not of its time."""
    town.layer(tar(HONEST), LIAR)
    town.plant(about, bytes(len(town.place_of(about).read_bytes())), mtime=1)


def _planted_link(town: Town, about: str) -> None:
    """A symlink in the place of the object's file, to the honest bytes, which their owner may change."""
    town.layer(tar(HONEST), LIAR)
    outside = town.state.repo.parent / "outside"
    place = town.place_of(about)
    place.rename(outside)
    place.symlink_to(outside)


LIES: Mapping[tuple[str, str], Callable[[Town, str], None]] = {
    ("layer", "another's diffID"): _anothers_diff_id,
    ("layer", "a repository inside"): _repository_inside,
    ("layer", "a parent's repository"): _parents_repository,
    ("layer", "a link to the repository"): _link_to_the_repository,
    ("layer", "an absolute link"): _absolute_link,
    ("layer", "a hard link"): _hard_link,
    ("adopt", "another object"): _another_object,
    ("adopt", "no object"): _no_object,
    ("adopt", "an object beside"): _another_object,
    ("adopt", "another layer's commit"): _other_commit,
    ("planted", "other bytes"): _planted,
    ("planted", "as many bytes"): _planted_alike,
    ("planted", "a link"): _planted_link,
}


# --- the matrix ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return names_of(tmp_path_factory.mktemp("names"))


def prepare(town: Town, case: Case) -> None:
    """The victim's first version, if it comes first; and the honest object, or not."""
    if not case.first:
        town.install("usr/old = 1")
    if case.present:
        town.layer(tar(HONEST), THIRD)
    elif case.about in {"file", "symlink", "dirtree", "dirmeta"} and case.way == "layer":
        town.lose(case.about)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_lie_about_an_object(case: Case, tmp_path: Path, names: Mapping[str, str]) -> None:
    town = Town(tmp_path, names)
    prepare(town, case)
    refs = town.refs_of(VICTIM)
    tell = LIES[case.way, case.lie]
    if case.error is None:
        tell(town, case.about)
    else:
        with pytest.raises(case.error):
            tell(town, case.about)
        assert town.refs_of(VICTIM) == refs
    if not case.first:
        assert town.deployed() == sorted([*DEPLOYED, "usr/old 0444 = 1"])
    if case.way == "layer" and case.present:
        assert town.is_honest(case.about)
    town.install()
    assert town.deployed() == DEPLOYED
    assert case.about in BESIDE or town.is_honest(case.about)
    town.state.fsck()


# --- objects that have the right name and a wrong form -------------------------------------------------


def _adopted(town: Town, commit: str) -> None:
    layer = "5" * 64
    Repository.open(town.state.repo).write_ref(f"appctl/layer/{LIAR}/{layer}", commit)
    town.adopt(commit, layer)


def _merged(town: Town, commit: str) -> None:
    town.merge(town.layer(tar(HONEST), LIAR), commit)


def _deployed(town: Town, commit: str) -> None:
    town.state.deploy(commit, 9)


GATES = {"adopt": _adopted, "merge": _merged, "deploy": _deployed}


MALFORMED = [
    pytest.param(about, form, way, id=f"{about}/{way}/{form}")
    for about, forms in FORMS.items()
    for form in forms
    for way in GATES
]


@pytest.mark.parametrize(("about", "form", "way"), MALFORMED)
def test_an_object_that_no_honest_tool_writes(
    about: str, form: str, way: str, tmp_path: Path, names: Mapping[str, str]
) -> None:
    """It is in the repository, under its right name, and a commit of the liar's leads to it (R12)."""
    town = Town(tmp_path, names)
    town.install()
    commit = commit_with(about, form, town.store, names["symlink"])
    with pytest.raises(UnsafeArchive):
        GATES[way](town, commit)
    assert not [ref for ref in town.refs_of(VICTIM) if "5" * 64 in ref or commit[:12] in ref]
    assert town.deployed() == DEPLOYED
    assert not list(tmp_path.rglob("x"))


# --- unions that would write outside -------------------------------------------------------------------

OUT = "../../../../../../../../../../tmp"
LEAVING: Mapping[str, list[list[str]]] = {
    "up from the root": [["out -> .."], ["out/escape = evil"]],
    "up from below": [["a/", "a/out -> ../../.."], ["a/out/escape = evil"]],
    "far up": [[f"out -> {OUT}"], ["out/escape = evil"]],
    "up through two links": [["a -> b/..", "b -> .."], ["a/escape = evil"]],
    "up after an absolute one": [["a/", "a/out -> /../.."], ["a/out/escape = evil"]],
    "up in one layer": [["a/", "a/out -> ../..", "a/out/escape = evil"]],
    "a whiteout upwards": [["out -> .."], ["out/.wh.victim = "]],
    "an opaque directory upwards": [["out -> .."], ["out/.wh..wh..opq = "]],
    "a ring of links": [["a -> b", "b -> a"], ["a/escape = evil"]],
    "a link to itself": [["a -> a"], ["a/escape = evil"]],
    "a file on the way": [["a = 1"], ["a/escape = evil"]],
    "one place by two ways": [["d/", "l -> d"], ["d/escape = 1", "l/escape = 2"]],
    "a directory by two ways": [["d/", "d/e/", "l -> d"], ["d/e = 1", "l/e/escape = 2"]],
    "a parent of nothing": [["out -> nothing/.."], ["out/escape = evil"]],
}
STAYING: Mapping[str, list[list[str]]] = {
    "an absolute link": [["out -> /usr/share"], ["out/escape = evil"]],
    "an absolute link to the host": [["out -> /tmp"], ["out/escape = evil"]],
    "up and down again": [["a/", "a/out -> ../b", "b/"], ["a/out/escape = evil"]],
    "a link over a directory": [["d/", "d/x = 1"], ["d -> /tmp"]],
    "a directory over a link": [["d -> /tmp"], ["d/", "d/escape = evil"]],
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"union/layer/{name}") for name in LEAVING])
def test_a_union_that_would_write_outside(name: str, tmp_path: Path, names: Mapping[str, str]) -> None:
    town = Town(tmp_path, names)
    town.install()
    with pytest.raises(UnsafeArchive):
        town.merge(*(town.layer(tar(lines), LIAR) for lines in LEAVING[name]))
    assert town.deployed() == DEPLOYED
    town.state.fsck()


@pytest.mark.parametrize("name", [pytest.param(name, id=f"union/layer/{name}") for name in STAYING])
def test_a_union_through_links_stays_inside(name: str, tmp_path: Path, names: Mapping[str, str]) -> None:
    """What a link leads to is looked for in the tree, never on this machine."""
    town = Town(tmp_path, names)
    town.install()
    outside = {path for path in Path("/tmp").iterdir() if path.name == "escape"}
    merged = town.merge(*(town.layer(tar(lines), LIAR) for lines in STAYING[name]))
    files = town.state.deploy(merged, 9)
    assert {path for path in Path("/tmp").iterdir() if path.name == "escape"} == outside
    assert [path for path in tmp_path.rglob("escape") if not path.is_relative_to(files)] == []
    town.state.fsck()
