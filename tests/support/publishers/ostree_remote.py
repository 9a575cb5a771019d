# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's OSTree repository, made by the real ostree, and a server of its files that can lie."""

import shutil
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gi.repository import GLib, OSTree

from support.servers.fake_registry import FakeServer, Reply, Seen

REF = "app/demo"
_AT_FDCWD = -100  # fcntl.h


class OstreeRemote:
    """An archive-mode repository in `directory`, for what `ostree` has no batch mode: write its files."""

    def __init__(self, directory: Path, mode: str = "archive") -> None:
        self.path = directory / "remote"
        self._tree = directory / "tree"
        _, found = OSTree.Repo.mode_from_string(mode)
        OSTree.Repo.create_at(_AT_FDCWD, str(self.path), found, None, None)

    def ostree(self, *arguments: str) -> str:
        """Run ostree on it; it must succeed."""
        argv = ("ostree", f"--repo={self.path}", *arguments)
        return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True, timeout=60).stdout.strip()

    def commit(self, files: Mapping[str, bytes], *options: str, ref: str = REF) -> str:
        """A new commit of `ref` with exactly these files; its checksum."""
        shutil.rmtree(self._tree, ignore_errors=True)
        for name, data in files.items():
            (self._tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self._tree / name).write_bytes(data)
        return self.ostree("commit", f"--branch={ref}", f"--tree=dir={self._tree}", "--subject=x", *options)

    def delta(self, commit: str, since: str | None = None) -> None:
        """A static delta to `commit`, from nothing or from another one."""
        start = ("--empty",) if since is None else (f"--from={since}",)
        self.ostree("static-delta", "generate", *start, f"--to={commit}", "--min-fallback-size=0")

    def object(self, name: str, kind: str) -> Path:
        """The file of an object."""
        return self.path / "objects" / name[:2] / f"{name[2:]}.{kind}"

    def objects(self, kind: str) -> list[Path]:
        """The files of all objects of a kind."""
        return sorted(self.path.glob(f"objects/*/*.{kind}"))

    def detach(self, commit: str, metadata: Mapping[str, GLib.Variant]) -> None:
        """Give a commit this detached metadata."""
        data = GLib.Variant("a{sv}", dict(metadata)).get_data_as_bytes().get_data()
        self.object(commit, "commitmeta").write_bytes(data)


class RepoServer(FakeServer):
    """The files of a repository below `/`; what `on` says comes first."""

    def __init__(self, root: Path, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, tls)
        self._root = root

    def answer(self, request: Seen) -> Reply:
        """See `FakeServer.answer`."""
        file = self._root / request.path.lstrip("/")
        if request.path not in self._replies and file.is_file():
            self.seen.append(request)
            return Reply(200, {}, file.read_bytes())
        return super().answer(request)

    def paths(self) -> set[str]:
        """What was asked for."""
        return {request.path for request in self.seen}
