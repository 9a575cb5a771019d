# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `audit`: is everything that deployments and layers need still what it was?

Guarantees: nothing is written, and nobody prunes meanwhile; a fault names every deployment that it touches;
one that hides others (a wrong dirtree) is named itself. Leaves to others: signatures, records but for their
sizes, and what is to be done (mend.py, and the daemon).
"""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from appctld.errors import AppctlError
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_int,
    get_object,
    get_objects,
    get_str,
    get_string_map,
    get_strings,
)
from appctld.workers.protocol import Report
from appctld.workers.store import disk, names
from appctld.workers.store.audit.files import OPEN, Checkout
from appctld.workers.store.audit.findings import Fault, Findings, shown
from appctld.workers.store.audit.reach import Reached, reach
from appctld.workers.store.audit.stored_refs import stored_refs
from appctld.workers.store.deploy import CONTENT_SIZE, FILES, RECORD, RUN, UNCOMMITTED
from appctld.workers.store.farm.collect import EXPORTS, SHARE
from appctld.workers.store.farm.deployment import altered
from appctld.workers.store.merge import union_again
from appctld.workers.store.ostree.repository import Repository

OTHER_REFS = 1000  # of 400 bytes at most; what an interrupted install left is a few dozen

_BESIDE = {FILES, RECORD, RUN, disk.PROVENANCE, UNCOMMITTED, EXPORTS, SHARE.partition("/")[0]}


@dataclass(frozen=True)
class Layer:
    """A layer of some remote: the ref that keeps it, and the commit that its record names."""

    ref: str
    commit: str

    @classmethod
    def parse(cls, obj: JsonObject) -> Self:
        """From a request, every name checked."""
        ref, commit = get_str(obj, "ref"), get_str(obj, "commit")
        return cls(names.check_any_layer_ref(ref), names.check_checksum(commit))


@dataclass(frozen=True)
class Deployment:
    """What a record says; `layers` are refs, lowest first, none for a commit that was not merged here.

    The first `ostree` of them hold a publisher's own commit. `metadata` is text that the commit must carry,
    `digests` are of what it carries; `run` is what run.json must hold, None if that is not known.
    """

    id: str
    name: str
    ref: str
    commit: str
    layers: tuple[str, ...]
    ostree: int
    metadata: dict[str, str]
    digests: dict[str, str]
    run: JsonObject | None

    @classmethod
    def parse(cls, obj: JsonObject) -> Self:
        """From a request, every name checked."""
        return cls(
            id=names.check_id(get_str(obj, "id")),
            name=names.check_deployment(get_str(obj, "deployment")),
            ref=names.check_app_ref(get_str(obj, "ref")),
            commit=names.check_checksum(get_str(obj, "commit")),
            layers=tuple(map(names.check_any_layer_ref, get_strings(obj, "layers"))),
            ostree=get_int(obj, "ostree", 0),
            metadata=get_string_map(obj, "metadata"),
            digests=get_string_map(obj, "digests"),
            run=None if obj.get("run") is None else get_object(obj, "run"),
        )


def audit(request: JsonObject, report: Report) -> JsonObject:
    """Check `{"repo", "apps", "deployments", "layers"}`.

    Answers `{"findings", "more", "refs", "bytes", "objects"}`: `owners` of a finding are indexes of
    `deployments`; `refs` are those of ours that the request does not name, or names with another commit, and
    what they name, empty for nothing. Progress is `{"bytes": hashed}`. Raises Busy.
    """
    repository = Repository.open(Path(get_str(request, "repo")))
    deployments = [Deployment.parse(item) for item in get_objects(request, "deployments")]
    layers = {layer.ref: layer for layer in map(Layer.parse, get_objects(request, "layers"))}
    with repository.shared():
        commits = [*(each.commit for each in deployments), *(layer.commit for layer in layers.values())]
        check = _Check(repository, deployments, layers, reach(repository, commits, report))
        check.objects()
        check.refs()
        for number, deployment in enumerate(deployments):
            check.commit(number, deployment)
            check.deployed(number, deployment, Path(get_str(request, "apps")))
    return {
        "findings": check.found.kept,
        "more": check.found.more,
        "refs": check.other_refs(),
        "bytes": check.reached.bytes,
        "objects": len(check.reached.needed_by),
    }


class _Check:
    """One audit, step by step."""

    def __init__(
        self,
        repository: Repository,
        deployments: list[Deployment],
        layers: dict[str, Layer],
        reached: Reached,
    ) -> None:
        self._repository = repository
        self._deployments = deployments
        self._layers = layers
        self.reached = reached
        self.there = stored_refs(repository.path)
        self.found = Findings()

    def objects(self) -> None:
        """Name what is wrong and what was touched, with all who need it."""
        for faults, fault in ((self.reached.wrong, Fault.OBJECT), (self.reached.touched, Fault.ATTRIBUTES)):
            for (kind, name), what in faults.items():
                owners = self._owners(self.reached.needed_by[kind, name])
                self.found.add(fault, what, owners, obj=f"{name}.{kind.suffix}")

    def refs(self) -> None:
        """Every ref that a record needs names the record's commit."""
        wanted = {layer.ref: layer.commit for layer in self._layers.values()}
        for ref, commit in {**wanted, **{each.ref: each.commit for each in self._deployments}}.items():
            if self.there.get(ref) != commit:
                what = "names another commit" if ref in self.there else "is missing"
                self.found.add(Fault.REF, f"the ref {ref} {what}", self._users(ref))

    def other_refs(self) -> JsonObject:
        """Refs that are not as the request has them, and what they name; as many as an answer holds."""
        wanted = {layer.ref: layer.commit for layer in self._layers.values()}
        wanted |= {each.ref: each.commit for each in self._deployments}
        others = [item for item in sorted(self.there.items()) if item not in wanted.items()]
        return {ref: commit or "" for ref, commit in others[:OTHER_REFS]}

    def commit(self, number: int, deployment: Deployment) -> None:
        """It says what the record says, and its layers make it up."""
        commit = self.reached.commits.get(deployment.commit)
        if commit is None:
            return
        for key, text in deployment.metadata.items():
            if commit.metadata.get(key) != text:
                self.found.add(Fault.RECORD, f"the commit's {key} is not {text}", [number])
        for key, digest in deployment.digests.items():
            if _digest(commit.metadata.get(key)) != digest:
                self.found.add(Fault.RECORD, f"the commit's {key} is not {digest}", [number])
        if deployment.layers and self._union(deployment) not in {None, (commit.tree, commit.meta)}:
            self.found.add(Fault.UNION, "the layers do not make up the commit", [number])

    def _union(self, deployment: Deployment) -> tuple[str, str] | None:
        """The root that the layers give; None where something else that was named stands in the way."""
        layers = [self._layers[ref].commit for ref in deployment.layers if ref in self._layers]
        if len(layers) != len(deployment.layers) or not all(map(self.reached.whole, layers)):
            return None
        if deployment.ostree:  # of what holds the commit, the layer of the commit itself names all
            layers = [layers[0], *layers[deployment.ostree :]]
        try:
            return union_again(self._repository, layers, ostree=deployment.ostree > 0)
        except AppctlError as error:
            return error.message, ""

    def deployed(self, number: int, deployment: Deployment, apps: Path) -> None:
        """The directory holds the commit's files, what the image says about running, and nothing else."""
        try:
            with disk.opened(apps / deployment.id / deployment.name) as directory:
                self._beside(number, deployment, directory)
                self._files(number, deployment, directory)
        except OSError as error:
            self.found.add(Fault.FILES, f"the deployment cannot be read: {error.strerror}", [number])

    def _files(self, number: int, deployment: Deployment, directory: int) -> None:
        commit = self.reached.commits.get(deployment.commit)
        with disk.opened(FILES, directory) as files:
            if commit is not None:
                tell = self._teller(number)
                Checkout(self._repository, self.reached, tell).directory(files, commit.tree)

    def _beside(self, number: int, deployment: Deployment, directory: int) -> None:
        tell = self._teller(number)
        Checkout(self._repository, self.reached, tell).mode(directory, OPEN, "..")
        for name in set(disk.entries(directory)) - _BESIDE:
            tell("it is nothing of ours", f"../{name}")
        for path, what in altered(directory):
            tell(what, f"../{path}")
        if deployment.run is not None and _read(RUN, directory) != deployment.run:
            self.found.add(Fault.RUN, "run.json is not what the image says", [number], path=f"../{RUN}")
        if self.reached.whole(deployment.commit):
            size = self.reached.content_size(deployment.commit)
            if _size(directory) != size:
                self.found.add(
                    Fault.RECORD, f"record.json does not say {size} bytes", [number], path=f"../{RECORD}"
                )

    def _teller(self, number: int) -> "_Teller":
        return _Teller(self.found, number)

    def _owners(self, commits: Collection[str]) -> set[int]:
        """The deployments that need one of these commits, as their own or as a layer's."""
        return {
            number
            for number, each in enumerate(self._deployments)
            if each.commit in commits
            or any(self._layers[ref].commit in commits for ref in each.layers if ref in self._layers)
        }

    def _users(self, ref: str) -> set[int]:
        return {number for number, each in enumerate(self._deployments) if ref in (each.ref, *each.layers)}


@dataclass(frozen=True)
class _Teller:
    """Notes what is wrong in the files of one deployment."""

    found: Findings
    number: int

    def __call__(self, what: str, path: str) -> None:
        """See `files.Tell`."""
        self.found.add(Fault.FILES, f"{shown(path) or '.'}: {what}", [self.number], path=path)


def _digest(value: object) -> str:
    data = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
    return f"sha256:{sha256(data).hexdigest()}"


def _read(name: str, directory: int) -> JsonObject | None:
    try:
        return disk.read_json(name, directory)
    except (OSError, JsonError):
        return None


def _size(directory: int) -> int:
    try:
        return get_int(_read(RECORD, directory) or {}, CONTENT_SIZE)
    except JsonError:
        return -1
