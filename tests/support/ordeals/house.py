# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A house: a state directory with the daemon's jobs, in which one process can be made to misbehave.

    house = House(tmp_path, stand)
    house.misbehave("store", "merge", fault)
    job = house.do(Install(("127.0.0.1:1/demo/hello:1",)))

Workers are asked in this interpreter, decoders and gpgv are real and in their sandbox; the one request that
is to go wrong goes to a process. What must be true afterwards, whatever happened, is in `Survey`.
"""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appctld.errors import AppctlError
from appctld.jobs.job import Job, State
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.queue import Jobs
from appctld.jobs.reporting.observer import Nobody
from appctld.jobs.requests import AnyRequest, Update, Verify
from appctld.jobs.start import _performer, recover
from appctld.model.automatic import Decision, Extent
from appctld.model.jsonvalue import Json, JsonObject, get_list, get_str
from appctld.pipeline.exports.desktop import Desktop
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.scope import code_directories, this_platform
from appctld.state.available import last_check, waiting_refs
from appctld.state.layers import recorded_refs
from appctld.state.paths import Paths
from appctld.state.records import installed, roots
from appctld.system.child import PLAIN
from appctld.system.durable import storage_failure
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Processes, Program, Report
from appctld.workers.fetch.__main__ import HANDLERS as FETCH
from appctld.workers.keyring.__main__ import HANDLERS as KEYRING
from support.buses.queue import allowed
from support.ordeals.faults import Fault
from support.publishers.stand import Shown, Stand
from support.workers.inline import InlineRunner, MemoryRegistry

STOCK = {"igzip", "gzip", "zstd", "gpgv", "update-desktop-database"}
DESKTOP = Desktop(("/usr/bin/appctl", "--user", "run"), ())
REMOTE = "acme"
_WRITTEN = (
    "",
    "remotes/**/",
    "seen/**/",
    "tar-split/**/",
)  # where files are replaced


@dataclass(frozen=True)
class Leave:
    """That a remote be removed: no job of the queue, and told as one here."""

    remote: str


@dataclass(frozen=True)
class ByItself:
    """An update of everything that nobody asked for, which goes that far."""

    extent: Extent


Wish = AnyRequest | Leave | ByItself


@dataclass
class Armed:
    """The request that is to go wrong: the `number`th of its kind, counted down."""

    process: str
    operation: str
    fault: Fault
    number: int = 1

    def is_due(self, process: str, operation: str) -> bool:
        """Whether this one is it; true once."""
        if (process, operation) != (self.process, self.operation):
            return False
        self.number -= 1
        return self.number == 0


class FaultyRunner(InlineRunner):
    """Asks in this interpreter; what is armed goes to a process that misbehaves."""

    def __init__(self) -> None:
        super().__init__(MemoryRegistry())
        self._tables |= {"appctld.workers.fetch": FETCH, "appctld.workers.keyring": KEYRING}
        self.armed: Armed | None = None
        self.asked: list[tuple[str, str]] = []

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `system.worker.Runner.run`."""
        process, operation = program.module.rpartition(".")[2], get_str(request, "op")
        self.asked.append((process, operation))
        if self.armed is None or not self.armed.is_due(process, operation):
            return await super().run(program, request, report, fds=fds)
        fault = self.armed.fault
        changed = replace(program, argv=fault.command(program.argv), deadline=fault.deadline)
        return await Processes().run(changed, request, report, fds=fds)


