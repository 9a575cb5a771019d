# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which layout a request is about, and what of it is taken."""

import os
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, InvalidReference, SignatureMissing
from appctld.model.jsonvalue import JsonObject
from appctld.workers.fetch.layout.archive import Archive
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.docker import DockerRepository
from appctld.workers.fetch.layout.repository import LayoutRepository
from appctld.workers.fetch.layout.request import asks_for_layout, files_of, place_of, repository_of
from support.workers.archives import Member, member, members_of, packed, saved
from support.workers.shelves import Shelf


def request(
    directory: Path | None = None, bundle: int = -1, *, host: str = "quay.io", unsigned: bool = False
) -> JsonObject:
    place: JsonObject = {"host": host, "prefix": "acme", "unsigned": unsigned}
    found = str(directory) if directory else None
    return {"repository": "acme/x", "layout": {"directory": found, **place}, "fds": {"bundle": bundle}}


def test_a_registry_is_meant_where_no_layout_is_named(tmp_path: Path) -> None:
    assert asks_for_layout(request(tmp_path))
    assert asks_for_layout(request())
    assert not asks_for_layout({"registry": "https://quay.io", "layout": None})


def test_a_directory_or_a_bundle(tmp_path: Path) -> None:
    with files_of(request(tmp_path)) as files:
        assert isinstance(files, Directory)
    (tmp_path / "tar").write_bytes(packed([member("x")]))
    bundle = os.open(tmp_path / "tar", os.O_RDONLY)
    with files_of(request(bundle=bundle)) as files:
        assert isinstance(files, Archive)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(bundle)


@pytest.mark.parametrize("path", ["images", "./images", "/srv/../etc"])
def test_a_path_that_is_not_plain(path: str) -> None:
    with pytest.raises(InvalidReference, match="plain absolute path"), files_of(request(Path(path))):
        pass


def test_the_place_has_the_grammar_of_references() -> None:
    assert place_of(request()).names("1") == ("quay.io/acme/x:1", "x:1", "1")
    for host in ("no host", "quay.io/x:1"):
        with pytest.raises(InvalidReference):
            place_of(request(host=host))


def taken(tmp_path: Path, members: list[Member], *, unsigned: bool = False) -> object:
    """What an archive's images are read with."""
    (tmp_path / "tar").write_bytes(packed(members))
    with repository_of(request(bundle=os.open(tmp_path / "tar", os.O_RDONLY), unsigned=unsigned)) as found:
        return type(found)


def test_what_docker_saves_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "images")
    layout, docker = list(members_of(shelf.directory)), saved([b"x"])
    assert taken(tmp_path, layout) is LayoutRepository
    assert taken(tmp_path, [*layout, *docker]) is LayoutRepository
    assert taken(tmp_path, docker, unsigned=True) is DockerRepository
    wrong: list[tuple[list[Member], type[AppctlError]]] = [
        (docker, SignatureMissing),
        ([member("x")], BadManifest),
    ]
    for members, error in wrong:
        with pytest.raises(error):
            taken(tmp_path, members)


def test_a_directory_is_never_what_docker_saves(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    with (
        pytest.raises(BadManifest, match="has no oci-layout"),
        repository_of(request(tmp_path, unsigned=True)),
    ):
        pass
