# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Two remotes that each bring a runtime of one ref: both are here, each app stands on its own remote's."""

from pathlib import Path

import pytest

from appctld.errors import AppctlError, Conflict, Rollback
from appctld.jobs.requests import Install, Repair, Uninstall, Update, Verify
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.jsonvalue import get_objects
from support.repositories.damage import Scene
from support.workers.inline import layer_of
from support.worlds.flatpaks import EDITOR, LOCALE, PLATFORM, entry, listed, metadata, publish, reference
from support.worlds.world import Yard

VIEWER = parse_ref("app/org.acme.Viewer/x86_64/stable")
OURS = f"{PLATFORM.id}-acme"
LOCALES = "[Extension org.acme.Platform.Locale]\ndirectory=share/locale\n"


def bring(yard: Yard, version: str, created: str = "") -> None:
    """Let the platform be in this version at both remotes."""
    digest = publish(yard.registry, PLATFORM, version=version, created=created)
    yard.registry.tags["latest"] = yard.registry.tags[digest]
    yard.registry.listed = listed(entry(PLATFORM, digest))


def install(yard: Yard, ref: FlatpakRef, host: str) -> None:
    yard.do(Install((reference(ref, f"{host}.example"),)))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """A viewer of remote `other`, on its platform in version 1; an editor is published."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    publish(yard.registry, EDITOR)
    publish(yard.registry, VIEWER)
    bring(yard, "1", created="2026-01-01T00:00:00Z")
    install(yard, VIEWER, "other")
    return yard


@pytest.fixture
def alone(first: Yard, tmp_path: Path) -> Yard:
    return first.copied_to(tmp_path)


@pytest.fixture(scope="module")
def second(first: Yard, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """And the editor of remote `acme`, on its own platform in version 2."""
    yard = first.copied_to(tmp_path_factory.mktemp("second"))
    bring(yard, "2", created="2026-02-01T00:00:00Z")
    install(yard, EDITOR, "acme")
    return yard


@pytest.fixture
def yard(second: Yard, tmp_path: Path) -> Yard:
    return second.copied_to(tmp_path)


def brought(yard: Yard) -> dict[str, tuple[str, str]]:
    """Of each platform that is here the remote, and the version that stands in its files."""
    found = {}
    for name, record in yard.current().items():
        if record.flatpak_ref == str(PLATFORM):
            files = yard.paths.app(name) / record.deployment / "files/files"
            found[name] = record.remote, (files / "bin/editor").read_text().split()[-1]
    return found


def refuses(yard: Yard, error: type[AppctlError], says: str, *uninstalled: str) -> None:
    before = yard.current()
    with pytest.raises(error, match=says):
        yard.do(Uninstall(uninstalled))
    assert yard.current() == before


def test_each_has_its_own_bytes_under_an_id_of_its_own(yard: Yard) -> None:
    assert brought(yard) == {PLATFORM.id: ("other", "1"), OURS: ("acme", "2")}
    assert set(yard.current()) == {VIEWER.id, EDITOR.id, PLATFORM.id, OURS}
    assert yard.do(Verify(()))["problems-total"] == 0


def test_that_is_so_too_where_it_is_installed_by_hand(alone: Yard) -> None:
    bring(alone, "2")
    install(alone, PLATFORM, "acme")
    assert brought(alone) == {PLATFORM.id: ("other", "1"), OURS: ("acme", "2")}


def test_each_is_needed_by_the_app_of_its_remote(yard: Yard) -> None:
    refuses(yard, Conflict, f"{PLATFORM.id} is the runtime of {VIEWER.id}", PLATFORM.id)
    refuses(yard, Conflict, f"{OURS} is the runtime of {EDITOR.id}", OURS)
    yard.do(Uninstall((VIEWER.id, PLATFORM.id)))
    assert set(yard.current()) == {EDITOR.id, OURS}
    yard.do(Uninstall((EDITOR.id, OURS)))
    assert yard.current() == {}


def test_an_app_whose_own_remote_has_none_needs_the_others(alone: Yard) -> None:
    """Its label names none, so that it could be installed without."""
    tree = layer_of({"app/": None, "app/metadata": metadata(EDITOR).encode(), "usr/": None})
    alone.registry.push("plain", [tree], Labels={})
    alone.do(Install(("acme.example/x/plain:plain",)))
    alone.do(Uninstall((VIEWER.id,)))
    refuses(alone, Conflict, "is the runtime of example.acme.x.plain", PLATFORM.id)
    install(alone, PLATFORM, "acme")
    alone.do(Uninstall((PLATFORM.id,)))
    refuses(alone, Conflict, "is the runtime of example.acme.x.plain", OURS)


def test_each_is_updated_from_its_own_remote(yard: Yard) -> None:
    bring(yard, "3", created="2026-03-01T00:00:00Z")
    changed = {str(app["id"]) for app in get_objects(yard.do(Update(())), "apps") if app["changed"]}
    assert changed == {PLATFORM.id, OURS}
    assert brought(yard) == {PLATFORM.id: ("other", "3"), OURS: ("acme", "3")}


def test_one_that_stood_beside_another_stays_where_it_is(yard: Yard) -> None:
    yard.do(Uninstall((VIEWER.id, PLATFORM.id)))
    bring(yard, "3", created="2026-03-01T00:00:00Z")
    yard.do(Update(()))
    assert brought(yard) == {OURS: ("acme", "3")}
    publish(yard.registry, EDITOR, version="2")
    yard.do(Update((EDITOR.id,)))
    assert brought(yard) == {OURS: ("acme", "3")}


def test_what_was_replaced_is_older_under_whichever_id_it_comes_back(yard: Yard) -> None:
    """R9 is about the ID that the image has everywhere."""
    yard.do(Uninstall((*yard.current(),)))
    publish(yard.registry, PLATFORM, version="1", created="2026-01-01T00:00:00Z", tag="again")
    with pytest.raises(Rollback):
        yard.do(Install(("acme.example/x/elsewhere:again",)))
    install(yard, PLATFORM, "acme")
    assert brought(yard) == {PLATFORM.id: ("acme", "2")}


def test_the_ids_of_a_remote_are_those_of_the_images(alone: Yard) -> None:
    async def restrict(_yard: Yard) -> None:
        await alone.book.modify("acme", {"ids": f"{EDITOR.id} {PLATFORM.id}"})

    alone.run(restrict)
    bring(alone, "2")
    install(alone, EDITOR, "acme")
    assert OURS in alone.current()


@pytest.mark.parametrize("host", ["acme", "other"])
def test_an_app_that_calls_itself_so_is_no_runtime(alone: Yard, host: str) -> None:
    alone.registry.push("squat", [layer_of({"usr/": None})], Labels={"org.appctl.id": OURS})
    alone.do(Install((f"{host}.example/x/squat:squat",)))
    before = alone.current()
    with pytest.raises(Conflict):
        install(alone, EDITOR, "acme")
    assert alone.current() == before


def test_extensions_stand_beside_each_other_too(alone: Yard) -> None:
    locale = publish(alone.registry, LOCALE)
    install(alone, LOCALE, "other")
    digest = publish(alone.registry, PLATFORM, metadata(PLATFORM, LOCALES))
    alone.registry.listed = listed(entry(PLATFORM, digest), entry(LOCALE, locale))
    install(alone, EDITOR, "acme")
    found = {name: record.remote for name, record in alone.current().items()}
    assert (found[LOCALE.id], found[f"{LOCALE.id}-acme"]) == ("other", "acme")


@pytest.mark.parametrize("gone", [False, True], ids=["beside it", "alone"])
def test_one_whose_record_is_lost_comes_back_under_its_own_id(yard: Yard, gone: bool) -> None:  # noqa: FBT001
    if gone:
        yard.do(Uninstall((VIEWER.id, PLATFORM.id)))
    before = yard.current()
    (Scene(yard.paths.root, OURS).deployment / "record.json").unlink()
    yard.do(Repair())
    after = yard.current()
    assert after.keys() == before.keys()
    assert (after[OURS].remote, after[OURS].image_digest) == ("acme", before[OURS].image_digest)
    assert yard.do(Verify(()))["problems-total"] == 0
