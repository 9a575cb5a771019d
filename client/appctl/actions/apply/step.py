# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What one file of apps.d asks for, beside what is installed: found out before anything is changed.

An app that is installed from the reference that its file names is as it should be, and no registry is asked:
to look for updates is `update`'s. Guarantees: an image that asks for permissions is a step only where the
file names the hash of exactly that set, as far as its label tells; the daemon sees to the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from appctl.actions.apply.declared import Declared
from appctl.context import Context
from appctl.failure import Failure
from appctl.logins.credentials import logins
from appctl.references import expand
from appctl.talk.bus import REMOTE
from appctl.talk.wire import Json, JsonValue, get_object, get_str, get_triples

INSTALL, UPDATE, HOLD, UNHOLD = "install", "update", "hold", "unhold"


@dataclass
class Step:
    """`actions` is what is to be done, nothing where that failed; `done` what was.

    `id` is empty where nobody could tell it; `digest` is what the preview showed, `anew` whether that is
    installed by another tag, which the app then leaves.
    """

    declared: Declared
    id: str = ""
    actions: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    digest: str = ""
    anew: bool = False
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
    """Whether an app is what its file names: one that is pinned to a digest is not its tag's."""
    installed = get_str(app, "reference")
    named = reference in {installed, installed.removesuffix(":latest")}
    return named and declared.as_id in {"", get_str(app, "id")}


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
    change = get_str(preview, "change")
    step.anew = change == "none" and bool(get_str(preview, "switches-from"))
    if change == "install":
        _check_approved(step.declared, preview)
    if change != "none" or step.anew:
        step.actions.append(UPDATE if change == "update" else INSTALL)


def _check_approved(declared: Declared, preview: Json) -> None:
    """Refuse what its label asks for, unless the file names the hash of that. Raises Failure.

    What only a file in the image asks for, and what of an update is new, the daemon knows.
    """
    asked = [f"{kind}={value}" for kind, value, _ in get_triples(preview, "permissions")]
    approves = get_str(preview, "permissions-hash")
    if asked and declared.permissions_hash != approves:
        raise unapproved(declared, get_str(preview, "id"), asked, approves)


def unapproved(declared: Declared, app: str, asked: Sequence[str], approves: str) -> Failure:
    """Make the Failure for what nobody wrote down; it names the line that would."""
    return Failure(
        "NeedsApproval",
        f"{app} asks for {', '.join(asked)}, which {declared.file} does not approve",
        f"permissions-hash={approves}    (in that file, approves exactly these)",
        {"app": app, "permissions": [*asked], "permissions-hash": approves},
    )
