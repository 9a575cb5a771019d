# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A runtime comes with the app that needs it, from the same remote's index; what an index lies about."""

import asyncio
import fcntl
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    Conflict,
    ContentMismatch,
    CredentialScope,
    InUse,
    LimitExceeded,
    NotFound,
    PolicyDenied,
    RegistryUnavailable,
)
from appctld.errors import Rollback as RollbackError
from appctld.jobs.requests import Install, Prune, Resolve, Rollback, Uninstall, Update
from appctld.model.digest import Digest
from appctld.model.flatpak.index import Offer
from appctld.model.flatpak.labels import REF
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_object, get_objects, get_str
from appctld.pipeline import companions
from appctld.pipeline.run import install_together
from appctld.pipeline.stages import Planned
from appctld.state.history import read_events
from support.worlds.flatpaks import EDITOR, LOCALE, PLATFORM, entry, listed, metadata, publish, reference
from support.worlds.world import Yard

NEXT = parse_ref("runtime/org.acme.Platform/x86_64/46")
LOCALES = "[Extension org.acme.Platform.Locale]\ndirectory=share/locale\n"
VIEWER = parse_ref("app/org.acme.Viewer/x86_64/stable")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """An editor, its platform and an index that lists both."""
    yard = Yard(tmp_path)
    publish(yard.registry, EDITOR)
    digest = publish(yard.registry, PLATFORM)
    yard.registry.listed = listed(entry(PLATFORM, digest))
    return yard


def install(yard: Yard, ref: FlatpakRef, **options: object) -> JsonObject:
    """Install one; what became of it."""
    (app,) = yard.apps(Install((reference(ref),), options))
    return app


def refuses(yard: Yard, error: type[AppctlError], says: str, ref: FlatpakRef = EDITOR) -> AppctlError:
    """It is not installed, and nothing is changed, neither by a preview nor by an install."""
    before, objects = yard.current(), sorted(yard.paths.repo.glob("objects/*/*"))
    with pytest.raises(error, match=says):
        yard.do(Resolve(reference(ref)))
    with pytest.raises(error, match=says) as caught:
        yard.do(Install((reference(ref),)))
    assert type(caught.value) is error
    assert yard.current() == before
    assert sorted(yard.paths.repo.glob("objects/*/*")) == objects
    return caught.value


def test_the_runtime_is_installed_with_the_app(yard: Yard) -> None:
    app = install(yard, EDITOR)
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id}
    runtime = yard.current()[PLATFORM.id]
    assert runtime.reference == "acme.example/x/org.acme.platform:latest"
    assert app["also"] == [
        {
            "id": PLATFORM.id,
            "version": "45",
            "reference": runtime.reference,
            "image-digest": str(runtime.image_digest),
            "bytes": runtime.bytes_downloaded,
        }
    ]
    assert set(yard.observer.apps) == {EDITOR.id, PLATFORM.id}
    events = [
        (get_str(line, "event"), get_str(line, "id")) for line in read_events(yard.paths, lambda _: True)
    ]
    assert sorted(events) == [("install", EDITOR.id), ("install", PLATFORM.id)]


def test_the_preview_shows_what_comes_with_it(yard: Yard) -> None:
    alone = publish(yard.registry, VIEWER, "[Application]\nname=org.acme.Viewer\n", written={}, tag="plain")
    preview = get_object(yard.do(Resolve(reference(EDITOR))), "preview")
    (also,) = get_objects(preview, "also")
    assert (preview["runtime"], preview["runtime-installed"], also["id"]) == (
        str(PLATFORM),
        False,
        PLATFORM.id,
    )
    assert get_int(preview, "download-size") > get_int(also, "bytes") > 0
    assert yard.current() == {}
    install(yard, PLATFORM)
    preview = get_object(yard.do(Resolve(reference(EDITOR))), "preview")
    assert (preview["runtime-installed"], preview["also"]) == (True, [])
    preview = get_object(yard.do(Resolve(f"acme.example/x/alone@{alone}")), "preview")
    assert (preview["runtime"], preview["runtime-installed"]) == ("", False)


def test_what_is_here_is_not_looked_up(yard: Yard) -> None:
    install(yard, PLATFORM)
    yard.registry.listed = b"rubbish"
    assert install(yard, EDITOR)["also"] == []
    assert "index" not in yard.ops()


