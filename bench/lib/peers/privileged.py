# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a peer must do as root, for a benchmark that has become nobody: `podman pull` into storage of its own.

    privileged.py COMMAND [ARG…]       run by bench/lib/start, in a mount namespace of its own

Runs COMMAND, which drops privileges, and answers its requests on a socket meanwhile, one JSON line each.
Guarantees: root runs nothing but podman, on an image of a registry on loopback, with its storage in a new
directory in a place that belongs to root; when the command ends, so does this, with the same exit code.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure.cost import Cost, command

SOCKET = "APPCTL_BENCH_PRIVILEGED"  # in the environment of COMMAND, the number of its descriptor
_IMAGE = re.compile(r"127\.0\.0\.1:[0-9]{1,5}/[a-z0-9/]+:[a-z0-9]+")
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'


def main() -> int:
    """Start the command, serve it, pass on its exit code."""
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)  # noqa: FBT003 - its only form
    environment = {**os.environ, SOCKET: str(theirs.fileno())}
    process = subprocess.Popen(sys.argv[1:], env=environment, close_fds=False)
    theirs.close()
    with ours.makefile("rw") as requests:
        for line in requests:
            requests.write(json.dumps(_answer(line)) + "\n")
            requests.flush()
    return process.wait()


def _answer(line: str) -> dict[str, object]:
    try:
        return asdict(pull(*_parsed(line)))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        return {"error": str(error)}


def _parsed(line: str) -> tuple[list[str], Path]:
    request = json.loads(line)
    images, at = list(map(str, request["images"])), Path(request["at"])
    if not all(map(_IMAGE.fullmatch, images)):
        raise ValueError("no image on loopback")
    if at.lstat().st_uid != 0:
        raise ValueError(f"{at} does not belong to root")
    return images, at


def pull(images: Sequence[str], at: Path) -> Cost:
    """`podman pull` of each into new storage below `at`; the cost of the last."""
    cost = Cost(0, 0)
    with _storage(at) as place:
        policy = place / "policy.json"
        policy.write_text(_POLICY)
        options = [f"--root={place}/root", f"--runroot={place}/run", "--storage-driver=overlay"]
        words = ["pull", "--quiet", "--tls-verify=false", f"--signature-policy={policy}"]
        for image in images:
            os.sync()
            cost = command(["podman", *options, *words, image])
    return cost


@contextlib.contextmanager
def _storage(at: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="bench-podman.", dir=at))
    try:
        yield place
    finally:  # podman mounts its own directory on itself
        subprocess.run(["umount", "--lazy", str(place / "root/overlay")], capture_output=True, check=False)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
