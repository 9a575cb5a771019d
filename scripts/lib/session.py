# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The inner part of scripts/playground: one private session bus around one command.

    session.py DIR [COMMAND [ARG...]]       DIR may be empty: then a temporary directory, removed at the end

It runs as the user that the command shall have, with nothing but the standard library. Guarantees: the exit
code is the command's (128 + N for a signal N); when it returns, the bus, the daemon that the bus started and
every orphan of the command are gone; two sessions never share one DIR. Setting up the checkout and dropping
privileges is done before.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

TOP = Path(__file__).resolve().parents[2]
EXPORTS = "appctl/exports/share"  # where apps show themselves, below XDG_DATA_HOME
BUS_NAME = "org.appctl.Installer1"
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
GRACE = 5.0  # seconds between SIGTERM and SIGKILL for what is left: a daemon gives its workers 2

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <servicedir>{exported}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def main() -> int:
    """Open the session, run the command in it, close it."""
    given, command = sys.argv[1], sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    with _directory(given) as top, _runtime_directory() as runtime:
        environment = _environment(top, runtime)
        with _bus(top, runtime, environment):
            return _run(command or [os.environ.get("SHELL", "/bin/sh")], environment)


def _leave(signum: int, _frame: object) -> None:
    """End as the signal says, but through every `finally`."""
    raise SystemExit(128 + signum)


@contextlib.contextmanager
def _directory(given: str) -> Iterator[Path]:
    """Yield the directory of all state: the given one, locked, or a temporary one, removed afterwards."""
    if not given:
        top = Path(tempfile.mkdtemp(prefix="appctl-playground.", dir="/tmp"))
        try:
            yield top
        finally:
            _remove(top)
        return
    with (Path(given) / ".in-use").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"error: another playground uses {given}")
        yield Path(given)


@contextlib.contextmanager
def _runtime_directory() -> Iterator[Path]:
    """Yield an XDG_RUNTIME_DIR: 0700, gone at the end, its path short enough for sockets (108 bytes)."""
    path = Path(tempfile.mkdtemp(prefix="appctl-run.", dir="/tmp"))
    try:
        yield path
    finally:
        _remove(path)


def _remove(top: Path) -> None:
    """Remove a tree, its unreadable directories too."""
    for path, directories, _ in os.walk(top):
        for name in directories:
            child = Path(path, name)
            if not child.is_symlink():
                child.chmod(0o700)
    shutil.rmtree(top, ignore_errors=True)


def _environment(top: Path, runtime: Path) -> dict[str, str]:
    """Return the command's environment, its directories made."""
    places = {
        "HOME": top / "home",
        "XDG_DATA_HOME": top / "data",
        "XDG_CONFIG_HOME": top / "config",
        "XDG_CACHE_HOME": top / "cache",
        "XDG_STATE_HOME": top / "state",
        "TMPDIR": top / "tmp",
    }
    for place in places.values():
        place.mkdir(exist_ok=True)
    theirs = {"GNUPGHOME", "PYTHONHOME", "PYTHONPATH", "SUDO_COMMAND", "SUDO_GID", "SUDO_UID", "SUDO_USER"}
    environment = {name: value for name, value in os.environ.items() if name not in theirs}
    environment |= {name: str(place) for name, place in places.items()}
    environment |= {
        "APPCTL_SCOPE": "user",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
        "PATH": f"{TOP}/.venv/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "XDG_DATA_DIRS": f"/usr/local/share:/usr/share:{places['XDG_DATA_HOME']}/{EXPORTS}",
        "XDG_RUNTIME_DIR": str(runtime),
    }
    return environment


@contextlib.contextmanager
def _bus(top: Path, runtime: Path, environment: dict[str, str]) -> Iterator[None]:
    """Serve a bus on which the daemon is activated; what it and the daemon print goes to DIR/daemon.log."""
    services = runtime / "services"
    services.mkdir()
    service = (TOP / "data/dbus/session.service.in").read_text()
    program = f'"{TOP}/.venv/bin/appctld"'
    (services / f"{BUS_NAME}.service").write_text(service.replace("@BINDIR@/appctld", program))
    config = runtime / "bus.conf"
    exported = Path(environment["XDG_DATA_HOME"], EXPORTS, "dbus-1/services")
    exported.mkdir(parents=True, exist_ok=True)  # the bus watches what is there
    config.write_text(
        BUS_CONFIG.format(
            socket=escape(f"{runtime}/bus"), services=escape(str(services)), exported=escape(str(exported))
        )
    )
    command = ["setpriv", "--pdeathsig=TERM", "dbus-daemon", f"--config-file={config}", "--print-address=1"]
    with (top / "daemon.log").open("ab") as log:
        bus = subprocess.Popen(
            [*command, "--nofork"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is not for the bus
        )
    try:
        if bus.stdout is None or not bus.stdout.readline():
            sys.exit(f"error: the session bus did not start\n{(top / 'daemon.log').read_text()}")
        yield
    finally:
        bus.terminate()
        bus.wait()
        _reap_all()


def _reap_all() -> None:
    """End whatever was left behind: as the subreaper this process is the parent of every orphan."""
    for signum, grace in ((None, GRACE / 5), (signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        deadline = time.monotonic() + grace
        for pid in _children() if signum else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum or 0)
        while time.monotonic() < deadline:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                time.sleep(0.02)


def _children() -> list[int]:
    """Return the processes whose parent this one is."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run the command in the foreground; Ctrl-C is its business, as in any shell."""
    for signum in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(signum, _nothing)  # a handler, unlike SIG_IGN, does not pass to the child
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    try:
        status = child.wait()
    except SystemExit:
        child.terminate()
        raise
    return status if status >= 0 else 128 - status


def _nothing(_signum: int, _frame: object) -> None:
    """Leave the signal to the command."""


if __name__ == "__main__":
    sys.exit(main())