def test_a_second_app_finds_the_runtime_of_the_first(yard: Yard) -> None:
    publish(yard.registry, VIEWER)
    apps = yard.apps(Install((reference(EDITOR), reference(VIEWER))))
    assert [len(get_objects(app, "also")) for app in apps] == [1, 0]


def test_a_downgrade_of_the_app_is_none_of_its_runtime(yard: Yard) -> None:
    """R9: an index that nobody signed may name what was replaced long ago."""
    old = publish(yard.registry, PLATFORM, version="0", created="2026-01-01T00:00:00Z")
    new = publish(yard.registry, PLATFORM, created="2026-02-01T00:00:00Z")
    yard.registry.listed = listed(entry(PLATFORM, new))
    install(yard, EDITOR)
    yard.do(Uninstall((EDITOR.id,)))
    yard.do(Uninstall((PLATFORM.id,)))
    yard.registry.listed = listed(entry(PLATFORM, old))
    for request in (Resolve, lambda text, options: Install((text,), options)):
        with pytest.raises(RollbackError, match="older"):
            yard.do(request(reference(EDITOR), {"allow-downgrade": True}))
    assert yard.current() == {}
    yard.registry.listed = listed(entry(PLATFORM, new))
    assert install(yard, EDITOR)["also"]


def test_a_runtime_that_is_not_listed_is_not_found(yard: Yard) -> None:
    yard.registry.listed = listed()
    error = refuses(yard, NotFound, "needs runtime org.acme.Platform/x86_64/45, .*acme.example/x")
    assert error.data["app"] == EDITOR.id
    yard.registry.listed = None
    refuses(yard, NotFound, "404")


def test_a_runtime_of_another_remote_is_no_help(yard: Yard) -> None:
    yard.registry.listed = None
    yard.do(Install((reference(PLATFORM, "other.example"),)))
    refuses(yard, NotFound, "remote acme does not have")


def test_an_index_that_does_not_answer_is_said(yard: Yard) -> None:
    def down(_request: JsonObject, _report: object) -> JsonObject:
        raise RegistryUnavailable("it does not answer")

    yard.runner.instead["index"] = down
    refuses(yard, RegistryUnavailable, "does not answer")


@pytest.mark.parametrize(
    "registry",
    ["https://evil.example/", "//evil.example", "http://acme.example/", "https://acme.example:444/", "/v3/"],
)
def test_another_registry_than_the_remotes_is_refused(yard: Yard, registry: str) -> None:
    digest = publish(yard.registry, PLATFORM)
    yard.registry.listed = listed(entry(PLATFORM, digest), registry=registry)
    refuses(yard, CredentialScope, "another registry")


def test_what_is_not_below_the_prefix_is_not_the_remotes(yard: Yard) -> None:
    digest = publish(yard.registry, PLATFORM)
    yard.registry.listed = listed(
        entry(PLATFORM, digest, name="evil/platform"), entry(PLATFORM, digest, "xx")
    )
    refuses(yard, NotFound, "needs runtime")


