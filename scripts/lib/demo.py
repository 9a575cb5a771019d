# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The steps of scripts/demo, run inside the playground: each command as a user would type it, and its output.

What is shown is also checked: a wrong exit code, a byte too many downloaded or an object left behind ends the
demo with exit code 1. The publisher's side (registry, keys, signatures, web server) is real and on loopback.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support import greeter
from support.images import Layout
from support.lookaside import Lookaside
from support.registry import Registry

STARTED = time.monotonic()
REFUSED = 5  # the exit code for a signature that is missing, invalid or a stranger's


def main() -> int:
    """Run the five steps; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="demo.") as work, ExitStack() as stack:
        os.chdir(work)
        stage = Stage(Path(work), stack)
        key = publish_first_version(stage)
        install_and_run(stage)
        downloaded, total = update_and_roll_back(stage, key)
        refuse_a_stranger(stage)
        uninstall(stage)
    seconds = time.monotonic() - STARTED
    print(
        f"\nShown in {seconds:.0f} s: a signed image of three layers installed and run, updated by {downloaded:,}"
        f" of {total:,} bytes, rolled back; a stranger's signature refused; everything removed again."
    )
    return 0


class Stage:
    """The publisher's side: registry, signatures on a web server, two keys, an OCI layout."""

    def __init__(self, work: Path, stack: ExitStack) -> None:
        self.registry = stack.enter_context(Registry(_made(work / "registry")))
        self.lookaside = stack.enter_context(Lookaside(_made(work / "signatures")))
        self.layout = Layout(_made(work / "images"))
        self.reference = f"{self.registry.host}/demo/greeter:stable"
        self._work = work
        self._gnupg = _made(work / "gnupg", mode=0o700)
        stack.callback(self._gpg, "gpgconf", "--kill", "all")
        self._registries = _made(work / "registries.d")
        place = {"lookaside-staging": f"file://{self.lookaside.directory}"}
        (self._registries / "demo.yaml").write_text(json.dumps({"docker": {self.registry.host: place}}))

    def key(self, name: str, uid: str) -> str:
        """Make a signing key, and return its fingerprint; its public half is in NAME.asc."""
        gpg = ("gpg", "--batch", "--quiet", "--no-auto-check-trustdb")
        self._gpg(*gpg, "--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", "never")
        listing = self._gpg(*gpg, "--with-colons", "--list-keys", f"={uid}")
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        (self._work / f"{name}.asc").write_text(self._gpg(*gpg, "--armor", "--export", fingerprint))
        return fingerprint

    def publish(self, version: int, key: str) -> None:
        """Build a version and push it, signed."""
        greeter.build(self.layout, _made(self._work / f"v{version}"), version)
        sizes = self.layout.layer_sizes(f"v{version}")
        print(f"# version {version}.0, built with umoci: {len(sizes)} layers of {_listed(sizes)} bytes")
        command = ["skopeo", "--insecure-policy", "--registries.d", self._registries.name, "copy", "--quiet"]
        command += ["--dest-tls-verify=false", "--sign-by", key]
        source = f"oci:{self.layout.directory.name}:v{version}"
        show(*command, source, f"docker://{self.reference}", env={"GNUPGHOME": str(self._gnupg)})

    def _gpg(self, *command: str) -> str:
        environment = {**os.environ, "GNUPGHOME": str(self._gnupg)}
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def publish_first_version(stage: Stage) -> str:
    """Step 1: a registry, a key, an image with a whiteout and an opaque directory; return the key."""
    step("1. A publisher pushes a signed image to a registry, and puts the signature on a web server")
    print(f"# docker-registry listens on {stage.registry.host}, the signatures are at {stage.lookaside.url}")
    key = stage.key("publisher", "Demo Publisher <publisher@demo.example>")
    stage.publish(1, key)
    return key


