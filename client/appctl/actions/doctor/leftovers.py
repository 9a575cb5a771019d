# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a crash left behind in the state directory. A job that runs leaves the same until it ends."""

import re
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, warning
from appctl.context import Context
from appctl.failure import Failure
from appctl.talk.bus import MANAGER, ROOT

_DEPLOYMENT = re.compile(r"[0-9a-f]{12}\.[0-9]+")
_SHOWN = 3


def leftovers(context: Context) -> Iterator[Finding]:
    """Look for deployments that were never finished, and for downloads that were not."""
    state = context.places.state(context.scope)
    found = [*_unfinished(state / "apps"), *_downloads(state)] if state.is_dir() else []
    if not found:
        yield ok("leftovers", "there are none")
    elif _works(context):
        yield ok("leftovers", "a job runs; what lies about may be its own")
    else:
        some = ", ".join(str(path.relative_to(state)) for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield warning("leftovers", f"an end that came too early left {some}{more}",
                      "the daemon removes that when it starts the next time")  # fmt: skip


def _unfinished(apps: Path) -> Iterator[Path]:
    """Yield deployments without a record, and apps of which none is current."""
    for app in _below(apps):
        if not (app / "current").is_symlink() and _below(app):
            yield app
        for deployment in _below(app):
            if _DEPLOYMENT.fullmatch(deployment.name) and not (deployment / "record.json").is_file():
                yield deployment


def _downloads(state: Path) -> Iterator[Path]:
    for remote in _below(state / "blobs"):
        yield from sorted(remote.glob(".unverified-*"))
    yield from _below(state / "quarantine")


def _below(directory: Path) -> list[Path]:
    """Return the directories in one, as far as the caller may look."""
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def _works(context: Context) -> bool:
    try:
        return bool(context.bus(context.scope).properties(ROOT, MANAGER).get("Busy"))
    except Failure:
        return False
