# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operations `store-catalog`, `show-catalog`, `keep-catalogs`: what a remote lists, for all to read.

Guarantees: nothing of an image is written but what was read and written anew; a catalogue that is refused
leaves the one before it. An icon that is no picture of its size is left out, and its app is listed without.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.jsonvalue import JsonObject, get_bool, get_objects, get_str, get_strings
from appctld.workers.protocol import Report
from appctld.workers.store import names
from appctld.workers.store.catalog.component import Rules
from appctld.workers.store.catalog.components import XML_BYTES
from appctld.workers.store.catalog.files import files_of, icon_path, picture
from appctld.workers.store.catalog.listing import ICONS_PATH, SIZES, XML_PATH, read_catalog
from appctld.workers.store.catalog.searching.claims import Claims
from appctld.workers.store.catalog.searching.installed import installed_line
from appctld.workers.store.catalog.shelf import Shelf
from appctld.workers.store.catalog.tree import Tree
from appctld.workers.store.catalog.united import unite
from appctld.workers.store.exports.emit import LIMITS
from appctld.workers.store.exports.names import Kind
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.space import Room

ICON_BYTES = 128 << 20  # of all icons; the image that they come in has no more, packed or not


def store_catalog(request: JsonObject, _report: Report) -> JsonObject:
    """Read what a commit lists, and prepare the files of it.

    `{"repo", "catalogs", "swcatalog", "commit", "remote", "prefix", "ids", "signed"}` -> `{"name"}`.
    It is whole and on the disk under that name, and nobody's until `show-catalog`.

    Raises BadManifest (it is no catalogue), Conflict (it lists what is another publisher's), LimitExceeded,
    NoSpace, RepoCorrupt, Busy.
    """
    shelf, remote = shelf_of(request), get_str(request, "remote")
    rules = Rules(get_str(request, "prefix"), get_strings(request, "ids"))
    signed = get_bool(request, "signed")
    repository = Repository.open(Path(get_str(request, "repo")))
    with repository.shared(), translated(f"storing the catalogue of {remote}"):
        tree = Tree(repository, names.check_checksum(get_str(request, "commit")))
        components = read_catalog(_xml(tree), rules)
        icons = dict(_icons(tree, {one.entry.id for one in components}))
        files = files_of(components, icons, remote, shelf.current(remote), signed=signed)
        name = shelf.prepare(remote, files, Room(repository.free_space))
    return {"name": name}


def show_catalog(request: JsonObject, _report: Report) -> JsonObject:
    """`{"catalogs", "swcatalog", "remote", "name"}` -> `{"shown"}`, that name: it is current from now on."""
    remote, name = get_str(request, "remote"), get_str(request, "name")
    with translated(f"showing the catalogue of {remote}"):
        shelf_of(request).show(remote, name)
    return {"shown": name}


def keep_catalogs(request: JsonObject, _report: Report) -> JsonObject:
    """`{"catalogs", "swcatalog", "apps", "keep", "unite", "installed", "made-of"}` -> `{}`.

    What remotes list that are not to be `keep`t goes. The file for libappstream is made of what those list
    that are in `unite`, objects with name and ids, and of those `installed` apps that are signed, objects as
    `search-catalogs` has them; `made-of` is the hash of those that is written beside that file.
    """
    shelf, keep = shelf_of(request), get_strings(request, "keep")
    apps, installed = Path(get_str(request, "apps")), get_objects(request, "installed")
    claims = Claims.of(get_objects(request, "unite"), installed)
    signed = [app for app in installed if get_bool(app, "signed")]
    own = {get_str(app, "id"): partial(installed_line, app, apps) for app in signed}
    with translated("tidying the catalogues"):
        unite(shelf, claims, own, get_str(request, "made-of"))
        shelf.drop([remote for remote in shelf.remotes() if remote not in keep])
    return {}


def shelf_of(request: JsonObject) -> Shelf:
    """From a request's `catalogs` and `swcatalog`."""
    return Shelf(Path(get_str(request, "catalogs")), Path(get_str(request, "swcatalog")))


def _xml(tree: Tree) -> bytes:
    directory, _, name = XML_PATH.rpartition("/")
    content = tree.directory(directory).files.get(name)
    data = tree.read(content, XML_BYTES) if content else None
    if data is None:
        raise BadManifest(f"the image has no catalogue at /{XML_PATH}")
    return data


def _icons(tree: Tree, listed: set[str]) -> Iterator[tuple[str, bytes]]:
    """The pictures of listed apps, written anew, by their path below the catalogue's directory."""
    left = ICON_BYTES
    for size in SIZES:
        found = tree.directory(f"{ICONS_PATH}/{size}").files
        for app_id in sorted(listed):
            content = found.get(f"{app_id}.png")
            data = _icon(tree, content, app_id, size) if content else None
            if data is None:
                continue
            left -= len(data)
            if left < 0:
                raise LimitExceeded(
                    f"a catalogue with more than {ICON_BYTES} bytes of icons", limit=ICON_BYTES
                )
            yield icon_path(app_id, size), data


def _icon(tree: Tree, content: str, app_id: str, size: str) -> bytes | None:
    try:
        data = tree.read(content, LIMITS[Kind.PNG])
    except LimitExceeded:
        return None
    return None if data is None else picture(data, app_id, size)