def test_what_a_longer_prefix_covers_is_another_remotes(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = publish(yard.registry, PLATFORM)
    yard.registry.listed = listed(entry(PLATFORM, digest, name="x/inner/platform"))
    monkeypatch.setattr(companions, "preview", None)

    async def add() -> None:
        await yard.book.add("inner", {"url": "https://acme.example/x/inner", "verify": "none"}, b"")

    yard.run(lambda _yard: add())
    refuses(yard, PolicyDenied, "belongs to remote inner")


LIES: list[tuple[FlatpakRef, str]] = [(NEXT, "listed as"), (EDITOR, "listed as"), (LOCALE, "listed as")]


@pytest.mark.parametrize(("ref", "says"), LIES)
def test_an_image_that_says_to_be_another_ref_than_listed_is_refused(
    yard: Yard, ref: FlatpakRef, says: str
) -> None:
    digest = publish(yard.registry, ref, tag="lie")
    yard.registry.listed = listed(entry(PLATFORM, digest))
    refuses(yard, BadManifest, says)


def test_an_image_without_a_ref_is_no_runtime_however_it_is_listed(yard: Yard) -> None:
    digest = publish(yard.registry, PLATFORM, written={}, tag="lie")
    yard.registry.listed = listed(entry(PLATFORM, digest))
    refuses(yard, BadManifest, "no image of flatpak")


def test_a_runtime_that_stands_on_another_is_refused(yard: Yard) -> None:
    text = f"[Runtime]\nname={PLATFORM.name}\nruntime={NEXT.short}\n"
    yard.registry.listed = listed(entry(PLATFORM, publish(yard.registry, PLATFORM, text)))
    refuses(yard, BadManifest, "no runtime stands on another")


def test_a_runtime_whose_tree_says_else_changes_nothing(yard: Yard) -> None:
    digest = publish(yard.registry, PLATFORM, found="[Runtime]\n")
    yard.registry.listed = listed(entry(PLATFORM, digest))
    with pytest.raises(ContentMismatch):
        install(yard, EDITOR)
    assert yard.current() == {}


def test_an_app_whose_tree_says_else_leaves_no_runtime(yard: Yard) -> None:
    publish(yard.registry, EDITOR, found="[Application]\n")
    with pytest.raises(ContentMismatch):
        install(yard, EDITOR)
    assert yard.current() == {}


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b"rubbish", BadManifest),
        (b'{"Registry": "/", "Results": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", BadManifest),
        (b'{"Registry": "/", "Results": []}' + b" " * (33 << 20), LimitExceeded),
    ],
)
def test_an_index_that_cannot_be_read_is_refused(
    yard: Yard, document: bytes, error: type[AppctlError]
) -> None:
    yard.registry.listed = document
    refuses(yard, error, "index")


def test_a_digest_from_an_index_is_none_that_somebody_typed(yard: Yard) -> None:
    """With verify=digest it would count as good, and nobody signed the index."""
    app = publish(yard.registry, EDITOR)
    image = entry(PLATFORM, publish(yard.registry, PLATFORM), Tags=[])
    yard.registry.listed = listed(image)

    async def digest_only(_yard: Yard) -> None:
        await yard.book.modify("acme", {"verify": "digest"})

    yard.run(digest_only)
    with pytest.raises(NotFound, match="by hand"):
        yard.do(Install((f"acme.example/x/editor@{app}",)))
    assert yard.current() == {}


def test_what_a_fetcher_makes_up_is_not_taken_for_what_was_asked_for(yard: Yard) -> None:
    offer = Offer(NEXT, "x/platform", "", Digest.parse(publish(yard.registry, NEXT)))
    told: list[Json] = [offer.to_json()]
    yard.registry.tell = lambda answer: {**answer, "offers": told} if "offers" in answer else answer
    refuses(yard, NotFound, f"needs runtime {PLATFORM.short}")


def test_a_whole_registrys_list_is_its_own(yard: Yard) -> None:
    async def add(_yard: Yard) -> None:
        await yard.book.add("root", {"url": "https://root.example", "verify": "none"}, b"")

    yard.run(add)
    yard.do(Install((reference(EDITOR, "root.example"),)))
    assert yard.current()[PLATFORM.id].remote == "root"


def planned(yard: Yard) -> tuple[Planned, ...]:
    """The plans of the platform and of the editor on it."""
    app = yard.plan(reference(EDITOR))
    return (*asyncio.run(companions.companions(app, yard.tools)), app)


def test_a_runtime_that_somebody_else_installed_meanwhile_is_left_out(yard: Yard) -> None:
    plans = planned(yard)
    yard.install(reference(PLATFORM))
    (deployed,) = asyncio.run(install_together(plans, yard.tools))
    assert deployed.record.id == EDITOR.id


def test_another_image_of_the_runtime_that_came_meanwhile_is_a_conflict(yard: Yard) -> None:
    plans = planned(yard)
    publish(yard.registry, PLATFORM, version="2")
    yard.install(reference(PLATFORM))
    with pytest.raises(Conflict, match="meanwhile"):
        asyncio.run(install_together(plans, yard.tools))
    assert set(yard.current()) == {PLATFORM.id}


def test_a_runtime_that_went_away_meanwhile_is_not_found(yard: Yard) -> None:
    yard.install(reference(PLATFORM))
    plans = planned(yard)
    yard.do(Uninstall((PLATFORM.id,)))
    with pytest.raises(NotFound, match="needs runtime"):
        asyncio.run(install_together(plans, yard.tools))
    assert yard.current() == {}


