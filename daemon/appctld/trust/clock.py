# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What this machine's clock decides: whether it can be right at all, what lies ahead of it, what is too old.

Pure: `now` is given, in seconds since 1970 as all times here. Whoever sets the clock back defeats `max-age`
down to RELEASED and no further; the order of versions does not look at the clock.
"""

from datetime import UTC, datetime

from appctld.errors import Expired, SignatureInvalid

RELEASED = 1_795_478_400  # 2026-11-24, this release's date: no clock that is right shows an earlier time
FUTURE = 24 * 3600  # that a publisher's clock may be ahead of ours


def check_clock(now: int) -> None:
    """Raise Expired where the clock shows a time before this release: no signature can be judged by it."""
    if now < RELEASED:
        raise Expired(
            f"this machine's clock shows {date(now)}, which is before appctl was released ({date(RELEASED)})",
            hint="set the clock (timedatectl)",
            clock=date(now),
            released=date(RELEASED),
        )


def check_not_ahead(time: int, now: int, what: str) -> None:
    """Raise SignatureInvalid for `what`, which bears a `time` that has not come yet."""
    if time > now + FUTURE:
        raise SignatureInvalid(
            f"{what} is dated in the future ({date(time)}), or this machine's clock is slow", dated=date(time)
        )


def check_age(signed_at: int | None, max_age: int, now: int) -> None:
    """Raise Expired unless it was signed within `max_age` seconds; 0 is no limit."""
    if not max_age:
        return
    if signed_at is None:
        raise Expired("the remote asks for a recent signature, and no signature tells when it was made")
    if signed_at < now - max_age:
        raise Expired(
            f"it was signed on {date(signed_at)}, longer ago than the remote allows: an old state may be"
            " shown on purpose",
            hint="tell the publisher; what is installed still runs",
            dated=date(signed_at),
            max_age=max_age,
        )


def date(time: int) -> str:
    """A time for people and for data, always the same: `2026-11-24T09:30:00Z`."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"@{time}"
