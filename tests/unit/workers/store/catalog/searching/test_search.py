# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/searching/search.py: the order of what is found, how much is told, which languages are meant."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.model.jsonvalue import JsonObject, get_objects
from appctld.workers.store.catalog.searching import search
from appctld.workers.store.catalog.searching.entry import Entry, write_index
from appctld.workers.store.catalog.searching.search import languages, search_catalogs
from appctld.workers.store.catalog.shelf import INDEX, Shelf
from appctld.workers.store.space import Room


def entry(name: str, **more: object) -> Entry:
    app_id = f"org.acme.{name.replace(' ', '')}"
    return Entry(id=app_id, reference=f"quay.io/acme/{name}", names={"": name}, **more)  # type: ignore[arg-type]


def asked(
    directory: Path, term: str, *entries: Entry, installed: list[JsonObject] | None = None
) -> JsonObject:
    shelf = Shelf(directory / "catalogs", directory / "swcatalog")
    files = {INDEX: write_index(entries, signed=True)}
    shelf.show("acme", shelf.prepare("acme", files, Room(lambda: 1 << 40)))
    request: JsonObject = {
        "catalogs": str(shelf.catalogs),
        "swcatalog": str(shelf.united),
        "apps": str(directory / "apps"),
        "term": term,
        "locale": "",
        "remotes": [{"name": "acme", "ids": []}, {"name": "beta", "ids": []}],
        "installed": [*(installed or [])],
    }
    return search_catalogs(request, lambda _facts: None)


def test_those_of_one_id_stand_together_and_first_whose_it_is(tmp_path: Path) -> None:
    """Another's list takes no place before it, however well what it says fits."""
    shelf = Shelf(tmp_path / "catalogs", tmp_path / "swcatalog")
    pen = entry("Pen")
    for remote, entries in {
        "aaa": [pen, entry("Pencil")],
        "acme": [replace(pen, names={"": "A pen"})],
    }.items():
        index = {INDEX: write_index(entries, signed=True)}
        shelf.show(remote, shelf.prepare(remote, index, Room(lambda: 1 << 40)))

    def order(*ids: str, installed: str = "") -> list[tuple[object, object]]:
        app: JsonObject = {"id": pen.id, "remote": installed, "reference": "x", "name": "x", "version": "1",
                           "signed": True}  # fmt: skip
        request: JsonObject = {
            "catalogs": str(shelf.catalogs),
            "swcatalog": str(shelf.united),
            "apps": str(tmp_path / "apps"),
            "term": "pen",
            "locale": "",
            "remotes": [{"name": "aaa", "ids": []}, {"name": "acme", "ids": [*ids]}],
            "installed": [app] if installed else [],
        }
        apps = get_objects(search_catalogs(request, lambda _facts: None), "apps")
        return [(app["remote"], app["id"]) for app in apps]

    pencil = ("aaa", "org.acme.Pencil")
    assert order() == [("aaa", pen.id), ("acme", pen.id), pencil]
    assert order("org.acme.*") == [pencil, ("acme", pen.id), ("aaa", pen.id)]
    assert order(installed="acme") == [pencil, ("acme", pen.id), ("aaa", pen.id)]


def names(answer: JsonObject) -> list[object]:
    return [app["name"] for app in get_objects(answer, "apps")]


def test_the_best_stands_first_then_the_alphabet_decides(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        "pen",
        entry("Zoo", keywords={"": ("pencil",)}),
        entry("Open"),
        entry("Pencil"),
        entry("Fountain pen"),
        entry("Äpfel", summaries={"": "with a pen"}),
        entry("Pen"),
        entry("Biro pen"),
        entry("Nothing"),
        entry("Long", description="about a pen"),
    )
    assert names(found) == ["Pen", "Pencil", "Biro pen", "Fountain pen", "Open", "Zoo", "Äpfel", "Long"]
    assert (found["more"], found["without"]) == (0, ["beta"])


def test_more_than_fits_is_counted_and_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apps = [entry(f"Pen {number:03}") for number in range(search.RESULTS + 5)]
    found = asked(tmp_path, "pen", *apps)
    assert (len(names(found)), found["more"]) == (search.RESULTS, 5)
    room = len(json.dumps(get_objects(found, "apps")[0]))
    monkeypatch.setattr(search, "ANSWER_BYTES", 2 * room)
    found = asked(tmp_path, "pen", *apps)
    assert (names(found), found["more"]) == (["Pen 000", "Pen 001"], search.RESULTS + 3)


def test_the_largest_answer_is_one_that_a_worker_can_give(tmp_path: Path) -> None:
    wide = entry("pen", summaries={"": "\U0001f600" * 300})
    found = asked(tmp_path, "pen", *(replace(wide, id=f"org.acme.Pen{number}") for number in range(300)))
    assert len(json.dumps(found)) < 1 << 20


def test_what_is_installed_and_not_listed_is_found_by_its_name(tmp_path: Path) -> None:
    def app(name: str, remote: str = "acme") -> JsonObject:
        return {"id": f"org.acme.{name}", "remote": remote, "reference": "x", "name": name, "version": "1",
                "signed": True}  # fmt: skip

    found = asked(tmp_path, "pen", entry("Pen"), installed=[app("Pen", "gone"), app("Pencil"), app("X")])
    told = [(one["id"], one["remote"], one["installed"]) for one in get_objects(found, "apps")]
    assert told == [
        ("org.acme.Pen", "gone", True),
        ("org.acme.Pen", "acme", False),
        ("org.acme.Pencil", "acme", True),
    ]


@pytest.mark.parametrize(
    ("locale", "found"),
    [
        ("de_AT.UTF-8@euro", ("de_AT", "de")),
        ("pt-BR", ("pt_BR", "pt")),
        ("eo", ("eo",)),
        ("C.UTF-8", ()),
        ("POSIX", ()),
        ("", ()),
    ],
)
def test_which_languages_a_locale_means(locale: str, found: tuple[str, ...]) -> None:
    assert languages(locale) == found
