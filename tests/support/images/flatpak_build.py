# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
r"""Apps and runtimes by the real flatpak: built, exported into a repository, and bundled as OCI images.

workshop = Workshop(tmp_path)
source = workshop.bundle(ref, metadata, {"bin/hello": "#!/bin/sh\n"})  # skopeo's name of the image
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from appctld.model.flatpak.ref import FlatpakRef


class Workshop:
    """Works below `directory`, and touches nothing of the user's own flatpak."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.repository = directory / "repo"
        self._number = 0
        self._environment = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory / "data")}

    def bundle(
        self, ref: FlatpakRef, metadata: str, files: Mapping[str, str], tree: Path | None = None
    ) -> str:
        """What `flatpak build-bundle --oci` makes of these files (below /app or /usr), for skopeo.

        `tree` is a directory that lies there too.
        """
        self._number += 1
        build, target = (self.directory / f"{name}-{self._number}" for name in ("build", "oci"))
        for name in ("files", "var", "export", "usr"):
            (build / name).mkdir(parents=True)
        (build / "metadata").write_text(metadata)
        below = build / ("usr" if ref.is_runtime else "files")
        if tree is not None:
            shutil.copytree(tree, below, symlinks=True, dirs_exist_ok=True)
        for path, text in files.items():
            file = below / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        runtime = ["--runtime"] if ref.is_runtime else []
        repo = str(self.repository)
        export = [*runtime, f"--arch={ref.arch}", "--disable-sandbox", repo, str(build), ref.branch]
        self._flatpak("build-export", *export)
        names = [repo, str(target), ref.name, ref.branch]
        self._flatpak("build-bundle", "--oci", *runtime, f"--arch={ref.arch}", *names)
        return f"oci:{target}"

    def _flatpak(self, *arguments: str) -> None:
        subprocess.run(["flatpak", *arguments], env=self._environment, capture_output=True, check=True)
