# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""trust/clock.py: what a clock that is wrong, a time that is to come, and an old signature lead to."""

from datetime import UTC, datetime

import pytest

from appctld.errors import Expired, SignatureInvalid
from appctld.trust.clock import FUTURE, RELEASED, check_age, check_clock, check_not_ahead, date

NOW = 1_800_000_000
DAY = 86_400


def test_the_release_has_a_date() -> None:
    assert datetime.fromtimestamp(RELEASED, UTC).isoformat() == "2026-11-24T00:00:00+00:00"


def test_a_clock_from_before_the_release_is_refused() -> None:
    check_clock(RELEASED)
    with pytest.raises(Expired, match="clock shows 2026-11-23T23:59:59Z") as caught:
        check_clock(RELEASED - 1)
    assert caught.value.data == {"clock": "2026-11-23T23:59:59Z", "released": "2026-11-24T00:00:00Z"}
    assert caught.value.advice == "set the clock (timedatectl)"


def test_a_day_ahead_is_a_publishers_clock_and_more_is_a_lie() -> None:
    assert FUTURE == DAY
    check_not_ahead(NOW + DAY, NOW, "it")
    with pytest.raises(SignatureInvalid, match="it is dated in the future") as caught:
        check_not_ahead(NOW + DAY + 1, NOW, "it")
    assert caught.value.data == {"dated": date(NOW + DAY + 1)}


@pytest.mark.parametrize("signed_at", [NOW - DAY, NOW, NOW + DAY])
def test_what_was_signed_within_the_age_is_taken(signed_at: int) -> None:
    check_age(signed_at, DAY, NOW)


def test_an_older_signature_has_expired() -> None:
    with pytest.raises(Expired, match="signed on") as caught:
        check_age(NOW - DAY - 1, DAY, NOW)
    assert caught.value.data == {"dated": date(NOW - DAY - 1), "max_age": DAY}


def test_where_an_age_is_asked_for_a_time_must_be_told() -> None:
    with pytest.raises(Expired, match="no signature tells"):
        check_age(None, DAY, NOW)


@pytest.mark.parametrize("signed_at", [None, 0, 1])
def test_without_an_age_nothing_expires(signed_at: int | None) -> None:
    check_age(signed_at, 0, NOW)


@pytest.mark.parametrize(
    ("time", "text"), [(0, "1970-01-01T00:00:00Z"), (NOW, "2027-01-15T08:00:00Z"), (1 << 60, f"@{1 << 60}")]
)
def test_a_date_says_the_same_everywhere(time: int, text: str) -> None:
    assert date(time) == text
