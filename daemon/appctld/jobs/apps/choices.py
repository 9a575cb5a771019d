# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people decide about an app that is installed, beside what its publisher does: at once, without a job.

Guarantees: what is decided is on the disk, and in the history under the name of who decided, before it is
answered; about an app that is not installed nothing is kept. Who may decide is the bus's to say, and that a
decision counts when the app runs, the client's.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence

from appctld.errors import RepoCorrupt
from appctld.jobs.reporting.chronicle import done_facts
from appctld.jobs.reporting.observer import Observer
from appctld.model.jsonvalue import JsonObject
from appctld.model.override import ALLOW, Override
from appctld.model.permissions import Permission, parse_permission
from appctld.pipeline.tools import Tools
from appctld.state.available import forget_updates
from appctld.state.damaged import forget_damaged
from appctld.state.decisions import Decision, decisions, forget_decisions, override
from appctld.state.held import forget_held, held, hold
from appctld.state.history import record_event
from appctld.state.paths import Paths
from appctld.state.records import Record, installed, installed_app
from appctld.state.skipped import forget_skipped, skipped
from appctld.system.journal import about

logger = logging.getLogger(__name__)


class Choices:
    """Those of one state directory."""

    def __init__(self, tools: Tools, observer: Callable[[], Observer]) -> None:
        self._tools = tools
        self._observer = observer

    async def hold(self, app_id: str, uid: int, *, held: bool) -> None:
        """Hold an app at its version, or do so no longer. Raises NotInstalled, RepoCorrupt."""
        if await self._tools.aside(_hold, self._tools.paths, app_id, uid, held=held):
            self._observer().apps_changed([app_id])

    async def permissions(self, app_id: str) -> list[JsonObject]:
        """What an app asks for and what was decided. Raises NotInstalled, RepoCorrupt."""
        return await self._tools.aside(_permissions, self._tools.paths, app_id)

    async def override(self, app_id: str, uid: int, wanted: Sequence[Override]) -> None:
        """Put overrides in the place of all there were. Raises NotInstalled, PolicyDenied, RepoCorrupt."""
        allowed = [one.permission for one in wanted if one.decision == ALLOW]
        self._tools.policy().check_app(app_id, allowed, 0)
        if await self._tools.aside(_override, self._tools.paths, app_id, uid, wanted):
            self._observer().apps_changed([app_id])


def forget_choices(paths: Paths, ids: Iterable[str]) -> None:
    """Keep nothing that was decided about apps that are not installed any more, or were not before."""
    gone = tuple(ids)
    forget_skipped(paths, gone)
    forget_updates(paths, gone)
    forget_damaged(paths, gone)
    with contextlib.suppress(RepoCorrupt):  # which is told when something is held, or updated
        forget_held(paths, gone)
    for app_id in gone:
        forget_decisions(paths, app_id)


def forget_absent(paths: Paths) -> None:
    """The same of whatever is not installed when the daemon starts: the last one may have been killed."""
    decided = {path.stem for path in paths.decisions.glob("*.json")} | set(skipped(paths))
    with contextlib.suppress(RepoCorrupt):
        decided |= held(paths)
    if absent := decided - set(installed(paths)):
        forget_choices(paths, absent)


def _hold(paths: Paths, app_id: str, uid: int, *, held: bool) -> bool:
    current = installed_app(paths, app_id).current
    changed = hold(paths, app_id, wanted=held)
    if changed:
        _note(paths, "hold" if held else "unhold", uid, current)
    return changed


def _override(paths: Paths, app_id: str, uid: int, wanted: Sequence[Override]) -> bool:
    current = installed_app(paths, app_id).current
    changed = override(paths, app_id, current.remote, wanted, uid)
    if changed:
        words = (f"{one.decision} {one.permission.text}" for one in wanted)
        _note(paths, "permissions", uid, current, message="; ".join(words) or "reset")
    return changed


def _permissions(paths: Paths, app_id: str) -> list[JsonObject]:
    current = installed_app(paths, app_id).current
    decided = decisions(paths, app_id, current.remote)
    overridden = {(one.kind, one.value): one for one in decided if one.is_override}
    approved = {(one.kind, one.value): one for one in decided if not one.is_override}
    asked = {(one.kind, one.value): one for one in current.permissions}
    beyond = {key: parse_permission(*key) for key in overridden if key not in asked}
    return [
        _row(permission, overridden.get(key), approved.get(key), asked=key in asked)
        for key, permission in sorted((asked | beyond).items())
    ]


def _row(
    permission: Permission, overridden: Decision | None, approved: Decision | None, *, asked: bool
) -> JsonObject:
    """One permission; whatever an installed image asks for was approved, though it be not known by whom."""
    last = overridden or (approved if asked else None)
    return {
        "kind": permission.kind,
        "value": permission.value,
        "risk": permission.risk,
        "asked": asked,
        "approved": asked,
        "override": overridden.decision if overridden else "",
        **({"by": last.by, "when": last.when} if last else {}),
    }


def _note(paths: Paths, event: str, uid: int, current: Record, **more: str) -> None:
    """One line of history; what cannot be written undoes nothing that is done."""
    line: JsonObject = {"event": event, "uid": uid, "background": False, **done_facts(current), **more}
    fields = about(uid=uid, app=current.id, remote=current.remote)
    logger.info("%s %s", event, current.id, extra=fields)
    try:
        record_event(paths, line)
    except OSError:
        logger.exception("the history could not be written")
