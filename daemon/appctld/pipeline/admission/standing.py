# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""R9 in the pipeline: where an image stands among those that were installed here, judged twice, written once.

Judged with the plan, when everything is verified that tells a time; again under the gate, because another job
may have installed something newer; written before `current` moves. Only what is installed counts as seen: a
preview writes nothing. The digest that is installed now is not judged, so that a crash after the writing, or
a rollback to what is kept, leaves an app that can be installed again.
"""

from functools import partial

from appctld.errors import Rollback
from appctld.model.digest import Digest
from appctld.model.image import ImageConfig
from appctld.model.order import Moment, Place
from appctld.pipeline.stages import Standing, Verified
from appctld.pipeline.tools import Tools
from appctld.state.seen import recall, remember
from appctld.trust.clock import check_age, check_not_ahead
from appctld.trust.order import advance, agreed_time, judge, moment_of


def stand(verified: Verified, config: ImageConfig, named: str, here: Digest | None, tools: Tools) -> Standing:
    """Judge an image among all of the ID that it is `named`; `here` as for `judged`.

    Raises as `judged`, and Expired where its signature is older than the remote allows.
    """
    resolved, remote = verified.resolved, verified.resolved.remote
    signed_at = agreed_time((signer.signed_at for signer in verified.verdict.signers), remote.threshold)
    check_age(signed_at, remote.max_age, tools.now())
    place = Place(str(remote.prefix), str(resolved.reference), str(tools.platform), named)
    moment = moment_of(resolved.digest, verified.manifest.config.digest, config.created, signed_at)
    return judged(place, moment, here, tools)


def judged(place: Place, moment: Moment, here: Digest | None, tools: Tools) -> Standing:
    """Judge whatever has a moment; `here` is the digest that is installed now.

    Raises SignatureInvalid (its time has not come yet), Rollback unless a downgrade is allowed, RepoCorrupt.
    """
    if moment.time is not None:
        check_not_ahead(moment.time, tools.now(), str(moment.digest))
    try:
        _check_order(place, moment, here, tools)
    except Rollback as error:
        if not tools.allow_downgrade:
            raise
        return Standing(place, moment, downgrade=error.message)
    return Standing(place, moment, downgrade="")


def confirm_standing(standing: Standing, here: Digest | None, tools: Tools) -> None:
    """Under the gate: raise Rollback for what became a downgrade since it was planned, allowed or not."""
    if not standing.downgrade:
        _check_order(standing.place, standing.moment, here, tools)


def remember_standing(standing: Standing, tools: Tools) -> None:
    """Write down that this image is installed, before it is. Raises RepoCorrupt, LimitExceeded."""
    remember(tools.paths, standing.place, partial(advance, moment=standing.moment))


def _check_order(place: Place, moment: Moment, here: Digest | None, tools: Tools) -> None:
    if moment.digest == here:
        return
    for seen in recall(tools.paths, place):
        judge(moment, seen)
