# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A stack as directories of the sandbox: an image as the root, or a runtime at /usr and an app at /app.

Guarantees: a mount point below what an image brought is made only where every component of the way is a real
directory of a deployment, which nobody changes while its lock is held; bubblewrap follows no link there and
makes nothing. Where the way ends early, the last directory of it is shown entry by entry in an empty one of
our own, and the rest is made in that. A way through a link is no way: that extension is left out and named.
"""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from appctl.running.deployments.deployment import Deployment
from appctl.running.deployments.stack import Mounted, Stack
from appctl.running.failed import failed
from appctl.running.mounts.layout import ROOT, Tree, fill
from appctl.running.mounts.sources import Source, Sources

_USR, _APP, _ETC = (PurePosixPath(place) for place in ("/usr", "/app", "/etc"))
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # of a merged /usr


@dataclass
class Shown:
    """The arguments that show a tree, what could not be shown, and where extensions have libraries."""

    arguments: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    library_paths: list[str] = field(default_factory=list)


def tree_of(stack: Stack, sources: Sources) -> Tree:
    """Return what a stack's paths mean. Raises Failure."""
    if stack.runtime is None:
        return Tree({ROOT: stack.app.files})
    usr, app = _usr(stack.runtime, sources).path, _app(stack.app, sources).path
    links = {name: f"usr/{name}" for name in _LINKS if os.path.lexists(usr / name)}
    return Tree({_USR: usr, _APP: app, _ETC: usr / "etc"}, links)


def show(stack: Stack, tree: Tree, ours: Collection[str], sources: Sources) -> Shown:
    """Return a stack's directories; `ours` are the places of the sandbox's own. Raises Failure."""
    if stack.runtime is None:
        return Shown(fill(stack.app.files, "/", ours))
    usr, app = _usr(stack.runtime, sources), _app(stack.app, sources)
    shown = Shown()
    for name, target in tree.links.items():
        shown.arguments += ["--symlink", target, f"/{name}"]
    shown.arguments += [
        *sources.bind(usr, str(_USR), read_only=True),
        *sources.bind(app, str(_APP), read_only=True),
        *("--dir", str(_ETC)),
        *_etc(usr, ours, sources),
    ]
    _show_extensions(stack, usr, app, shown, sources)
    return shown


def _usr(runtime: Deployment, sources: Sources) -> Source:
    return _directory(sources, runtime.files, runtime.run.usr, runtime.run.id)


def _app(app: Deployment, sources: Sources) -> Source:
    return _directory(sources, app.files, app.run.app, app.run.id)


def _directory(sources: Sources, files: Path, name: str, owner: str) -> Source:
    """Open the directory of a tree that becomes /usr or /app; the image may have a link there."""
    source, _ = sources.look(files, str(files / name))
    if source is None or not source.path.is_dir():
        raise failed(
            f"{owner} has no directory {name}, which it should be mounted from",
            "appctl verify; else tell the publisher",
        )
    return source


def _etc(usr: Source, ours: Collection[str], sources: Sources) -> list[str]:
    source, _ = sources.look(usr.path, str(usr.path / "etc"))
    return [] if source is None or not source.path.is_dir() else fill(source.path, str(_ETC), ours)


@dataclass(frozen=True)
class _Way:
    """How a mount point comes to be: `made` in `composed`, a place and the directory of the host it shows."""

    composed: tuple[PurePosixPath, Path] | None = None
    made: tuple[PurePosixPath, ...] = ()


def _show_extensions(stack: Stack, usr: Source, app: Source, shown: Shown, sources: Sources) -> None:
    """Mount extensions, outer ones first."""
    bases = {_USR: usr.path, _APP: app.path}
    composed: dict[PurePosixPath, Path] = {}
    made: list[PurePosixPath] = []
    mounted: list[tuple[Mounted, Source]] = []
    for item in sorted(stack.extensions, key=lambda item: (item.at.count("/"), item.at)):
        at = PurePosixPath(item.at)
        way = _way(bases, at)
        if way is None:
            shown.left_out.append(f"{item.deployment.run.id} has no place at {at}: left out")
            continue
        composed |= dict([way.composed] if way.composed else [])
        made += way.made
        source = _usr(item.deployment, sources)
        bases[at] = source.path
        mounted.append((item, source))
    for place, path in sorted(composed.items(), key=lambda item: len(item[0].parts)):
        shown.arguments += ["--tmpfs", str(place), *fill(path, str(place), ())]
    shown.arguments += [part for place in made for part in ("--dir", str(place))]
    for item, source in mounted:
        shown.arguments += sources.bind(source, item.at, read_only=True)
        if item.point.libraries:
            shown.library_paths.append(f"{item.at}/{item.point.libraries}")
    shown.arguments += [*_merged(mounted, composed, sources), *_closed(composed)]


def _way(bases: dict[PurePosixPath, Path], at: PurePosixPath) -> _Way | None:
    """Look the way to a mount point up, below what is shown there; None if there is none."""
    place = max((base for base in bases if at.is_relative_to(base)), key=lambda base: len(base.parts))
    here = bases[place]
    in_extension = place not in {_USR, _APP}
    for part in at.relative_to(place).parts:
        if not os.path.lexists(here / part):
            missing = [at, *(parent for parent in at.parents if parent.is_relative_to(place / part))]
            return None if in_extension else _Way((place, here), tuple(reversed(missing)))
        here, place = here / part, place / part
        if not stat.S_ISDIR(os.lstat(here).st_mode):
            return None
    return _Way()


def _merged(
    mounted: list[tuple[Mounted, Source]], composed: dict[PurePosixPath, Path], sources: Sources
) -> Iterator[str]:
    """Link what extensions have in their `merge-dirs` into one directory beside them; the first one wins."""
    taken: set[PurePosixPath] = set()
    for item, source in mounted:
        around = PurePosixPath(item.point.at)
        for name in item.point.merge_dirs:
            if around not in composed or os.path.lexists(composed[around] / PurePosixPath(name).parts[0]):
                continue
            for entry in _entries(source.path, name, sources):
                if (link := around / name / entry) not in taken:
                    taken.add(link)
                    yield from ("--symlink", f"{item.at}/{name}/{entry}", str(link))


def _entries(top: Path, name: str, sources: Sources) -> list[str]:
    directory, _ = sources.look(top, str(top / name))
    if directory is None or not stat.S_ISDIR(directory.mode):
        return []
    return sorted(path.name for path in directory.path.iterdir())


def _closed(composed: dict[PurePosixPath, Path]) -> Iterator[str]:
    """Nothing is written where we filled a directory."""
    for place in composed:
        yield from ("--remount-ro", str(place))
