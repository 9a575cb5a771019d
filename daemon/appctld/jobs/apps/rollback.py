# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Rollback: make a deployment that is still kept here current again. No network, no downgrade (R9).

The administrator's policy is asked as for what comes in: it is an app's next version.

The image left behind is skipped by background updates until the reference leads to another one.
"""

from dataclasses import replace
from functools import partial

from appctld.errors import NotFound, PolicyDenied
from appctld.jobs.reporting.chronicle import done_facts
from appctld.jobs.reporting.views import outcome_view
from appctld.jobs.requests import Rollback, text
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.pipeline.answers import understood
from appctld.pipeline.exports.caches import refresh_caches
from appctld.state.records import Installed, Record
from appctld.state.skipped import skip


async def roll_back(request: Rollback, shop: Workshop) -> JsonObject:
    """Go back to what the request names, or to the deployment before the current one.

    Raises NotInstalled, NotFound (nothing such is kept), PolicyDenied, RepoCorrupt (it is damaged).
    """
    async with shop.attempt(request.id):
        app, target = await _activate(request, shop)
    if target is app.current:
        return {"apps": [outcome_view(target, shop.tools.paths, changed=False)]}
    try:
        skipping = partial(skip, app_id=target.id, digest=app.current.image_digest)
        await shop.record("rollback", done_facts(target, app.current), skipping)
    finally:
        shop.observer.apps_changed([target.id])
    return {"apps": [outcome_view(target, shop.tools.paths, changed=True, previous=app.current)]}


async def _activate(request: Rollback, shop: Workshop) -> tuple[Installed, Record]:
    """Make it current; the app as it was before, and what is current now."""
    async with shop.tools.gate.moving():
        app = shop.app(request.id)
        target = _target(app, text(request, "to"))
        if target is not app.current:
            _check_policy(target, shop)
            shop.tools.progress.stage("deploying")
            answer = await shop.tools.store(
                {
                    "op": "activate",
                    "id": target.id,
                    "deployment": target.deployment,
                    "commit": target.commit,
                }
            )
            with understood("store"):
                get_str(answer, "path")
            await refresh_caches(shop.tools)
    return app, target


def _check_policy(target: Record, shop: Workshop) -> None:
    """Raise PolicyDenied where what was verified then could not come in today; a disabled remote's may."""
    policy = shop.tools.policy()
    if not policy.files:  # then a broken remotes.d keeps nobody from going back
        return
    remote = next((one for one in shop.book.all() if one.name == target.remote), None)
    if remote is None:
        raise PolicyDenied(
            f"remote {target.remote}, which {target.id} came from, is not here any more",
            hint="appctl remote list",
        )
    policy.check_remote(replace(remote, verify=target.verify))
    policy.check_app(target.id, target.permissions, target.installed_size)


def _target(app: Installed, wanted: str) -> Record:
    if not wanted:
        previous = app.previous()
        if previous is None:
            raise NotFound(
                f"no other version of {app.current.id} is kept here", hint=f"appctl info {app.current.id}"
            )
        return previous
    for record in app.records:
        if wanted in {record.version, str(record.image_digest), record.commit, record.deployment}:
            return record
    kept = ", ".join(record.version for record in app.kept) or "none"
    raise NotFound(
        f"{wanted!r:.80} of {app.current.id} is not kept here (kept: {kept})",
        hint=f"appctl info {app.current.id}",
    )