class FaultyLauncher(Bubblewrap):
    """Bubblewrap, but for the stock program that is armed."""

    def __init__(self, runner: FaultyRunner) -> None:
        super().__init__(tuple(sorted(code_directories())))
        object.__setattr__(self, "_runner", runner)

    def stock(
        self,
        *argv: str,
        files: Mapping[str, int] | None = None,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.stock`."""
        runner: FaultyRunner = self._runner  # type: ignore[attr-defined]
        (name,) = [word for word in argv if word in STOCK]
        runner.asked.append((name, "run"))
        command = super().stock(*argv, files=files, writable=writable, readable=readable)
        if runner.armed is not None and runner.armed.is_due(name, "run"):
            return runner.armed.fault.command(command)
        return command


class House:
    """One state directory, one remote, and the jobs of one daemon."""

    def __init__(self, root: Path, stand: Stand) -> None:
        self.root, self.stand = root, stand
        self.paths = Paths(root / "state")
        self.paths.create()
        self.runner = FaultyRunner()
        self.tools = Tools(
            runner=self.runner,
            launcher=FaultyLauncher(self.runner),
            paths=self.paths,
            platform=this_platform(),
            gate=Gate(),
            gunzip="igzip",
            desktop=DESKTOP,
        )
        self._loop = asyncio.Runner()
        self._extent = Extent.INSTALL
        self._wake()

    def _wake(self) -> None:
        """As a daemon that remembers nothing."""
        self.book = RemoteBook([self.root / "remotes.d"], self.tools, Nobody)
        self._jobs = Jobs(_performer("user", self.tools, self.book, None, self._decide))

    async def _decide(self) -> Decision:
        return Decision(self._extent)

    def close(self) -> None:
        """End the daemon."""
        self._loop.close()

    def start(self) -> float:
        """What a daemon does first; how many seconds of the processor that took, whoever else has it too."""
        began = time.process_time()
        self._wake()
        self._loop.run(recover(self.tools))
        self._loop.run(self.book.tidy_catalogs())
        return time.process_time() - began

    def trust(self, name: str = REMOTE) -> None:
        """Add the stand as a remote, all of it or, for another name, its repositories below that name."""
        below = "demo" if name == REMOTE else name
        settings = {
            "url": f"oci+http://{self.stand.host}/{below}",
            "verify": "gpg",
            "lookaside": self.stand.lookaside,
        }
        self._loop.run(self.book.add(name, settings, self.stand.keyring))

    def misbehave(self, process: str, operation: str, fault: Fault, number: int = 1) -> None:
        """Let the `number`th request of that kind go wrong."""
        self.runner.armed = Armed(process, operation, fault, number)

    def behave(self) -> None:
        """Let everything be as it should."""
        self.runner.armed = None

    def do(self, request: Wish) -> Job:
        """Do what is asked, to its end."""
        if isinstance(request, ByItself):
            self._extent, request = request.extent, Update((), {"background": True})
        return self._loop.run(self._leave(request) if isinstance(request, Leave) else self._do(request))

    async def _leave(self, request: Leave) -> Job:
        job = Job(0, "remove", (request.remote,), os.geteuid(), background=False, title="Remove")
        try:
            await self.book.remove(request.remote)
        except AppctlError as error:
            job.error = error
        except OSError as error:
            job.error = storage_failure(error)
        job.state = State.FAILED if job.error else State.SUCCEEDED
        return job

    async def _do(self, request: AnyRequest) -> Job:
        job = self._jobs.start(request, os.geteuid(), allowed)
        await asyncio.wait({self._jobs._tasks[job.number]})
        return job

    # --- what must be true ----------------------------------------------------------------------------------

    def versions(self) -> dict[str, str]:
        """What is current, by ID, a file of its deployment; what counts of catalogues, by remote."""
        found = self.listed()
        for app_id, app in installed(self.paths).items():
            files = self.paths.app(app_id) / app.current.deployment / "files"
            found[app_id] = (files / "usr/bin/hello").read_text()
        return found | self._waiting()

    def _waiting(self) -> dict[str, str]:
        """The versions that were brought here, with all their layers, and wait to be installed."""
        here = recorded_refs(self.paths)
        waits = [one for one in last_check(self.paths).updates if one.refs]
        return {f"waiting {one.id}": one.version for one in waits if here.issuperset(one.refs)}

    def listed(self) -> dict[str, str]:
        """The versions of the catalogues that count and are here."""
        counts = [remote.name for remote in self.book.all() if self.book.catalogs.counts(remote)]
        paths = {name: self.paths.catalog(name) for name in counts}
        return {f"catalogue of {name}": _named(path)[0] for name, path in paths.items() if path.exists()}

    def united(self) -> list[str]:
        """The names of what libappstream is told of."""
        path = self.paths.swcatalog / "xml/appctl.xml"
        return sorted(_named(path)) if path.exists() else []

    def to_unite(self) -> list[str]:
        """Those of what it is to be told of: listed apps have versions for names, and installed ones IDs."""
        return sorted([*self.listed().values(), *installed(self.paths)])

    def shown(self) -> dict[str, str]:
        """The versions that desktops see, by the names of their entries."""
        found = self.paths.exports.glob("share/applications/*.desktop")
        return {path.stem: path.read_text().split("Name=")[1].split("\n")[0] for path in found}

    def problems(self) -> list[Json]:
        """What Verify finds."""
        return get_list(self.do(Verify(())).result, "problems")

    def fsck(self) -> str:
        """What libostree's own check has to say; empty where it is content."""
        return fsck(self.paths.repo)

    def litter(self) -> list[str]:
        """Whatever no start of the daemon leaves; catalogues that do not count, too."""
        return sorted([*litter(self.paths), *map(str, self._unlisted())])

    def _unlisted(self) -> Iterator[Path]:
        """What no catalogue that counts has."""
        counts = {remote.name for remote in self.book.all() if self.book.catalogs.counts(remote)}
        for place in self.paths.catalogs.glob("*"):
            if place.name not in counts:
                yield place
            current = place / "current"
            yield from (path for path in place.iterdir() if path not in {current, current.resolve()})

    def finished(self, layers: Sequence[Shown]) -> dict[str, int]:
        """How often those of these layers were asked for that are here whole, as a blob or as a commit."""
        here = {path.name for path in self.paths.blobs.glob("**/*")}
        here |= {ref.rpartition("/")[2] for ref in recorded_refs(self.paths)}
        return {
            layer.path: len(self.stand.asked(layer.path))
            for layer in layers
            if {layer.hex, layer.diff_id} & here
        }


def litter(paths: Paths) -> list[str]:
    """Unfinished files, refs that no record names, dead links."""
    names = [
        *paths.blobs.glob("**/.unverified-*"),
        *paths.apps.glob("*/.*"),
        *paths.apps.glob("*/*/.uncommitted"),
        *(path for path in (paths.repo / "tmp").iterdir() if path.name != "cache"),
        *paths.root.glob("quarantine/*"),
        *(path for place in _WRITTEN for path in paths.root.glob(f"{place}.*")),
        *paths.repo.glob("objects/??/*.tmp*"),
        *paths.exports.glob(".*"),
        *(path for path in paths.exports.rglob("*") if path.is_symlink() and not path.exists()),
        *paths.swcatalog.glob("**/.*"),
    ]
    heads = paths.repo / "refs/heads"
    refs = {str(path.relative_to(heads)) for path in heads.glob("appctl/**/*") if path.is_file()}
    named = roots(paths) | recorded_refs(paths) | waiting_refs(paths)
    return sorted([*map(str, names), *(f"ref {ref}" for ref in refs - named)])


def _named(path: Path) -> list[str]:
    return re.findall("<name>(.*?)</name>", path.read_text())


def fsck(repo: Path) -> str:
    """`ostree fsck`: what it says where it is not content."""
    done = subprocess.run(
        ["ostree", "fsck", "--quiet", f"--repo={repo}"],
        env=dict(PLAIN),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""
