# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a survey tells: dictionaries with the interface's keys, and the items that make a job fail. Pure."""

from collections.abc import Iterable

from appctld.errors import AppctlError, RepoCorrupt, UntrustedSigner
from appctld.jobs.audit.kept import Kept
from appctld.jobs.audit.signatures import Opinion
from appctld.jobs.audit.survey import SIGNATURE, Problem, Survey
from appctld.model.jsonvalue import Json, JsonObject

TOLD = 200  # problems in a job's result: with all their apps some 200 KiB, a fifth of what a job may say

GOOD, DAMAGED, UNTRUSTED = "good", "damaged", "no-longer-trusted"
_NAMES = {GOOD: "", DAMAGED: RepoCorrupt.__name__, UNTRUSTED: UntrustedSigner.__name__}


def problem_views(found: Survey) -> list[Json]:
    """As many as a job's result holds."""
    return [
        {
            "fault": problem.fault,
            "what": problem.what,
            "apps": list(problem.apps),
            "deployments": list(problem.touches),
            "object": problem.object,
            "path": problem.path,
        }
        for problem in found.problems[:TOLD]
    ]


def app_views(found: Survey) -> list[Json]:
    """One for every deployment, the current one of each app first."""
    pairs = sorted(zip(found.kept, found.opinions, strict=True), key=lambda pair: not pair[0].current)
    return [_app_view(kept, said, found) for kept, said in pairs]


def verdicts(found: Survey) -> dict[str, str]:
    """The error's name of each deployment that was looked at, empty where all is well."""
    return {kept.name: _NAMES[_state(found.of(kept.name))] for kept in found.kept}


def _app_view(kept: Kept, said: Opinion, found: Survey) -> JsonObject:
    problems = found.of(kept.name)
    record = kept.record
    return {
        "id": kept.id,
        "deployment": str(kept.path / "files"),
        "current": kept.current,
        "version": record.version if record else "",
        "remote": record.remote if record else "",
        "state": _state(problems),
        "signature": said.standing.value,
        "words": said.words,
        "checked-at": kept.provenance.judged.checked_at if kept.provenance else 0,
        "problems": len(problems),
    }


def totals(found: Survey) -> JsonObject:
    """How much was looked at, and found."""
    return {"bytes-checked": found.bytes, "problems-total": len(found.problems) + found.more}


def failures(found: Survey) -> list[tuple[str, AppctlError]]:
    """What is wrong with each app, and what is wrong with none, those that are damaged first."""
    damaged = _by_app(found.damage)
    errors: list[tuple[str, AppctlError]] = [
        (app, RepoCorrupt(_sentence(app, what), app=app)) for app, what in damaged.items()
    ]
    signatures = [problem for problem in found.problems if problem.fault == SIGNATURE]
    errors += [
        (app, UntrustedSigner(f"{app}: {what[0]}", hint="appctl help verify", app=app))
        for app, what in _by_app(signatures).items()
        if app not in damaged
    ]
    return errors


def _by_app(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """Sentences by the app's ID; those that touch none stand under `repository`."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        for app in problem.apps or ("repository",):
            found.setdefault(app, []).append(problem.what)
    return dict(sorted(found.items()))


def _sentence(app: str, what: list[str]) -> str:
    more = f" (and {len(what) - 1} more)" if len(what) > 1 else ""
    return f"{app}: {what[0]}{more}"


def _state(problems: Iterable[Problem]) -> str:
    faults = {problem.fault for problem in problems}
    if faults - {SIGNATURE}:
        return DAMAGED
    return UNTRUSTED if faults else GOOD
