# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A machine on which quay.io is at home: names of the Internet lead to loopback, and are vouched for.

    told = run_inside(work, ["quay.io", "registry.corp"], "support.people.sessions")

The program, `python -m MODULE WORK …`, prints one JSON document. It runs as the same user, in a network
namespace that holds nothing but loopback, where each of the names has an address of its own and port 443 may
be taken; `WORK/server.pem` is the key and certificate of all of them, and the machine's own bundle of
authorities knows it. /etc/appctl and /var/lib/appctl are empty directories of the user's, so that a daemon of
the system scope is at home there too; HOME is an empty home directory, in a place that apps can be shown.
Nothing outside changes. polkit's text agent is hidden: there is no polkit to ask on a bus of the test's own.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support.servers.fake_registry import loopback_identity

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
HOME = Path("/srv/alice")
_AGENT = "/usr/bin/pkttyagent"
_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4  # linux/prctl.h


def run_inside(work: Path, names: Sequence[str], module: str, *arguments: str) -> Any:  # noqa: ANN401 - the program knows
    """Run a program there, unmeasured; what it prints."""
    program = [sys.executable, "-m", module, str(work), *arguments]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**unmeasured, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = inside(work, names, program)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def inside(work: Path, names: Sequence[str], command: Sequence[str]) -> list[str]:
    """The command line that runs a command there; `work` is an empty directory for what that needs."""
    _, pem = loopback_identity(work, *names)
    (work / "bundle.crt").write_text(Path(BUNDLE).read_text() + pem)
    lines = [f"127.0.0.{number} {name}" for number, name in enumerate(names, start=2)]
    (work / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    for name in ("state", "home"):
        (work / name).mkdir()
    return [
        *("bwrap", "--unshare-user", "--uid", str(os.getuid()), "--gid", str(os.getgid()), "--unshare-net"),
        *("--cap-add", "CAP_NET_BIND_SERVICE", "--die-with-parent", "--dev-bind", "/", "/"),
        *_entries("/etc", without={"hosts", "appctl"}),
        *_entries("/var/lib", without={"appctl"}),
        *("--ro-bind", str(work / "hosts"), "/etc/hosts", "--ro-bind", str(work / "bundle.crt"), BUNDLE),
        *("--dir", "/etc/appctl", "--bind", str(work / "state"), "/var/lib/appctl"),
        *_entries(str(HOME.parent), without={HOME.name}),
        *("--bind", str(work / "home"), str(HOME)),
        *(("--ro-bind", os.devnull, _AGENT) if Path(_AGENT).exists() else ()),
        *("--", *command),
    ]


def servers_are_up() -> None:
    """Give up port 443 for the programs that are started from now on: bubblewrap starts with no privilege."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)


def _entries(directory: str, *, without: set[str]) -> Iterator[str]:
    """A directory that can be added to, with everything in it that is there."""
    yield from ("--tmpfs", directory)
    for entry in os.scandir(directory):
        if entry.name in without:
            continue
        if entry.is_symlink():
            yield from ("--symlink", str(Path(entry.path).readlink()), entry.path)
        else:
            yield from ("--ro-bind", entry.path, entry.path)
