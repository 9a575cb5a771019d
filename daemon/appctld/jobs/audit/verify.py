# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Verify: says what is wrong, changes nothing of it, and needs no network.

What is damaged is RepoCorrupt; where nothing is, and a signature counts no longer, that is UntrustedSigner.
The result tells all of it either way, and each app's LastError its own part.
"""

import logging

from appctld.errors import AppctlError
from appctld.jobs.audit.survey import Survey, survey
from appctld.jobs.audit.views import app_views, failures, problem_views, totals, verdicts
from appctld.jobs.requests import Verify
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import JsonObject
from appctld.state.damaged import remember_damaged

logger = logging.getLogger(__name__)


async def verify(request: Verify, shop: Workshop) -> JsonObject:
    """Look at what is named, or at everything. Raises NotInstalled, Busy while somebody else looks."""
    with shop.tools.gate.checking():
        found = await survey(request.ids, shop)
    await tell(found, shop)
    return report(found, shop)


async def tell(found: Survey, shop: Workshop) -> None:
    """Let everybody know of each app how it is, not only who asked: a timer may have.

    What cannot be written fails no check: its own result tells all of it.
    """
    said = verdicts(found)
    bad = {name: error for name, error in said.items() if error}
    try:
        news = await shop.tools.aside(remember_damaged, shop.tools.paths, said.keys(), bad)
    except OSError as error:
        logger.warning("what the check found could not be written: %s", error)
        return
    if news:
        shop.observer.apps_changed(news)


def report(found: Survey, shop: Workshop) -> JsonObject:
    """The job's result; what is wrong becomes its items, and its error."""
    bad = failures(found)
    for app_id, error in bad:
        note(app_id, error, shop)
    good = {kept.id for kept in found.kept} - {app_id for app_id, _ in bad}
    if bad:
        shop.job.items += [{"id": app_id, "state": "succeeded"} for app_id in sorted(good)]
    return {"problems": problem_views(found), "apps": app_views(found), **totals(found)}


def note(app_id: str, error: AppctlError, shop: Workshop) -> None:
    """One app that is not well; the first one's error is the job's."""
    shop.job.items.append(
        {
            "id": app_id,
            "state": "failed",
            "error": error.name,
            "error-message": error.message,
            "hint": error.advice,
        }
    )
    shop.job.error = shop.job.error or error
