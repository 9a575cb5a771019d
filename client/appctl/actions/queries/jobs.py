# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl jobs`, `appctl cancel`: what the daemon works on, and how to stop it."""

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.talk.bus import JOB, ROOT, Bus
from appctl.talk.wire import Json, JsonValue, get_int, get_str, get_strings, snake
from appctl.terminal.show import escape, table


def jobs(context: Context) -> int:
    """Print the jobs that are there, those that ended a minute ago among them."""

    def ask(bus: Bus) -> list[JsonValue]:
        return [{"number": _number(path), **job} for path, job in bus.objects(JOB).items()]

    found: list[Json] = [
        {"scope": scope.value, **job}
        for scope, theirs in context.reachable(ask).items()
        for job in sorted(
            (item for item in theirs if isinstance(item, dict)), key=lambda job: get_int(job, "number")
        )
    ]
    if context.options.json:
        context.put_json([{snake(key): value for key, value in job.items()} for job in found])
    elif found:
        context.say(
            *table(["Job", "Scope", "Kind", "State", "Stage", "Done", "What"], map(_row, found), context.out)
        )
    else:
        context.remark("No job is known.")
    return ExitCode.DONE


def cancel(context: Context) -> int:
    """Cancel a job by its number, in the first scope that has it."""
    number = context.options.job
    missing: Failure | None = None
    for scope in context.scopes:
        try:
            context.bus(scope).call(f"{ROOT}/job/{number}", JOB, "Cancel", "a{sv}", {})
        except Failure as failure:
            if failure.name not in {"UnknownObject", "UnknownMethod", "NotFound", "DaemonUnavailable"}:
                raise
            missing = missing or failure
        else:
            if context.options.json:
                context.put_json({"changed": True, "scope": scope.value, "number": number})
            context.say(f"Asked job {number} to stop.")
            return ExitCode.DONE
    if missing is not None and missing.name == "DaemonUnavailable":
        raise missing
    raise Failure("NotFound", f"there is no job {number}", "appctl jobs")


def _row(job: Json) -> list[str]:
    percent = get_int(job, "Percent", -1)
    what = get_str(job, "Title") or " ".join(get_strings(job, "Refs"))
    return [
        str(get_int(job, "number")), get_str(job, "scope"), get_str(job, "Kind"), get_str(job, "State"),
        get_str(job, "Stage"), "" if percent < 0 else f"{percent}%", escape(what),
    ]  # fmt: skip


def _number(path: str) -> int:
    text = path.rpartition("/")[2]
    return int(text) if text.isdigit() else 0
