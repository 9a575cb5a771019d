# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The exports that belong to one deployment: made with it, or again where the command moved since.

Guarantees: a deployment's exports are whole before it is current; where they are made again, the file that
says for which command they are is written last, so that who is killed in between starts over. Leaves to
others: when that is (deploy.py, recover.py).
"""

import contextlib
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from appctld.errors import AppctlError
from appctld.model.jsonvalue import JsonError, JsonObject, get_int, get_str, get_string_map, get_strings
from appctld.workers.store import disk
from appctld.workers.store.checkout import Inventory, inventory, symlinks
from appctld.workers.store.farm.collect import (
    EXPORTS,
    FILE_BYTES,
    FORMAT,
    SHARE,
    Content,
    Desktop,
    Exports,
    collect,
    place_of,
)
from appctld.workers.store.farm.host import check_host
from appctld.workers.store.farm.links import exported, is_directory, is_file, walk
from appctld.workers.store.ostree.closure import check_content
from appctld.workers.store.ostree.repository import Repository

_DIRECTORY = "export"


def exports_of(
    request: JsonObject, app_id: str, run: JsonObject, root: str, content: Content
) -> Exports | None:
    """What an app that is to be deployed exports; None for what nobody starts.

    Raises Conflict where the host has a name that the current deployment does not export already.
    """
    desktop, place = Desktop.parse(request), place_of(run)
    if not place or not desktop.command:
        return None
    exports = collect(app_id, place, root, content, desktop)
    before: set[str] = set()
    with contextlib.suppress(FileNotFoundError), disk.opened(Path(get_str(request, "apps"))) as apps:
        before.update(exported(app_id, None, apps))
    check_host(app_id, sorted(exports.files.keys() - before), desktop.host)
    return exports


def renew(repository: Repository, app_id: str, deployment: str, app: int, desktop: Desktop) -> None:
    """Make the exports of a deployment again, if they are for another command, or were never made.

    What cannot be read, and what the host has by now, leaves them as they are; nothing is raised.
    """
    with contextlib.suppress(OSError, JsonError, AppctlError), disk.opened(deployment, app) as directory:
        run, record = disk.read_json("run.json", directory), disk.read_json("record.json", directory)
        place = place_of(run)
        disk.sweep(directory)  # of a start that was killed while it wrote, or had no room to
        if place and desktop.command and not _is_for(desktop, directory):
            tree = inventory(repository, get_str(record, "commit"))
            _replace(collect(app_id, place, tree.root, _content(repository, tree), desktop), directory)


def altered(deployment: int) -> Iterator[tuple[str, str]]:
    """What of a deployment's exports is not as it was written: its path there, and how. Raises OSError."""
    try:
        written = get_string_map(disk.read_json(EXPORTS, deployment), "sha256")
    except FileNotFoundError:
        return  # nobody starts it
    except JsonError:
        yield EXPORTS, "it cannot be read"
        return
    for path, digest in sorted(_digests(deployment).items() ^ written.items()):
        if digest == written.get(path):
            yield f"{SHARE}/{path}", "it is not what was exported"
        elif path not in written:
            yield f"{SHARE}/{path}", "it is nothing of ours"


def _digests(deployment: int) -> dict[str, str]:
    """Of every file that is exported; of what is none, what stands in the place of a digest."""
    try:
        with disk.descended(SHARE.split("/"), deployment) as share:
            return {path: _digest(path, kind, share) for path, kind in walk(share) if not is_directory(kind)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _digest(path: str, kind: str, share: int) -> str:
    if not is_file(kind):
        return kind
    *directories, name = path.split("/")
    with disk.descended(directories, share) as directory:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        with os.fdopen(descriptor, "rb") as file:
            return sha256(file.read(FILE_BYTES + 1)).hexdigest()


def _is_for(desktop: Desktop, directory: int) -> bool:
    try:
        written = disk.read_json(EXPORTS, directory)
        return get_int(written, "format") == FORMAT and (*get_strings(written, "command"),) == desktop.command
    except (OSError, JsonError):
        return False


def _content(repository: Repository, tree: Inventory) -> Content:
    seen = check_content(repository, tree.names)
    return Content(repository.directory, tree.trees, seen, symlinks(repository, seen))


def _replace(exports: Exports, directory: int) -> None:
    """New files first, then their list: what is old meanwhile goes with the next start, at the latest."""
    staging = disk.staging_name()
    try:
        disk.make_directory(staging, directory)
        with disk.opened(staging, directory) as made:
            exports.write(made)
            disk.write_json(EXPORTS, exports.to_json(), made)
        disk.remove_tree(_DIRECTORY, directory)
        if exports.files:
            os.rename(f"{staging}/{_DIRECTORY}", _DIRECTORY, src_dir_fd=directory, dst_dir_fd=directory)
        disk.sync(directory)
        os.rename(f"{staging}/{EXPORTS}", EXPORTS, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        disk.sweep(directory)
