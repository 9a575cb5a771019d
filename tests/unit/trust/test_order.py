# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""trust/order.py as tables: what comes after what, and what is never taken again.

An image is written as `digest/content@time`, each digest a letter: `a/x@5`; `a@5` is its own content.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import LimitExceeded, Rollback
from appctld.model.digest import Digest
from appctld.model.order import Moment, Seen, Teller
from appctld.trust import order
from appctld.trust.order import PLACEHOLDERS_END, advance, agreed_time, is_older, judge, merge, moment_of

A, B = Digest("a" * 64), Digest("b" * 64)


def named(letter: str) -> Digest:
    return Digest.of(letter.encode())


def image(text: str) -> Moment:
    digest, content, time = re.fullmatch(r"(\w)(?:/(\w))?(?:@(\d+))?", text).groups()  # type: ignore[union-attr]
    teller = Teller.CREATED if time else Teller.NOBODY
    return Moment(named(digest), named(content or digest), int(time) if time else None, teller)


def seen(*texts: str) -> Seen:
    """What is known once these were installed, one after the other."""
    first, *rest = map(image, texts)
    found = advance(None, first)
    for moment in rest:
        found = advance(found, moment)
    return found


# what was installed, in that order; what comes; whether it is older
TABLE = [
    ("a@5", "a@5", False),  # the same again
    ("a@5", "b@6", False),  # newer
    ("a@5", "b@4", True),  # below the highest
    ("a@5", "b@5", True),  # another content of the same time
    ("a/x@5", "b/x@5", False),  # the same content, packed in another way
    ("a/x@5", "b/x@4", False),  # and signed at another time
    ("a@5 b@6", "a@5", True),  # what was replaced
    ("a@5 b@6", "a@9", True),  # also when it is signed again
    ("a@5 b@6", "b@6", False),
    ("a@5 b@6", "b@1", False),  # the newest, of which somebody shows an older signature
    ("a@5 b@6", "c@5", True),
    ("a/x@5 b/y@6", "c/x@9", True),  # its content was replaced, however it is packed
    ("a/x@5 b/y@6", "a/z@9", True),  # its digest was, whatever is said of its content
    ("a/x@5 b/x@5", "a/x@5", False),  # two packings of one content, to and fro
    ("a b", "a", True),  # without times only what was replaced is known
    ("a b", "b", False),
    ("a b", "c", False),
    ("a/x b/y", "c/x", True),
    ("a b", "a@9", True),
    ("a", "b@1", False),
    ("a@5", "b", False),
    ("a@5 b", "a@5", True),
    ("a@5 b", "c@4", True),  # the highest stays, whoever came without a time
    ("a@5 b", "c@5", True),
    ("a@5 b", "c@6", False),
    ("a@9 b@5", "b@5", True),  # a downgrade that was allowed once is one the next time
    ("a@9 b@5", "a@9", False),  # and takes nothing from the newest
    ("a@9 b@5", "c@6", True),
    ("a@9 b@5", "c@9", True),
    ("a@9 b@5 c@10", "a@9", True),
]


@pytest.mark.parametrize(("before", "comes", "older"), TABLE)
def test_what_is_older(before: str, comes: str, *, older: bool) -> None:
    known, moment = seen(*before.split()), image(comes)
    assert is_older(moment, known) is older
    if older:
        with pytest.raises(Rollback):
            judge(moment, known)
    else:
        judge(moment, known)


def test_the_error_says_both_with_their_dates() -> None:
    old, new = image("a@500000000"), image("b@600000000")
    with pytest.raises(Rollback) as caught:
        judge(old, advance(None, new))
    assert caught.value.data == {
        "digest": str(old.digest),
        "dated": "1985-11-05T00:53:20Z",
        "newer_digest": str(new.digest),
        "newer_dated": "1989-01-05T10:40:00Z",
    }
    assert caught.value.message == (
        f"{old.digest} (1985-11-05T00:53:20Z) is older than {new.digest} (1989-01-05T10:40:00Z), which was"
        " installed here before"
    )
    assert "downgrade" not in caught.value.advice


