# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A machine with appctl: a private bus, the user-scope daemon on it, and the CLI, all real.

    with Machine(tmp_path) as machine:
        machine.appctl("list")

Where coverage measures, the daemon's Python workers run outside bubblewrap (bare.py), unless the test
asks for `sandboxed`. With `measured=False` nothing of it is measured, and all of it runs as it does for
users: half the time of a measured command goes into measuring. `program` is a module, with its arguments,
that runs in the place of the daemon's own. `scope="system"` is for where /etc/appctl and /var/lib/appctl are
the test's own (namesakes.py): the same daemon for all users, on a system bus of the test's own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.buses.bus import NAME, private_bus, wait_for_owner

BIN = Path(sys.executable).parent
START_SECONDS = 60.0  # only ends a daemon that does not come to serve, or does not end


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - the caller knows
        """What --json printed."""
        return json.loads(self.out)


class Machine:
    """One user's appctl, with all its state below `directory`."""

    def __init__(
        self,
        directory: Path,
        *,
        sandboxed: bool = False,
        measured: bool = True,
        program: Sequence[str] = (),
        scope: str = "user",
    ) -> None:
        self.directory = directory
        self._scope = scope
        self._bus = f"DBUS_{'SYSTEM' if scope == 'system' else 'SESSION'}_BUS_ADDRESS"
        self.state = Path("/var/lib/appctl") if scope == "system" else directory / "data" / "appctl"
        etc = Path("/etc/appctl") if scope == "system" else directory / "config" / "appctl"
        self.configuration = etc / "remotes.d"
        self.log = directory / "daemon.log"
        self.altered = ""  # what support/machines/altered.py changes in the daemon
        self.limits: dict[str, int] = {}  # of the bus
        self.within: Sequence[str] = ()  # what leads its programs to where they live (volume.py)
        self.with_services = False  # what the system bus has stands on the same bus (surroundings.py)
        self._inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("XDG_") and (measured or not name.startswith("COVERAGE_"))
        }
        self._bare = "COVERAGE_PROCESS_START" in self._inherited and not sandboxed
        self._stack = ExitStack()
        self.program = program
        self.daemon: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.directory.mkdir(exist_ok=True)
        address = self._stack.enter_context(private_bus(self.directory, limits=self.limits))
        self.environment = {
            **self._inherited,
            "DBUS_SYSTEM_BUS_ADDRESS": address
            if self.with_services
            else f"unix:path={self.directory}/no-bus",
            self._bus: address,
            "APPCTL_SCOPE": self._scope,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(__file__).resolve().parents[2])),
            **{name: str(self._made(path)) for name, path in self._places().items()},
        }
        (self.directory / "run").chmod(0o700)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._stack.close()

    def start(self) -> None:
        """Start the daemon and wait until it serves."""
        command = [str(BIN / "appctld"), f"--{self._scope}"]
        if self._bare:
            command = [sys.executable, "-m", "support.machines.bare"]
        if self.altered:
            command = [sys.executable, "-m", "support.machines.altered", self.altered]
        if self.program:
            command = [sys.executable, "-m", *self.program]
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                [*self.within, *command], env=self.environment, stdout=log, stderr=log
            )
        try:
            wait_for_owner(self.environment[self._bus], NAME, self.daemon, START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from error

    def stop(self, *, kill: bool = False) -> None:
        """End the daemon, orderly or not."""
        if self.daemon is not None:
            if kill:
                self.daemon.kill()
            else:
                self.daemon.terminate()
            self.daemon.wait(START_SECONDS)
            self.daemon = None

    def appctl(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Ran:
        """Run the CLI; its exit code must be `code`, if one is given."""
        command = [*self.within, str(BIN / "appctl"), *arguments]
        done = subprocess.run(
            command,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert code in {None, ran.code}, f"{command}: {ran}\n{self.log.read_text()[-3000:]}"
        return ran

    def add_remote(self, name: str, url: str, key: Path | None, lookaside: str = "", *more: str) -> None:
        """Trust a publisher."""
        keys = ["--gpg-import", str(key)] if key else []
        places = ["--lookaside", lookaside] if lookaside else []
        self.appctl("remote", "add", "-q", name, url, *keys, *places, *more)

    def run_app(self, *arguments: str, code: int | None = 0) -> Ran:
        """`appctl run`."""
        return self.appctl("run", *arguments, code=code)

    def fsck(self) -> None:
        """Every stored object is what its name says."""
        done = subprocess.run(
            [*self.within, "ostree", "fsck", f"--repo={self.state / 'repo'}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def refs(self) -> set[str]:
        """All refs of the repository."""
        command = [*self.within, "ostree", "refs", f"--repo={self.state / 'repo'}"]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    def objects(self) -> set[str]:
        """All objects of the repository."""
        return {str(path.relative_to(self.state)) for path in (self.state / "repo/objects").glob("*/*")}

    def _places(self) -> dict[str, Path]:
        return {
            "HOME": self.directory / "home",
            "XDG_DATA_HOME": self.directory / "data",
            "XDG_CONFIG_HOME": self.directory / "config",
            "XDG_CACHE_HOME": self.directory / "cache",
            "XDG_RUNTIME_DIR": self.directory / "run",
        }

    @staticmethod
    def _made(path: Path) -> Path:
        path.mkdir(exist_ok=True)
        return path