def test_an_update_brings_its_new_runtime_first(yard: Yard) -> None:
    install(yard, EDITOR)
    publish(yard.registry, EDITOR, metadata(EDITOR, runtime=NEXT), version="2")
    with pytest.raises(NotFound, match=NEXT.short):
        yard.do(Update((EDITOR.id,)))
    assert yard.current()[EDITOR.id].runtime == str(PLATFORM)
    yard.registry.listed = listed(entry(NEXT, publish(yard.registry, NEXT)))
    (app,) = yard.apps(Update((EDITOR.id,)))
    assert [one["id"] for one in get_objects(app, "also")] == [NEXT.id]
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id, NEXT.id}
    yard.do(Rollback(EDITOR.id))
    assert yard.current()[EDITOR.id].runtime == str(PLATFORM)


def test_a_runtime_is_updated_like_an_app(yard: Yard) -> None:
    install(yard, EDITOR)
    yard.registry.tags["latest"] = yard.registry.tags[publish(yard.registry, PLATFORM, version="2")]
    apps = yard.apps(Update(()))
    assert [(app["id"], app["changed"]) for app in apps] == [(EDITOR.id, False), (PLATFORM.id, True)]


def test_a_runtime_that_an_app_needs_is_not_uninstalled(yard: Yard) -> None:
    install(yard, EDITOR)
    with pytest.raises(Conflict, match=f"{PLATFORM.id} is the runtime of {EDITOR.id}"):
        yard.do(Uninstall((PLATFORM.id,)))
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id}
    yard.do(Prune())
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id}
    yard.do(Uninstall((PLATFORM.id, EDITOR.id)))
    assert yard.current() == {}


def test_an_update_to_another_runtime_sets_the_old_one_free(yard: Yard) -> None:
    install(yard, EDITOR)
    publish(yard.registry, EDITOR, metadata(EDITOR, runtime=NEXT), version="2")
    yard.registry.listed = listed(entry(NEXT, publish(yard.registry, NEXT)))
    yard.do(Update((EDITOR.id,)))
    yard.do(Uninstall((PLATFORM.id,)))
    assert set(yard.current()) == {EDITOR.id, NEXT.id}


def test_a_running_app_keeps_its_runtimes_deployment(yard: Yard) -> None:
    install(yard, EDITOR)
    old = yard.current()[PLATFORM.id].deployment
    with (yard.paths.app(PLATFORM.id) / old / "run.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        for version in ("2", "3"):
            yard.registry.tags["latest"] = yard.registry.tags[
                publish(yard.registry, PLATFORM, version=version)
            ]
            yard.do(Update((PLATFORM.id,)))
        assert (yard.paths.app(PLATFORM.id) / old).is_dir()
        with pytest.raises((InUse, Conflict)):
            yard.do(Uninstall((PLATFORM.id,)))
    yard.do(Prune())
    assert not (yard.paths.app(PLATFORM.id) / old).exists()


# --- extensions


def with_locales(yard: Yard, more: str = "") -> None:
    """The platform loads its locales by itself; the index has them."""
    digest = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES + more))
    yard.registry.listed = listed(entry(PLATFORM, digest), entry(LOCALE, publish(yard.registry, LOCALE)))


def test_extensions_come_by_themselves(yard: Yard) -> None:
    with_locales(yard)
    app = install(yard, EDITOR)
    assert [one["id"] for one in get_objects(app, "also")] == [PLATFORM.id, LOCALE.id]
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id, LOCALE.id}
    yard.do(Uninstall((LOCALE.id,)))


def test_extensions_come_with_a_runtime_that_is_installed_by_hand(yard: Yard) -> None:
    with_locales(yard)
    assert [one["id"] for one in get_objects(install(yard, PLATFORM), "also")] == [LOCALE.id]


def test_extensions_that_wait_to_be_asked_for_do_not(yard: Yard) -> None:
    with_locales(yard, "no-autodownload=true\n")
    install(yard, EDITOR)
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id}


@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_extensions_come_than_one_image_may_bring(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """A publisher's index has hundreds, and each is a download that nobody asked for by name."""
    below = [parse_ref(f"runtime/org.acme.Platform.Locale.{name}/x86_64/45") for name in ("de", "fr", "it")]
    platform = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES + "subdirectories=true\n"))
    listing = [entry(ref, publish(yard.registry, ref)) for ref in below]
    yard.registry.listed = listed(entry(PLATFORM, platform), *listing)
    monkeypatch.setattr(companions, "EXTENSIONS", limit)
    install(yard, EDITOR)
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id, *(ref.id for ref in below[:limit])}


