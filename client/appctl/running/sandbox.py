# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A deployment as a bubblewrap command line (docs/rules.md, "Running"); it starts nothing.

Guarantees: the order of the arguments is such that what is ours wins over what the image has; every mount
point lies in an empty directory of our own (see running/layout.py) or in a place that the caller granted; the
image's environment reaches the app only, never bubblewrap. What is granted is decided in running/grants.py.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appctl.running import home as own
from appctl.running.deployment import Deployment
from appctl.running.failed import failed
from appctl.running.grants import Grants, Mount
from appctl.running.identity import flatpak_info, group, passwd, user_name
from appctl.running.layout import fill, look_up
from appctl.running.sources import Sources

ISOLATED = ("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent",
            "--clearenv")  # fmt: skip
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # PATH where the image sets none
ARGUMENTS = 8000  # bubblewrap takes 9,000; more come only from an image with thousands of files in /etc
_PASSED_ON = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE")  # of the caller's environment, and LC_*
_LOCAL_HOSTS = b"127.0.0.1 localhost\n::1 localhost\n"
_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")  # with the network


@dataclass
class Sandbox:
    """Arguments for bubblewrap and the descriptors that they name. `marker` is read last of all."""

    arguments: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    marker: int = -1
    search: str = SEARCH

    def data(self, content: bytes) -> int:
        """Return a new descriptor, owned by this sandbox, from which bubblewrap reads `content`."""
        descriptor = os.memfd_create("appctl-run", os.MFD_CLOEXEC)
        self.descriptors.append(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def close(self) -> None:
        """Close all descriptors."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def runtime_directory() -> str:
    """Return the app's XDG_RUNTIME_DIR inside."""
    return f"/run/user/{os.getuid()}"


def build(
    deployment: Deployment,
    grants: Grants,
    data: Path,
    *,
    extra_env: Mapping[str, str],
    cwd: str | None,
    filter_fd: int,
) -> Sandbox:
    """Return the sandbox of one run; `data` is ~/.var/app/ID, made already. Raises Failure.

    `cwd` is a directory that the caller named; None means the image's. The sandbox closes `filter_fd`.
    """
    sandbox = Sandbox(descriptors=grants.sources.descriptors)
    sandbox.descriptors.append(filter_fd)
    env = environment(deployment, grants, data) | dict(extra_env)
    sandbox.search = env["PATH"]
    mounts = sorted([*_mounts(sandbox, deployment, grants, data), *grants.mounts], key=_depth)
    ours = [mount.place for mount in (*mounts, *grants.masks)] + ["/var", "/.flatpak-info"]
    own_places = [str(data / name) for name in own.OWN]
    info = flatpak_info(deployment.run.id, deployment.files, str(os.getpid()), network=grants.network)
    sandbox.marker = sandbox.data(info)
    sandbox.arguments = [
        *ISOLATED,
        *(("--share-net",) if grants.network else ()),
        *(part for name, value in env.items() for part in ("--setenv", name, value)),
        *fill(deployment.files, "/", ours),
        *_var(data / own.VAR, ours, grants.sources),
        *_flat(mounts),
        *_flat(sorted(grants.masks, key=_depth)),
        *("--perms", "0644", "--ro-bind-data", str(sandbox.marker), "/.flatpak-info"),  # the last file of all
        *("--remount-ro", "/"),
        *("--chdir", _directory(deployment, [*own_places, *(mount.place for mount in grants.mounts)], cwd)),
        *("--seccomp", str(filter_fd)),
    ]
    if len(sandbox.arguments) > ARGUMENTS:
        raise failed("the image has too many files in a directory that must be filled one by one")
    return sandbox


def environment(deployment: Deployment, grants: Grants, data: Path) -> dict[str, str]:
    """Return the app's environment: the image's, with the caller's locale below and what we set above."""
    home = data / own.HOME
    passed_on = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")
    }
    name = user_name()
    ours = {
        "HOME": str(home),
        "USER": name,
        "LOGNAME": name,
        "XDG_CONFIG_HOME": str(data / own.CONFIG),
        "XDG_DATA_HOME": str(data / own.DATA),
        "XDG_CACHE_HOME": str(data / own.CACHE),
        "XDG_STATE_HOME": str(data / own.STATE),
        "XDG_RUNTIME_DIR": runtime_directory(),
        "PYTHONPYCACHEPREFIX": str(
            data / own.CACHE / "pycache"
        ),  # mtime 0 makes the image's bytecode look stale
        "APPCTL_ID": deployment.run.id,
        "container": "appctl",
    }
    return {"PATH": SEARCH} | passed_on | deployment.run.env | ours | grants.env


