# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `store-hints`: what a flatpak index server lists, which nobody signed, as a catalogue.

Guarantees: as of a catalogue that is signed, but for this: an app that is not in order is left out, as any
other of them could be made up as well. Whoever shows it is told that it is a hint.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from appctld.errors import BadManifest, Conflict, Failed, LimitExceeded
from appctld.model.digest import Digest
from appctld.model.flatpak.index import INDEX_BYTES
from appctld.model.flatpak.listing import ListedApp, parse_listing
from appctld.model.jsonvalue import JsonObject, get_str, get_strings
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store import kernel
from appctld.workers.store.catalog.component import Component, Rules, read_component
from appctld.workers.store.catalog.components import cut
from appctld.workers.store.catalog.files import files_of, icon_path, picture
from appctld.workers.store.catalog.store import shelf_of
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.space import Room

SIZE = "64x64"


def store_hints(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo", "catalogs", "swcatalog", "remote", "prefix", "ids", "host", "architecture", "here", "fds"}`.

    -> `{"name", "digest"}`, `digest` of what was read from `in` of `fds`; `{"digest"}` alone where
    that is `here`, and nothing is written. Raises BadManifest, LimitExceeded, NoSpace.
    """
    with os.fdopen(descriptor(request, "in"), "rb") as file:
        data = file.read(INDEX_BYTES + 1)
    if not data:
        raise Failed("no index came", echo=True)
    digest = str(Digest.of(data))
    if digest == get_str(request, "here"):
        return {"digest": digest}
    rules = Rules(get_str(request, "prefix"), get_strings(request, "ids"))
    shelf, remote = shelf_of(request), get_str(request, "remote")
    icons: dict[str, bytes] = {}
    components = list(_components(data, rules, request, icons))
    files = files_of(components, icons, remote, shelf.current(remote), signed=False)
    room = Room(Repository.open(Path(get_str(request, "repo"))).free_space)
    with kernel.translated(f"storing what the index of {remote} lists"):
        name = shelf.prepare(remote, files, room)
    return {"name": name, "digest": digest}


def _components(
    data: bytes, rules: Rules, request: JsonObject, icons: dict[str, bytes]
) -> Iterator[Component]:
    host = get_str(request, "host")
    for app in parse_listing(data, get_str(request, "architecture")):
        try:
            component = _component(app, host, rules)
        except (BadManifest, Conflict, LimitExceeded):
            continue
        if app.icon and (found := picture(app.icon, app.id, SIZE)):
            icons[icon_path(app.id, SIZE)] = found
        yield component


def _component(app: ListedApp, host: str, rules: Rules) -> Component:
    """The one component that its label holds."""
    found = cut(app.appdata)
    if len(found) != 1:
        raise BadManifest("not one component")
    component = read_component(found[0], rules, f"{host}/{app.target}", app.id)
    if component.entry.id != app.id:
        raise BadManifest("another app's component")
    return component