def test_extensions_below_a_name_come_too(yard: Yard) -> None:
    below = parse_ref("runtime/org.acme.Platform.Locale.de/x86_64/45")
    with_locales(yard, "subdirectories=true\n")
    digests = [publish(yard.registry, ref) for ref in (PLATFORM, below)]
    publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES + "subdirectories=true\n"))
    platform = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES + "subdirectories=true\n"))
    yard.registry.listed = listed(entry(PLATFORM, platform), entry(below, digests[1]))
    install(yard, EDITOR)
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id, below.id}


def test_extensions_that_are_nowhere_are_no_error(yard: Yard) -> None:
    install_platform = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES))
    yard.registry.listed = listed(entry(PLATFORM, install_platform))
    install(yard, EDITOR)
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id}


@pytest.mark.parametrize("document", [None, b"<html>", listed(registry="https://evil.example/")])
def test_an_app_without_its_extensions_is_better_than_none(yard: Yard, document: bytes | None) -> None:
    with_locales(yard)
    yard.registry.listed = document
    install(yard, PLATFORM)
    assert set(yard.current()) == {PLATFORM.id}


def test_an_extension_that_is_listed_twice_comes_once(yard: Yard) -> None:
    with_locales(yard)
    digest = publish(yard.registry, LOCALE)
    platform = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES))
    twice = entry(LOCALE, digest), entry(LOCALE, digest, name="x/again")
    yard.registry.listed = listed(entry(PLATFORM, platform), *twice)
    assert [one["id"] for one in get_objects(install(yard, EDITOR), "also")] == [PLATFORM.id, LOCALE.id]


def test_an_extension_that_is_here_stays_as_it_is(yard: Yard) -> None:
    """An update of it is one of its own."""
    with_locales(yard)
    install(yard, LOCALE)
    before = yard.current()[LOCALE.id]
    digest = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES))
    newer = publish(yard.registry, LOCALE, version="2")
    yard.registry.listed = listed(entry(PLATFORM, digest), entry(LOCALE, newer))
    assert [one["id"] for one in get_objects(install(yard, EDITOR), "also")] == [PLATFORM.id]
    assert yard.current()[LOCALE.id] == before


def test_an_extension_whose_own_file_is_none_leaves_no_runtime(yard: Yard) -> None:
    """It has no label that could have told before; it would be deployed after the runtime."""
    digest = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES))
    bad = publish(yard.registry, LOCALE, written={REF: str(LOCALE)}, found="[Runtime]\nname=x\n")
    yard.registry.listed = listed(entry(PLATFORM, digest), entry(LOCALE, bad))
    with pytest.raises(BadManifest):
        install(yard, EDITOR)
    assert yard.current() == {}


def test_extensions_do_not_come_by_digests_that_nobody_typed(yard: Yard) -> None:
    with_locales(yard)
    digest = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES))

    async def digest_only(_yard: Yard) -> None:
        await yard.book.modify("acme", {"verify": "digest"})

    yard.run(digest_only)
    yard.registry.listed = listed(entry(LOCALE, publish(yard.registry, LOCALE), Tags=[]))
    yard.do(Install((f"acme.example/x/platform@{digest}",)))
    assert set(yard.current()) == {PLATFORM.id}


def test_an_extension_that_the_remote_may_not_bring_is_left_out(yard: Yard) -> None:
    async def restrict(_yard: Yard) -> None:
        await yard.book.modify("acme", {"ids": f"{EDITOR.id} {PLATFORM.id}"})

    with_locales(yard)
    yard.run(restrict)
    install(yard, EDITOR)
    assert set(yard.current()) == {EDITOR.id, PLATFORM.id}


def test_an_extension_that_says_to_be_another_is_refused(yard: Yard) -> None:
    with_locales(yard)
    digest = publish(yard.registry, PLATFORM, metadata(PLATFORM, LOCALES))
    yard.registry.listed = listed(entry(PLATFORM, digest), entry(LOCALE, publish(yard.registry, NEXT)))
    refuses(yard, BadManifest, "listed as")
