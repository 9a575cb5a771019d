# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry in memory, a state directory with the real store, and the sentence or the jobs between them.

world = World(tmp_path)
world.registry.push("1", [BASE, TOP])
world.install("acme.example/x/hello:1")
"""

import asyncio
import copy
import subprocess
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Self

from appctld.config.policy.rules import Policy
from appctld.config.remote import Remote, make_remote
from appctld.errors import NoRemote
from appctld.jobs.job import Job
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.observer import Nobody
from appctld.jobs.requests import AnyRequest
from appctld.jobs.start import recover
from appctld.jobs.work import work
from appctld.jobs.workshop import Workshop, workshop
from appctld.model.image import APP_ID, VERSION
from appctld.model.jsonvalue import JsonObject, get_objects
from appctld.model.manifest import Platform
from appctld.model.ostreeref import AnyReference, OstreeRef
from appctld.model.reference import parse_reference
from appctld.pipeline.gate import Gate
from appctld.pipeline.native.run import install_commit, preview_commit
from appctld.pipeline.native.stages import PlannedCommit
from appctld.pipeline.run import install, preview
from appctld.pipeline.stages import Deployed, Planned
from appctld.pipeline.tools import Tools
from appctld.state.paths import Paths
from appctld.state.records import Record, installed
from support.deciders import everything
from support.publishers.trees import Trees
from support.workers.inline import InlineRunner, MemoryRegistry, NoLauncher, layer_of

BASE = layer_of({"usr/": None, "usr/bin/": None, "usr/bin/hello": b"#!/bin/sh\n", "usr/old": b"old"})
TOP = layer_of({"usr/": None, "usr/.wh.old": b"", "usr/new": b"new"})


CONTENTS = {"blobs", "tags", "indexes", "documents", "types", "attached", "listed"} | {
    "refs", "raw", "openpgp", "ed25519", "_commits",
}  # fmt: skip
"""What publishers have made, of a registry and of trees."""


def release(yard: "World", app_id: str, number: int) -> None:
    """Let the app be in version `number`.0 behind its tag."""
    labels = {VERSION: f"{number}.0", APP_ID: app_id}
    yard.registry.push("1", [BASE, layer_of({"version": b"%d" % number})], Labels=labels)


def trusting(name: str, verify: str = "none", **more: str) -> Remote:
    """A remote that needs no gpgv."""
    settings = {"url": f"https://{name}.example/x", "verify": verify, **more}
    return make_remote(name, settings, keyring=None, ca=None, origin=Path("/x"), writable=True)


def growing(name: str = "trees", verify: str = "none", **more: str) -> Remote:
    """An OSTree remote that needs no gpgv; underscores stand for the hyphens of keys."""
    words = {key.replace("_", "-"): value for key, value in more.items()}
    settings = {"url": f"ostree+https://{name}.example/repo", "verify": verify, **words}
    return make_remote(name, settings, keyring=None, ca=None, origin=Path("/x"), writable=True)


class World:
    """A registry, a state directory, and the sentence between them; `rules` is the administrator's policy."""

    def __init__(self, directory: Path) -> None:
        self.registry = MemoryRegistry()
        self.rules = Policy()
        self.paths = Paths(directory / "state")
        self.paths.create()
        self.trees = Trees(directory / "trees")
        self.runner = InlineRunner(self.registry, self.trees.handlers())
        self.tools = Tools(
            runner=self.runner,
            launcher=NoLauncher(),
            paths=self.paths,
            platform=Platform("linux", "amd64"),
            gate=Gate(),
            remote=self.remote,
            shares=lambda: ("acme", "other"),
            policy=lambda: self.rules,
        )
        self.remotes: dict[str, Remote] = {}
        asyncio.run(recover(self.tools))

    def remote(self, name: str, _reference: AnyReference) -> Remote:
        """The remote as it is now."""
        if name not in self.remotes:
            raise NoRemote
        return self.remotes[name]

    def plan(self, reference: str, remote: Remote | None = None) -> Planned:
        """From a reference to a plan."""
        remote = remote or trusting("acme")
        self.remotes[remote.name] = remote
        return asyncio.run(preview(parse_reference(reference), remote, self.tools))

    def install(self, reference: str, remote: Remote | None = None) -> Deployed:
        """From a reference to a deployment."""
        return self.go_on(self.plan(reference, remote))

    def go_on(self, planned: Planned) -> Deployed:
        """From a plan to a deployment."""
        return asyncio.run(install(planned, self.tools))

    def plan_commit(self, ref: str, remote: Remote | None = None) -> PlannedCommit:
        """From a ref of an OSTree remote to a plan."""
        remote = remote or growing()
        self.remotes[remote.name] = remote
        return asyncio.run(preview_commit(OstreeRef(remote.name, ref), remote, self.tools))

    def install_commit(self, ref: str, remote: Remote | None = None) -> Deployed:
        """From a ref to a deployment."""
        return self.go_on_with(self.plan_commit(ref, remote))

    def go_on_with(self, planned: PlannedCommit) -> Deployed:
        """From the plan of a commit to a deployment."""
        return asyncio.run(install_commit(planned, self.tools))

    def current(self) -> dict[str, Record]:
        """What is current of each app."""
        return {name: app.current for name, app in installed(self.paths).items()}

    def ops(self) -> list[object]:
        """What workers were asked, in order."""
        return [request["op"] for request in self.runner.requests]


