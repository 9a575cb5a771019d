# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `merge`: an image's layer commits become one commit.

Guarantees: the result is a function of the layers, the metadata and the timestamp; it is on the disk, whole,
but no ref names it yet. Leaves to others: what a union is (union.py), and the ref (deploy.py).
"""

import base64
from collections.abc import Sequence
from pathlib import Path

from appctld.errors import Failed, LimitExceeded
from appctld.model.jsonvalue import Json, JsonObject, get_bool, get_int, get_object, get_str, get_strings
from appctld.model.permissions import METADATA_BYTES, METADATA_FILES
from appctld.workers.protocol import Report
from appctld.workers.store import recent
from appctld.workers.store.dropped import Dropped
from appctld.workers.store.ostree.closure import content_size, reached
from appctld.workers.store.ostree.commit import Commit, Value
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirMeta, DirTree, checksum, serialize_dirmeta, serialize_dirtree
from appctld.workers.store.ostree.writer import Writer
from appctld.workers.store.ostree_ext.derived import derived, left_out
from appctld.workers.store.union import Layer, union

LINKS_READ = 10_000  # different symlinks in layers' ways: real images have a dozen; each is read and hashed

_BASE64_KEYS = {"ostree.manifest"}  # bytes, not text


def merge(request: JsonObject, _report: Report) -> JsonObject:
    """Unite `layers`, which are commits, lowest first.

    `{"repo", "layers", "metadata", "timestamp", "ostree"}` -> `{"commit", "installed_size", "files",
    "dropped"}`. With `ostree` the first is a publisher's own (derived.py), and alone it is the result;
    `dropped` are paths of what counts for nothing above it. `files` holds the texts of METADATA_FILES.
    Raises UnsafeArchive and LimitExceeded (`path` and `layer` in the data), RepoCorrupt, NoSpace, Busy.
    """
    repository = Repository.open(Path(get_str(request, "repo")))
    layers, ostree = get_strings(request, "layers"), get_bool(request, "ostree", default=False)
    metadata = {key: _value(key, value) for key, value in get_object(request, "metadata").items()}
    with repository.shared():
        if ostree and len(layers) == 1:
            return _as_it_is(repository, layers[0])
        with repository.transaction() as writer:
            objects = _Writing(repository, writer)
            tree, meta = union(_layers(repository, layers, objects, ostree=ostree), objects)
            commit = writer.commit(Commit(tree, meta, get_int(request, "timestamp"), metadata))
            dropped = _left_out(repository, layers[1:] if ostree else (), objects)
        found = reached(objects, tree, meta)
        size = content_size(repository, found.files)
        files = metadata_files(repository, tree)
    recent.keep(commit, {name: objects.tree(name) for name in found.objects[Kind.DIRTREE]})
    return {"commit": commit, "installed_size": size, "files": files, "dropped": [*dropped]}


def _as_it_is(repository: Repository, name: str) -> JsonObject:
    """A publisher's commit with nothing above it."""
    commit = repository.commit(name)
    size = content_size(repository, reached(repository, commit.tree, commit.meta).files)
    return {
        "commit": name,
        "installed_size": size,
        "files": metadata_files(repository, commit.tree),
        "dropped": [],
    }


def union_again(repository: Repository, commits: Sequence[str], *, ostree: bool = False) -> tuple[str, str]:
    """What a merge would make of layer commits, with nothing written; (root dirtree, root dirmeta)."""
    if ostree and len(commits) == 1:
        commit = repository.commit(commits[0])
        return commit.tree, commit.meta
    objects = _Stored(repository)
    return union(_layers(repository, commits, objects, ostree=ostree), objects)


