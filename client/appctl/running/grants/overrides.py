# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What was decided about an app's permissions beside what its image asks for.

There are two places: a file of the scope's daemon, which may allow and deny, and a file of the caller's own
($XDG_CONFIG_HOME/appctl/overrides/ID), which can only deny. Guarantees: a file that is there and is not
understood whole is an error with its name, and the app does not run. What a deny does is grants/denials.py's.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appctl.caller_files import read_bounded, replace_file
from appctl.failure import UNWRITABLE, Failure
from appctl.places import Places
from appctl.running.deployments.runfile import Permission, json_object
from appctl.running.failed import failed
from appctl.running.grants.denials import Denials, Word, check
from appctl.scope import Scope
from appctl.talk.wire import Json, get_objects, get_str

OWN_MODE = 0o600  # what somebody denies is nobody else's to know
OWN_BYTES = 64 << 10  # of the caller's file; 64 denies have some 4 KiB
DECISIONS_BYTES = 1 << 20  # of the daemon's, as it is written
_HEAD = "# What this app is denied when you run it: appctl permissions ID --deny KIND=VALUE\n"


@dataclass(frozen=True)
class Overrides:
    """`allowed` is granted beside what the image asks for; `denials` win over everything."""

    allowed: tuple[Permission, ...]
    denials: Denials


def overrides(places: Places, scope: Scope, app: str, remote: str) -> Overrides:
    """Read what was decided about the app of that remote. Raises Failure."""
    decided = [*_decided(places.state(scope) / "decisions" / f"{app}.json", remote)]
    allowed = tuple((kind, value, "") for kind, value, decision in decided if decision == "allow")
    denied = {(kind, value) for kind, value, decision in decided if decision == "deny"}
    return Overrides(allowed, Denials(frozenset(denied) | own_denials(places, app)))


def own_denials(places: Places, app: str) -> frozenset[Word]:
    """Read what the caller denies an app. Raises Failure."""
    path = own_file(places, app)
    try:
        text = (_read(path, OWN_BYTES) or b"").decode()
        return frozenset(_denied(line) for line in map(str.strip, text.splitlines()) if _says_something(line))
    except ValueError as error:
        raise _broken(path, str(error)) from error


def own_file(places: Places, app: str) -> Path:
    """Return where the caller's own file about an app is."""
    return places.configuration(Scope.USER) / "overrides" / app


def write_own(places: Places, app: str, words: Iterable[Word]) -> None:
    """Put these denies in the place of the caller's own file, or take it away. Raises Failure."""
    path = Path(os.path.realpath(own_file(places, app)))  # whoever keeps it elsewhere has a link here
    lines = [f"deny {kind}={value}\n" for kind, value in sorted(words)]
    try:
        if lines:  # an empty file, after a power cut, would deny nothing: replaced whole
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, (_HEAD + "".join(lines)).encode(), OWN_MODE)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise Failure("Failed", f"{path} cannot be written: {error.strerror}", UNWRITABLE) from error


def _decided(path: Path, remote: str) -> Iterable[tuple[str, str, str]]:
    """Read what the scope's daemon wrote: kind, value, decision."""
    data = _read(path, DECISIONS_BYTES)
    if data is None:
        return
    try:
        content = json_object(data)
        if get_str(content, "remote") == remote:  # else it is about an app that is gone
            yield from map(_override, get_objects(content, "decisions"))
    except (ValueError, RecursionError) as error:
        raise _broken(path, str(error)) from error


def _override(item: Json) -> tuple[str, str, str]:
    kind, value, decision = (get_str(item, key) for key in ("kind", "value", "decision"))
    if decision not in {"approve", "allow", "deny"}:
        raise ValueError("a decision that is none")
    if decision == "deny":
        check(kind, value)
    return kind, value, decision


def _denied(line: str) -> Word:
    """Read one line, `deny KIND=VALUE`. Raises ValueError."""
    word, _, wish = line.partition(" ")
    kind, equals, value = wish.strip().partition("=")
    if word != "deny" or not equals:
        raise ValueError(f"{line[:80]!r} is no `deny KIND=VALUE`")
    return check(kind, value)


def _says_something(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def _read(path: Path, limit: int) -> bytes | None:
    """Read a file; None only where there is none. Raises Failure."""
    try:
        return read_bounded(path, limit)
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_symlink():
            raise _broken(path, "it leads nowhere") from error
        return None
    except OSError as error:
        raise _broken(path, str(error.strerror)) from error


def _broken(path: Path, why: str) -> Exception:
    return failed(
        f"{path} is not understood, and nothing is run while it says what is denied: {why}",
        "mend it, or move it away",
    )
