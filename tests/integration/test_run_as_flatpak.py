# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One runtime, one app and its metadata, by `flatpak run` and by `appctl run`: what a probe inside finds.

Where the environment differs, it does so on purpose: OURS, THEIRS and DIFFERENT say where.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctld.model.permissions import Permission, parse_metadata
from appctld.pipeline.records.runfile import run_of
from support.buses.bus import private_bus
from support.buses.names import services
from support.machines.deployments import Made
from support.machines.runtimes import APP, PLATFORM_REF, change_platform, change_tool, platform, tool

pytestmark = [
    pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root"),
    pytest.mark.skipif(shutil.which("flatpak") is None, reason="there is no flatpak here to compare with"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="system calls by number"),
]

SHORT = PLATFORM_REF.removeprefix("runtime/")
RUNTIME = (
    f"[Runtime]\nname=org.acme.Platform\nruntime={SHORT}\nsdk={SHORT}\n[Environment]\nBOTH=runtime\nRT=1\n"
)
APPLICATION = f"[Application]\nname={APP}\nruntime={SHORT}\nsdk={SHORT}\ncommand=tool\n"
PROGRAMS = ("sh", "env", "cat", "ls", "touch", "gdbus", "perl", "sed", "grep")
SERVICES = (
    "org.other.Service",
    "org.other.Service.Below",
    "org.third.Service",
    "org.freedesktop.portal.Desktop",
)
OWNED = (APP, f"{APP}.Part", f"org.mpris.MediaPlayer2.{APP}", "org.acme.Other", "org.acme.Other.Part")
PLACES = """
    /app/bin/tool /usr/bin/sh /usr/share/runtime/about /etc/os-name /bin/sh /lib64 /sys/class /sys/firmware
    /boot /run/host/usr/bin /run/host/etc/passwd /run/host/etc/ld.so.cache /run/host/fonts /srv /opt /root
    /etc/fstab /tmp /var/tmp /etc/passwd /etc/machine-id /dev/kmsg {mark} {home}/secret
    {home}/Shared {home}/new
"""
PROBE = """
for p in {places}; do
    test -e $p && echo "there $p"
    test -w $p && test ! -c $p && echo "writable $p"
done
ls -l /proc/self/ns/ipc /proc/self/ns/net /bin | sed 's/.* -> /link /'
for n in {services}; do
    gdbus call --session --dest $n --object-path /x --method org.x.Y.Hello 2>&1 | grep -x "('$n',)"
done
for n in {owned}; do
    gdbus call --session --dest org.freedesktop.DBus --object-path / \\
        --method org.freedesktop.DBus.RequestName $n 0 2>&1 | grep -q '(uint32 1,)' && echo "owns $n"
done
perl -e 'print syscall(101, 0, 0, 0, 0) == -1 ? "no ptrace\\n" : "ptrace\\n";
         print syscall(41, 31, 15, 0) == -1 && $! == 97 ? "no bluetooth\\n" : "bluetooth\\n";
         print syscall(41, 29, 15, 0) == -1 && $! == 97 ? "no can\\n" : "can\\n";
         print syscall(135, 0x0040000) == -1 ? "no personality\\n" : "personality\\n";'
"""
METADATA = {
    "nothing": "",
    "network": "[Context]\nshared=network;\n",
    "ipc": "[Context]\nshared=ipc;\n",
    "network taken away": "[Context]\nshared=ipc;network;!network;\n",
    "home": "[Context]\nfilesystems=home;\n",
    "home to read": "[Context]\nfilesystems=home:ro;\n",
    "a directory": "[Context]\nfilesystems=~/Shared;\n",
    "a directory twice": "[Context]\nfilesystems=~/Shared;~/Shared:ro;\n",
    "a new directory": "[Context]\nfilesystems=~/new:create;\n",
    "home taken away": "[Context]\nfilesystems=home;!home;\n",
    "the operating system": "[Context]\nfilesystems=host-os;\n",
    "its configuration": "[Context]\nfilesystems=host-etc;\n",
    "both": "[Context]\nfilesystems=host-os;host-etc;\n",
    "all of the host": "[Context]\nfilesystems=host-os;host;host-etc;\n",
    "the host to read": "[Context]\nfilesystems=host:ro;\n",
    "all devices": "[Context]\ndevices=all;\n",
    "all devices and memory": "[Context]\ndevices=all;shm;\n",
    "memory": "[Context]\ndevices=shm;\n",
    "development": "[Context]\nfeatures=devel;\n",
    "bluetooth": "[Context]\nfeatures=bluetooth;\n",
    "canbus": "[Context]\nfeatures=canbus;!devel;\n",
    "a name to talk to": "[Session Bus Policy]\norg.other.Service=talk\n",
    "names to talk to": "[Session Bus Policy]\norg.other.Service.*=talk\norg.third.Service=none\n",
    "a name to see": "[Session Bus Policy]\norg.other.Service=see\n",
    "a name to own": "[Session Bus Policy]\norg.acme.Other=own\n",
    "names to own": "[Session Bus Policy]\norg.acme.Other.*=own\norg.other.Service=talk\n",
}

OURS = {"APPCTL_ID", "PYTHONPYCACHEPREFIX", "USER", "LOGNAME"}
# For sandboxes inside the sandbox, for shells, and what flatpak passes on of the caller's environment
THEIRS = {"FLATPAK_SANDBOX_DIR", "PS1", "DBUS_SYSTEM_BUS_ADDRESS", "PYTEST_CURRENT_TEST", "COLUMNS", "LINES"}
DIFFERENT = {
    "HOME",  # ours is the app's own, and kept, until the caller's is granted
    "XDG_STATE_HOME",  # in the same directory, by another name
    "DBUS_SESSION_BUS_ADDRESS",
    "PWD",
}


