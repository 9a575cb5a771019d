# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's OSTree repository, made by the real ostree, behind a puller that reads it and can lie.

    trees = Trees(tmp_path / "trees")
    commit = trees.commit("app/editor", {"usr/bin/editor": "#!/bin/sh"})

The puller starts no network: the pipeline's tests ask it in place of the worker.
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appctld.errors import NotFound
from appctld.model.jsonvalue import Json, JsonObject, get_str
from appctld.system.worker import Report
from appctld.workers.protocol import Handler, descriptor

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))  # any: nobody else trusts it
KEY_TEXT = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()  # as `ed25519-keys` has it
WHEN = 1_790_000_000  # of the first commit; each later one is a minute younger


class Trees:
    """`refs` are what the puller says; `raw`, `openpgp` and `ed25519` what it sends for a commit.

    `asked` are the commits that were pulled, `came` the files of each pull. `spoil` may change a quarantine
    that is filled; `tell` what the puller answers.
    """

    def __init__(self, directory: Path) -> None:
        self.repo = directory / "repo"
        self._work = directory / "tree"
        self._commits = 0
        self.refs: dict[str, str] = {}
        self.raw: dict[str, bytes] = {}
        self.openpgp: dict[str, list[bytes]] = {}
        self.ed25519: dict[str, list[bytes]] = {}
        self.asked: list[str] = []
        self.came: list[set[str]] = []
        self.spoil: Callable[[Path], None] = lambda _quarantine: None
        self.tell: Callable[[JsonObject], JsonObject] = lambda answer: answer

    def commit(self, ref: str, files: Mapping[str, str], *options: str, when: int | None = None) -> str:
        """Commit a tree and let `ref` name it; its checksum. `options` are ostree's."""
        if not self.repo.exists():
            self.ostree("init", "--mode=archive")
        shutil.rmtree(self._work, ignore_errors=True)
        for path, text in files.items():
            file = self._work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755 if text.startswith("#!") else 0o644)
        self._commits += 1
        moment = WHEN + 60 * self._commits if when is None else when
        owner = ("--owner-uid=0", "--owner-gid=0", "--canonical-permissions")
        command = ("commit", f"--branch={ref}", f"--tree=dir={self._work}", f"--timestamp=@{moment}", *owner)
        name = self.ostree(*command, *options).strip()
        self.refs[ref] = name
        return name

    def ostree(self, *arguments: str) -> str:
        """Run ostree on the repository."""
        self.repo.parent.mkdir(parents=True, exist_ok=True)
        command = ["ostree", f"--repo={self.repo}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def bytes_of(self, commit: str) -> bytes:
        """A commit object."""
        return (self.repo / "objects" / commit[:2] / f"{commit[2:]}.commit").read_bytes()

    def sign(self, commit: str, *keys: Ed25519PrivateKey) -> None:
        """Sign a commit's bytes."""
        self.ed25519.setdefault(commit, []).extend(key.sign(self.bytes_of(commit)) for key in keys)

    def handlers(self) -> Mapping[str, Handler]:
        """What the pull worker's table would hold."""
        return {"commit": self._commit, "pull": self._pull}

    def _commit(self, request: JsonObject, _report: Report) -> JsonObject:
        ref, wanted = get_str(request, "ref", ""), get_str(request, "commit", "")
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            if not wanted and ref not in self.refs:
                raise NotFound("the repository has no such ref")
            name = wanted or self.refs[ref]
            raw = self.raw.get(name) or self.bytes_of(name)
            openpgp, ed25519 = self.openpgp.get(name, []), self.ed25519.get(name, [])
            for part in (raw, *openpgp, *ed25519):
                out.write(part)
        return self.tell(
            {
                "commit": name,
                "size": len(raw),
                "openpgp": _sizes(openpgp),
                "ed25519": _sizes(ed25519),
                "looked_at": [["https://trees.example/repo/x.commitmeta", 404]],
            }
        )

    def _pull(self, request: JsonObject, report: Report) -> JsonObject:
        name, quarantine = get_str(request, "commit"), Path(get_str(request, "quarantine"))
        self.asked.append(name)
        base = ["ostree", f"--repo={quarantine}"]
        subprocess.run([*base, "init", "--mode=bare-user"], check=True, capture_output=True)
        if parent := get_str(request, "parent", ""):
            subprocess.run([*base, "config", "set", "core.parent", parent], check=True)
        pull = [*base, "pull-local", "--untrusted", str(self.repo), name]
        subprocess.run(pull, check=True, capture_output=True)
        self.came.append({path.name for path in quarantine.glob("objects/*/*.file")})
        self.spoil(quarantine)
        report({"bytes": 1000})
        return self.tell({"bytes": 1000})


def _sizes(blobs: Sequence[bytes]) -> list[Json]:
    return [len(blob) for blob in blobs]
