# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""R9: whether an image is older than what was installed here before it. Pure.

Guarantees: only what a digest or a counted signature covers tells the order. What was once replaced by
something newer stays older for ever, whoever signs it again and whenever. Of two images of one time only the
content that came first is taken; the same content packed in another way is no other image.

Leaves to others: where it is remembered (state/seen.py), what is not judged at all
(pipeline/admission/standing.py).
"""

from collections.abc import Iterable

from appctld.errors import LimitExceeded, Rollback
from appctld.model.digest import Digest
from appctld.model.order import Moment, Seen, Teller
from appctld.trust.clock import date

PLACEHOLDERS_END = 378_691_200  # 1982: before it are the dates (1970, 1980) that build tools write for "none"
DIGESTS = 16_384  # in one record: two for every update, so one a day for 22 years
_FULL = "this app gets no more updates here: tell the authors of appctl"


def moment_of(digest: Digest, content: Digest, created: int | None, signed_at: int | None) -> Moment:
    """Who tells when: what was built, if that says so, else who signed it, else nobody."""
    if created is not None and created >= PLACEHOLDERS_END:
        return Moment(digest, content, created, Teller.CREATED)
    if signed_at is not None:
        return Moment(digest, content, signed_at, Teller.SIGNATURE)
    return Moment(digest, content, None, Teller.NOBODY)


def agreed_time(times: Iterable[int], threshold: int) -> int | None:
    """The latest time that as many signers as are needed vouch for; 0 is a signature that tells none.

    With a threshold of one it is the newest signature's. Where two are needed it is the second newest: who
    holds one key must not make an old image young by signing it again.
    """
    told = sorted((time for time in times if time > 0), reverse=True)
    return told[threshold - 1] if len(told) >= threshold else None


def judge(moment: Moment, seen: Seen) -> None:
    """Raise Rollback for an image that is older than what `seen` knows."""
    if moment.content == seen.newest.content:
        return
    if moment.digest in seen.installed or moment.content in seen.installed:
        raise _rollback(moment, seen.newest, "was replaced here by")
    if moment.time is None or seen.highest.time is None:
        return
    if moment.time < seen.highest.time:
        raise _rollback(moment, seen.highest, "is older than")
    if moment.time == seen.highest.time:
        raise _rollback(moment, seen.highest, "is of the same time as, and not the same as,")


def advance(seen: Seen | None, moment: Moment) -> Seen:
    """What is known once `moment` is installed; an allowed downgrade lowers nothing.

    Raises LimitExceeded: nothing that was seen is ever forgotten.
    """
    if seen is None:
        return Seen(moment, moment, _names(moment))
    installed = tuple(dict.fromkeys((*seen.installed, *_names(moment))))
    if len(installed) > DIGESTS:
        raise LimitExceeded(f"more than {DIGESTS} digests of one app were installed here", hint=_FULL)
    if is_older(moment, seen):
        return Seen(seen.newest, seen.highest, installed)
    return Seen(moment, _later(seen.highest, moment), installed)


def merge(one: Seen, other: Seen) -> Seen:
    """What both know, as one: of the two newest, the older has been replaced."""
    first, last = (other, one) if is_older(other.newest, one) else (one, other)
    installed = tuple(dict.fromkeys((*first.installed, *last.installed)))
    return Seen(last.newest, _later(first.highest, last.highest), installed)


def is_older(moment: Moment, seen: Seen) -> bool:
    """The same judgement as an answer."""
    try:
        judge(moment, seen)
    except Rollback:
        return True
    return False


def _later(one: Moment, other: Moment) -> Moment:
    """The one with the later time; of equal ones the first."""
    if other.time is None:
        return one
    return other if one.time is None or other.time > one.time else one


def _names(moment: Moment) -> tuple[Digest, ...]:
    return tuple(dict.fromkeys((moment.digest, moment.content)))


def _rollback(moment: Moment, newer: Moment, how: str) -> Rollback:
    return Rollback(
        f"{_shown(moment)} {how} {_shown(newer)}, which was installed here before",
        digest=str(moment.digest),
        dated=_dated(moment),
        newer_digest=str(newer.digest),
        newer_dated=_dated(newer),
    )


def _shown(moment: Moment) -> str:
    return f"{moment.digest} ({_dated(moment) or 'no date'})"


def _dated(moment: Moment) -> str:
    return "" if moment.time is None else date(moment.time)
