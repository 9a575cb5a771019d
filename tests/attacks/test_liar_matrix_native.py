# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The liar matrix, where objects come with names: OSTree commits, out of a quarantine, a delta, a directory.

The same matrix as test_liar_matrix.py, for a publisher who sends whole objects. The lie is always about an
object of the commit that the victim has installed, or is about to. Every way to lie in a quarantine is in
tests/unit/workers/store/native/test_importing.py; two stand here, in every situation. A pull does not see
what is in the shared repository, so that what it brings is tried in one.
"""

import itertools
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, RegistryUnavailable
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from support.layers.layers import listing_of_directory
from support.publishers.ostree_remote import RepoServer
from support.repositories.quarantine import WAYS, Lie, Published, Scene, object_of, ostree
from support.workers.pulling import Pull

STORED = ("file", "symlink", "dirtree", "dirmeta", "commit")
BESIDE = ("commitmeta", "tombstone-commit")
LIES = ("swapped", "missing")
VICTIM, LIAR, THIRD = "acme", "other", "third"


@dataclass(frozen=True)
class Case:
    """One lie; `present`: the honest object is there; `first`: the liar is."""

    way: str
    about: str
    lie: str
    present: bool
    first: bool

    def __str__(self) -> str:
        there = "present" if self.present else "absent"
        return f"{self.about}/{self.way}/{self.lie}/{there}/{'first' if self.first else 'after'}"


def cases(way: str, about: tuple[str, ...], *lies: str) -> list[Case]:
    """Every combination."""
    each = itertools.product(about, lies, [True, False], [True, False])
    return [Case(way, *one) for one in each]


def pulled_cases(way: str, about: tuple[str, ...], *lies: str) -> list[Case]:
    """Where the honest object is there, and the victim has installed it."""
    return [case for case in cases(way, about, *lies) if case.present and not case.first]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("published"))


class Street(Scene):
    """The scene with a victim in it."""

    def __init__(self, place: Path, published: Published) -> None:
        super().__init__(place, published)
        self.installed = 0

    def install(self) -> None:
        """Let the victim install the honest commit."""
        self.send(self.honest(), remote=VICTIM)
        self.installed += 1
        self.state.deploy(self.commit, self.installed)

    def deployed(self) -> list[str]:
        """What the victim runs."""
        return listing_of_directory(self.state.app / (self.state.current or "") / "files")

    def prepare(self, case: Case) -> None:
        """Who is there before the lie is told."""
        if case.present:
            self.send(self.honest(), remote=THIRD)
        if not case.first:
            self.install()
        if not (case.present or case.first) and case.about in STORED:
            lost = object_of(self.published.pulled, self.commit, case.about)
            (self.state.repo / loose_path(lost.kind, lost.checksum)).unlink()

    def refs_of(self, remote: str) -> set[str]:
        """The refs of one remote."""
        return {name for name in Repository.open(self.state.repo).refs() if name.split("/")[2] == remote}


@pytest.fixture
def street(tmp_path: Path, published: Published) -> Iterator[Street]:
    """Afterwards an honest install works, and everything in the repository is what its name says."""
    street = Street(tmp_path, published)
    yield street
    street.install()
    assert street.deployed() == [
        "./",
        "app/",
        "app/metadata 0444 = [Application]\nname=org.example.App\n",
        "d/",
        "d/f 0555 = what was signed",
        "d/l -> f",
        "d/other 0555 = another file's",
        "d/other-link -> other",
    ]
    street.state.fsck()


@pytest.mark.parametrize("case", cases("quarantine", STORED, *LIES), ids=str)
def test_an_object_that_is_not_what_its_name_says(case: Case, street: Street) -> None:
    street.prepare(case)
    before = street.deployed() if not case.first else []
    quarantine, lie = street.lie(case.about, case.lie)
    with pytest.raises(DigestMismatch, match=lie.checksum):
        street.send(quarantine, remote=LIAR)
    assert not street.refs_of(LIAR)
    assert case.first or street.deployed() == before


@pytest.mark.parametrize("case", cases("quarantine", BESIDE, "an object beside"), ids=str)
def test_what_lies_beside_a_commit_stays_outside(case: Case, street: Street) -> None:
    """Neither the signatures that a remote sends with its objects nor its tombstones are anybody else's."""
    street.prepare(case)
    quarantine = street.honest()
    name = f"objects/{street.commit[:2]}/{street.commit[2:]}.{case.about}"
    (quarantine / name).write_bytes(b"evil bytes")
    street.send(quarantine, remote=LIAR)
    assert not (street.state.repo / name).exists()


