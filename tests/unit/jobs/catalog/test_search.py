# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Search and Refresh over the real store: what is asked for, what is found, and what is refused."""

import asyncio
import errno
import json
import re
import shutil
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    Conflict,
    Failed,
    LimitExceeded,
    NoRemote,
    NoSpace,
    NotFound,
    PolicyDenied,
    RegistryUnavailable,
    Rollback,
)
from appctld.jobs.catalog import shelf
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.requests import Install, Prune, Refresh, Search, Uninstall
from appctld.model.catalog import LAYERS
from appctld.model.jsonvalue import JsonObject, get_objects
from appctld.pipeline.tools import unix_now
from appctld.state.catalogs import known_catalogs, remember_catalogs
from appctld.state.paths import Paths
from appctld.state.provenance import Signed
from appctld.workers.protocol import Report
from appctld.workers.store.deploy import remove
from support.images.catalogs import LABELS, component, document, png, tree
from support.workers.inline import layer_of
from support.worlds.world import BASE, Yard

PREFIX = "acme.example/x"
EDITOR = component(
    "org.acme.Editor", f"{PREFIX}/editor:1", "Acme Éditor", "<keywords><keyword>pen</keyword></keywords>"
)
TOOL = component("org.acme.Tool", f"{PREFIX}/tool:1", "Screwdriver")
OLDER, NEWER = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """Its remotes: acme, other, and trees, an OSTree repository."""
    return Yard(tmp_path)


def publish(yard: Yard, *components: str, created: str = "", labels: object = LABELS, **icons: bytes) -> str:
    pictures = {f"64x64/{name.replace('_', '.')}.png": data for name, data in icons.items()}
    layer = layer_of(tree(document(*components), pictures))
    return yard.registry.push("latest", [layer], created=created, Labels=labels)


def search(yard: Yard, term: str, **options: object) -> JsonObject:
    return yard.do(Search(term, {"remote": "acme", **options}))


def ids(result: JsonObject) -> list[object]:
    return [app["id"] for app in get_objects(result, "apps")]


def refuses(yard: Yard, error: type[AppctlError], text: str) -> None:
    """Refresh says so, and what was here is still found."""
    before = search(yard, "acme", **{"cached-only": True})
    with pytest.raises(error, match=text) as caught:
        yard.do(Refresh(("acme",)))
    assert type(caught.value) is error
    assert search(yard, "acme", **{"cached-only": True}) == before


def test_what_a_catalogue_lists_is_found(yard: Yard) -> None:
    publish(yard, EDITOR, TOOL)
    found = search(yard, "editor")
    assert get_objects(found, "apps") == [
        {
            "id": "org.acme.Editor",
            "reference": f"{PREFIX}/editor:1",
            "remote": "acme",
            "name": "Acme Éditor",
            "summary": "An app to try",
            "version": "",
            "installed": False,
            "signed": False,  # by verify=none
            "icon": "",
            "match": "name",
        }
    ]
    assert (found["more"], found["without-catalogue"], found["not-renewed"]) == (0, [], [])
    assert ids(search(yard, "PEN")) == ["org.acme.Editor"]
    assert ids(search(yard, "try")) == ["org.acme.Editor", "org.acme.Tool"]
    assert ids(search(yard, "nothing")) == []


def test_it_is_asked_for_once_a_day_and_not_at_all_where_nobody_may(yard: Yard) -> None:
    search(yard, "editor", **{"cached-only": True})
    assert "resolve" not in yard.ops()
    publish(yard, EDITOR)
    search(yard, "editor")
    asked = yard.ops().count("resolve")
    search(yard, "tool")
    assert yard.ops().count("resolve") == asked == 1
    yard.tools = replace(yard.tools, now=lambda: unix_now() + 25 * 3600)
    search(yard, "tool")
    assert yard.ops().count("resolve") == 2
    assert yard.ops().count("store-catalog") == 1  # the same is not fetched again


def test_refresh_brings_what_is_new_and_drops_what_is_old(yard: Yard) -> None:
    publish(yard, EDITOR, created=OLDER)
    yard.do(Refresh(("acme",)))
    publish(yard, TOOL, created=NEWER)
    yard.do(Refresh(("acme",)))
    assert ids(search(yard, "acme")) == ["org.acme.Tool"]
    yard.do(Prune())
    assert ids(search(yard, "acme")) == ["org.acme.Tool"]
    assert yard.do(Prune({"dry-run": True}))["objects"] == 0


