# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A user-scope daemon of one command's own: on a private bus, with its state in a directory that goes away.

Guarantees: nothing of the caller's appctl is read or changed; bus, daemon and directory are gone when the
block ends; of a command that was killed the two programs end too, and the next one removes the directory.
Leaves to others: what is asked of it, by programs that get its environment.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from appctl.caller_files import remove_tree
from appctl.failure import Failure
from appctl.running.mounts.sources import bubblewrap

NAME = "org.appctl.Installer1"
START_SECONDS = 30.0  # until it answers: it takes one on an idle machine
_END_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PREFIX = "try-"
_PATH_LENGTH = 60  # of a directory, below which a directory and a socket are to have names
_WITH_US = ("--dev-bind", "/", "/", "--die-with-parent", "--")  # and the daemon goes with its bus
_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=PLACE</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_PLACES = {
    "HOME": "home", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}  # fmt: skip


@contextlib.contextmanager
def ephemeral(cache: Path, remote: str) -> Iterator[dict[str, str]]:
    """Run one below `cache`, with a remote whose file says `remote`; yields the environment that leads there.

    Raises Failure.
    """
    with _directory(cache) as place:
        environment = {**os.environ, **{name: str(place / path) for name, path in _PLACES.items()}}
        for path in _PLACES.values():
            (place / path).mkdir()
        remotes = place / "config/appctl/remotes.d"
        remotes.mkdir(parents=True)
        (remotes / "try.conf").write_text(remote)
        with _bus(environment) as address:
            environment |= {"DBUS_SESSION_BUS_ADDRESS": address, "APPCTL_SCOPE": "user"}
            with _daemon(environment, address):
                yield environment


@contextlib.contextmanager
def _directory(cache: Path) -> Iterator[Path]:
    """A new directory, locked as long as it is used; those that nobody uses are swept."""
    cache.mkdir(parents=True, exist_ok=True)
    for old in cache.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), _locked(old):
            remove_tree(old)
    place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))
    with _locked(place):
        try:
            yield place
        finally:
            remove_tree(place)


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Raises BlockingIOError where somebody else has it."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _bus(environment: dict[str, str]) -> Iterator[str]:
    """It starts nothing by itself. Its socket stands where paths are short: one has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="appctl-", dir=_short(environment)) as place:
        configuration = Path(place, "bus.conf")
        configuration.write_text(_CONFIGURATION.replace("PLACE", place))
        bus = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address=1"]
        command = [bubblewrap(), *_WITH_US, *bus]
        with _running(command, environment, stdout=subprocess.PIPE) as started:
            address = started.stdout.readline().decode().strip() if started.stdout else ""
            if not address:
                raise Failure("Failed", "no private bus could be started", "is dbus-daemon installed?")
            yield address


def _short(environment: dict[str, str]) -> str:
    places = (environment.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir())
    return next((place for place in places if place and len(place) <= _PATH_LENGTH), "/tmp")  # noqa: S108


@contextlib.contextmanager
def _daemon(environment: dict[str, str], address: str) -> Iterator[None]:
    command = [sys.executable, "-I", "-m", "appctld", "--user"]
    with _running(command, environment) as daemon:
        end = time.monotonic() + START_SECONDS
        while not _serves(address):
            if daemon.poll() is not None or time.monotonic() > end:
                raise Failure("Failed", "the daemon that should try it did not start", "appctl doctor")
            time.sleep(_POLL_SECONDS)
        yield


def _serves(address: str) -> bool:
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    driver = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    with contextlib.closing(open_dbus_connection(address)) as connection:
        reply = connection.send_and_get_reply(new_method_call(driver, "NameHasOwner", "s", (NAME,)))
        return bool(reply.body[0])


@contextlib.contextmanager
def _running(
    command: list[str], environment: dict[str, str], stdout: int = subprocess.DEVNULL
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program in a session of its own, which the terminal's Ctrl-C does not reach; ended with the block."""
    try:
        program = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, start_new_session=True
        )
    except OSError as error:
        raise Failure("Failed", f"{command[0]}: {error.strerror}", "appctl doctor") from error
    with program:
        try:
            yield program
        finally:
            program.terminate()
            try:
                program.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
