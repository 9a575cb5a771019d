# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What of a layer on top of an OSTree commit counts, by algebra on its dirtrees.

Such a layer was made by a container engine that saw the commit with /usr/etc as /etc, and a machine that
boots from such images keeps /run and its like for itself. So, as ostree-ext has it: /etc is /usr/etc; of
/run, /tmp, /proc, /sys and /dev only the directory itself; /usr and /var as they are; nothing else at the
top.

Guarantees: no file is read, and what is below /usr and /var keeps its checksums. Leaves to others: what
layers mean together (union.py).
"""

from collections.abc import Iterator

from appctld.errors import UnsafeArchive
from appctld.workers.store.directory import Objects
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.union import Layer

_ETC, _USR = "etc", "usr"
_WHOLE = frozenset({_USR, "var"})
_EMPTY = frozenset({"run", "tmp", "proc", "sys", "dev"})


def derived(layer: Layer, objects: Objects) -> Layer:
    """The part of a layer that counts. Raises UnsafeArchive where it has both an /etc and a /usr/etc."""
    root = objects.dirtree(layer.tree)
    files = {name: content for name, content in root.files.items() if name in _WHOLE | _EMPTY}
    dirs = {name: below for name, below in root.dirs.items() if name in _WHOLE}
    implicit = set(layer.implicit)
    for name in _EMPTY & root.dirs.keys() - layer.implicit:
        dirs[name] = (objects.add_dirtree(DirTree()), root.dirs[name][1])
    if _ETC in root.files or _ETC in root.dirs:
        if _USR in files:
            raise _both(layer)
        if _USR not in dirs:
            implicit.add(_USR)
        dirs[_USR] = _with_etc(layer, root, objects)
        implicit |= set(_moved(layer))
    return Layer(layer.name, objects.add_dirtree(DirTree(files, dirs)), layer.meta, frozenset(implicit))


def left_out(tree: str, objects: Objects) -> Iterator[str]:
    """Paths of what does not count of a layer with that root, directories with a slash for all below them."""
    root = objects.dirtree(tree)
    yield from _names(root, "", _WHOLE | _EMPTY | {_ETC})
    for name in sorted(_EMPTY & root.dirs.keys()):
        yield from _names(objects.dirtree(root.dirs[name][0]), f"{name}/")


def _names(tree: DirTree, where: str, but: frozenset[str] = frozenset()) -> Iterator[str]:
    yield from (where + name for name in sorted(tree.files.keys() - but))
    yield from (f"{where}{name}/" for name in sorted(tree.dirs.keys() - but))


def _with_etc(layer: Layer, root: DirTree, objects: Objects) -> tuple[str, str]:
    """The layer's /usr, or a new one, with its /etc in it."""
    inner, meta = root.dirs.get(_USR, (objects.add_dirtree(DirTree()), objects.implicit_meta))
    usr = objects.dirtree(inner)
    if _ETC in usr.files or _ETC in usr.dirs:
        raise _both(layer)
    files, dirs = dict(usr.files), dict(usr.dirs)
    if _ETC in root.files:
        files[_ETC] = root.files[_ETC]
    else:
        dirs[_ETC] = root.dirs[_ETC]
    return objects.add_dirtree(DirTree(files, dirs)), meta


def _moved(layer: Layer) -> Iterator[str]:
    """Paths of directories in /etc that have no entry of their own, where they are now."""
    return (f"{_USR}/{path}" for path in layer.implicit if path.partition("/")[0] == _ETC)


def _both(layer: Layer) -> UnsafeArchive:
    return UnsafeArchive("a layer that has an /etc and a /usr/etc", path=_ETC, layer=layer.name)
