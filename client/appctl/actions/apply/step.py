# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What one file of apps.d asks for, beside what is installed: found out before anything is changed.

An app that is installed from the reference that its file names is as it should be, and no registry is asked:
to look for updates is `update`'s. Guarantees: an image that asks for permissions is a step only where the
file names the hash of exactly that set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from appctl.actions.apply.declared import Declared
from appctl.context import Context
from appctl.credentials import logins
from appctl.failure import Failure
from appctl.references import expand, means
from appctl.talk.bus import REMOTE
from appctl.talk.wire import Json, JsonValue, get_object, get_str, get_triples

INSTALL, UPDATE, HOLD, UNHOLD = "install", "update", "hold", "unhold"


@dataclass
class Step:
    """`actions` is what is to be done, nothing where that failed; `done` what was.

    `id` is empty where nobody could tell it; `digest` is what the preview showed.
    """

    declared: Declared
    id: str = ""
    actions: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    digest: str = ""
    logins: list[JsonValue] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def to_json(self) -> Json:
        """As it stands in the output of --json."""
        return {
            "file": str(self.declared.file), "reference": self.declared.reference, "id": self.id,
            "actions": [*self.actions], "changed": bool(self.done),
        }  # fmt: skip


def steps(context: Context, wanted: Sequence[Declared], apps: Sequence[Json]) -> list[Step]:
    """Find out what is to be done. What cannot be found out is the step's failure.

    Raises Failure for what no other step would escape, and for a reference that is none.
    """
    remotes = list(context.bus(context.scope).objects(REMOTE).values())
    found = []
    for one in wanted:
        step = Step(one)
        try:
            _look(context, step, apps, remotes)
        except Failure as failure:
            if failure.name in {"DaemonUnavailable", "Cancelled", "Usage", "InvalidReference"}:
                raise
            step.failures.append(failure)
        found.append(step)
    return found


def _look(context: Context, step: Step, apps: Sequence[Json], remotes: Iterable[Json]) -> None:
    reference = expand(step.declared.reference, remotes)
    app = next((app for app in apps if _is_there(app, reference, step.declared)), None)
    if app is not None:
        step.id = get_str(app, "id")
    if app is None or _asks_anew(app, step.declared):
        _look_there(context, step, reference)
        app = next((app for app in apps if get_str(app, "id") == step.id), {})
    if step.declared.hold is not None and step.declared.hold is not bool((app or {}).get("held")):
        step.actions.append(HOLD if step.declared.hold else UNHOLD)


def _is_there(app: Json, reference: str, declared: Declared) -> bool:
    return means(reference, get_str(app, "reference")) and declared.as_id in {"", get_str(app, "id")}


def _asks_anew(app: Json, declared: Declared) -> bool:
    """Whether its file approves another set than is installed: that of an update, then."""
    return declared.permissions_hash not in {"", get_str(app, "permissions-hash")}


def _look_there(context: Context, step: Step, reference: str) -> None:
    """Ask the registry what would be installed. Raises Failure."""
    step.logins = logins(context, [reference])
    options: Json = {"registry-auth": step.logins, "as-id": step.declared.as_id or None}
    outcome = context.run_job(context.scope, "Resolve", "sa{sv}", reference, options)
    if outcome.failures:
        raise outcome.failures[0]
    preview = get_object(outcome.result, "preview")
    step.id, step.digest = get_str(preview, "id"), get_str(preview, "image-digest")
    _check_approved(step.declared, preview)
    if (change := get_str(preview, "change")) != "none":
        step.actions.append(UPDATE if change == "update" else INSTALL)


def _check_approved(declared: Declared, preview: Json) -> None:
    """Raise Failure (NeedsApproval), naming the hash, where the file does not name that of what is asked."""
    asked, approves = get_triples(preview, "permissions"), get_str(preview, "permissions-hash")
    nothing_new = not asked or get_str(preview, "change") == "none"
    if declared.permissions_hash == approves or (nothing_new and not declared.permissions_hash):
        return
    wishes, app = [f"{kind}={value}" for kind, value, _ in asked], get_str(preview, "id")
    raise Failure(
        "NeedsApproval",
        f"{app} asks for {', '.join(wishes) or 'no permission'}, which {declared.file} does not approve",
        f"permissions-hash={approves}    (in that file, approves exactly these)",
        {"app": app, "permissions": [*wishes], "permissions-hash": approves},
    )