def _layers(
    repository: Repository, commits: Sequence[str], objects: "_Stored", *, ostree: bool
) -> list[Layer]:
    if not commits:
        raise Failed("a merge of no layers")
    loaded = [(name, repository.commit(name)) for name in commits]
    layers = [Layer(name, layer.tree, layer.meta, layer.implicit_dirs) for name, layer in loaded]
    if not ostree:
        return layers
    base, *above = layers
    # A publisher's commit may say anything, of implicit directories too: each of its own counts
    return [Layer(base.name, base.tree, base.meta), *(derived(layer, objects) for layer in above)]


def _left_out(repository: Repository, above: Sequence[str], objects: "_Stored") -> list[str]:
    """What does not count of the layers above a publisher's commit."""
    dropped = Dropped()
    for commit in above:
        for name in left_out(repository.commit(commit).tree, objects):
            dropped.add(name)
    return dropped.names


class _Stored:
    """The repository as the algebra sees it: dirtrees and symlinks are read once, and nothing is written."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._trees: dict[str, DirTree] = {}
        self._targets: dict[str, str | None] = {}
        self.implicit_meta = checksum(serialize_dirmeta(0, 0, 0o755))

    def tree(self, name: str) -> DirTree:
        if name not in self._trees:
            self._trees[name] = self._repository.tree(name)
        return self._trees[name]

    dirtree = tree

    def meta(self, name: str) -> DirMeta:
        return self._repository.meta(name)

    def add_dirtree(self, tree: DirTree) -> str:
        name = checksum(serialize_dirtree(tree))
        self._trees[name] = tree
        return name

    def symlink_target(self, name: str) -> str | None:
        if name not in self._targets:
            if len(self._targets) >= LINKS_READ:
                raise LimitExceeded(f"more than {LINKS_READ} symlinks in the way of layers", limit=LINKS_READ)
            self._targets[name] = self._read_target(name)
        return self._targets[name]

    def _read_target(self, name: str) -> str | None:
        with translated(f"reading symlink {name}"):
            _, _, info, _ = self._repository.library.load_file(name, None)
        target: str | None = info.get_symlink_target()
        if target is not None:
            self._repository.verify(Kind.FILE, name)
        return target


class _Writing(_Stored):
    """The same, and what is made is stored."""

    def __init__(self, repository: Repository, writer: Writer) -> None:
        super().__init__(repository)
        self._writer = writer
        self.implicit_meta = writer.meta(0, 0, 0o755)

    def add_dirtree(self, tree: DirTree) -> str:
        name = self._writer.tree(tree)
        self._trees[name] = tree
        return name


def _value(key: str, value: Json) -> Value:
    match value:
        case str() if key in _BASE64_KEYS:
            return base64.b64decode(value, validate=True)
        case str():
            return value
        case list():
            return [item if isinstance(item, str) else _no_metadata(key) for item in value]
        case _:
            return _no_metadata(key)


def _no_metadata(key: str) -> str:
    raise Failed(f"commit metadata {key!r} is neither text nor a list of texts")


def metadata_files(repository: Repository, tree: str) -> JsonObject:
    """What a stored tree says about its permissions: those of METADATA_FILES that can be read."""
    names = {path: _find(repository, tree, path) for path in METADATA_FILES}
    texts = {path: _small_text(repository, name) for path, name in names.items() if name is not None}
    return {path: text for path, text in texts.items() if text is not None}


def _find(repository: Repository, tree: str, path: str) -> str | None:
    """The content object at a path; no symlink is followed."""
    *parents, last = path.split("/")
    here = repository.tree(tree)
    for part in parents:
        if part not in here.dirs:
            return None
        here = repository.tree(here.dirs[part][0])
    return here.files.get(last)


def _small_text(repository: Repository, name: str) -> str | None:
    """A regular file's text, hashed again; None if it is another kind, too large, or not UTF-8."""
    with translated(f"reading file {name}"):
        _, stream, info, _ = repository.library.load_file(name, None)
        if stream is None or info.get_size() > METADATA_BYTES:  # only a regular file has a stream
            return None
        repository.verify(Kind.FILE, name)
        data: bytes = stream.read_bytes(METADATA_BYTES, None).get_data() or b""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