@dataclass
class Both:
    """One caller, who has the app twice; `mark` is a file of theirs in /dev/shm."""

    home: Path
    app: Made
    mark: str

    def by_flatpak(self, metadata: str, script: str) -> list[str]:
        """What a script says, run by flatpak in the app with this metadata."""
        found = self.home / f".local/share/flatpak/app/{APP}/current/active/metadata"
        found.unlink()
        found.write_text(APPLICATION + metadata)
        command = ["flatpak", "run", "--user", "--command=sh", APP, "-c", script]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()

    def by_us(self, metadata: str, script: str, capfd: pytest.CaptureFixture[str]) -> list[str]:
        """The same by appctl; run.json is what the daemon makes of the metadata."""
        text = APPLICATION + metadata
        written = run_of(_App(parse_metadata(text).permissions), None, text)
        change_tool(self.app, **{name: written.get(name, []) for name in ("permissions", "env", "unset")})
        assert main(["run", "--command=sh", APP, "-c", script]) == 0
        return capfd.readouterr().out.splitlines()


@dataclass
class _App:
    permissions: tuple[Permission, ...]
    id: str = APP
    version: str = "1"


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Path, Made]]:
    """A home directory with both, on a disk: neither shows what lies in /dev/shm."""
    with tempfile.TemporaryDirectory(prefix="appctl-both.", dir="/tmp", ignore_cleanup_errors=True) as made:
        home = Path(made, "home")
        home.mkdir()
        runtime = platform(home / ".local/share/appctl", *PROGRAMS)
        change_platform(runtime, env={"BOTH": "runtime", "RT": "1"})
        app = tool(home / ".local/share/appctl")
        (runtime.files / "metadata").write_text(RUNTIME)
        (app.files / "metadata").write_text(APPLICATION)
        (app.files / "export").mkdir()
        with private_bus(Path(made)) as bus:
            flatpak = _Flatpak(home, bus)
            repo = f"{made}/repo"
            flatpak("build-export", "--runtime", "--files=files", repo, str(runtime.files), "1")
            flatpak("build-export", "--disable-sandbox", repo, str(app.files), "stable")
            flatpak("remote-add", "--user", "--no-gpg-verify", "acme", repo)
            flatpak("install", "--user", "-y", "acme", SHORT)
            flatpak("install", "--user", "-y", "acme", f"{APP}//stable")
        yield home, app


class _Flatpak:
    def __init__(self, home: Path, bus: str) -> None:
        self.environment = os.environ | {
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "DBUS_SESSION_BUS_ADDRESS": bus,
            "DBUS_SYSTEM_BUS_ADDRESS": bus,
        }

    def __call__(self, *arguments: str) -> None:
        subprocess.run(["flatpak", *arguments], env=self.environment, check=True, capture_output=True)


@pytest.fixture
def both(installed: tuple[Path, Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    home, app = installed
    shutil.rmtree(home / "new", ignore_errors=True)
    (home / "secret").write_text("of the host\n")
    (home / "Shared").mkdir(exist_ok=True)
    runtime = home.parent / "run"  # short, as a socket's address is
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(0o700)
    with (
        private_bus(tmp_path) as address,
        services(address, SERVICES),
        tempfile.NamedTemporaryFile(prefix="appctl-mark.", dir="/dev/shm") as mark,
    ):
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        for name in list(os.environ):
            monkeypatch.delenv(name)
        mine = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "LANG": "C.UTF-8"}
        buses = {"DBUS_SESSION_BUS_ADDRESS": address, "DBUS_SYSTEM_BUS_ADDRESS": address}
        for name, value in (kept | mine | buses).items():
            monkeypatch.setenv(name, value)
        yield Both(home, app, mark.name)


@pytest.mark.parametrize("metadata", METADATA.values(), ids=METADATA)
def test_a_permission_gives_what_it_gives_in_flatpak(
    metadata: str, both: Both, capfd: pytest.CaptureFixture[str]
) -> None:
    places = " ".join(PLACES.format(home=both.home, mark=both.mark).split())
    script = PROBE.format(places=places, services=" ".join(SERVICES), owned=" ".join(OWNED))
    theirs = facts(both.by_flatpak(metadata, script))
    shutil.rmtree(both.home / "new", ignore_errors=True)
    ours = facts(both.by_us(metadata, script, capfd))
    if "host" in metadata:  # has the home directory wherever it lies; it is in /tmp, which flatpak leaves out
        ours = [line for line in ours if str(both.home) not in line]
    assert ours == theirs


def facts(lines: list[str]) -> list[str]:
    """What was said, with the namespaces that are the host's named, and the others as one."""
    own = {str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("ipc", "net")}
    return [
        "link to a namespace of its own" if ":[" in line and line.split()[1] not in own else line
        for line in lines
    ]


def test_the_environment_is_flatpaks_but_for_what_is_ours(
    both: Both, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = "[Context]\nunset-environment=RT;\n[Environment]\nBOTH=app\nTEXT=a\\sb\n"
    theirs, ours = (dict(line.partition("=")[::2] for line in lines) for lines in (
        both.by_flatpak(asked, "env"), both.by_us(asked, "env", capfd)
    ))  # fmt: skip
    assert ours["TEXT"] == "a b"
    alone = {name for name in theirs.keys() - ours.keys() if not name.startswith("HOST_XDG_")}
    assert (ours.keys() - theirs.keys(), alone - THEIRS) == (OURS, set())
    assert {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]} == DIFFERENT
