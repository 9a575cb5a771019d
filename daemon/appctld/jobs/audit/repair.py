# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Repair: what Verify would name, brought back as far as it can be; what cannot stays, and is named.

First what is wrong in the repository goes, with the refs and records of the layers that it is part of; then
each app comes back by itself, from here or from its registry at the digest that was recorded. No deployment
is changed in place: an app that runs keeps its files until it ends. Other jobs go on meanwhile, so whatever
was found is looked at again under the gate: what became another, or what a job needs, is left to the next
round.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from appctld.errors import AppctlError, InUse
from appctld.jobs.apps.removal import prune_if_free
from appctld.jobs.audit.kept import Kept, record_of
from appctld.jobs.audit.plan import Action, Step, is_about, is_made_here, recorded, steps
from appctld.jobs.audit.survey import Survey, is_there, layers_here, named, survey
from appctld.jobs.audit.verify import report, tell
from appctld.jobs.audit.views import problem_views
from appctld.jobs.quiet import when_quiet
from appctld.jobs.requests import Repair, flag
from appctld.jobs.workshop import Workshop, asking
from appctld.model.jsonvalue import Json, JsonObject, get_strings
from appctld.pipeline.answers import understood
from appctld.pipeline.recall import Recalled, recall
from appctld.pipeline.restore import redeploy, restore
from appctld.pipeline.tools import AUDIT_DEADLINE
from appctld.state.layers import forget_refs, recorded_refs
from appctld.state.paths import Paths, app_ref
from appctld.state.records import roots

ROUNDS = 3  # what lies behind a directory's object that was wrong can only be looked at when that is back


async def repair(request: Repair, shop: Workshop) -> JsonObject:
    """Look at everything, and bring back what is damaged. Raises Busy while somebody else looks."""
    with shop.tools.gate.checking():
        found = left = await survey((), shop)
        await tell(found, shop)
        if flag(request, "dry-run"):
            planned: list[Json] = [_told(step, "would be done", done=False) for step in steps(found)]
            return {**report(found, shop), "actions": planned, "left": len(found.damage), "dry-run": True}
        actions: list[Json] = []
        for _ in range(ROUNDS):
            if not left.damage:
                break
            actions += await _round(left, shop)
            left = await survey((), shop)
        await tell(left, shop)
    result = report(left, shop)
    return {
        **result,
        "problems": problem_views(found),
        "actions": actions,
        "left": len(left.damage),
        "dry-run": False,
    }


async def _round(found: Survey, shop: Workshop) -> list[Json]:
    """Do all that can be done about what was found; what was done, and what failed."""
    await when_quiet(partial(_mend, found, shop), shop.tools)
    actions: list[Json] = []
    todo = steps(found)
    for number, step in enumerate(todo):
        shop.job.part = number, len(todo)
        actions.append(await _do(step, found, shop))
    await prune_if_free(shop)
    return actions


async def _mend(found: Survey, shop: Workshop) -> None:
    """Clear away what is wrong; records of layers whose refs went go too.

    Apps come and go while everything is looked at, so what is needed is told anew, when nobody moves refs.
    An import may have written a ref again since the store dropped it: then it writes the record, too.
    """
    paths = shop.tools.paths
    shop.tools.progress.stage("mending")
    async with shop.tools.gate.moving() as needed:
        refs = recorded_refs(paths)
        layers = layers_here(refs, shop)
        drop = set(found.stale) - roots(paths) - refs - needed
        drop |= _layers_in_doubt(found, layers) - needed
        wanted: list[Json] = [*named(layers), *_app_refs(found)]
        answer = await shop.tools.store(
            {"op": "mend", "refs": wanted, "drop_refs": [*sorted(drop)]}, deadline=AUDIT_DEADLINE
        )
        with understood("store"):
            dropped = get_strings(answer, "dropped")
        await shop.tools.aside(_forget_gone, paths, dropped)


def _forget_gone(paths: Paths, refs: Iterable[str]) -> None:
    forget_refs(paths, [ref for ref in refs if not is_there(ref, paths)])


def _layers_in_doubt(found: Survey, now: Mapping[str, str]) -> set[str]:
    """The layers of every app whose layers do not make it up: which of them is another, nobody can say.

    Nothing is said of an app of which one was brought here anew since: the others may be right.
    """
    names = {name for problem in found.problems if problem.fault == "union" for name in problem.touches}
    doubted = [_layers(kept) for kept in found.kept if kept.name in names and _is_unchanged(kept)]
    same = {ref for ref, commit in found.layers.items() if now.get(ref) == commit}
    return set[str]().union(*(refs for refs in doubted if refs <= same))


def _layers(kept: Kept) -> set[str]:
    record = kept.record
    return {*record.layer_refs()} if record is not None else set()


def _app_refs(found: Survey) -> list[Json]:
    """What the refs of apps must name, as far as records are not in doubt themselves."""
    return [
        {"ref": app_ref(record.remote, record.id, record.deployment), "commit": record.commit}
        for kept in found.kept
        if (record := kept.record) is not None and not _is_doubted(kept, found) and _is_unchanged(kept)
    ]


