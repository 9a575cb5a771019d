# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Everything that is installed, looked at once: what the store finds, what records say, and who signed.

Guarantees: nothing is changed; a fault names each app that it touches; apps that come, change or go meanwhile
are no fault. Leaves to others: what is told (views.py) and what is done (repair.py).
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from appctld.errors import NotInstalled
from appctld.jobs.audit.differences import differences, expected
from appctld.jobs.audit.kept import Kept, directories, kept
from appctld.jobs.audit.signatures import BELIEVED, Opinion, opinion
from appctld.jobs.workshop import Workshop
from appctld.model.appid import is_app_id
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    Json,
    JsonObject,
    get_int,
    get_list,
    get_objects,
    get_str,
    get_string_map,
)
from appctld.model.published import Reading
from appctld.pipeline.answers import bytes_so_far, understood
from appctld.pipeline.tools import AUDIT_DEADLINE
from appctld.state.layers import held, recorded_refs
from appctld.state.paths import Paths
from appctld.state.records import roots

SIGNATURE = "signature"  # the one fault that is no damage


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: its kind, a sentence, and the deployments (`ID/DEPLOYMENT`) that it touches.

    `object` is `<checksum>.<kind>` of a stored object; `path` lies inside the deployment.
    """

    fault: str
    what: str
    touches: tuple[str, ...]
    object: str = ""
    path: str = ""

    @property
    def apps(self) -> tuple[str, ...]:
        """The apps that it touches, each once."""
        return tuple(dict.fromkeys(name.partition("/")[0] for name in self.touches))


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found; `stale` are refs that nothing needs, `more` faults are not among `problems`.

    `refs` are those that are not as records have them, with the commits that they name; `layers` are the refs
    of those that were looked at, with the commits that their records named.
    """

    kept: tuple[Kept, ...]
    opinions: tuple[Opinion, ...]
    problems: tuple[Problem, ...]
    stale: tuple[str, ...]
    refs: Mapping[str, str]
    layers: Mapping[str, str]
    more: int
    bytes: int

    @property
    def damage(self) -> tuple[Problem, ...]:
        """The problems but for signatures that hold no longer."""
        return tuple(problem for problem in self.problems if problem.fault != SIGNATURE)

    def of(self, name: str) -> tuple[Problem, ...]:
        """The problems of one deployment, `ID/DEPLOYMENT`."""
        return tuple(problem for problem in self.problems if name in problem.touches)


async def survey(ids: Collection[str], shop: Workshop) -> Survey:
    """Look at the apps of these IDs, or at all, and then at every layer and ref too.

    Raises NotInstalled, Busy.
    """
    tools, paths = shop.tools, shop.tools.paths
    wanted = tuple(ids) or tuple(sorted(path.name for path in paths.apps.iterdir() if path.is_dir()))
    for app_id in wanted:
        if not is_app_id(app_id) or not paths.app(app_id).is_dir():
            raise NotInstalled(f"{app_id} is not installed")
    here = [await kept(path, tools) for app_id in wanted for path in directories(paths, app_id)]
    remotes = shop.book.all()
    opinions = [await opinion(each, remotes, tools) for each in here]
    layers = layers_here(_layers_of(here) if ids else recorded_refs(paths), shop)
    answer = await _ask(here, layers, shop)
    with understood("store"):
        names = [each.name for each in here if each.record is not None]
        found = [_problem(item, names) for item in get_objects(answer, "findings")]
        refs = get_string_map(answer, "refs")
        more, count = get_int(answer, "more"), get_int(answer, "bytes")
    stale = () if ids else await _stale(refs, here, shop)
    problems = [*_of_records(here), *_of_layers(here, shop), *found, *_of_signatures(here, opinions)]
    problems += [Problem("ref", f"nothing needs the ref {ref}", ()) for ref in stale]
    return Survey(tuple(here), tuple(opinions), _still(problems, here), stale, refs, layers, more, count)


