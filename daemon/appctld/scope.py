# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The two scopes, as one frozen value: where things are, which bus, what isolates workers.

Part of the composition root: nothing below imports it.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import appctld
from appctld.config.network import Network
from appctld.config.policy.files import load_policy
from appctld.errors import Failed
from appctld.model.manifest import Platform
from appctld.pipeline.exports.desktop import Desktop
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state.paths import Paths
from appctld.system.child import PLAIN
from appctld.system.sandbox import Bubblewrap, Launcher
from appctld.system.worker import Processes

COMMANDS = (Path("/usr/bin/appctl"), Path("/usr/local/bin/appctl"))  # of an installed appctl, in both scopes
IDLE_SECONDS = 120.0  # a person who reads a preview and then installs finds the same daemon
POLICY = Path("/etc/appctl/policy.d")  # the machine's, for both scopes
CERTIFICATES = Path("/etc/containers/certs.d")  # where podman and skopeo look
_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """`configuration` are the remotes.d directories, the writable one first; `policy` and `interfaces` are
    those of the administrator's files and of the XML.
    """  # noqa: D205 - one sentence about three

    name: str
    paths: Paths
    configuration: tuple[Path, ...]
    policy: Path
    network: Network
    interfaces: Path
    launcher: Launcher
    platform: Platform
    gunzip: str
    idle_seconds: float
    desktop: Desktop

    @property
    def is_system(self) -> bool:
        """System bus and polkit, or session bus and the user's own word."""
        return self.name == "system"

    def tools(self, staying_up: Callable[[], AbstractAsyncContextManager[None]] = nullcontext) -> Tools:
        """What every job's work is done with."""
        return Tools(
            runner=Processes(),
            launcher=self.launcher,
            paths=self.paths,
            platform=self.platform,
            gate=Gate(staying_up),
            gunzip=self.gunzip,
            policy=partial(load_policy, self.policy, self.name),
            network=self.network,
            desktop=self.desktop,
        )


def system_scope() -> Scope:
    """The machine's: everything belongs to user appctl."""
    configuration = (Path("/etc/appctl/remotes.d"), Path("/usr/lib/appctl/remotes.d"))
    return _scope("system", Path("/var/lib/appctl"), configuration, os.environ)


def user_scope(environment: Mapping[str, str]) -> Scope:
    """The calling user's own (XDG base directories)."""
    home = Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - of the passwd entry
    data = _xdg(environment, "XDG_DATA_HOME", home / ".local" / "share")
    configuration = _xdg(environment, "XDG_CONFIG_HOME", home / ".config")
    return _scope("user", data / "appctl", (configuration / "appctl" / "remotes.d",), environment)


def _scope(name: str, state: Path, configuration: tuple[Path, ...], environment: Mapping[str, str]) -> Scope:
    return Scope(
        name=name,
        paths=Paths(state),
        configuration=configuration,
        policy=POLICY,
        network=Network(CERTIFICATES, environment),
        interfaces=_interfaces(),
        launcher=Bubblewrap(code=tuple(sorted(code_directories()))),
        platform=this_platform(),
        gunzip=decoder(),
        desktop=Desktop((str(command_path()), f"--{name}", "run")),
        idle_seconds=IDLE_SECONDS,
    )


def decoder() -> str:
    """What inflates layers: igzip, which is twice as fast, where workers find it, else gzip."""
    return "igzip" if shutil.which("igzip", path=PLAIN["PATH"]) else "gzip"


def code_directories() -> set[Path]:
    """What a worker must see of this program: the virtual environment and the package."""
    return {Path(sys.prefix), _package().parent} - {Path("/usr")}


def command_path() -> Path:
    """How users start appctl: GIO hides what names no program. In a checkout it is the environment's."""
    mine = Path(sys.prefix) / "bin" / "appctl"
    if not mine.exists():
        return COMMANDS[0]
    return next((path for path in COMMANDS if path.resolve() == mine.resolve()), mine)


def this_platform() -> Platform:
    """This machine in Go's words. Raises Failed for one that nobody builds images for."""
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise Failed(f"machine type {machine} is not known")
    architecture, variant = _ARCHITECTURES[machine]
    return Platform("linux", architecture, variant)


def _interfaces() -> Path:
    """In an installed package the XML is inside it; in a checkout it is in data/dbus."""
    installed = _package() / "interfaces"
    return installed if installed.is_dir() else _package().parents[1] / "data" / "dbus"


def _package() -> Path:
    return Path(appctld.__file__).resolve().parent


def _xdg(environment: Mapping[str, str], name: str, default: Path) -> Path:
    """An XDG directory; a relative one counts as unset (basedir-spec)."""
    value = Path(environment.get(name, ""))
    return value if value.is_absolute() else default
