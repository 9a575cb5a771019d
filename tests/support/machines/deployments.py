# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Deployments made by hand, for `run`: files/ and run.json as a daemon leaves them, from host programs."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

APP = "org.acme.Tool"
LDCONFIG = "/usr/sbin/ldconfig"  # linked statically in Debian, in the essential package libc-bin
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")  # a line of ldd(1)


@cache
def _libraries(program: str) -> tuple[str, ...]:
    """What a program of the host is linked to."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return tuple(_LIBRARY.findall(listed.stdout))


@dataclass
class Made:
    """One deployment below a user's state directory."""

    state: Path
    id: str
    name: str = "0123456789ab.0"

    @property
    def path(self) -> Path:
        return self.state / "apps" / self.id / self.name

    @property
    def files(self) -> Path:
        return self.path / "files"

    def write(self, **run: Any) -> "Made":  # noqa: ANN401 - as run.json has it
        """Write run.json and make this current. Keys that are not given have what an empty image has."""
        self.files.mkdir(parents=True, exist_ok=True)
        content = {
            "format": 1,
            "id": self.id,
            "version": "1",
            "entrypoint": [],
            "cmd": [],
            "env": {},
            "cwd": "/",
            "permissions": [],
        } | run
        (self.path / "run.json").write_text(json.dumps(content))
        current = self.path.parent / "current"
        current.unlink(missing_ok=True)
        current.symlink_to(self.name)
        return self

    def programs(self, *programs: str, usr_merged: bool = True) -> "Made":
        """Copy programs of the host and the libraries that they need, where the loader looks for them."""
        if usr_merged:
            for name in ("bin", "sbin", "lib", "lib64"):
                (self.files / "usr" / name).mkdir(parents=True, exist_ok=True)
                (self.files / name).symlink_to(f"usr/{name}")
        for program in programs:
            found = shutil.which(program)
            assert found is not None, program
            for library in _libraries(found):
                self.copy(library, library)
            self.copy(found, f"/usr/bin/{program}")
        return self

    def copy(self, source: str, place: str) -> None:
        """Copy one file, as it lies in a deployment: 0555."""
        target = self.files / place[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(source, target)
            target.chmod(0o555)

    def link(self, place: str, target: str) -> "Made":
        """Put a symlink into the image."""
        path = self.files / place[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        return self

    def text(self, place: str, content: str, mode: int = 0o444) -> "Made":
        """Put a file into the image."""
        path = self.files / place[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        return self
