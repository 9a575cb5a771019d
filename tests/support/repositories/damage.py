# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ways in which what is stored can go wrong, each with the fault by which Verify must name it.

They work on any state directory with an image installed that has `FILES`: in place, as a disk or a program
of the owner would do it, with sizes, modes and times kept wherever that is possible.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.layers.layers import tar

FILES = (
    "usr/",
    "usr/bin/",
    "usr/bin/hello 0755 = #!/bin/sh",
    "usr/data = some text",
    "usr/empty/ 0700",
    "usr/link -> data",
)
SHARED_LAYER = tar(FILES)


@dataclass(frozen=True)
class Scene:
    """One app in a state directory."""

    root: Path
    app: str

    @property
    def deployment(self) -> Path:
        """The current one."""
        directory = self.root / "apps" / self.app
        return directory / (directory / "current").readlink()

    @property
    def files(self) -> Path:
        return self.deployment / "files"

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.deployment / "record.json").read_text())
        return found

    def loose(self, kind: str, name: str) -> Path:
        """Where an object lies."""
        return self.root / "repo/objects" / name[:2] / f"{name[2:]}.{kind}"

    def file_object(self, path: str = "usr/data") -> Path:
        """The object of a file of the checkout, which is a hard link to it."""
        inode = (self.files / path).stat().st_ino
        (found,) = [each for each in self.root.glob("repo/objects/??/*.file") if each.lstat().st_ino == inode]
        return found

    def metadata_object(self, kind: str) -> Path:
        """Some dirtree or dirmeta that the app needs, always the same one of those that are there."""
        return min(self.root.glob(f"repo/objects/??/*.{kind}"))

    def commit_object(self) -> Path:
        return self.loose("commit", self.record["commit"])

    def layer_record(self) -> Path:
        remote, hexadecimal = self._layer()
        return self.root / "remotes" / remote / "layers" / f"{hexadecimal}.json"

    def layer_ref(self) -> Path:
        remote, hexadecimal = self._layer()
        return self.root / "repo/refs/heads/appctl/layer" / remote / hexadecimal

    def app_ref(self) -> Path:
        remote, _ = self._layer()
        return self.root / "repo/refs/heads/appctl/app" / remote / self.app / self.deployment.name

    def _layer(self) -> tuple[str, str]:
        """The app's remote, and its lowest layer."""
        return str(self.record["remote"]), str(self.record["layers"][0]).removeprefix("sha256:")

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a record as somebody with an editor does."""
        path = self.deployment / f"{name}.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document, indent=1, sort_keys=True))


def rewrite(path: Path, data: bytes) -> None:
    """Other bytes in the same inode, of the same mode and time."""
    status = path.stat()
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip(path: Path) -> None:
    """The last byte is another."""
    data = path.read_bytes()
    rewrite(path, data[:-1] + bytes([data[-1] ^ 1]))


def swap(scene: Scene, kind: str) -> None:
    """One object of a kind holds what another one of the same kind holds."""
    one, other, *_ = sorted(scene.root.glob(f"repo/objects/??/*.{kind}"))
    rewrite(one, other.read_bytes())


def swap_attributes(scene: Scene) -> None:
    path = scene.file_object()
    other = os.getxattr(scene.file_object("usr/bin/hello"), "user.ostreemeta")
    path.chmod(0o644)
    os.setxattr(path, "user.ostreemeta", other)
    path.chmod(0o444)
    os.utime(path, ns=(0, 0))


def fifo(path: Path) -> None:
    """Who opens it waits for ever."""
    path.unlink()
    os.mkfifo(path)


def move_ref(path: Path, scene: Scene) -> None:
    others = [
        each.read_text() for each in scene.root.glob("repo/refs/heads/appctl/**/*")
        if each.is_file() and each.read_text() != path.read_text()
    ]  # fmt: skip
    path.write_text(others[0])


def stale_ref(scene: Scene) -> None:
    path = scene.app_ref()
    path.with_name(f"{path.name.partition('.')[0]}.77").write_text(path.read_text())


def point_elsewhere(scene: Scene) -> None:
    """A layer's record names another layer's commit."""
    path = scene.layer_record()
    mine = json.loads(path.read_text())
    theirs = [json.loads(each.read_text())["commit"] for each in scene.root.glob("remotes/*/layers/*.json")]
    mine["commit"] = next(commit for commit in theirs if commit != mine["commit"])
    path.write_text(json.dumps(mine))


def replace_file(scene: Scene) -> None:
    path = scene.files / "usr/data"
    length = len(path.read_bytes())
    path.parent.chmod(0o755)
    path.unlink()
    path.write_bytes(b"x" * length)
    path.chmod(0o444)
    os.utime(path, ns=(0, 0))


def add_file(scene: Scene) -> None:
    (scene.files / "usr/bin/more").write_text("more")


def retarget(scene: Scene) -> None:
    path = scene.files / "usr/link"
    path.unlink()
    path.symlink_to("bin/hello")


def beside(scene: Scene) -> None:
    (scene.deployment / "more").write_text("more")


def dress_up(scene: Scene) -> None:
    """A directory in the place of a file."""
    path = scene.files / "usr/data"
    path.unlink()
    path.mkdir()


def link_for_directory(scene: Scene) -> None:
    path = scene.files / "usr/empty"
    path.rmdir()
    path.symlink_to("bin")


def other_hex(text: str) -> str:
    """A digest that is not this one."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def edited(name: str, **members: Any) -> Callable[[Scene], None]:  # noqa: ANN401 - whatever JSON holds
    """A record in which members are others."""
    return lambda scene: scene.edit(name, lambda document: document.update(members))


