# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caller's desktop: whether its menus look where apps show themselves."""

import os
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, warning
from appctl.context import Context

_DEFAULT = "/usr/local/share:/usr/share"  # what unset and empty mean (basedir-spec)


def menus(context: Context) -> Iterator[Finding]:
    """Nothing where no app has an entry."""
    share = context.places.state(context.scope) / "exports/share"
    entries = sum(1 for _ in (share / "applications").glob("*.desktop"))
    if entries:
        yield judged(share, entries, os.environ.get("XDG_DATA_DIRS", ""))


def judged(share: Path, entries: int, directories: str) -> Finding:
    """Hold the directory against those of the session."""
    looked_at = (directories or _DEFAULT).split(":")
    if str(share) in {item.rstrip("/") for item in looked_at}:
        return ok("menus", f"{entries} of the apps' entries are in menus")
    return warning("menus", f"XDG_DATA_DIRS has no {share}: menus do not show the apps", "log in again")