def _mounts(sandbox: Sandbox, deployment: Deployment, grants: Grants, data: Path) -> Iterable[Mount]:
    """Yield what every app gets: kernel file systems, a /tmp, its own directories, a few files in /etc."""
    yield Mount("/proc", ("--proc", "/proc"))
    yield Mount("/dev", ("--dev", "/dev"))
    yield Mount("/tmp", ("--perms", "1777", "--tmpfs", "/tmp"))  # noqa: S108 - inside
    yield Mount("/run", ("--tmpfs", "/run"))
    yield Mount(runtime_directory(), ("--perms", "0700", "--dir", runtime_directory()))
    for name in own.OWN:
        place = str(data / name)
        yield Mount(place, ("--bind", place, place))
    yield _file(sandbox, "/etc/passwd", passwd(deployment.files, str(data / own.HOME)))
    yield _file(sandbox, "/etc/group", group(deployment.files))
    if Path("/etc/localtime").exists():
        yield _host_file("/etc/localtime")
    if grants.network:
        yield from (_host_file(path) for path in _HOST_FILES if Path(path).exists())
    else:
        yield _file(sandbox, "/etc/hosts", _LOCAL_HOSTS)
        yield _file(sandbox, "/etc/resolv.conf", b"")


def _file(sandbox: Sandbox, place: str, content: bytes) -> Mount:
    return Mount(place, ("--perms", "0644", "--ro-bind-data", str(sandbox.data(content)), place))


def _host_file(path: str) -> Mount:
    """Show a file of the host's /etc, whatever chain of links it is there."""
    return Mount(path, ("--ro-bind", os.path.realpath(path), path))


def _var(source: Path, ours: list[str], sources: Sources) -> list[str]:
    """Show the app's own /var: whole, or entry by entry where something of ours goes through it.

    What lies in it is the app's doing: no link is followed. Raises Failure.
    """
    if not any(place.startswith("/var/") for place in ours):
        return ["--bind", str(source), "/var"]

    def bind(path: str, place: str) -> tuple[str, ...]:
        return sources.bind(sources.open(source, os.path.relpath(path, source)), place, read_only=False)

    try:
        return ["--dir", "/var", *fill(source, "/var", ours, bind)]
    except OSError as error:
        raise failed(f"{error.filename} cannot be shown: {error.strerror}", "does the app run?") from error


def _directory(deployment: Deployment, shown: list[str], cwd: str | None) -> str:
    """Return where the app starts: the image's directory if it is there, else the root. Raises Failure."""
    wanted = os.path.normpath(cwd if cwd is not None else deployment.run.cwd)
    found = look_up(deployment.files, wanted)
    if wanted == "/" or (found is not None and found.is_dir()):
        return wanted
    if cwd is None:
        return "/"
    if any(Path(wanted).is_relative_to(place) for place in shown) and Path(wanted).is_dir():
        return wanted
    raise failed(f"{wanted} is not there in the sandbox", f"--filesystem={wanted} shows it, once")


def _flat(mounts: Iterable[Mount]) -> list[str]:
    return [part for mount in mounts for part in mount.arguments]


def _depth(mount: Mount) -> int:
    """Outer mount points come first; those of one depth do not cover each other."""
    return mount.place.rstrip("/").count("/")