def test_a_remote_without_a_catalogue_is_named(yard: Yard) -> None:
    yard.registry.push("1", [BASE])
    yard.do(Install((f"{PREFIX}/hello:1",)))
    found = yard.do(Search("hello"))
    assert found["without-catalogue"] == ["acme", "other", "trees"]
    assert [(app["id"], app["installed"]) for app in get_objects(found, "apps")] == [
        ("example.acme.x.hello", True)
    ]
    assert ids(yard.do(Search("hello", {"remote": "other"}))) == []


def test_a_runtime_is_no_app_that_anybody_looks_for(yard: Yard) -> None:
    ref = "runtime/org.acme.Platform/x86_64/1"
    metadata = f"[Runtime]\nname=org.acme.Platform\nruntime={ref.removeprefix('runtime/')}\n"
    labels = {"org.flatpak.ref": ref, "org.flatpak.metadata": metadata}
    layer = layer_of({"files/": None, "files/x": b"", "metadata": metadata.encode()})
    yard.registry.push("1", [layer], Labels=labels)
    yard.do(Install((f"{PREFIX}/platform:1",)))
    assert ids(search(yard, "platform")) == []


def test_what_is_installed_from_there_is_said_to_be(yard: Yard) -> None:
    yard.registry.push("1", [BASE], Labels={"org.appctl.id": "org.acme.Editor"})
    yard.do(Install((f"{PREFIX}/editor:1",)))
    publish(yard, EDITOR, TOOL)
    found = {app["id"]: app["installed"] for app in get_objects(search(yard, "acme"), "apps")}
    assert found == {"org.acme.Editor": True, "org.acme.Tool": False}


def test_names_are_told_in_the_callers_language(yard: Yard) -> None:
    german = '<name xml:lang="de">Textbearbeitung</name><summary xml:lang="pt-BR">Escreva</summary>'
    publish(yard, component("org.acme.Editor", f"{PREFIX}/editor:1", "Editor", german))

    def told(term: str, locale: str) -> list[tuple[object, object]]:
        apps = get_objects(search(yard, term, locale=locale), "apps")
        return [(app["name"], app["summary"]) for app in apps]

    assert told("textbearb", "de_AT.UTF-8") == [("Textbearbeitung", "An app to try")]
    assert told("editor", "pt_BR.UTF-8") == [("Editor", "Escreva")]
    assert told("editor", "C") == told("editor", "") == [("Editor", "An app to try")]
    assert told("textbearb", "fr_FR") == []


