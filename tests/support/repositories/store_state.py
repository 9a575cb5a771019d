# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A state directory of the store's, to deploy to: commits from lines of layers.py, and one app.

state = State(tmp_path)
one = state.merge("usr/", "usr/a = 1")
state.deploy(one)
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from appctld.model.jsonvalue import JsonObject
from appctld.workers.protocol import Handler
from appctld.workers.store.deploy import activate, deploy, remove
from appctld.workers.store.merge import merge
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.prune import prune
from appctld.workers.store.recover import recover
from support.layers.layers import commit_layer
from support.repositories.fsck import fsck

APP = "org.example.App"


class State:
    """The paths, and every operation with its request filled in."""

    def __init__(self, directory: Path) -> None:
        self.repo, self.blobs, self.apps = (directory / name for name in ("repo", "blobs", "apps"))
        self.quarantine, self.tar_split = directory / "quarantine", directory / "tar-split"
        self.kept, self.exports = directory / "kept", directory / "exports"
        self.app = self.apps / APP
        self.desktop: dict[str, object] = {}  # what apps are exported to; of nothing nothing is exported

    def call(self, handler: Handler, **request: object) -> JsonObject:
        """Run an operation on this state."""
        return handler(self.whole(request), lambda _facts: None)

    def whole(self, request: Mapping[str, object]) -> JsonObject:
        """A request, with what is the same in all that are about this state."""
        names = ("repo", "blobs", "kept", "tar_split", "apps", "exports", "quarantine")
        paths = {name: str(getattr(self, name)) for name in names}
        paths |= {name: str(self.apps.parent / name) for name in ("catalogs", "swcatalog")}
        common = {"id": APP, "desktop": self.desktop}
        return cast("JsonObject", {**paths, **common, **request})

    def merge(self, *lines: str) -> str:
        """The merged commit of an image of one layer."""
        layer = commit_layer(self.repo, lines)
        return str(self.call(merge, layers=[layer], metadata={}, timestamp=0)["commit"])

    def request(self, commit: str, number: int = 0) -> dict[str, object]:
        """What a deploy of this commit asks."""
        return {
            "commit": commit,
            "deployment": f"{commit[:12]}.{number}",
            "ref": ref(commit, number),
            "record": {"id": APP, "commit": commit},
            "run": {"format": 1},
            "provenance": {},
            "desktop": self.desktop,
        }

    def deploy(self, commit: str, number: int = 0) -> Path:
        """Deploy; the directory with the files."""
        return Path(str(self.call(deploy, **self.request(commit, number))["path"]))

    def activate(self, commit: str, number: int = 0) -> Path:
        """Roll back to a deployment that is kept; the directory with the files."""
        answer = self.call(activate, commit=commit, deployment=f"{commit[:12]}.{number}")
        return Path(str(answer["path"]))

    def remove(self, deployments: list[str] | None, refs: list[str]) -> list[object]:
        """Remove deployments, or the whole app; what was removed."""
        return cast("list[object]", self.call(remove, deployments=deployments, refs=refs)["removed"])

    def prune(self, *keep: str, dry_run: bool = False, keep_blobs: bool = False) -> JsonObject:
        """Prune to these refs."""
        return self.call(prune, keep_refs=list(keep), keep_blobs=keep_blobs, dry_run=dry_run)

    def recover(self, *keep: str, keep_all: bool = False) -> JsonObject:
        """Start again."""
        return self.call(recover, keep_refs=list(keep), keep_all=keep_all)

    @property
    def current(self) -> str | None:
        """What `current` points to."""
        link = self.app / "current"
        return str(link.readlink()) if link.is_symlink() else None

    @property
    def deployments(self) -> list[str]:
        """Whatever else is in the app's directory."""
        if not self.app.exists():
            return []
        return sorted(path.name for path in self.app.iterdir() if path.name != "current")

    def refs(self) -> dict[str, str]:
        """Refs of deployments, with their commits."""
        return Repository.open(self.repo).refs("appctl/app")

    def object_of(self, path: Path) -> Path:
        """The object that a file of a deployment is a hard link to."""
        inode = path.lstat().st_ino
        (found,) = [file for file in self.repo.glob("objects/??/*.file") if file.stat().st_ino == inode]
        return found

    def fsck(self) -> None:
        """Every object and commit is whole."""
        fsck(self.repo)


def ref(commit: str, number: int = 0) -> str:
    """The ref of a deployment of APP."""
    return f"appctl/app/acme/{APP}/{commit[:12]}.{number}"


def modes(root: Path) -> dict[str, int]:
    """The modes of a directory and of all that is below it, symlinks left out."""
    found = {".": root, **{str(path.relative_to(root)): path for path in root.rglob("*")}}
    return {name: stat.S_IMODE(path.lstat().st_mode) for name, path in found.items() if not path.is_symlink()}
