# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The daemon's pipeline on a state directory of its own, without the daemon: plan an image, import a layer.

Everything that costs something is real: worker processes, sandboxes, decoders, the repository. What is left
out is the network, D-Bus and keys (the remote is `verify=none`).
"""

import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from appctld.config.remote import Remote, make_remote
from appctld.model.reference import parse_reference
from appctld.pipeline.gate import Gate
from appctld.pipeline.images.layer import fetch_and_import
from appctld.pipeline.run import preview
from appctld.pipeline.stages import ImportedLayer, Planned
from appctld.pipeline.tools import Progress, Silence, Tools
from appctld.scope import user_scope
from appctld.state.paths import Paths
from appctld.system.sandbox import Launcher
from engine.runner import LayoutRunner
from inputs.layout import Layout
from measure.cost import Cost, Watch

HOST = "bench.example"


class Engine:
    """One state directory, made if need be; remotes are made as they are named."""

    def __init__(self, directory: Path, layout: Layout, remotes: Sequence[str] = ("bench",)) -> None:
        self.paths = Paths(directory)
        self.paths.create()
        self._remotes = {name: _remote(name) for name in remotes}
        self._runner = LayoutRunner(layout)
        scope = user_scope({"XDG_DATA_HOME": str(directory), "HOME": "/nonexistent"})
        self._tools = Tools(
            runner=self._runner,
            launcher=scope.launcher,
            paths=self.paths,
            platform=scope.platform,
            gate=Gate(),
            remote=lambda name, _reference: self._remotes[name],
            gunzip=scope.gunzip,
            shares=lambda: tuple(self._remotes),
        )

    @asynccontextmanager
    async def job(self) -> AsyncIterator[None]:
        """For the length of the block workers are asked again, as those of one job are."""
        before = self._tools
        async with self._runner.keeping() as runner:
            self._tools = replace(before, runner=runner)
            try:
                yield
            finally:
                self._tools = before

    def tools(self, progress: Progress | None = None) -> Tools:
        """The tools of one job."""
        return replace(self._tools, progress=progress or Silence())

    def launch_with(self, change: Callable[[Launcher], Launcher]) -> None:
        """From now on start processes through what `change` makes of the launcher."""
        self._tools = replace(self._tools, launcher=change(self._tools.launcher))

    async def ask_for_nothing(self) -> None:
        """Let a store process open the repository, and find that there is nothing to prune."""
        await self._tools.store({"op": "prune", "keep_refs": [], "keep_blobs": True, "dry_run": True})

    async def plan(self, tag: str, remote: str = "bench") -> Planned:
        """What an install of the layout's image `tag` would do."""
        return await preview(
            parse_reference(f"{HOST}/{remote}/app:{tag}"), self._remotes[remote], self.tools()
        )


def _remote(name: str) -> Remote:
    settings = {"url": f"https://{HOST}/{name}", "verify": "none"}
    return make_remote(name, settings, keyring=None, ca=None, origin=Path("/nonexistent"), writable=True)


def copied(directory: Path, place: Path) -> Path:
    """A state directory once more, its objects hard links: what one contender writes, no other one finds."""
    target = place / directory.name
    subprocess.run(["cp", "--archive", "--link", str(directory), str(target)], check=True)
    return target


class _AfterDownload(Silence):
    """Begins to measure when a layer's last byte is here and hashed."""

    def __init__(self) -> None:
        self.watch = Watch()

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        if name == "importing":
            self.watch.begin()


async def import_layers(engine: Engine, planned: Planned) -> tuple[list[ImportedLayer], Cost]:
    """Import an image's layers one after the other; the cost from each one's last byte on."""
    done, cost = [], Cost(0, 0)
    for layer in planned.layers:
        progress = _AfterDownload()
        done.append(await fetch_and_import(layer, planned, engine.tools(progress)))
        cost += progress.watch.stop()
    return done, cost