def test_what_has_no_date_says_so() -> None:
    with pytest.raises(Rollback, match=r"\(no date\) was replaced here by .* \(no date\)") as caught:
        judge(image("a"), seen("a", "b"))
    assert (caught.value.data["dated"], caught.value.data["newer_dated"]) == ("", "")


def test_two_of_one_time_are_named_so() -> None:
    with pytest.raises(Rollback, match="of the same time as, and not the same as"):
        judge(image("b@5"), seen("a@5"))


@pytest.mark.parametrize(
    ("created", "signed_at", "time", "told_by"),
    [
        (PLACEHOLDERS_END, 7, PLACEHOLDERS_END, Teller.CREATED),
        (PLACEHOLDERS_END - 1, 7, 7, Teller.SIGNATURE),
        (315_532_800, 7, 7, Teller.SIGNATURE),  # 1980: what archives can hold
        (0, 7, 7, Teller.SIGNATURE),
        (0, None, None, Teller.NOBODY),
        (None, 7, 7, Teller.SIGNATURE),
        (None, None, None, Teller.NOBODY),
    ],
)
def test_who_tells_the_time(
    created: int | None, signed_at: int | None, time: int | None, told_by: Teller
) -> None:
    assert moment_of(A, B, created, signed_at) == Moment(A, B, time, told_by)


@pytest.mark.parametrize(
    ("times", "threshold", "agreed"),
    [
        ([5], 1, 5),
        ([5, 9], 1, 9),  # an old key and a new one: either is enough
        ([5, 9], 2, 5),  # both are needed: nobody alone makes an image younger
        ([9, 5, 7], 2, 7),
        ([0, 5], 1, 5),  # a signature that tells no time
        ([0, 5], 2, None),
        ([0], 1, None),
        ([], 1, None),
    ],
)
def test_the_time_that_enough_signers_vouch_for(times: list[int], threshold: int, agreed: int | None) -> None:
    assert agreed_time(times, threshold) == agreed


def test_nothing_is_forgotten_to_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "DIGESTS", 3)
    known = seen("a/x", "b/x")
    assert advance(known, image("a/x")).installed == known.installed
    with pytest.raises(LimitExceeded, match="more than 3 digests"):
        advance(known, image("c"))


def test_the_later_of_two_records_holds() -> None:
    one, other = seen("a@5", "b@6"), seen("c@7", "d@8")
    for both in (merge(one, other), merge(other, one)):
        assert (both.newest, both.highest) == (image("d@8"), image("d@8"))
        assert set(both.installed) == {*one.installed, *other.installed}
        assert is_older(image("b@6"), both)


def test_of_two_records_without_times_what_one_replaced_stays_replaced() -> None:
    both = merge(seen("a", "b"), seen("a"))
    assert both.newest == image("b")
    assert is_older(image("a"), both)


IMAGES = st.builds(
    lambda digest, content, time: image(f"{digest}/{content}" + (f"@{time}" if time else "")),
    st.sampled_from("abcdef"),
    st.sampled_from("xyz"),
    st.integers(0, 6),
)


@given(st.lists(IMAGES, min_size=1), IMAGES)
def test_whatever_happened_nothing_is_lowered_or_lost(history: list[Moment], comes: Moment) -> None:
    known: Seen | None = None
    for moment in history:
        known = advance(known, moment)
    assert known is not None
    after = advance(known, comes)
    assert set(known.installed) | {comes.digest, comes.content} == set(after.installed)
    assert (after.highest.time or 0) >= (known.highest.time or 0)
    assert not is_older(after.newest, after)
    if is_older(comes, known):
        assert (after.newest, after.highest) == (known.newest, known.highest)
        assert is_older(comes, after)
    else:
        assert after.newest == comes
