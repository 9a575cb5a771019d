# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The buses of an app: sockets of xdg-dbus-proxy(1), which passes on what its rules allow and nothing else.

Guarantees: the proxy is sandboxed itself, with the bus's socket, its own new ones and /.flatpak-info (portals
look for that at who is connected) and nothing else of the caller's; it is ready before the app starts, and it
ends when this process does, however that ends. Without a bus, or without the proxy, the app has none.
"""

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from appctl.running.failed import failed
from appctl.running.grants.granted import Mount
from appctl.running.mounts.sources import APART, ENVIRONMENT, ISOLATED, bubblewrap

_PROGRAM = "xdg-dbus-proxy"
_VARIABLES = {"session": "DBUS_SESSION_BUS_ADDRESS", "system": "DBUS_SYSTEM_BUS_ADDRESS"}
_SYSTEM_BUS = "/run/dbus/system_bus_socket"
_OURS = "/run/proxy"  # where the proxy makes its sockets, in its own sandbox
_START = 10.0  # seconds; it needs a few hundredths of one
_END = 2.0  # seconds; it has nothing to finish
_Address = tuple[str, str]  # "path" and the socket's, or "abstract" and its name, escaped as in an address
_BESIDE_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True)
class Buses:
    """What the app gets of them, and the buses that had rules and are not there."""

    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@contextmanager
def buses(
    rules: Mapping[str, Sequence[str]], app: str, info: bytes, theirs: Path | None, runtime: str
) -> Iterator[Buses]:
    """Run a proxy with rules by bus (session, system) for the length of the block. Raises Failure.

    `app` is its ID, `info` its /.flatpak-info; `theirs` is the caller's XDG_RUNTIME_DIR, `runtime` the app's.
    """
    addresses = {bus: address for bus in rules if (address := _address(bus, theirs))}
    program = shutil.which(_PROGRAM, path=ENVIRONMENT["PATH"])
    if not addresses or program is None or theirs is None or not theirs.is_dir():
        yield Buses(missing=tuple(rules))
        return
    with ExitStack() as undo:
        (theirs / "appctl").mkdir(mode=0o700, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="bus-", dir=theirs / "appctl"))
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        _start(program, {bus: (addresses[bus], rules[bus]) for bus in addresses}, directory, info, undo)
        places = {"session": f"{runtime}/bus", "system": _SYSTEM_BUS}
        yield Buses(
            mounts=(
                *(Mount(places[bus], ("--ro-bind", str(directory / bus), places[bus])) for bus in addresses),
                *_documents(theirs / "doc/by-app" / app, f"{runtime}/doc"),
            ),
            env={_VARIABLES[bus]: f"unix:path={places[bus]}" for bus in addresses},
            missing=tuple(bus for bus in rules if bus not in addresses),
        )


def _documents(path: Path, place: str) -> Iterator[Mount]:
    """Show what the document portal gave the app, where that has its file system."""
    if path.is_dir():
        yield Mount(place, ("--bind", str(path), place))


def _address(bus: str, theirs: Path | None) -> _Address | None:
    """Return where a bus listens; None without such an address (D-Bus specification, "Server Addresses")."""
    default = {"session": f"unix:path={theirs}/bus" if theirs else "", "system": f"unix:path={_SYSTEM_BUS}"}
    for address in os.environ.get(_VARIABLES[bus], default[bus]).split(";"):
        transport, _, keys = address.partition(":")
        for kind, _, value in (key.partition("=") for key in keys.split(",")):
            if transport == "unix" and kind == "abstract":
                return kind, value
            if transport == "unix" and kind == "path" and Path(unquote(value)).is_socket():
                return kind, unquote(value)
    return None


def _start(
    program: str,
    listening: Mapping[str, tuple[_Address, Sequence[str]]],
    directory: Path,
    info: bytes,
    undo: ExitStack,
) -> None:
    """Start the proxy and wait until it listens. It ends when our end of the pipe is closed."""
    ready, told = os.pipe()
    about = os.memfd_create("appctl-info", os.MFD_CLOEXEC)
    os.write(about, info)
    os.lseek(about, 0, os.SEEK_SET)
    sandbox, arguments = [*_system(), *("--bind", str(directory), _OURS)], [f"--fd={told}"]
    for bus, (address, rules) in listening.items():
        shown, seen = _bus(bus, address)
        sandbox += shown
        arguments += [seen, f"{_OURS}/{bus}", "--filter", *rules]
    sandbox += ["--perms", "0644", "--ro-bind-data", str(about), "/.flatpak-info"]
    argv = [bubblewrap(), *APART, *ISOLATED, "--new-session", *sandbox, "--", program, *arguments]
    try:
        child = subprocess.Popen(  # in a session of its own: the terminal's keys are for the app
            argv, env=ENVIRONMENT, pass_fds=[told, about], stdin=subprocess.DEVNULL, start_new_session=True
        )
    finally:
        os.close(told)
        os.close(about)
    undo.callback(_end, child, ready)
    if not select.select([ready], [], [], _START)[0] or not os.read(ready, 1):
        raise failed(f"{_PROGRAM} did not start", "is the session bus there?")


def _bus(bus: str, address: _Address) -> tuple[list[str], str]:
    """Return what shows a bus to the proxy, and its address there."""
    kind, value = address
    if kind == "abstract":  # those belong to the network's namespace
        return ["--share-net"], f"unix:abstract={value}"
    return ["--ro-bind", value, f"/run/host-{bus}"], f"unix:path=/run/host-{bus}"


def _end(child: subprocess.Popen[bytes], ready: int) -> None:
    """Let go of the pipe, by which the proxy ends, and see that it did."""
    os.close(ready)
    try:
        child.wait(_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _system() -> list[str]:
    """Show what the proxy's program and its libraries need of the host, links as links."""
    shown = ["--ro-bind", "/usr", "/usr", "--dev", "/dev", "--dir", "/run"]
    for name in _BESIDE_USR:
        path = Path(f"/{name}")
        if path.is_symlink():
            shown += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            shown += ["--ro-bind", str(path), str(path)]
    return [*shown, "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