def cut(name: str) -> Callable[[Scene], None]:
    def harm(scene: Scene) -> None:
        path = scene.deployment / f"{name}.json"
        path.write_bytes(path.read_bytes()[:40])

    return harm


def lost(name: str) -> Callable[[Scene], None]:
    return lambda scene: (scene.deployment / f"{name}.json").unlink()


def other_digest(scene: Scene) -> None:
    scene.edit("record", lambda found: found.update(image_digest=other_hex(found["image_digest"])))


def other_commit(scene: Scene) -> None:
    """Only its last digit, so that the deployment is still named after it."""
    scene.edit("record", lambda found: found.update(commit=other_hex(found["commit"])))


def other_manifest(scene: Scene) -> None:
    scene.edit("provenance", lambda found: found["manifest"].update(raw="e30="))


def other_evidence(scene: Scene) -> None:
    def change(found: dict[str, Any]) -> None:
        found["evidence"]["digest"] = other_hex(found["evidence"]["digest"])

    scene.edit("provenance", change)


def other_verdict(scene: Scene) -> None:
    scene.edit("provenance", lambda found: found["judged"].update(checked_at=1))


MALLORY = {"fingerprint": "E" * 40, "name": "Mallory", "signed_at": 1}
HOME = [["filesystems", "home", "all your files"]]

DAMAGES: dict[str, tuple[str, Callable[[Scene], object]]] = {
    "a byte of a file object": ("object", lambda scene: flip(scene.file_object())),
    "a file object's attributes": ("object", swap_attributes),
    "a file object missing": ("object", lambda scene: scene.file_object().unlink()),
    "a file object that is a FIFO": ("object", lambda scene: fifo(scene.file_object())),
    "a file object's mode": ("attributes", lambda scene: scene.file_object().chmod(0o644)),
    "a file object's time": ("attributes", lambda scene: os.utime(scene.file_object())),
    "a dirtree swapped": ("object", lambda scene: swap(scene, "dirtree")),
    "a byte of a dirtree": ("object", lambda scene: flip(scene.metadata_object("dirtree"))),
    "a dirtree missing": ("object", lambda scene: scene.metadata_object("dirtree").unlink()),
    "a dirtree that is a FIFO": ("object", lambda scene: fifo(scene.metadata_object("dirtree"))),
    "the commit is a FIFO": ("object", lambda scene: fifo(scene.commit_object())),
    "a dirmeta swapped": ("object", lambda scene: swap(scene, "dirmeta")),
    "a dirmeta missing": ("object", lambda scene: scene.metadata_object("dirmeta").unlink()),
    "a dirtree's mode": ("attributes", lambda scene: scene.metadata_object("dirtree").chmod(0o664)),
    "a byte of the commit": ("object", lambda scene: flip(scene.commit_object())),
    "the commit missing": ("object", lambda scene: scene.commit_object().unlink()),
    "a layer's ref moved": ("ref", lambda scene: move_ref(scene.layer_ref(), scene)),
    "a layer's ref missing": ("ref", lambda scene: scene.layer_ref().unlink()),
    "a layer's ref with garbage": ("ref", lambda scene: scene.layer_ref().write_text("garbage\n")),
    "a layer's record missing": ("layer", lambda scene: scene.layer_record().unlink()),
    "a layer's record cut": ("layer", lambda scene: scene.layer_record().write_text("{")),
    "a layer's record of another": ("union", point_elsewhere),
    "the app's ref moved": ("ref", lambda scene: move_ref(scene.app_ref(), scene)),
    "the app's ref missing": ("ref", lambda scene: scene.app_ref().unlink()),
    "a ref that nothing needs": ("ref", stale_ref),
    "the record's digest": ("record", other_digest),
    "the record's commit": ("ref", other_commit),
    "the record's commit altogether": ("record", edited("record", commit="f" * 64)),
    "the record's signer": ("record", edited("record", signer="E" * 40, signers=[MALLORY])),
    "the record's permissions": ("record", edited("record", permissions=HOME)),
    "the record's remote": ("record", edited("record", remote="mallory")),
    "the record's reference": ("record", edited("record", reference="acme.example/x/other:1")),
    "the record's version": ("record", edited("record", version="9.9")),
    "the record's size": ("record", edited("record", content_size=7)),
    "the record's layers": ("record", edited("record", layers=[])),
    "the record cut": ("record", cut("record")),
    "the record missing": ("record", lost("record")),
    "run.json's arguments": ("run", edited("run", entrypoint=["/bin/evil"])),
    "run.json's permissions": ("run", edited("run", permissions=HOME)),
    "run.json missing": ("run", lost("run")),
    "the provenance's manifest": ("provenance", other_manifest),
    "the provenance's evidence": ("provenance", other_evidence),
    "the provenance's verdict": ("provenance", other_verdict),
    "the provenance cut": ("provenance", cut("provenance")),
    "the provenance missing": ("provenance", lost("provenance")),
    "a file replaced": ("files", replace_file),
    "a file added": ("files", add_file),
    "a file removed": ("files", lambda scene: (scene.files / "usr/data").unlink()),
    "a symlink retargeted": ("files", retarget),
    "a directory's mode": ("files", lambda scene: (scene.files / "usr/empty").chmod(0o777)),
    "a directory for a file": ("files", dress_up),
    "a symlink for a directory": ("files", link_for_directory),
    "a file beside the files": ("files", beside),
    "the deployment's mode": ("files", lambda scene: scene.deployment.chmod(0o775)),
}
"""What is done, by name, and the fault."""
