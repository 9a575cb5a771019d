# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The clock: by one that is wrong no signature can be judged."""

import time
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context
from appctl.terminal.show import moment

RELEASED = 1_795_478_400  # 2026-11-24; under an earlier clock the daemon refuses all (docs/rules.md, R9)
AHEAD = 24 * 3600  # what a publisher's clock may be ahead; more than that ahead of us, ours is slow
FILES = 1000  # that are looked at: some ten of the state directory, and one an app
_HINT = "timedatectl set-ntp true"


def clock(context: Context) -> Iterator[Finding]:
    """Compare the clock with the release and with what was written here."""
    yield judged(int(time.time()), newest(context.places.state(context.scope)))


def judged(now: int, latest: int) -> Finding:
    """Judge a clock that shows `now` where the newest file is from `latest`, seconds since 1970."""
    if now < RELEASED:
        return problem("clock", f"the clock shows {moment(now)}, which is before appctl was released", _HINT)
    if latest > now + AHEAD:
        return warning("clock", f"the clock shows {moment(now)}; something here is dated {moment(latest)}",
                       _HINT)  # fmt: skip
    return ok("clock", moment(now))


def newest(state: Path) -> int:
    """When something below the state directory was written last; 0 where nothing can be seen."""
    latest = 0
    for number, path in enumerate([*_entries(state), *_entries(state / "apps")]):
        if number >= FILES:
            break
        latest = max(latest, int(path.lstat().st_mtime))
    return latest


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []
