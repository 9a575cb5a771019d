# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl automatic`: how far updates go that nobody asks for, and how the last of them went."""

from collections.abc import Sequence

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.talk.bus import MANAGER, ROOT
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, get_int, get_object, get_objects, get_str, get_strings
from appctl.terminal.show import escape, moment

WAITS = frozenset({ExitCode.APPROVAL, ExitCode.TRY_AGAIN})  # SuccessExitStatus= of appctl-update.service
_POLICY = {
    "none": "No update is looked for.",
    "check": "Updates are looked for, and wait for: appctl update",
    "download": "Updates are downloaded, and wait for: appctl update",
    "install": "Updates are installed; what asks for new permissions waits for: appctl update",
}
_DONE = {
    "none": "no update was looked for",
    "check": "updates were only looked for",
    "download": "updates were only downloaded",
    "install": "updates were installed",
}
_WHY = {
    "policy": "so it is decided here (appctl automatic)",
    "client": "a software centre takes care of them",
    "metered": "the network is metered",
    "battery": "the machine runs on its battery",
    "clock": "the clock is wrong (timedatectl)",
    "going-down": "the machine is about to sleep or to shut down",
}


def automatic(context: Context) -> int:
    """Say how far updates go by themselves; with a word of the command line, that they go so far."""
    before = now = _known(context)
    if context.options.policy is not None:  # also what is shown: nobody may have decided that
        context.call(context.scope, "SetAutomaticUpdatePolicy", "s", context.options.policy)
        now = _known(context)
    policy, last = get_str(now, "AutomaticUpdatePolicy"), get_object(now, "LastAutomaticUpdate")
    if context.options.json:
        changed = policy != get_str(before, "AutomaticUpdatePolicy")
        scope = context.scope.value
        context.put_json({"changed": changed, "scope": scope, "policy": policy, "last": last})
    context.say(_POLICY.get(policy, escape(policy)), *_last(last))
    return ExitCode.DONE


def as_far_as(result: Json) -> str:
    """Say how far an update went that nobody asked for; empty for others, and where it went all the way."""
    extent = get_str(result, "automatic")
    if extent in {"", "install"}:
        return ""
    found = sum(not get_str(item, "error") for item in get_objects(result, "updates"))
    there = f" There are {found}." if found else ""
    sentence = _sentence(extent, get_strings(result, "because"))
    return f"{sentence[0].upper()}{sentence[1:]}{there}"


def serious_first(outcome: Outcome) -> Outcome:
    """Put what fails a timer's unit, by the exit code, before what waits for a person or a registry."""
    return outcome._replace(
        failures=tuple(sorted(outcome.failures, key=lambda failure: failure.code in WAITS))
    )


def _known(context: Context) -> Json:
    return context.bus(context.scope).properties(ROOT, MANAGER)


def _last(last: Json) -> Sequence[str]:
    when = get_int(last, "time")
    if not when:
        return ("None went by itself so far.",)
    done = _sentence(get_str(last, "extent"), get_strings(last, "because"))
    if error := get_str(last, "error"):
        return (f"Last {moment(when)}: {done}", f"It failed: {escape(error)} (appctl history --failed)")
    return (f"Last {moment(when)}: {done}",)


def _sentence(extent: str, because: Sequence[str]) -> str:
    why = ", ".join(_WHY.get(one, escape(one)) for one in because)
    return f"{_DONE.get(extent, escape(extent))}{': ' if why else ''}{why}."