def test_a_registry_that_is_down_leaves_what_is_here(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    yard.registry.down.add("https://acme.example")
    yard.tools = replace(yard.tools, now=lambda: unix_now() + 25 * 3600)
    found = search(yard, "editor")
    assert (ids(found), found["not-renewed"]) == (["org.acme.Editor"], ["acme"])
    refuses(yard, RegistryUnavailable, "does not answer")


def test_who_could_not_be_asked_is_not_asked_again_by_each_search(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(yard, EDITOR + EDITOR)  # nonsense, which takes a store a while to find
    for _ in range(2):
        assert search(yard, "editor")["not-renewed"] == ["acme"]
    assert yard.ops().count("resolve") == 1
    monkeypatch.setattr("appctld.jobs.catalog.shelf.PAUSE", 0)
    assert search(yard, "editor")["not-renewed"] == ["acme"]
    assert yard.ops().count("resolve") == 2


def test_a_refresh_asks_all_the_same_and_what_it_brings_counts(yard: Yard) -> None:
    publish(yard, EDITOR + EDITOR, created=OLDER)
    search(yard, "editor")
    publish(yard, EDITOR, created=NEWER)
    yard.do(Refresh(("acme",)))
    found = search(yard, "editor")
    assert (ids(found), found["not-renewed"]) == (["org.acme.Editor"], [])


def test_a_remote_that_failed_and_is_another_now_is_asked(yard: Yard) -> None:
    asyncio.run(yard.book.modify("acme", {"ids": "org.other.*"}))
    publish(yard, EDITOR)
    assert search(yard, "editor")["not-renewed"] == ["acme"]
    asyncio.run(yard.book.modify("acme", {"ids": "org.acme.*"}))
    assert ids(search(yard, "editor")) == ["org.acme.Editor"]


def test_a_remote_that_is_named_must_be_there(yard: Yard) -> None:
    with pytest.raises(NoRemote):
        yard.do(Search("x", {"remote": "nobody"}))
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    with pytest.raises(PolicyDenied):
        search(yard, "x")


@pytest.mark.parametrize(
    ("listed", "error", "text"),
    [
        (component("org.other.App", "other.example/x/app:1", "Theirs"), Conflict, "not below acme.example/x"),
        (
            component("org.other.App", "acme.example/x-evil/app:1", "Theirs"),
            Conflict,
            "not below acme.example/x",
        ),
        (component("org.acme.Editor", "editor", "Editor"), BadManifest, "is none"),
        (EDITOR.replace("appctl::reference", "other"), BadManifest, "has no appctl::reference"),
        (EDITOR + EDITOR, BadManifest, "lists org.acme.Editor twice"),
        (EDITOR.replace("<id>org.acme.Editor", "<id>../../etc"), BadManifest, "no application's"),
        (EDITOR.replace("<id>", "<id>org.acme.Two</id><id>"), BadManifest, "no application's"),
        ("<component/>" * 10_001, LimitExceeded, "10000 components"),
        ("&lol;", BadManifest, "no XML"),
        (EDITOR.replace("<name>", "<a:b/><name>"), BadManifest, "cannot be read alone"),
    ],
)
def test_a_list_that_is_not_in_order_is_refused_whole(
    listed: str, error: type[AppctlError], text: str, yard: Yard
) -> None:
    publish(yard, TOOL, created=OLDER)
    search(yard, "acme")
    publish(yard, listed, created=NEWER)
    refuses(yard, error, text)


def test_a_remote_lists_only_ids_that_it_may_use(yard: Yard) -> None:
    asyncio.run(yard.book.modify("acme", {"ids": "org.acme.*"}))
    publish(yard, EDITOR, created=OLDER)
    assert ids(search(yard, "editor")) == ["org.acme.Editor"]
    publish(yard, EDITOR, component("org.other.App", f"{PREFIX}/app:1", "App"), created=NEWER)
    refuses(yard, Conflict, "an ID that its remote may not use")


def test_a_remote_that_is_modified_has_no_catalogue_until_it_is_asked_again(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    asyncio.run(yard.book.modify("acme", {"ids": "org.other.*"}))
    cached = search(yard, "editor", **{"cached-only": True})
    assert (ids(cached), cached["without-catalogue"]) == ([], ["acme"])
    assert not (yard.paths.catalogs / "acme").exists()
    assert search(yard, "editor")["not-renewed"] == ["acme"]
    asyncio.run(yard.book.modify("acme", {"ids": ""}))
    assert ids(search(yard, "editor")) == ["org.acme.Editor"]


def test_what_an_administrator_edited_is_noticed_with_the_next_search(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    file = yard.book.get("acme").origin
    file.write_text(f"{file.read_text()}enabled = no\n")
    yard.do(Search("editor", {"cached-only": True}))
    assert not (yard.paths.catalogs / "acme").exists()


def told(yard: Yard) -> bytes:
    """What libappstream reads."""
    path = yard.paths.swcatalog / "xml/appctl.xml"
    return path.read_bytes() if path.exists() else b""


def killed_before_it_was_told(yard: Yard) -> None:
    """A daemon that brought a catalogue, which was signed, and libappstream's file is still without."""
    publish(yard, EDITOR)
    search(yard, "editor")
    (known,) = known_catalogs(yard.paths).values()
    remember_catalogs(yard.paths, {"acme": replace(known, signed=True)})
    yard.book = RemoteBook([yard.paths.root.parent / "remotes.d"], yard.tools, lambda: yard.observer)
    assert told(yard) == b""


def full(_request: JsonObject, _report: object) -> JsonObject:
    raise NoSpace("the disk is full")


def test_what_a_kill_kept_from_libappstream_it_is_told_at_the_next_start(yard: Yard) -> None:
    killed_before_it_was_told(yard)
    asyncio.run(yard.book.tidy_catalogs())
    assert b"org.acme.Editor" in told(yard)
    before = yard.ops()
    asyncio.run(yard.book.tidy_catalogs())
    assert yard.ops() == before


def test_what_is_here_is_known_from_the_start_also_where_a_remotes_file_is_broken(yard: Yard) -> None:
    killed_before_it_was_told(yard)
    file = yard.book.get("other").origin
    before = file.read_text()
    file.write_text("nonsense")
    asyncio.run(yard.book.tidy_catalogs())
    file.write_text(before)
    yard.book.all()
    assert yard.book.catalog("acme") == str(yard.paths.catalog("acme"))


def test_no_file_of_a_catalogue_is_read_on_the_loop(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    on_loop: list[bool] = []

    def noted(read: Callable[[Paths], object]) -> Callable[[Paths], object]:
        def act(paths: Paths) -> object:
            on_loop.append(threading.current_thread() is threading.main_thread())
            return read(paths)

        return act

    for name in ("known_catalogs", "shown_catalogs", "united_catalogs"):
        monkeypatch.setattr(shelf, name, noted(getattr(shelf, name)))
    killed_before_it_was_told(yard)
    asyncio.run(yard.book.tidy_catalogs())
    search(yard, "editor")
    assert yard.book.catalog("acme")
    assert len(on_loop) > 3
    assert not any(on_loop)


def test_what_cannot_be_told_to_libappstream_fails_no_job_and_is_told_later(yard: Yard) -> None:
    killed_before_it_was_told(yard)
    yard.runner.instead["keep-catalogs"] = full
    assert ids(search(yard, "editor", **{"cached-only": True})) == ["org.acme.Editor"]
    assert told(yard) == b""
    del yard.runner.instead["keep-catalogs"]
    search(yard, "editor", **{"cached-only": True})
    assert b"org.acme.Editor" in told(yard)


def test_a_new_list_is_no_failure_where_libappstream_cannot_be_told(yard: Yard) -> None:
    killed_before_it_was_told(yard)
    publish(yard, TOOL, created=NEWER)
    yard.runner.instead["keep-catalogs"] = full
    yard.do(Refresh(("acme",)))
    assert ids(search(yard, "acme", **{"cached-only": True})) == ["org.acme.Tool"]


def test_a_remote_that_is_disabled_meanwhile_shows_nothing(yard: Yard) -> None:
    """Its one layer is here, so that nothing else asks which remote it is."""
    publish(yard, EDITOR, created=OLDER)
    yard.do(Refresh(("acme",)))
    publish(yard, EDITOR, created=NEWER)
    file, fetch = yard.book.get("acme").origin, yard.registry.handlers()["blob"]

    def edited(request: JsonObject, report: Report) -> JsonObject:
        file.write_text(f"{file.read_text()}enabled = no\n")
        return fetch(request, report)

    yard.runner.instead["blob"] = edited
    with pytest.raises(PolicyDenied):
        yard.do(Refresh(("acme",)))
    assert yard.ops().count("store-catalog") == 1


def test_a_store_that_says_nothing_has_shown_nothing(yard: Yard) -> None:
    publish(yard, EDITOR)
    yard.runner.instead["show-catalog"] = lambda _request, _report: {}
    with pytest.raises(Failed):
        yard.do(Refresh(("acme",)))
    yard.registry.tags.clear()
    yard.registry.listed = listed(("x/editor", EDITOR))
    with pytest.raises(Failed):
        yard.do(Refresh(("acme",)))
    assert known_catalogs(yard.paths) == {}


def test_what_was_brought_by_half_of_a_remote_without_a_list_goes_with_the_next_start(yard: Yard) -> None:
    half = yard.paths.catalogs / "other" / ("0" * 16)
    half.mkdir(parents=True)
    asyncio.run(yard.book.tidy_catalogs())
    assert not half.parent.exists()


def test_a_full_disk_keeps_no_daemon_from_its_start(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    yard.book.get("acme").origin.unlink()

    def no_space(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("appctld.jobs.catalog.shelf.remember_catalogs", no_space)
    asyncio.run(yard.book.tidy_catalogs())
    monkeypatch.undo()
    asyncio.run(yard.book.tidy_catalogs())
    assert known_catalogs(yard.paths) == {}


def test_what_was_removed_while_no_daemon_ran_is_gone_at_its_start(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    yard.book.get("acme").origin.unlink()
    asyncio.run(yard.book.tidy_catalogs())
    assert not (yard.paths.catalogs / "acme").exists()
    before = yard.ops()
    asyncio.run(yard.book.tidy_catalogs())
    assert yard.ops() == before  # and nothing is done where nothing is to be done


def test_a_broken_file_of_a_remote_leaves_the_lists_as_they_are(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    yard.book.get("other").origin.write_text("nonsense")
    asyncio.run(yard.book.tidy_catalogs())
    assert (yard.paths.catalogs / "acme").is_dir()


def test_a_remote_that_is_removed_takes_its_catalogue_along(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    assert (yard.paths.catalogs / "acme").is_dir()
    asyncio.run(yard.book.remove("acme"))
    assert not (yard.paths.catalogs / "acme").exists()
    assert json.loads(yard.paths.known_catalogs.read_bytes()) == {}


def sign(yard: Yard) -> None:
    """Somebody signed the one app that is here."""
    (file,) = yard.paths.apps.glob("*/current/record.json")
    record = json.loads(file.read_bytes())
    file.write_text(json.dumps(record | {"signers": [Signed("E" * 40, "Acme", 5).to_json()]}))


def test_what_is_installed_and_signed_libappstream_is_told_of_until_it_is_gone(yard: Yard) -> None:
    yard.registry.push("1", [BASE])
    yard.do(Install((f"{PREFIX}/hello:1",)))
    assert not yard.paths.swcatalog.exists()  # nobody signed it
    sign(yard)
    yard.do(Prune())
    assert b"<id>example.acme.x.hello</id>" in told(yard)
    assert f'<value key="appctl::reference">{PREFIX}/hello:1</value>'.encode() in told(yard)
    before = yard.ops().count("keep-catalogs")
    yard.do(Prune())
    assert yard.ops().count("keep-catalogs") == before  # nothing is another
    yard.do(Uninstall(("example.acme.x.hello",)))
    assert told(yard).count(b"<component") == 1  # the root alone


def test_libappstream_is_told_of_what_a_job_changed_that_failed(yard: Yard) -> None:
    yard.registry.push("1", [BASE])
    yard.do(Install((f"{PREFIX}/hello:1",)))
    sign(yard)
    yard.do(Prune())

    def half(request: JsonObject, report: Report) -> JsonObject:
        remove(request, report)
        raise Failed("the store is gone")

    yard.runner.instead["remove"] = half
    with pytest.raises(Failed):
        yard.do(Uninstall(("example.acme.x.hello",)))
    assert b"hello" not in told(yard)


def test_a_job_that_is_done_is_not_failed_by_what_libappstream_is_told(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is another error put in the place of its own."""

    def unreadable(_paths: Paths) -> object:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(shelf, "installed", unreadable)
    yard.registry.push("1", [BASE])
    (app,) = yard.apps(Install((f"{PREFIX}/hello:1",)))
    assert app["changed"] is True
    with pytest.raises(NotFound):
        yard.do(Install((f"{PREFIX}/hello:2",)))
    assert "catalogues stay as they are: [Errno 24] Too many open files" in caplog.text


def test_another_remotes_list_takes_nothing_from_what_is_installed(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    (known,) = known_catalogs(yard.paths).values()
    remember_catalogs(yard.paths, {"acme": replace(known, signed=True)})
    yard.book = RemoteBook([yard.paths.root.parent / "remotes.d"], yard.tools, lambda: yard.observer)
    yard.registry.push("1", [BASE], Labels={"org.appctl.id": "org.acme.Editor"})
    yard.do(Install(("other.example/x/editor:1",)))
    sign(yard)
    yard.do(Prune())
    assert re.findall('reference">(.*?)<', told(yard).decode()) == ["other.example/x/editor:1"]


def test_an_older_catalogue_is_no_update(yard: Yard) -> None:
    publish(yard, EDITOR, created=NEWER)
    search(yard, "acme")
    publish(yard, TOOL, created=OLDER)
    refuses(yard, Rollback, "older")
    asyncio.run(yard.book.remove("acme"))
    asyncio.run(yard.book.add("acme", {"url": f"https://{PREFIX}", "verify": "none"}, b""))
    refuses(yard, Rollback, "older")


def test_what_a_kill_made_us_forget_is_brought_again(yard: Yard) -> None:
    publish(yard, EDITOR, created=NEWER)
    search(yard, "acme")
    yard.paths.known_catalogs.unlink()
    yard.book = RemoteBook([yard.paths.root.parent / "remotes.d"], yard.tools, lambda: yard.observer)
    assert ids(search(yard, "acme")) == ["org.acme.Editor"]
    assert yard.ops().count("show-catalog") == 2


def test_a_catalogue_is_no_app_and_an_app_no_catalogue(yard: Yard) -> None:
    publish(yard, EDITOR, labels={})
    refuses(yard, BadManifest, "it is no catalogue")
    yard.registry.push("latest", [BASE], Labels=LABELS)
    refuses(yard, BadManifest, "has no catalogue at /usr/share/swcatalog/xml/catalog.xml")


def test_who_is_not_to_be_asked_is_not_asked(yard: Yard) -> None:
    publish(yard, EDITOR)
    asyncio.run(yard.book.modify("acme", {"catalog": "no"}))
    assert search(yard, "editor")["without-catalogue"] == ["acme"]
    assert "resolve" not in yard.ops()


def test_how_large_a_catalogue_may_be_is_known_before_a_layer_comes(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(yard, EDITOR)
    monkeypatch.setattr("appctld.model.catalog.CATALOG_BYTES", 100)
    refuses(yard, LimitExceeded, "100 are allowed")
    monkeypatch.undo()
    yard.registry.push("latest", [layer_of({f"{n}": b""}) for n in range(LAYERS + 1)], Labels=LABELS)
    refuses(yard, LimitExceeded, "8 are allowed")
    assert "blob" not in yard.ops()


def test_a_layer_that_grows_beyond_a_catalogue_is_refused(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(yard, EDITOR)
    monkeypatch.setattr("appctld.pipeline.catalog.stages.CATALOG_BYTES", 1000)
    refuses(yard, LimitExceeded, "1000")


def test_a_picture_is_written_anew_and_told_by_its_path(yard: Yard) -> None:
    publish(yard, EDITOR, org_acme_Editor=png(64))
    (app,) = get_objects(search(yard, "editor"), "apps")
    path = Path(str(app["icon"]))
    assert path == yard.paths.catalogs / "acme/current/icons/64x64/org.acme.Editor.png"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "data",
    [b"<svg/>", png(65), png(64)[:-20], png(64) + b"PK", png(64).replace(b"\0\0\0\x40", b"\0\x10\0\0")],
)
def test_a_picture_that_is_none_is_left_out_and_its_app_is_listed(data: bytes, yard: Yard) -> None:
    publish(yard, EDITOR, org_acme_Editor=data)
    assert [app["icon"] for app in get_objects(search(yard, "acme"), "apps")] == [""]


def test_a_picture_for_an_app_that_is_not_listed_goes_nowhere(yard: Yard) -> None:
    publish(yard, EDITOR, org_acme_Tool=png(64))
    search(yard, "editor")
    assert not list(yard.paths.catalogs.rglob("*.png"))


def test_what_nobody_signed_is_not_told_to_the_systems_catalogue(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    yard.book.all()
    assert yard.book.catalog("acme") == ""
    assert not yard.paths.swcatalog.exists()


def test_a_broken_index_is_as_none(yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    (yard.paths.catalogs / "acme" / "current" / "index.json").write_bytes(b"{")
    assert search(yard, "editor")["without-catalogue"] == ["acme"]
    assert ids(search(yard, "editor")) == ["org.acme.Editor"]  # which was brought again


@pytest.mark.parametrize("how", [Search("editor"), Refresh(("acme",))])
def test_what_was_deleted_is_brought_again(how: Search | Refresh, yard: Yard) -> None:
    publish(yard, EDITOR)
    search(yard, "editor")
    shutil.rmtree(yard.paths.catalogs / "acme")
    yard.do(how)
    assert ids(search(yard, "editor", **{"cached-only": True})) == ["org.acme.Editor"]


def test_what_is_being_brought_is_not_tidied_away(yard: Yard) -> None:
    """Another remote's job, or an administrator's edit, may tidy at any moment of it."""
    publish(yard, EDITOR)
    remote = yard.book.get("acme")

    async def both() -> None:
        async with yard.book.catalogs.renewing(remote):
            (yard.paths.catalogs / "acme").mkdir(parents=True)
            await yard.book.catalogs.tidy(yard.book.all())
            assert (yard.paths.catalogs / "acme").is_dir()
        await yard.book.catalogs.tidy(yard.book.all())
        assert not (yard.paths.catalogs / "acme").exists()

    asyncio.run(both())


def test_who_tidies_and_who_brings_wait_for_a_tidying_that_has_begun(yard: Yard) -> None:
    """It judged by what was there before them: it would remove what they bring."""
    catalogs, remote = yard.book.catalogs, yard.book.get("acme")

    async def bring() -> None:
        async with catalogs.renewing(remote):
            pass

    async def one(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with yard.tools.locks["catalogs"]:
            doing = asyncio.create_task(work())
            done, _ = await asyncio.wait([doing], timeout=0.05)
            assert not done
        await doing

    async def each() -> None:
        await one(bring)
        await one(lambda: catalogs.tidy(yard.book.all()))

    asyncio.run(each())


def listed(*apps: tuple[str, str]) -> bytes:
    """What a flatpak index server says: (repository, AppStream XML) of each."""
    results = [
        {"Name": name, "Images": [_image(number, name.rpartition("/")[2].capitalize(), text)]}
        for number, (name, text) in enumerate(apps)
    ]
    return json.dumps({"Registry": "/", "Results": results}).encode()


def _image(number: int, name: str, text: str) -> JsonObject:
    return {
        "Digest": f"sha256:{number:064}",
        "OS": "linux",
        "Architecture": "amd64",
        "Tags": ["latest"],
        "Labels": {
            "org.flatpak.ref": f"app/org.acme.{name}/x86_64/stable",
            "org.freedesktop.appstream.appdata": document(text).decode(),
        },
    }


def test_what_an_index_lists_is_found_and_said_to_be_unsigned(yard: Yard) -> None:
    bare = "<component type='desktop'><id>org.acme.{0}</id><name>{0}</name><summary>x</summary></component>"
    yard.registry.listed = listed(
        ("x/editor", bare.format("Editor")),
        ("x/other", bare.format("Editor")),  # another's component
        ("x/broken", "<component>"),
        ("x/prefixed", bare.format("Prefixed").replace("<name>", "<a:b/><name>")),
        ("y/tool", bare.format("Tool")),  # not below the remote's prefix
    )
    found = search(yard, "acme")
    assert found["without-catalogue"] == []
    (app,) = get_objects(found, "apps")
    assert (app["id"], app["reference"], app["signed"]) == (
        "org.acme.Editor",
        f"{PREFIX}/editor:latest",
        False,
    )
    assert yard.book.catalog("acme") == ""


def test_an_index_is_shown_again_only_when_it_is_another(yard: Yard) -> None:
    yard.registry.listed = listed(("x/editor", EDITOR))
    for _ in range(2):
        yard.do(Refresh(("acme",)))
        assert yard.ops().count("show-catalog") == 1
        assert len([*(yard.paths.catalogs / "acme").iterdir()]) == 2  # what is current, and the link
        assert ids(search(yard, "acme")) == ["org.acme.Editor"]
    yard.registry.listed = listed(("x/tool", TOOL))
    yard.do(Refresh(("acme",)))
    assert ids(search(yard, "acme")) == ["org.acme.Tool"]


def test_a_signed_list_comes_before_an_index(yard: Yard) -> None:
    publish(yard, TOOL)
    yard.registry.listed = listed(("x/editor", EDITOR))
    assert ids(search(yard, "acme")) == ["org.acme.Tool"]
    assert "listing" not in yard.ops()


@pytest.mark.parametrize("index", [b"[]", b'{"Results": [{}]}'])
def test_an_index_that_makes_no_sense_fails_nothing(index: bytes, yard: Yard) -> None:
    yard.registry.listed = index
    assert ids(search(yard, "acme")) == []
    yard.do(Refresh(("acme",)))
