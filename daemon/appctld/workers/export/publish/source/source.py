# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is published: one commit, with its objects.

Guarantees: the commit object hashes to its name. A commit that a machine made of an image's layers is
published as a commit of the same tree without what that machine noted: no image may hold a commit that says
it was made so. Leaves to others: finding out which commit an app is (the client does).
"""

from dataclasses import dataclass, field
from pathlib import Path

from appctld.model.jsonvalue import JsonObject, get_int, get_object, get_str
from appctld.workers.export.publish.source.before import KEY, Before, read_before
from appctld.workers.export.publish.source.described import Described, describe
from appctld.workers.export.publish.source.directory import DirectoryObjects, Owner
from appctld.workers.export.publish.source.objects import Objects, metadata
from appctld.workers.export.publish.source.repository import RepositoryObjects
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.tree import checksum

VERSION = "version"  # of a commit that was made here, what is kept: the publisher's own word for it


@dataclass(frozen=True)
class Source:
    """`name` is the checksum of `commit`; `detached` is its detached metadata, b"" for none.

    `before` is what the image said that it came in, if it is an installed app's.
    """

    objects: Objects
    name: str
    commit: bytes
    detached: bytes
    described: Described
    before: Before = field(default_factory=Before)


def open_source(request: JsonObject) -> Source:
    """`{"directory", "owner": {"uid", "gid"}, "timestamp", "version"}`, or `{"repo", "commit"}`.

    `timestamp` is in seconds, -1 for the newest that is in the directory. Raises NotFound, UnsafeArchive,
    LimitExceeded, RepoCorrupt.
    """
    if "directory" in request:
        return _directory(request)
    objects = RepositoryObjects.open(Path(get_str(request, "repo")))
    name = objects.resolve(get_str(request, "commit"))
    data = metadata(objects, Kind.COMMIT, name)
    found = describe(data)
    if not found.made_here:
        return Source(objects, name, data, objects.detached(name), found)
    before = read_before(found.text(KEY)) if found.text(KEY) else Before()
    return _made(objects, serialize_commit(_published(found.commit)), before)


def _directory(request: JsonObject) -> Source:
    owner = get_object(request, "owner")
    ids = Owner(get_int(owner, "uid"), get_int(owner, "gid"))
    objects = DirectoryObjects(Path(get_str(request, "directory")), ids)
    timestamp = get_int(request, "timestamp")
    said = get_str(request, "version")
    name = objects.commit(objects.newest if timestamp < 0 else timestamp, said)
    return _made(objects, objects.metadata(Kind.COMMIT, name))


def _published(commit: Commit) -> Commit:
    """The same tree of the same time."""
    said = commit.metadata.get(VERSION)
    return Commit(
        commit.tree, commit.meta, commit.timestamp, {VERSION: said} if isinstance(said, str) else {}
    )


def _made(objects: Objects, commit: bytes, before: Before | None = None) -> Source:
    return Source(objects, checksum(commit), commit, b"", describe(commit), before or Before())
