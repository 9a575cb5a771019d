# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of remotes.d: can they be read, and which publishers are switched off?

`files` is how the checks find them: as the daemon does, so that they can be looked at without it.
"""

from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context
from appctl.failure import Failure
from appctl.programs.remote_files import counts, directories, masks, read_settings
from appctl.talk.bus import REMOTE
from appctl.talk.wire import Json, get_str


def remotes(context: Context) -> Iterator[Finding]:
    """Whether all can be read; the daemon refuses everything while one cannot."""
    there = files(context)
    wrong = {path: why for path in there if (why := _wrong(path))}
    for path, why in wrong.items():
        yield problem("remotes", f"{path} cannot be read: {why}", f"ls -l {path}; cat {path}")
    try:
        known = list(context.bus(context.scope).objects(REMOTE).values())
    except Failure:
        if not wrong:  # no daemon, which its own check tells
            yield _number(there)
        return
    names = {get_str(remote, "Name") for remote in known}
    refused = [path for path in there if path.stem not in names and path not in wrong]
    for path in refused:
        yield problem(
            "remotes", f"the daemon refuses {path}", "the daemon's journal says what is wrong in it"
        )
    if not wrong and not refused:
        yield from _switches(known) or [_number(there)]


def files(context: Context) -> list[Path]:
    """Every file of a remote that counts: of a name the first that is no mask, ours before shipped ones."""
    found: dict[str, Path] = {}
    for directory in directories(context.places, context.scope):
        if directory.is_dir():
            for path in sorted(filter(counts, directory.glob("*.conf"))):
                if not masks(path):
                    found.setdefault(path.stem, path)
    return [found[name] for name in sorted(found)]


def _switches(known: list[Json]) -> list[Finding]:
    """Return what somebody decided once, and may have forgotten."""
    off = sorted(get_str(remote, "Name") for remote in known if not remote.get("Enabled"))
    unsigned = sorted(get_str(remote, "Name") for remote in known if get_str(remote, "Verify") == "none")
    told = "whoever answers for it decides what runs"
    findings = [
        warning(
            "remotes", f"remote {name} is disabled: its apps get no updates", f"appctl remote enable {name}"
        )
        for name in off
    ]
    findings += [
        warning("remotes", f"remote {name} is not verified: {told}", "appctl help trust") for name in unsigned
    ]
    return findings


def _number(there: list[Path]) -> Finding:
    if there:
        return ok("remotes", f"{len(there)} can be read")
    return warning("remotes", "no publisher is trusted: nothing can be installed", "appctl help trust")


def settings(path: Path) -> dict[str, str]:
    """Return what a remote's file says; nothing where it cannot be read, which is a finding of its own."""
    try:
        return read_settings(path)
    except (OSError, ValueError):
        return {}


def _wrong(path: Path) -> str:
    """Say why a file is no INI file that can be read; what its keys mean is the daemon's to judge."""
    try:
        read_settings(path)
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:
        return str(error)
    return ""
