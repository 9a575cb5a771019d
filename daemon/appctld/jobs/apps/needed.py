# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a prune keeps, said in one place for the one that removes and the one that only counts.

Every deployment that is here, what waits to be deployed, and, unless somebody asks for a prune, what was
brought here without deploying it. Who only counts leaves out the deployments, too, that a real one removes.
"""

from collections.abc import Iterator

from appctld.errors import RepoCorrupt
from appctld.state.available import waiting_refs
from appctld.state.paths import Paths
from appctld.state.pulled import pulled_refs
from appctld.state.records import Installed, Record, installed, unreadable
from appctld.state.running import is_running


def check_records(paths: Paths) -> None:
    """Raise RepoCorrupt where one cannot tell what is needed."""
    for record in unreadable(paths):
        raise RepoCorrupt(
            f"{record} cannot be read, and nothing is pruned while that is so", path=str(record)
        )


def needed_by_all(paths: Paths) -> set[str]:
    """The refs that a prune by the way keeps. Raises RepoCorrupt."""
    return needed_by_apps(paths) | pulled_refs(paths)


def needed_by_apps(paths: Paths) -> set[str]:
    """The refs that a prune keeps which somebody asked for. Raises RepoCorrupt."""
    check_records(paths)
    kept = (record for app in installed(paths).values() for record in app.records)
    return _refs(kept) | waiting_refs(paths)


def needed_afterwards(paths: Paths) -> set[str]:
    """The same once the deployments are gone that such a prune removes first. Raises RepoCorrupt."""
    check_records(paths)
    kept = (record for app in installed(paths).values() for record in _staying(app, paths))
    return _refs(kept) | waiting_refs(paths)


def superseded(app: Installed, before: Record | None = None) -> list[Record]:
    """The deployments of an app but the current one and the one that was current `before` it.

    Without `before`, or where that was the same image, the newest of another image is kept.
    """
    changed = before is not None and before.image_digest != app.current.image_digest
    kept = before if changed else app.previous()
    return [record for record in app.kept if kept is None or record.deployment != kept.deployment]


def _refs(records: Iterator[Record]) -> set[str]:
    return {ref for record in records for ref in record.refs()}


def _staying(app: Installed, paths: Paths) -> Iterator[Record]:
    older, directory = superseded(app), paths.app(app.current.id)
    for record in app.records:
        if record not in older or is_running(directory / record.deployment):
            yield record
