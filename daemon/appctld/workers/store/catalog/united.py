# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The file of all that may be shown, for libappstream: `swcatalog/xml/appctl.xml`.

In it are the catalogues, and what is installed and listed nowhere: libappstream reads no metainfo of ours.
Guarantees: it is replaced in one step; each ID is in it once, as whose it is (searching/claims.py), and what
is installed from a remote is never told in another's words; beside it stands of what it was made, while that
is so. A catalogue's components are lines that component.py wrote, so nothing is parsed to unite them. Leaves
to others: which remotes and apps count (the daemon says so).
"""

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from appctld.workers.store import disk
from appctld.workers.store.catalog.searching.claims import Claims
from appctld.workers.store.catalog.shelf import CATALOG, Shelf, document

ALL_BYTES = 128 << 20  # four of the largest: every software centre of every user reads it as a whole
ALL = "appctl.xml"  # below swcatalog/xml
UNITED = "united.json"  # below swcatalog
_ID = re.compile(rb"<id>([^<]*)</id>")

Own = Mapping[str, Callable[[], bytes]]
"""By the ID of an installed app, how its component is made."""


def unite(shelf: Shelf, claims: Claims, own: Own, apps: str) -> None:
    """Write the file anew, of the catalogues of those remotes that `claims` has the IDs of, and of `own`.

    `apps` is the daemon's hash of what is installed; it is written beside the file.
    """
    (shelf.united / "xml").mkdir(mode=0o755, parents=True, exist_ok=True)
    made_of = {name: target for name in sorted(claims.ids) if (target := shelf.target(name))}
    with disk.opened(shelf.united) as above, disk.opened("xml", above) as within:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(UNITED, dir_fd=above)
        _replace(ALL, b"".join(document("appctl", _fitting(_chosen(shelf, made_of, claims, own)))), within)
        _replace(UNITED, json.dumps({"catalogs": made_of, "apps": apps}).encode(), above)


def _fitting(lines: Iterable[bytes]) -> Iterator[bytes]:
    """As many as there is room for."""
    room = ALL_BYTES
    for line in lines:
        if len(line) <= room:
            room -= len(line)
            yield line


def _chosen(shelf: Shelf, made_of: Mapping[str, str], claims: Claims, own: Own) -> Iterator[bytes]:
    """The components, each ID once: first of what is installed and not listed where it comes from."""
    owners = _owners(shelf, made_of, claims)
    yield from (line() for app_id, line in own.items() if app_id not in owners)
    for remote, app_id, line in _listed(shelf, made_of):
        if owners.get(app_id) == remote:
            del owners[app_id]
            yield line


def _owners(shelf: Shelf, made_of: Mapping[str, str], claims: Claims) -> dict[str, str]:
    """Whose component it is, by ID."""
    found: dict[str, str] = {}
    for remote, app_id, _ in _listed(shelf, made_of):
        if claims.is_others(remote, app_id):
            continue
        before = found.setdefault(app_id, remote)
        if before != remote:
            found[app_id] = min(before, remote, key=lambda one: claims.rank(one, app_id))
    return found


def _listed(shelf: Shelf, made_of: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """All components: remote, ID and line."""
    for remote, target in made_of.items():
        path = shelf.catalogs / remote / target / CATALOG
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                if found := _ID.search(line):
                    yield remote, found[1].decode(errors="replace"), line


def _replace(name: str, data: bytes, within: int) -> None:
    """Write a file anew, in one step."""
    disk.sweep(within)
    temporary = disk.staging_name()
    try:
        disk.write_bytes(temporary, data, within)
        os.rename(temporary, name, src_dir_fd=within, dst_dir_fd=within)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=within)
        raise
    os.fsync(within)
