# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How a job ended, read from its last properties (org.appctl.Installer1.Job).

Guarantees: an end that is not good has a failure, whatever the job says about itself; one of several apps is
named in its failure.
"""

from typing import NamedTuple

from appctl.failure import Failure
from appctl.talk.wire import Json, get_object, get_objects, get_str

ERROR = "org.appctl.Installer1.Error."
THE_END = frozenset(
    {"Cancelled", "DaemonUnavailable"}
)  # the next job would end the same way, or was not to begin
FINAL = frozenset({"succeeded", "failed", "cancelled", "partly-failed", "needs-approval"})


class Outcome(NamedTuple):
    """How a job ended: its result, and what went wrong, one Failure an app in the order of the call."""

    state: str
    result: Json
    failures: tuple[Failure, ...]

    @property
    def is_the_end(self) -> bool:
        """Whether nothing more is to be begun: somebody pressed Ctrl-C, or nobody is there to ask."""
        return any(failure.name in THE_END for failure in self.failures)

    @property
    def was_cancelled(self) -> bool:
        """Whether somebody wanted no more of it, which is meant of other scopes, too."""
        return any(failure.name == "Cancelled" for failure in self.failures)

    @classmethod
    def failed(cls, failure: Failure) -> "Outcome":
        """Make the outcome of a job that did not even start."""
        return cls("failed", {}, (failure,))

    @classmethod
    def detached(cls, path: str) -> "Outcome":
        """Make the outcome of a job that goes on without us."""
        return cls("detached", {"job": path}, ())


def outcome(job: Json) -> Outcome:
    """Make the outcome of a job that has ended, from its properties; or that goes on for others (Cancel)."""
    if get_str(job, "State") not in FINAL:
        message = "somebody else asked for the same and waits for it: the job goes on"
        return Outcome.failed(Failure("Cancelled", message, "appctl jobs"))
    failures = [_of_item(item) for item in get_objects(job, "Items") if get_str(item, "error")]
    whole = _told(job, "ErrorName", "ErrorMessage", "Hint", "ErrorDetails")
    state = get_str(job, "State")
    if not failures and (whole.name or state != "succeeded"):
        failures = [whole if whole.name else _unnamed(state)]
    return Outcome(state, get_object(job, "Result"), tuple(failures))


def _of_item(item: Json) -> Failure:
    """Make one app's failure; its sentence need not say which app it is about, beside others it must."""
    failure = _told(item, "error", "error-message", "hint", "error-details")
    app = get_str(item, "id")
    if app and app not in failure.message:
        failure.message = f"{app}: {failure.message}"
    failure.details.setdefault("app", app)
    return failure


def _told(values: Json, name: str, message: str, hint: str, details: str) -> Failure:
    kind = get_str(values, name).removeprefix(ERROR)
    return Failure(kind, get_str(values, message) or kind, get_str(values, hint), get_object(values, details))


def _unnamed(state: str) -> Failure:
    name = {"cancelled": "Cancelled", "needs-approval": "NeedsApproval"}.get(state, "Failed")
    hint = "" if name == "Cancelled" else "the journal of the daemon has the details"
    return Failure(name, f"the job ended as {state}", hint)