def _is_unchanged(kept: Kept) -> bool:
    """Whether it is what was looked at: it may be gone since, or another installed under its name."""
    return record_of(kept.path) == kept.record


def _is_doubted(kept: Kept, found: Survey) -> bool:
    """Whether the record says otherwise than the commit, or names another than the ref of its deployment."""
    named = _named_by_ref(kept, found)
    other = named != "" and kept.record is not None and named != kept.record.commit
    return other or any(problem.fault == "record" for problem in found.of(kept.name))


def _named_by_ref(kept: Kept, found: Survey) -> str:
    """The commit that a ref of this deployment names, if it is one after which the deployment is named."""
    begins = kept.path.name.partition(".")[0]
    named = (commit for ref, commit in found.refs.items() if ref.endswith(f"/{kept.name}"))
    return next((commit for commit in named if commit.startswith(begins)), "")


async def _do(step: Step, found: Survey, shop: Workshop) -> Json:
    """One deployment. What fails leaves it as it is."""
    kept = step.kept
    try:
        words = await asking(shop, partial(_WAYS[step.action], kept, found))
    except AppctlError as error:
        return _told(step, f"{error.name}: {error.message}", done=False)
    facts: JsonObject = {"id": kept.id, "action": step.action.value, "deployment": kept.path.name}
    await shop.record("repair", facts)
    return _told(step, words)


async def _nothing(_kept: Kept, _found: Survey, _shop: Workshop) -> str:
    return "its refs, modes and times are as they were"


async def _drop(kept: Kept, found: Survey, shop: Workshop) -> str:
    """Remove a deployment with its ref; one that runs stays for the next time."""
    refs: list[Json] = [*sorted(_refs_of(kept, found))]
    try:
        async with shop.tools.gate.moving():
            if not _is_unchanged(kept):
                return "it is gone, or another took its place meanwhile"
            await shop.tools.store(
                {"op": "remove", "id": kept.id, "deployments": [kept.path.name], "refs": refs}
            )
    except InUse:
        return "it runs; its damaged files stay until it is closed"
    shop.observer.apps_changed([kept.id])
    return "the damaged files are gone"


async def _redeploy(kept: Kept, found: Survey, shop: Workshop) -> str:
    run = kept.run()
    if kept.record is None or kept.provenance is None or run is None:
        return await _restore(kept, found, shop)
    await redeploy(kept.record, run, kept.provenance, shop.tools)
    return f"checked out again; {await _drop(kept, found, shop)}"


async def _restore(kept: Kept, found: Survey, shop: Workshop) -> str:
    commit, recalled = await _recalled(kept, found, shop)
    doubted = _is_doubted(kept, found)
    named, remotes = _remotes_of(kept, found), shop.book.all()
    told = recalled if doubted and recalled and is_made_here(recalled, named, remotes) else None
    beside = kept.provenance if doubted and is_about(kept.provenance, commit, named, remotes) else None
    wanted = recorded(kept, told, beside, commit, doubted=doubted)
    tools = replace(shop.tools, doubted={kept.id: wanted.digest}) if doubted else shop.tools
    deployed = await restore(wanted, tools)
    fetched = deployed.record.bytes_downloaded
    return f"as it was installed, {fetched} bytes fetched; {await _drop(kept, found, shop)}"


def _remotes_of(kept: Kept, found: Survey) -> set[str]:
    """As the refs of the deployment say; where they are as the record has them, it names their remote."""
    refs = [ref for ref in found.refs if ref.startswith("appctl/app/") and ref.endswith(f"/{kept.name}")]
    named = {ref.split("/")[2] for ref in refs}
    if not named and kept.record is not None:
        named = {kept.record.remote}
    return named


async def _recalled(kept: Kept, found: Survey, shop: Workshop) -> tuple[str, Recalled | None]:
    """The commit that the deployment is named after, and what it says; from its ref where no record does."""
    named = _named_by_ref(kept, found)
    if not named:
        return (kept.record.commit, kept.recalled) if kept.record is not None else ("", None)
    try:
        return named, await recall(named, shop.tools)
    except AppctlError:
        return named, None


def _refs_of(kept: Kept, found: Survey) -> set[str]:
    refs = {ref for ref in found.refs if ref.startswith("appctl/app/") and ref.endswith(f"/{kept.name}")}
    if kept.record is not None:
        refs.add(app_ref(kept.record.remote, kept.id, kept.path.name))
    return refs


def _told(step: Step, words: str, *, done: bool = True) -> Json:
    return {
        "id": step.kept.id,
        "deployment": step.kept.path.name,
        "action": step.action.value,
        "words": words,
        "done": done,
    }


_WAYS = {
    Action.MEND: _nothing,
    Action.DROP: _drop,
    Action.REDEPLOY: _redeploy,
    Action.RESTORE: _restore,
}
