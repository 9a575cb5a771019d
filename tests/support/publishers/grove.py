# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher of OSTree commits in one piece: a repository made by the real ostree, keys, and a web server.

    with Grove() as grove:
        key = grove.keys.make("acme")
        grove.commit("app/hello", {"usr/bin/hello": "#!/bin/sh"}, key)

The directory lies directly under /tmp: what is above a test's own may be anybody's, and a remote is refused
whose directory others could replace.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from support.servers.lookaside import Lookaside
from support.signatures.keys import Keys


class Grove:
    """Serves `repo` as `url` (a remote's), and has it as `local`; `key_file` is for --gpg-import."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.directory = Path(tempfile.mkdtemp(prefix="grove-", dir="/tmp"))
        self.repo = self.directory / "repo"
        self._server = Lookaside(self.directory)
        self._work = self.directory / "work"
        self.url = f"ostree+http://{self._server.host}/repo"
        self.local = f"ostree:{self.repo}"

    def __enter__(self) -> Self:
        self._server.__enter__()
        self.ostree("init", "--mode=archive")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def requests(self) -> list[str]:
        """The paths that the web server was asked for."""
        return self._server.requests

    def ostree(self, *arguments: str) -> str:
        """Run ostree on the repository."""
        command = ["ostree", f"--repo={self.repo}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def commit(self, ref: str, files: Mapping[str, str], key: str = "", *options: str) -> str:
        """Commit a tree, sign it with `key` if there is one, and publish it; its checksum."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        for path, text in files.items():
            self._write(path, text)
        return self.commit_directory(ref, self._work, key, *options)

    def commit_directory(self, ref: str, tree: Path, key: str = "", *options: str) -> str:
        """The same of a directory that is there."""
        owner = ("--owner-uid=0", "--owner-gid=0")
        name = self.ostree("commit", f"--branch={ref}", f"--tree=dir={tree}", *owner, *options).strip()
        if key:
            self.ostree("gpg-sign", f"--gpg-homedir={self.keys.home}", name, key)
        self.publish()
        return name

    def publish(self) -> None:
        """Write the summary anew."""
        self.ostree("summary", "--update")

    def point(self, ref: str, commit: str) -> None:
        """Let a ref name any commit."""
        self.ostree("refs", "--delete", ref)
        self.ostree("refs", f"--create={ref}", commit)
        self.publish()

    def key_file(self, *fingerprints: str) -> Path:
        """The public keys in a file."""
        path = self.directory / f"{fingerprints[0]}.asc"
        path.write_bytes(self.keys.export(*fingerprints, armor=True))
        return path

    def _write(self, path: str, text: str) -> None:
        file = self._work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if text.startswith("#!") else 0o644)
