# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A repository with a victim in it, and objects that are not what their names say.

town = Town(tmp_path, names)
town.install()                       # the victim's honest image
town.plant("file")                   # an evil object under the name of the victim's

Every lie is about an object that the victim's tree uses: `usr/share` and what is in it. `Town` is made of the
store's own operations; nothing here knows how they find a lie.
"""

import os
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from appctld.workers.store.layer import adopt_layer, import_layer
from appctld.workers.store.merge import merge
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, serialize_dirmeta, serialize_dirtree, serialize_xattrs
from support.layers.layers import listing_of_directory, tar
from support.repositories.store_state import State

HONEST = (
    "usr/",
    "usr/bin/",
    "usr/bin/run 0755 = run",
    "usr/share/ 0700",
    "usr/share/data = honest",
    "usr/share/link -> data",
)
"""The victim's one layer."""

DEPLOYED = [
    "./",
    "usr/",
    "usr/bin/",
    "usr/bin/run 0555 = run",
    "usr/share/",
    "usr/share/data 0444 = honest",
    "usr/share/link -> data",
]
"""What is on the disk once it is installed (R12)."""

LAYER_LIES: Mapping[str, tuple[str, ...]] = {
    "file": (*HONEST[:4], "usr/share/data = liar's", HONEST[5]),
    "symlink": (*HONEST[:5], "usr/share/link -> ../bin/run"),
    "dirtree": (*HONEST, "usr/share/liar's = "),
    "dirmeta": (*HONEST[:3], "usr/share/ 0777", *HONEST[4:]),
    "commit": HONEST[1:],  # the same tree, but a directory is implicit, which stands in the commit
}
"""Layers that differ from the victim's in one kind of object (and in what follows from it)."""

SUFFIXES = {
    "file": "file",
    "symlink": "file",
    "dirtree": "dirtree",
    "dirmeta": "dirmeta",
    "commit": "commit",
    "commitmeta": "commitmeta",
    "tombstone-commit": "tombstone-commit",
}
"""Every type of object, and how the name of its file ends."""

EVIL = b"evil bytes"
VICTIM, LIAR, THIRD = "acme", "other", "third"


def diff_id(data: bytes) -> str:
    """The hex digits of a layer's name."""
    return sha256(data).hexdigest()


LAYER = diff_id(tar(HONEST))


class Town:
    """One shared repository. The victim's remote is `acme`, the liar's `other`; `third` is a bystander.

    `objects` are the names that lies are told about, by type.
    """

    def __init__(self, directory: Path, objects: Mapping[str, str]) -> None:
        self.state = State(directory)
        self.objects = objects
        self._scratch = directory / "layer.tar"
        self._installed = 0

    # --- what remotes do ------------------------------------------------------------------------

    def layer(self, data: bytes, remote: str, claimed: str = "") -> str:
        """Import a layer for a remote, under the name that it claims; the layer commit."""
        hexadecimal = claimed or diff_id(data)
        self._scratch.write_bytes(data)
        answer = self.state.call(
            import_layer,
            diff_id=f"sha256:{hexadecimal}",
            max_bytes=len(data),
            strict=False,
            ref=f"appctl/layer/{remote}/{hexadecimal}",
            fds={"tar": os.open(self._scratch, os.O_RDONLY)},
        )
        return str(answer["commit"])

    def adopt(self, commit: str, layer: str = LAYER) -> None:
        """Let the victim use a layer that another remote brought."""
        self.state.call(adopt_layer, commit=commit, ref=f"appctl/layer/{VICTIM}/{layer}")

    def install(self, *more: str) -> None:
        """Install the victim's honest image; with more lines in its layer it is another version."""
        self.merge(self.layer(tar([*HONEST, *more]), VICTIM), deploy=True)

    def merge(self, *layers: str, deploy: bool = False) -> str:
        """Merge layers, and deploy the result for the victim if asked; the commit."""
        commit = str(self.state.call(merge, layers=list(layers), metadata={}, timestamp=0)["commit"])
        if deploy:
            self._installed += 1
            self.state.deploy(commit, self._installed)
        return commit

    # --- lies -----------------------------------------------------------------------------------

    def place_of(self, about: str) -> Path:
        """Where the repository has the object."""
        name = self.objects[about]
        return self.state.repo / "objects" / name[:2] / f"{name[2:]}.{SUFFIXES[about]}"

    def lose(self, about: str) -> None:
        """Remove the object; what is deployed keeps its inode."""
        self.place_of(about).unlink(missing_ok=True)

    def plant(self, about: str, data: bytes = b"", *, mtime: int = 0) -> None:
        """Put another object, or `data`, under the victim's name, in an inode of its own."""
        self.lose(about)
        path = self.place_of(about)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data or _evil(about))
        if SUFFIXES[about] == "file":
            kind = stat.S_IFLNK | 0o777 if about == "symlink" else stat.S_IFREG | 0o644
            attributes = bytes(8) + kind.to_bytes(4, "big") + serialize_xattrs(())
            os.setxattr(path, "user.ostreemeta", attributes)
        path.chmod(0o444)
        os.utime(path, (mtime, mtime))

    def store(self, about: str, data: bytes) -> str:
        """Put a metadata object of any bytes under its right name; the name."""
        name = sha256(data).hexdigest()
        path = self.state.repo / "objects" / name[:2] / f"{name[2:]}.{SUFFIXES[about]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(data)
            path.chmod(0o444)
        return name

    # --- afterwards -----------------------------------------------------------------------------

    def deployed(self) -> list[str]:
        """What the victim runs."""
        return listing_of_directory(self.state.app / (self.state.current or "") / "files")

    def is_honest(self, about: str) -> bool:
        """Whether the object is there, a regular file, and what its name says (or was never there)."""
        path = self.place_of(about)
        if SUFFIXES[about] == "file":
            Repository.open(self.state.repo).verify(Kind.FILE, self.objects[about])
            return path.is_file() and not path.is_symlink()
        if not path.exists():
            return about in {"commitmeta", "tombstone-commit"}
        return sha256(path.read_bytes()).hexdigest() == self.objects[about] and not path.is_symlink()

    def refs_of(self, remote: str) -> set[str]:
        """The refs of one remote, of all kinds."""
        found = Repository.open(self.state.repo).refs()
        return {name for name in found if name.split("/")[2] == remote}


def names_of(directory: Path) -> Mapping[str, str]:
    """What the objects are called that lies are told about; the same in every repository."""
    town = Town(directory, {})
    commit = town.layer(tar(HONEST), VICTIM)
    repository = Repository.open(town.state.repo)
    usr, _ = repository.tree(repository.commit(commit).tree).dirs["usr"]
    tree, meta = repository.tree(usr).dirs["share"]
    files = repository.tree(tree).files
    names = {"file": files["data"], "symlink": files["link"], "dirtree": tree, "dirmeta": meta}
    return names | dict.fromkeys(("commit", "commitmeta", "tombstone-commit"), commit)


def _evil(about: str) -> bytes:
    """Bytes that are good for something of that kind, only not for this."""
    nothing = "0" * 64
    match about:
        case "symlink":
            return b"/etc/shadow\0"
        case "dirtree":
            return serialize_dirtree(DirTree({"data": nothing}, {}))
        case "dirmeta":
            return serialize_dirmeta(0, 0, 0o777)
        case "commit":
            return serialize_commit(Commit(nothing, nothing))
        case _:
            return EVIL