class Noticing(Nobody):
    """An observer that writes down what changed outside of jobs."""

    def __init__(self) -> None:
        self.apps: list[str] = []
        self.updates = 0

    def apps_changed(self, ids: Collection[str]) -> None:
        """See `Observer`."""
        self.apps += ids

    def updates_changed(self) -> None:
        """See `Observer`."""
        self.updates += 1


class Yard(World):
    """A world whose jobs can be asked; `acme` and `other` are remotes without keys.

    A directory in which there was one before, or a copy of it, goes on as it was.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._directory = directory
        self.observer = Noticing()
        self.book = RemoteBook([directory / "remotes.d"], self.tools, lambda: self.observer)
        if not (directory / "remotes.d").exists():
            asyncio.run(self._trust())
        self.job = Job(number=0, kind="", refs=(), uid=1, background=False, title="")

    def copied_to(self, directory: Path) -> Self:
        """One in another directory that has what this one has, and whose registry and trees have it too.

        What takes long to install is installed once, for all tests of a file.
        """
        subprocess.run(["cp", "-a", f"{self._directory}/.", directory], check=True)
        other = type(self)(directory)
        for mine, theirs in ((self.registry, other.registry), (self.trees, other.trees)):
            contents = {name: copy.copy(value) for name, value in vars(mine).items() if name in CONTENTS}
            vars(theirs).update(contents)
        return other

    async def _trust(self) -> None:
        for remote in (trusting("acme"), trusting("other"), growing()):
            await self.book.add(remote.name, dict(remote.settings), b"")

    def shop(self, request: AnyRequest) -> Workshop:
        """The surroundings of a new job, which is `job` from then on."""
        self.job = Job(
            number=self.job.number + 1,
            kind=request.kind,
            refs=request.about,
            uid=1,
            background=False,
            title=request.title,
        )
        return workshop("user", self.tools, self.book, self.observer, self.job, request, everything)

    def do(self, request: AnyRequest) -> JsonObject:
        """Do what is asked; its result."""
        return asyncio.run(work(request, self.shop(request)))

    def apps(self, request: AnyRequest) -> list[JsonObject]:
        """Do what is asked; what became of each app."""
        return get_objects(self.do(request), "apps")

    def run(self, act: Callable[["Yard"], Coroutine[Any, Any, None]]) -> None:
        """Act in a loop of its own."""
        asyncio.run(act(self))
