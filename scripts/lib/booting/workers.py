# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What workers in socket-activated units of their own would cost; run by `scripts/boot-test SUITE workers`.

As root in the booted system. Makes units (Accept=yes, DynamicUser) for a decoder and a fetcher, and the
daemon's without what bubblewrap and the network need; prints what systemd holds against each, and how long a
worker takes from the first byte asked to the first byte answered, in such a unit and in bubblewrap. Nothing
of it is used (docs/adr/0049).
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import exposure
from appctld.system.sandbox import Bubblewrap

ROUNDS = 30
RUN = Path("/run/systemd/system")
PYTHON = "/usr/lib/appctl/venv/bin/python"
FETCH = f"{PYTHON} -I -m appctld.workers.fetch"
ASKED = (
    json.dumps({"op": "nothing", "fds": {}}).encode() + b"\n"
)  # the worker is there when it says that this is none

COMMON = """
[Service]
ExecStart=-{command}
StandardInput=socket
StandardOutput=socket
StandardError=journal
DynamicUser=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=pid
CapabilityBoundingSet=
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
InaccessiblePaths=-/var/lib/appctl -/etc/appctl
UMask=0077
"""
NO_NETWORK = "PrivateNetwork=yes\nIPAddressDeny=any\nRestrictAddressFamilies=AF_UNIX\n"
NETWORK = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
SOCKET = """
[Socket]
ListenStream={path}
Accept=yes
SocketUser=appctl
SocketMode=0600
MaxConnections=256
TriggerLimitIntervalSec=0
"""
UNITS = {
    "decoder": ("/usr/bin/gzip -dc", NO_NETWORK),
    "fetcher": (FETCH, NETWORK),
    "cat": ("/usr/bin/cat", NO_NETWORK),
}


def main() -> int:
    """Make the units, measure, and print a table."""
    for name, (command, network) in UNITS.items():
        (RUN / f"trial-{name}@.service").write_text(COMMON.format(command=command) + network)
        (RUN / f"trial-{name}.socket").write_text(SOCKET.format(path=place(name)))
    variants = daemons(Path("/usr/lib/systemd/system/appctl.service").read_text())
    for name, text in variants.items():
        (RUN / f"trial-{name}.service").write_text(text)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "start", *(f"trial-{name}.socket" for name in UNITS)], check=True)
    for name in ("appctl", *(f"trial-{name}" for name in variants), "trial-decoder@1", "trial-fetcher@1"):
        print(f"exposure   {exposure.total(name + '.service'):>5}  {name}")
    bubblewrap = Bubblewrap(code=(Path("/usr/lib/appctl/venv"),), python=Path(PYTHON))
    show("a filter, bubblewrap", lambda: by_pipe(bubblewrap.stock("cat"), b"x"))
    show("a filter, unit", lambda: by_socket("cat", b"x"))
    show(
        "a fetcher, bubblewrap",
        lambda: by_pipe(bubblewrap.worker("appctld.workers.fetch", network=True), ASKED),
    )
    show("a fetcher, unit", lambda: by_socket("fetcher", ASKED))
    return 0


def daemons(text: str) -> dict[str, str]:
    """The daemon's unit without the network; and without namespaces, too."""
    offline = re.sub(r"^(RestrictAddressFamilies=AF_UNIX) AF_INET AF_INET6", r"\1", text, flags=re.MULTILINE)
    offline += "PrivateNetwork=yes\nIPAddressDeny=any\n"
    bare = re.sub(r"^RestrictNamespaces=.*", "RestrictNamespaces=yes", offline, flags=re.MULTILINE)
    bare = bare.replace(" AF_NETLINK", "").replace("@system-service @mount", "@system-service")
    bare = bare.replace("SystemCallFilter=~@resources", "SystemCallFilter=~@resources @privileged")
    bare += "RestrictSUIDSGID=yes\nProtectKernelTunables=yes\nProcSubset=pid\n"
    return {"without-network": offline, "without-namespaces": bare}


def place(name: str) -> str:
    """Where a unit listens."""
    return f"/run/trial-{name}.sock"


def by_socket(name: str, asked: bytes) -> None:
    """Ask a worker in a unit; return with its first byte."""
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(place(name))
        one.sendall(asked)
        if not one.recv(1):
            raise RuntimeError(f"{name} says nothing")


def by_pipe(command: tuple[str, ...], asked: bytes) -> None:
    """Ask a worker in bubblewrap, as the daemon's user; return with its first byte."""
    drop = ("setpriv", "--reuid=appctl", "--regid=appctl", "--clear-groups", "--inh-caps=-all")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*drop, *command], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        process.stdin.write(asked)
        if not process.stdout.read(1):
            raise RuntimeError(f"{command[-1]} says nothing")
        process.stdin.close()


def show(what: str, act: Callable[[], None]) -> None:
    """Do it many times; median and worst, in milliseconds."""
    act()
    times = sorted(_timed(act) for _ in range(ROUNDS))
    print(f"start      {statistics.median(times):>5.0f} ms (worst {times[-1]:.0f})  {what}")


def _timed(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main())
