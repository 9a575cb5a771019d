# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A state directory with many apps or layers, written directly: nothing is installed, all of it is valid.

Objects, refs and records have the formats of the store and the daemon, by their own functions; libostree's
fsck agrees. Leaves out what neither `list` nor `prune` reads: deployments have no files.
"""

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from appctld.model.digest import Digest
from appctld.state.layers import LayerRecord
from appctld.state.paths import Paths, app_ref, layer_ref
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import checksum, regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, serialize_dirmeta, serialize_dirtree
from support.buses.records import RECORD, deploy

REMOTE = "bench"
FILES = 5  # of a layer
LAYERS_OF_AN_APP = 250  # an image has at most 256


class Crowd:
    """The state directory `root`, made if need be."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths(root)
        self.paths.create()
        Repository.open(self.paths.repo)
        self._meta = self._object(Kind.DIRMETA, serialize_dirmeta(0, 0, 0o755))

    def layers(self, count: int) -> list[Digest]:
        """That many layers of five files, each with its ref and its record; their diffIDs."""
        self.paths.layers(REMOTE).mkdir(parents=True)
        return [self._layer(number) for number in range(count)]

    def apps(self, count: int, layers: Sequence[Digest] = ()) -> None:
        """That many installed apps; `layers` are spread over the first of them."""
        commit = self._commit({"metadata": self._file(b"the app's")})
        for number in range(count):
            mine = layers[number * LAYERS_OF_AN_APP : (number + 1) * LAYERS_OF_AN_APP]
            app = f"org.example.App{number:04}"
            record = replace(
                RECORD,
                id=app,
                remote=REMOTE,
                commit=commit,
                layers=tuple(mine),
                deployment=f"{commit[:12]}.0",
            )
            deploy(self.paths, record)
            self._ref(app_ref(REMOTE, app, record.deployment), commit)

    def _layer(self, number: int) -> Digest:
        files = {f"f{index}": self._file(f"{number}.{index}".encode() * 50) for index in range(FILES)}
        commit, diff_id = self._commit(files), Digest(hashlib.sha256(str(number).encode()).hexdigest())
        self._ref(layer_ref(REMOTE, diff_id), commit)
        record = LayerRecord(REMOTE, diff_id, commit, anonymous=True)
        facts = f'{{"commit": "{record.commit}", "anonymous": true}}'  # without the sync of `remember`
        (self.paths.layers(REMOTE) / f"{diff_id.hex}.json").write_text(facts)
        return diff_id

    def _commit(self, files: dict[str, str]) -> str:
        tree = self._object(Kind.DIRTREE, serialize_dirtree(DirTree(files)))
        return self._object(Kind.COMMIT, serialize_commit(Commit(tree, self._meta)))

    def _file(self, content: bytes) -> str:
        head = regular(0, 0, 0o644)
        name = checksum(head, [content])
        path = self._write(Kind.FILE, name, content)
        os.setxattr(path, "user.ostreemeta", struct.pack(">III", head.uid, head.gid, head.mode))
        path.chmod(head.disk_mode)
        os.utime(path, (0, 0))
        return name

    def _object(self, kind: Kind, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self._write(kind, name, data)
        return name

    def _write(self, kind: Kind, name: str, data: bytes) -> Path:
        path = self.paths.repo / loose_path(kind, name)
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        return path

    def _ref(self, name: str, commit: str) -> None:
        path = self.paths.repo / "refs/heads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{commit}\n")
