# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""podman as a publisher has it: images are built from a Containerfile, and pushed, signed.

    with Podman(publisher) as podman:
        podman.build("app", context)
        podman.push("app", "demo/app:1", key, "--compression-format=zstd")

Its storage is podman_storage.py's; its settings lie in a home of its own.
"""

import json
import os
import shlex
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from support.publishers.podman_storage import rootless_podman
from support.publishers.publisher import Publisher


class Podman:
    """Storage of its own, gone at the end; it pushes to `publisher`, and signs with that one's keys."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._home = Path()
        self._command: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        settings = self._home / ".config/containers"
        (settings / "registries.d").mkdir(parents=True)
        places = {"lookaside-staging": f"file://{self._publisher.lookaside.directory}"}
        host = self._publisher.registry.host
        document = json.dumps({"docker": {host: places}})  # JSON is YAML
        (settings / "registries.d/loopback.yaml").write_text(document)
        (settings / "registries.conf").write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self._command = self._stack.enter_context(rootless_podman())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def build(self, tag: str, context: Path, *options: str) -> None:
        """Build the image `tag` from the Containerfile in `context`; each of its instructions is a layer."""
        self._run("build", "--quiet", "--layers", *options, f"--tag=localhost/{tag}:1", str(context))

    def push(self, tag: str, name: str, key: str, *options: str) -> None:
        """Push it as `repository:tag`, signed."""
        target = f"docker://{self._publisher.registry.host}/{name}"
        how = ("--quiet", "--tls-verify=false", f"--sign-by={key}", *options)
        self._run("push", *how, f"localhost/{tag}:1", target)

    def stand_in(self, directory: Path) -> None:
        """Make the program `podman` of a directory of PATH this one: what a document says can be typed."""
        words = [f"{name}={value}" for name, value in self._environment().items()]
        program = directory / "podman"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(["env", "-i", *words, *self._command])} "$@"\n')
        program.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        homes = {"HOME": str(self._home), "XDG_CONFIG_HOME": str(self._home / ".config")}
        return {**os.environ, **homes, "GNUPGHOME": str(self._publisher.keys.home)}

    def _run(self, *arguments: str) -> None:
        command = [*self._command, *arguments]
        done = subprocess.run(command, env=self._environment(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
