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
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.images import greeter
from support.publishers.publisher import Publisher

STARTED = time.monotonic()
NAME = "demo/greeter:stable"
REFUSED = 5  # the exit code for a signature that is missing, invalid or a stranger's


def main() -> int:
    """Run the five steps; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="demo.") as work, Publisher(Path(work)) as publisher:
        os.chdir(work)
        key = publish_first_version(publisher)
        install_and_run(publisher)
        downloaded, total = update_and_roll_back(publisher, key)
        refuse_a_stranger(publisher)
        uninstall()
    seconds = time.monotonic() - STARTED
    print(
        f"\nShown in {seconds:.0f} s: a signed image of three layers installed, run, updated by"
        f" {downloaded:,} of {total:,} bytes, rolled back, kept from a stranger's update and removed."
    )
    return 0


def publish_first_version(publisher: Publisher) -> str:
    """Step 1: a registry, a key, an image with a whiteout and an opaque directory; return the key."""
    step("1. A publisher pushes a signed image to a registry, and puts the signature on a web server")
    print(
        f"# docker-registry listens on {publisher.registry.host}, the web server is {publisher.lookaside.url}"
    )
    key = publisher.keys.make("publisher")
    Path("publisher.asc").write_bytes(publisher.keys.export(key, armor=True))
    publish(publisher, 1, key)
    return key


def install_and_run(publisher: Publisher) -> None:
    """Step 2: trust that publisher, install, run, list, info."""
    step("2. Somebody trusts that publisher, installs the app and runs it")
    url = f"oci+http://{publisher.registry.host}/demo"
    appctl(
        "remote", "add", "demo", url, "--gpg-import", "publisher.asc", "--lookaside", publisher.lookaside.url
    )
    appctl("install", "-y", NAME)
    appctl("run", "greeter", "--", "good", "morning")
    appctl("list")
    appctl("info", "greeter")
    check(info()["version"] == "1.0", "version 1.0 is installed")


def update_and_roll_back(publisher: Publisher, key: str) -> tuple[int, int]:
    """Step 3: version 2 adds a layer, and only that is downloaded; then back. Return its bytes, and all."""
    step("3. Version 2 adds one layer: only that is downloaded; and the way back")
    publish(publisher, 2, key)
    appctl("update", "-y")
    appctl("run", "greeter")
    sizes = publisher.layout.layer_sizes("v2")
    downloaded = info()["bytes_downloaded"]
    check(downloaded == sizes[-1], f"{downloaded} bytes downloaded, the new layer has {sizes[-1]}")
    appctl("rollback", "-y", "greeter")
    appctl("run", "greeter")
    check(info()["version"] == "1.0", "version 1.0 is back")
    return downloaded, sum(sizes)


def refuse_a_stranger(publisher: Publisher) -> None:
    """Step 4: version 3 with a signature by an unknown key."""
    step("4. Version 3 is signed by a stranger: refused, and what is installed still runs")
    publish(publisher, 3, publisher.keys.make("stranger"))
    appctl("update", "-y", "greeter", expect=REFUSED)
    appctl("run", "greeter")
    check(info()["version"] == "1.0", "version 1.0 is still installed")


def uninstall() -> None:
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


def publish(publisher: Publisher, version: int, key: str) -> None:
    """Build a version, and show how it is pushed."""
    tag = f"v{version}"
    layers = Path(f"layers-{version}")
    layers.mkdir()
    greeter.build(publisher.layout, layers, version)
    *lower, top = (f"{size:,}" for size in publisher.layout.layer_sizes(tag))
    print(f"# version {version}.0, built with umoci: layers of {', '.join(lower)} and {top} bytes")
    show(*publisher.command(tag, NAME, key), env={"GNUPGHOME": str(publisher.keys.home)})


def step(title: str) -> None:
    """Print a heading."""
    print(f"\n=== {title}", flush=True)


def appctl(*arguments: str, expect: int = 0) -> None:
    """Show one appctl command."""
    show("appctl", *arguments, expect=expect)


def show(*command: str, expect: int = 0, env: dict[str, str] | None = None) -> None:
    """Print a command as it would be typed, run it on this terminal, and require its exit code."""
    print(f"$ {shlex.join(command)}", flush=True)
    run = subprocess.run(command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, check=False)
    if expect:
        print(f"# exit code {run.returncode}", flush=True)
    check(run.returncode == expect, f"exit code {run.returncode} instead of {expect}")


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


if __name__ == "__main__":
    sys.exit(main())
