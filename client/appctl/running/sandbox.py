# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A deployment as a bubblewrap command line (docs/rules.md, "Running"); it starts nothing.

Guarantees: the order of the arguments is such that what is ours wins over what the image has; every mount
point lies in an empty directory of our own (layout.py), on a way that is proven (trees.py) or in a place that
the caller granted; the image's environment reaches the app only, never bubblewrap. What is granted is decided
in grants/, what the buses let through in proxy.py.
"""

import itertools
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from appctl.running.deployments.stack import Stack
from appctl.running.desktop.proxy import Buses
from appctl.running.environment import SEARCH, environment, runtime_directory
from appctl.running.failed import failed
from appctl.running.grants.granted import Grants, Mount
from appctl.running.mounts import home as own
from appctl.running.mounts.identity import group, passwd
from appctl.running.mounts.layout import ROOT, Tree, fill, place_of
from appctl.running.mounts.sources import APART, ISOLATED, Sources
from appctl.running.mounts.trees import show, tree_of
from appctl.running.volumes import Prepared, directory_of, mounts_of

_ALL_BUT_IPC = ("--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
ARGUMENTS = 8000  # bubblewrap takes 9,000; more come only from an image with thousands of files in /etc
_ON_RUNTIME_FILES = ("/etc/machine-id", "/etc/host.conf", "/etc/gai.conf")
_LOOKS = {  # of the host, where runtimes look for them
    "/usr/share/fonts": "/run/host/fonts",
    "/usr/local/share/fonts": "/run/host/local-fonts",
    "/usr/share/icons": "/run/host/share/icons",
}
_SYSFS = {f"/sys/{name}": f"/sys/{name}" for name in ("block", "bus", "class", "dev", "devices")}
_LAST = ("/var", "/.flatpak-info")  # what is shown by itself, behind everything else
_LOCAL_HOSTS = b"127.0.0.1 localhost\n::1 localhost\n"
_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")  # with the network


@dataclass(frozen=True)
class Outside:
    """What a run gets from elsewhere: the caller's home and options, /.flatpak-info and its buses.

    `cwd` is a directory that the caller named; None means the image's. `volumes` are made already.
    """

    home: Path
    env: Mapping[str, str]
    cwd: str | None
    info: bytes
    buses: Buses
    volumes: Prepared = field(default_factory=Prepared)


@dataclass
class Sandbox:
    """Arguments for bubblewrap and the descriptors that they name. `marker` is read last of all."""

    arguments: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    marker: int = -1
    search: str = SEARCH
    tree: Tree = field(default_factory=lambda: Tree({}))
    left_out: list[str] = field(default_factory=list)

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


def build(stack: Stack, grants: Grants, data: Path, outside: Outside, *, filter_fd: int) -> Sandbox:
    """Return the sandbox of one run; `data` is ~/.var/app/ID, made already. Raises Failure.

    The sandbox closes `filter_fd`.
    """
    sandbox = Sandbox(descriptors=grants.sources.descriptors)
    sandbox.descriptors.append(filter_fd)
    tree = sandbox.tree = tree_of(stack, grants.sources)
    home = outside.home if grants.home and stack.runtime else data / own.HOME
    others = [*_mounts(sandbox, stack, grants, data, home), *grants.mounts, *outside.buses.mounts]
    kept = list(mounts_of(outside.volumes, data, _taken(tree, [*others, *grants.masks]), grants.sources))
    mounts = sorted([*others, *kept], key=_depth)
    ours = [mount.place for mount in (*mounts, *grants.masks)] + [*_LAST]
    shown = show(stack, tree, ours, grants.sources)
    sandbox.left_out += [*shown.left_out, *outside.volumes.left_out]
    env = environment(stack, data, home, shown.library_paths)
    env |= {**grants.env, **outside.buses.env, **outside.env}
    sandbox.search = env["PATH"]
    granted = [*(str(data / name) for name in own.OWN), *(mount.place for mount in grants.mounts)]
    sandbox.marker = sandbox.data(outside.info)
    sandbox.arguments = [
        *(_ALL_BUT_IPC if grants.ipc else APART),
        *ISOLATED,
        *(("--share-net",) if grants.network else ()),
        *(part for name, value in env.items() for part in ("--setenv", name, value)),
        *shown.arguments,
        *_var(data / own.VAR, ours, grants.sources),
        *_flat(mounts),
        *_flat(sorted(grants.masks, key=_depth)),
        *("--perms", "0644", "--ro-bind-data", str(sandbox.marker), "/.flatpak-info"),  # the last file of all
        *("--remount-ro", "/"),
        *("--chdir", _directory(stack, tree, granted, outside.cwd, _written(data, kept), grants.sources)),
        *("--seccomp", str(filter_fd)),
    ]
    if len(sandbox.arguments) > ARGUMENTS:
        raise failed(
            "the image has too many files in a directory that must be filled one by one", "tell the publisher"
        )
    return sandbox


def _mounts(sandbox: Sandbox, stack: Stack, grants: Grants, data: Path, home: Path) -> Iterable[Mount]:
    """Yield what every app gets: kernel file systems, a /tmp, its own directories, a few files in /etc."""
    yield Mount("/proc", ("--proc", "/proc"))
    yield Mount("/dev", ("--dev", "/dev"))
    yield Mount("/tmp", ("--perms", "1777", "--tmpfs", "/tmp"))  # noqa: S108 - inside
    yield Mount("/run", ("--tmpfs", "/run"))
    yield Mount(runtime_directory(), ("--perms", "0700", "--dir", runtime_directory()))
    for name in own.OWN:
        place = str(data / name)
        yield Mount(place, ("--bind", place, place))
    yield _file(sandbox, "/etc/passwd", passwd(sandbox.tree, str(home)))
    yield _file(sandbox, "/etc/group", group(sandbox.tree))
    for path in ("/etc/localtime", *(_ON_RUNTIME_FILES if stack.runtime else ())):
        if Path(path).exists():
            yield _host_file(path)
    devices = any(Path(mount.place).is_relative_to("/dev") for mount in grants.mounts)
    of_the_host = (_LOOKS if stack.runtime else {}) | (_SYSFS if stack.runtime or devices else {})
    yield from (Mount(place, ("--ro-bind-try", path, place)) for path, place in of_the_host.items())
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


def _taken(tree: Tree, mounts: Iterable[Mount]) -> list[str]:
    """Return the places where no volume may be, or come through."""
    roots = [str(root) for root in tree.roots if root != ROOT]
    return [*(mount.place for mount in mounts), *roots, *(f"/{name}" for name in tree.links), *_LAST]


def _written(data: Path, kept: Iterable[Mount]) -> dict[str, Path]:
    """What is shown of the app's own in the image's place, by that."""
    return {"/var": data / own.VAR, **{mount.place: directory_of(data, mount.place) for mount in kept}}


def _directory(
    stack: Stack,
    tree: Tree,
    shown: list[str],
    cwd: str | None,
    written: Mapping[str, Path],
    sources: Sources,
) -> str:
    """Return where the app starts: the image's directory if it is there, else the root. Raises Failure.

    At the places `written` what counts is what is there by now, whatever the image began it with.
    """
    wanted = os.path.normpath(cwd if cwd is not None else stack.app.run.cwd)
    if wanted == "/" or _is_there(tree, wanted, written, sources):
        return wanted
    if cwd is None:
        return "/"
    if any(Path(wanted).is_relative_to(place) for place in shown) and Path(wanted).is_dir():
        return wanted
    raise failed(f"{wanted} is not there in the sandbox", f"--filesystem={wanted} shows it, once")


def _is_there(tree: Tree, wanted: str, written: Mapping[str, Path], sources: Sources) -> bool:
    """Whether a directory is there. What an app has a link in leads anywhere, and is no way."""
    meant = place_of(tree, wanted)
    for path, (place, directory) in itertools.product((PurePosixPath(wanted), meant), written.items()):
        if path is not None and path.is_relative_to(place):
            source, _ = sources.look(directory, str(directory / path.relative_to(place)))
            return source is not None and stat.S_ISDIR(source.mode)
    found = None if meant is None else tree.host_path(meant)
    return found is not None and found.is_dir()


def _flat(mounts: Iterable[Mount]) -> list[str]:
    return [part for mount in mounts for part in mount.arguments]


def _depth(mount: Mount) -> int:
    """Outer mount points come first; those of one depth do not cover each other."""
    return mount.place.rstrip("/").count("/")
