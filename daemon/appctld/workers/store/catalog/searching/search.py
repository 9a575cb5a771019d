# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `search-catalogs`: which apps fit a term, among what catalogues list and what is installed.

Guarantees: an answer has at most RESULTS apps, in ANSWER_BYTES; the same apps are found in the same order. A
catalogue that cannot be read is one that is not here. All texts are foreign.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from appctld.model.jsonvalue import (
    Json,
    JsonError,
    JsonObject,
    get_bool,
    get_objects,
    get_str,
)
from appctld.workers.protocol import Report
from appctld.workers.store.catalog.searching.claims import Claims, Rank
from appctld.workers.store.catalog.searching.entry import INDEX_BYTES, Entry, read_index
from appctld.workers.store.catalog.searching.installed import icons_of, installed_entry
from appctld.workers.store.catalog.searching.ranking import Fit, Texts, fit, fold
from appctld.workers.store.catalog.shelf import INDEX, Shelf

RESULTS = 200  # a person reads a screen of them
ANSWER_BYTES = 768 << 10  # a worker says, and a job keeps, at most 1 MiB; 200 ordinary apps have 100 KiB
ICON_SIZES = ("128x128", "64x64@2", "64x64")


class _Found(NamedTuple):
    """How well an app fits, and whose it is."""

    fit: Fit
    name: str
    id: str
    rank: Rank
    told: JsonObject


@dataclass(frozen=True)
class _Question:
    term: str
    languages: tuple[str, ...]
    claims: Claims

    def about(self, entry: Entry) -> Texts:
        """What is looked at: the untranslated texts, and those of the caller's languages."""
        asked = ("", *self.languages)
        return Texts(
            names=[entry.id, *_of(entry.names, asked)],
            keywords=[word for language in asked for word in entry.keywords.get(language, ())],
            summaries=_of(entry.summaries, asked),
            description=entry.description,
        )


def search_catalogs(request: JsonObject, _report: Report) -> JsonObject:
    """`{"catalogs", "swcatalog", "apps", "term", "locale", "remotes", "installed"}`.

    -> `{"apps", "without", "more"}`.

    `remotes` are those that are searched, objects with name and ids, `without` the names of those of them of
    which no catalogue is here; `installed` are objects with id, reference, remote, name, version and signed,
    `more` is how many apps were left out.
    """
    shelf = Shelf(Path(get_str(request, "catalogs")), Path(get_str(request, "swcatalog")))
    installed = get_objects(request, "installed")
    claims = Claims.of(get_objects(request, "remotes"), installed)
    question = _Question(fold(get_str(request, "term")), languages(get_str(request, "locale")), claims)
    found: list[_Found] = []
    without: list[Json] = []
    listed: set[tuple[str, str]] = set()
    for remote in claims.ids:
        try:
            entries, signed = _read(shelf.current(remote) / INDEX)
        except (OSError, JsonError):
            without.append(remote)
            continue
        listed |= {(remote, entry.id) for entry in entries}
        found += _among(entries, question, remote, shelf.current(remote), signed=signed)
    found += _among_installed(installed, question, Path(get_str(request, "apps")), listed)
    apps: list[Json] = [*_as_many_as_fit(_in_order(found))]
    return {"apps": apps, "without": without, "more": len(found) - len(apps)}


def _in_order(found: Iterable[_Found]) -> list[_Found]:
    """The best first; those of one ID together, where the one that the ID belongs to stands, and after it."""
    by_rank = sorted(found, key=lambda one: one.rank)
    places: dict[str, tuple[Fit, str]] = {}
    for one in by_rank:
        places.setdefault(one.id, (one.fit, one.name))
    return sorted(by_rank, key=lambda one: (*places[one.id], one.id))


def _as_many_as_fit(found: Iterable[_Found]) -> Iterator[JsonObject]:
    room = ANSWER_BYTES
    for one in itertools.islice(found, RESULTS):
        room -= len(json.dumps(one.told))
        if room < 0:
            return
        yield one.told


def languages(locale: str) -> tuple[str, ...]:
    """What a locale asks for, the closest first: `pt_BR.UTF-8` is pt_BR, then pt."""
    name = locale.partition(".")[0].partition("@")[0].replace("-", "_")
    if name in {"", "C", "POSIX"}:
        return ()
    return tuple(dict.fromkeys((name, name.partition("_")[0])))


def _read(path: Path) -> tuple[list[Entry], bool]:
    with path.open("rb") as file:
        return read_index(file.read(INDEX_BYTES + 1))


def _among(
    entries: Iterable[Entry], question: _Question, remote: str, directory: Path, *, signed: bool
) -> Iterator[_Found]:
    for entry in entries:
        how = fit(question.term, question.about(entry))
        if how is not None:
            told = _told(entry, question, remote, directory)
            told |= {"signed": signed, "match": how.told}
            yield _Found(how, fold(str(told["name"])), entry.id, question.claims.rank(remote, entry.id), told)


def _told(entry: Entry, question: _Question, remote: str, directory: Path) -> JsonObject:
    asked = (*question.languages, "")
    return {
        "id": entry.id,
        "reference": entry.reference,
        "remote": remote,
        "name": next(iter(_of(entry.names, asked)), entry.id),
        "summary": next(iter(_of(entry.summaries, asked)), ""),
        "version": entry.version,
        "installed": question.claims.installed.get(entry.id) == remote,
        "icon": next((str(directory / entry.icons[size]) for size in ICON_SIZES if size in entry.icons), ""),
    }


def _among_installed(
    installed: Iterable[JsonObject], question: _Question, apps: Path, listed: set[tuple[str, str]]
) -> Iterator[_Found]:
    """What is installed and no catalogue lists, with what its own image says."""
    for app in installed:
        app_id, remote = get_str(app, "id"), get_str(app, "remote")
        if (remote, app_id) not in listed:
            entries, signed = [installed_entry(app, apps)], get_bool(app, "signed")
            yield from _among(entries, question, remote, icons_of(apps, app_id), signed=signed)


def _of(texts: Mapping[str, str], asked: Iterable[str]) -> list[str]:
    """Those of the languages that are asked for."""
    return [texts[language] for language in asked if language in texts]