# --- what libostree pulls from a liar, and what the store makes of that ---------------------------------


class Liars:
    """Repositories that lie about one object each, made when they are first asked for."""

    def __init__(self, published: Published, directory: Path) -> None:
        self._published = published
        self._directory = directory

    def local(self, about: str, lie: str) -> Path:
        """A repository on this machine."""
        path = self._directory / f"{about} {lie}"
        if not path.exists():
            subprocess.run(["cp", "-a", self._published.pulled, path], check=True)
            WAYS[about][lie](path, object_of(path, self._published.commit, about))
        return path

    def delta(self, about: str, lie: str) -> Path:
        """A web server's, with a delta that was made of a lie.

        libostree asks for some objects beside a delta, whichever comes first: so the object lies as well.
        """
        path = self._directory / f"delta {about} {lie}"
        if not path.exists():
            source, commit = self.local(about, lie), self._published.commit
            ostree(source, "static-delta", "generate", "--empty", f"--to={commit}", "--min-fallback-size=0")
            subprocess.run(["cp", "-a", self._published.archive.path, path], check=True)
            shutil.copytree(source / "deltas", path / "deltas")
            _spoil(path, source, object_of(self._published.pulled, commit, about))
            ostree(path, "summary", "--update")
        return path


def _spoil(archive: Path, source: Path, lie: Lie) -> None:
    """Metadata is the same in both kinds of repository; of files another one is taken."""
    name = loose_path(lie.kind, lie.checksum)
    if lie.kind is not Kind.FILE:
        shutil.copy2(source / name, archive / name)
        return
    files = sorted(archive.glob("objects/??/*.filez"))
    shutil.copy2(next(path for path in files if path != archive / f"{name}z"), archive / f"{name}z")


@pytest.fixture(scope="module")
def liars(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Liars:
    return Liars(published, tmp_path_factory.mktemp("liars"))


def pulled(street: Street, url: str) -> None:
    """What the daemon does: pull, then import."""
    street.state.quarantine.mkdir(exist_ok=True)
    quarantine = street.state.quarantine / secrets.token_hex(8)
    Pull(quarantine, url).pull(street.commit)
    street.send(quarantine, remote=LIAR)


@pytest.mark.parametrize("case", pulled_cases("local", STORED, "swapped", "flipped", "missing"), ids=str)
def test_a_repository_on_this_machine(case: Case, street: Street, liars: Liars) -> None:
    street.prepare(case)
    with pytest.raises((DigestMismatch, RegistryUnavailable) if case.lie == "missing" else DigestMismatch):
        pulled(street, f"file://{liars.local(case.about, case.lie)}")
    assert not street.refs_of(LIAR)


DELTAS = [
    *pulled_cases("delta", STORED, "swapped"),
    *pulled_cases("delta", ("file", "symlink"), "flipped"),
]


@pytest.mark.parametrize("case", DELTAS, ids=str)
def test_a_static_delta(case: Case, street: Street, liars: Liars) -> None:
    street.prepare(case)
    with RepoServer(liars.delta(case.about, case.lie)) as server:
        with pytest.raises(DigestMismatch):
            pulled(street, server.url)
        assert any(path.startswith("/deltas/") for path in server.paths())
    assert not street.refs_of(LIAR)


def test_the_lies_are_those_that_there_are_about_every_object() -> None:
    assert all(lie in WAYS[about] for about in STORED for lie in LIES)