async def _ask(here: list[Kept], layers: Mapping[str, str], shop: Workshop) -> JsonObject:
    """The store's part, which hashes everything."""
    deployments: list[Json] = [expected(each, each.record) for each in here if each.record is not None]
    shop.tools.progress.stage("checking")
    return await shop.tools.store(
        {"op": "audit", "deployments": deployments, "layers": named(layers)},
        report=lambda facts: shop.tools.progress.downloaded("audit", bytes_so_far(facts)),
        deadline=AUDIT_DEADLINE,
    )


def layers_here(refs: Iterable[str], shop: Workshop) -> dict[str, str]:
    """The layers of these refs whose records can be read, and the commits that those name."""
    found = ((ref, _recorded(ref, shop)) for ref in sorted(refs))
    return {ref: commit for ref, commit in found if commit}


def named(refs: Mapping[str, str]) -> list[Json]:
    """Refs and what they must name, as the store takes them."""
    return [{"ref": ref, "commit": commit} for ref, commit in refs.items()]


def _recorded(ref: str, shop: Workshop) -> str:
    """The commit that a layer's record names; empty without."""
    _, kind, remote, hexadecimal = ref.split("/")
    record = held(shop.tools.paths, remote, Digest(hexadecimal), Reading(kind))
    return record.commit if record else ""


def _layers_of(here: Iterable[Kept]) -> set[str]:
    records = [each.record for each in here if each.record is not None]
    return {ref for record in records for ref in record.layer_refs()}


def _problem(item: JsonObject, names: list[str]) -> Problem:
    owners = [owner for owner in get_list(item, "owners") if isinstance(owner, int)]
    return Problem(
        get_str(item, "fault"),
        get_str(item, "what"),
        tuple(names[owner] for owner in owners if 0 <= owner < len(names)),
        get_str(item, "object"),
        get_str(item, "path"),
    )


def _of_records(here: Iterable[Kept]) -> list[Problem]:
    return [Problem(fault, what, (each.name,)) for each in here for fault, what in differences(each)]


def _of_layers(here: Iterable[Kept], shop: Workshop) -> list[Problem]:
    """Layers that a deployment needs and no record names."""
    problems = []
    here = list(here)
    for ref in sorted(_layers_of(here)):
        if not _recorded(ref, shop):
            users = tuple(each.name for each in here if ref in _layers_of([each]))
            problems.append(Problem("layer", f"the record of {ref} is missing or cannot be read", users))
    return problems


def _of_signatures(here: list[Kept], opinions: list[Opinion]) -> list[Problem]:
    pairs = zip(here, opinions, strict=True)
    return [
        Problem(SIGNATURE, said.words, (each.name,))
        for each, said in pairs
        if said.standing not in BELIEVED and each.record is not None and each.provenance is not None
    ]


async def _stale(refs: Mapping[str, str], here: Iterable[Kept], shop: Workshop) -> tuple[str, ...]:
    """Refs that are here still, and that no record needs, no job, and no deployment whose record is unread.

    What an interrupted install left of layers and commits is the next prune's, unless it cannot be read.
    Nobody moves refs meanwhile: a deploy writes its ref first, and its record later.
    """
    paths = shop.tools.paths
    unread = tuple(f"/{each.name}" for each in here if each.record is None)
    left = {ref for ref, commit in refs.items() if not commit or ref.startswith("appctl/app/")}
    async with shop.tools.gate.moving() as needed:
        left -= roots(paths) | recorded_refs(paths) | needed
        return tuple(ref for ref in sorted(left) if not ref.endswith(unread) and is_there(ref, paths))


def is_there(ref: str, paths: Paths) -> bool:
    """Whether there is such a ref now, be it one that cannot be read."""
    return os.path.lexists(paths.ref(ref))


def _still(problems: Iterable[Problem], here: Iterable[Kept]) -> tuple[Problem, ...]:
    """What is about deployments that are here still, unchanged; the others were removed meanwhile."""
    gone = {each.name for each in here if not each.path.is_dir()}
    left = []
    for problem in problems:
        touches = tuple(name for name in problem.touches if name not in gone)
        if touches or not problem.touches:
            left.append(Problem(problem.fault, problem.what, touches, problem.object, problem.path))
    return tuple(left)
