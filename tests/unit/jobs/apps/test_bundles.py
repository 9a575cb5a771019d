# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Jobs with a bundle: one image, from where it was brought, and from nowhere else."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    DigestMismatch,
    InvalidReference,
    NotFound,
    SignatureMissing,
)
from appctld.jobs.requests import Install, Resolve, Update
from appctld.model.digest import Digest
from appctld.model.jsonvalue import get_object
from appctld.state.layers import held
from appctld.state.records import installed
from appctld.system.foreign import Handed
from support.descriptors import open_descriptors
from support.workers.archives import members_of, packed, saved
from support.workers.inline import digest_of
from support.workers.shelves import Shelf
from support.worlds.world import BASE, TOP, Yard

FIXTURES = Path(__file__).parents[3] / "fixtures"
HELLO = "acme.example/x/hello:1"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A registry that does not answer, whose image somebody copied before."""
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE, TOP])
    yard.registry.down.add("https://acme.example")
    return yard


def copied(yard: Yard, directory: Path) -> Shelf:
    """The registry's image as a layout."""
    shelf = Shelf(directory)
    shelf.add("hello:1", yard.registry.tags["1"])
    for data in yard.registry.blobs.values():
        shelf.blob(data)
    return shelf


@pytest.fixture
def shelf(yard: Yard, tmp_path: Path) -> Shelf:
    return copied(yard, tmp_path / "copied")


Give = Callable[[bytes], Handed]


@pytest.fixture(params=["file", "pipe"])
def give(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Give]:
    """Hand over an archive, as a file or through a pipe, which is closed at the end."""
    given: list[Handed] = []

    def through(data: bytes) -> int:
        if request.param == "file":
            (tmp_path / "bundle").write_bytes(data)
            return os.open(tmp_path / "bundle", os.O_RDONLY)
        reader, writer = os.pipe()

        def write() -> None:
            with (
                suppress(BrokenPipeError),
                os.fdopen(writer, "wb") as file,
            ):  # whoever has read enough is gone
                file.write(data)

        threading.Thread(target=write).start()
        return reader

    def give(data: bytes) -> Handed:
        given.append(Handed(through(data)))
        return given[-1]

    yield give
    for one in given:
        one.close()


def archive(shelf: Shelf) -> bytes:
    return packed(members_of(shelf.directory))


def test_it_is_as_if_it_had_come_from_the_registry(yard: Yard, shelf: Shelf, give: Give) -> None:
    whole = archive(shelf)
    preview = get_object(yard.do(Resolve(HELLO, {"bundle": give(whole)})), "preview")
    assert preview["image-digest"] == digest_of(yard.registry.tags["1"])
    (app,) = yard.apps(Install((HELLO,), {"bundle": give(whole)}))
    (found,) = installed(yard.paths).values()
    assert (app["changed"], found.current.reference, found.current.remote) == (True, HELLO, "acme")
    assert app["bytes-downloaded"] == len(BASE) + len(TOP)
    fetched = [
        request for request in yard.runner.requests if "registry" in request or request["op"] == "spool"
    ]
    assert fetched
    assert all(request["layout"] for request in fetched)
    yard.registry.down.clear()
    yard.registry.push("1", [BASE], created="2026-01-01T00:00:00Z")
    (app,) = yard.apps(Update(()))
    assert app["changed"] is True


def test_a_preview_needs_no_layers(yard: Yard, shelf: Shelf, give: Give) -> None:
    for layer in (BASE, TOP):
        shelf.path(digest_of(layer)).unlink()
    whole = archive(shelf)
    assert yard.do(Resolve(HELLO, {"bundle": give(whole)}))
    fails(yard, NotFound, give(whole), "the archive has no blob")


def fails(yard: Yard, error: type[AppctlError], bundle: Handed, why: str, *refs: str) -> None:
    """An install fails, and nothing is changed."""
    with pytest.raises(error, match=why):
        yard.do(Install(refs or (HELLO,), {"bundle": bundle}))
    assert installed(yard.paths) == {}


def test_a_bundle_is_for_one_image(yard: Yard, shelf: Shelf, give: Give) -> None:
    whole = archive(shelf)
    fails(yard, InvalidReference, give(whole), "exactly one reference", "trees:app/x")
    yard.do(Install((HELLO, "other.example/x/world:1"), {"bundle": give(whole)}))
    assert installed(yard.paths) == {}
    assert [item["error"] for item in yard.job.items] == [InvalidReference().name] * 2


def test_what_lies_in_it_is_hashed(yard: Yard, shelf: Shelf, give: Give) -> None:
    shelf.path(digest_of(TOP)).write_bytes(bytes(len(TOP)))
    fails(yard, DigestMismatch, give(archive(shelf)), "sha256")


def test_its_layers_are_offered_to_no_other_remote(yard: Yard, shelf: Shelf, give: Give) -> None:
    yard.do(Install((HELLO,), {"bundle": give(archive(shelf))}))
    for layer in (BASE, TOP):
        record = held(yard.paths, "acme", Digest.of(layer))
        assert record is not None
        assert not record.anonymous
    (app,) = yard.apps(Install(("other.example/x/world:1",)))
    assert app["bytes-downloaded"] == len(BASE) + len(TOP)


def test_signatures_are_looked_for_beside_it_alone(yard: Yard, shelf: Shelf, give: Give) -> None:
    settings: dict[str, str] = {"verify": "gpg", "lookaside": "https://sigs.acme.example"}
    changed(yard, settings)
    fails(yard, SignatureMissing, give(archive(shelf)), "has no signature")
    asked = [request for request in yard.runner.requests if request["op"] == "signatures"]
    assert [get_object(request, "layout")["directory"] for request in asked] == [None]


def changed(yard: Yard, settings: dict[str, str]) -> None:
    """Write another file for acme, with a key."""
    text = "".join(f"{key} = {value}\n" for key, value in settings.items())
    place = yard.paths.root.parent / "remotes.d/acme.conf"
    place.write_text(f"[remote]\nurl = https://acme.example/x\n{text}")
    place.with_suffix(".gpg").write_bytes((FIXTURES / "keys/publisher.gpg").read_bytes())


def test_a_docker_archive_is_for_a_remote_whose_images_nobody_signs(yard: Yard, give: Give) -> None:
    whole = packed(saved([BASE, TOP], HELLO))
    (app,) = yard.apps(Install((HELLO,), {"bundle": give(whole)}))
    assert (app["verify"], app["changed"]) == ("none", True)


@pytest.mark.parametrize("verify", ["gpg", "digest"])
def test_and_for_no_other(verify: str, yard: Yard, give: Give) -> None:
    changed(yard, {"verify": verify})
    fails(yard, SignatureMissing, give(packed(saved([BASE], HELLO))), "could have signed")


def test_nothing_stays_open(yard: Yard, shelf: Shelf, give: Give) -> None:
    whole = archive(shelf)
    handed = give(whole)
    yard.do(Install((HELLO,), {"bundle": handed}))
    failing = give(whole[:5000])
    with pytest.raises(BadManifest):
        yard.do(Install((HELLO,), {"bundle": failing}))
    for one in (handed, failing):
        one.close()
    end = time.monotonic() + 30
    here = str(yard.paths.root.parent)
    while left := [
        name
        for name in open_descriptors().values()
        if name.startswith(here) and name.endswith(("/bundle", "(deleted)"))
    ]:
        assert time.monotonic() < end, left