def install_and_run(stage: Stage) -> None:
    """Step 2: trust that publisher, install, run, list, info."""
    step("2. Somebody trusts that publisher, installs the app and runs it")
    url = f"oci+http://{stage.registry.host}/demo"
    appctl("remote", "add", "demo", url, "--gpg-import", "publisher.asc", "--lookaside", stage.lookaside.url)
    appctl("install", "-y", "demo/greeter:stable")
    appctl("run", "greeter", "--", "good", "morning")
    appctl("list")
    appctl("info", "greeter")
    check(info()["version"] == "1.0", "version 1.0 is installed")


def update_and_roll_back(stage: Stage, key: str) -> tuple[int, int]:
    """Step 3: version 2 adds a layer, and only that is downloaded; then back. Return its bytes, and all."""
    step("3. Version 2 adds one layer: only that is downloaded; and the way back")
    stage.publish(2, key)
    appctl("update", "-y")
    appctl("run", "greeter")
    sizes = stage.layout.layer_sizes("v2")
    downloaded = info()["bytes_downloaded"]
    check(downloaded == sizes[-1], f"{downloaded} bytes downloaded, the new layer has {sizes[-1]}")
    appctl("rollback", "-y", "greeter")
    appctl("run", "greeter")
    check(info()["version"] == "1.0", "version 1.0 is back")
    return downloaded, sum(sizes)


def refuse_a_stranger(stage: Stage) -> None:
    """Step 4: version 3 with a signature by an unknown key."""
    step("4. Version 3 is signed by a stranger: refused, and what is installed still runs")
    stage.publish(3, stage.key("stranger", "A Stranger <stranger@demo.example>"))
    appctl("update", "-y", "greeter", expect=REFUSED)
    appctl("run", "greeter")
    check(info()["version"] == "1.0", "version 1.0 is still installed")


def uninstall(stage: Stage) -> None:
    """Step 5: gone, with everything that only this app needed."""
    step("5. Uninstalled: the repository is empty again, and clean")
    appctl("uninstall", "-y", "greeter")
    repository = Path(os.environ["XDG_DATA_HOME"], "appctl/repo")
    show("ostree", "fsck", f"--repo={repository}")
    left = [path for path in (repository / "objects").rglob("*") if path.is_file()]
    check(not left, f"{len(left)} objects left in the repository")
    references = subprocess.run(
        ["ostree", "refs", f"--repo={repository}"], stdout=subprocess.PIPE, check=True
    )
    check(not references.stdout, f"refs left: {references.stdout!r}")
    appctl("list")
    stage.registry.stop()


def step(title: str) -> None:
    """Print a heading."""
    print(f"\n=== {title}", flush=True)


def appctl(*arguments: str, expect: int = 0) -> None:
    """Show one appctl command."""
    show("appctl", *arguments, expect=expect)


def show(*command: str, expect: int = 0, env: dict[str, str] | None = None) -> None:
    """Print a command as it would be typed, run it on this terminal, and require its exit code."""
    print(f"$ {shlex.join(command)}", flush=True)
    code = subprocess.run(
        command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, check=False
    ).returncode
    if expect:
        print(f"# exit code {code}", flush=True)
    check(code == expect, f"exit code {code} instead of {expect}")


def info() -> dict[str, Any]:
    """What `appctl info --json` says of the demo's app, not shown."""
    command = ["appctl", "info", greeter.APP_ID, "--json"]
    answer: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return answer


def check(holds: bool, what: str) -> None:  # noqa: FBT001 - a condition, as in assert
    """End the demo unless `holds`, with the daemon's log."""
    if holds:
        return
    log = Path(os.environ["XDG_DATA_HOME"]).parent / "daemon.log"
    sys.exit(f"demo failed: {what}\n--- the daemon's log:\n{log.read_text()}")


def _made(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(mode=mode)
    return path


def _listed(sizes: list[int]) -> str:
    *first, last = (f"{size:,}" for size in sizes)
    return f"{', '.join(first)} and {last}"


if __name__ == "__main__":
    sys.exit(main())
