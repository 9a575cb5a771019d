# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Two remotes' apps in one yard, whose lowest layer is the same, and how to ask whether they are well."""

import atexit
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from appctld.jobs.requests import Install, Verify
from appctld.model.jsonvalue import JsonObject, get_objects, get_strings
from support.repositories.damage import SHARED_LAYER, Scene
from support.workers.inline import layer_of
from support.worlds.world import Yard

APP, OTHER = "org.acme.Hello", "org.other.Hello"
REMOTES = {"acme": APP, "other": OTHER}


class Neighbours(Yard):
    """`acme` and `other` have version 1.0 of an app each."""

    def __init__(self, directory: Path, *, copied: bool = True) -> None:
        """Those that this process installed once, copied into `directory`; else they are installed there."""
        if copied:
            subprocess.run(["cp", "-a", f"{_installed()}/.", directory], check=True)
        super().__init__(directory)
        for remote in REMOTES:
            self.publish(remote, "1.0")
            if not copied:
                self.do(Install((f"{remote}.example/x/hello:{remote}",)))

    def publish(self, remote: str, version: str) -> str:
        """A version of one's app; the manifest's digest."""
        top = layer_of({"usr/": None, "usr/top": f"{remote} {version}".encode()})
        labels = {"org.appctl.id": REMOTES[remote], "org.opencontainers.image.version": version}
        return self.registry.push(remote, [SHARED_LAYER, top], Labels=labels, Cmd=["/usr/bin/hello"])

    def scene(self, app_id: str = APP) -> Scene:
        """Where one of them can be damaged."""
        return Scene(self.paths.root, app_id)

    def verify(self, *ids: str) -> JsonObject:
        """The result; that something is wrong is the job's error, too."""
        result = self.do(Verify(ids))
        assert (self.job.error is not None) == bool(result["problems"])
        return result

    def faults(self, *ids: str) -> dict[str, set[str]]:
        """The faults that are found, and the apps that each touches."""
        return faults(self.verify(*ids))

    def top(self, app_id: str = APP) -> str:
        """The file that tells app and version."""
        return (self.scene(app_id).files / "usr/top").read_text()

    def fsck(self) -> None:
        """Every stored object is what its name says."""
        command = ["ostree", "fsck", f"--repo={self.paths.repo}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@cache
def _installed() -> Path:
    """A directory with both apps, which is gone with this process."""
    place = tempfile.TemporaryDirectory(prefix="neighbours-")
    atexit.register(place.cleanup)
    Neighbours(Path(place.name), copied=False)
    return Path(place.name)


def faults(result: JsonObject) -> dict[str, set[str]]:
    """The faults of a result, and the apps that each touches."""
    found: dict[str, set[str]] = {}
    for problem in get_objects(result, "problems"):
        found.setdefault(str(problem["fault"]), set()).update(get_strings(problem, "apps"))
    return found
