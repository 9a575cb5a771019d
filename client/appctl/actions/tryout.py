# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl try`: run an image once that nobody signed, in the real sandbox, and leave nothing behind.

A daemon of its own (ephemeral.py) installs it without verification, and its own `appctl run` starts it, with
a HOME that is empty and goes away: nothing was verified, so it sees no file outside of that HOME, whatever it
asks for. The exit code is the app's; 125 where it could not be started.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from appctl.bundles.files import read
from appctl.caller_files import open_regular
from appctl.context import Context
from appctl.ephemeral import ephemeral
from appctl.exits import ExitCode
from appctl.failure import SMALLER, UNREADABLE, Failure, usage
from appctl.places import ONLY_HOME
from appctl.talk.wire import Json, get_object, get_objects, get_str
from appctl.terminal.ask import confirm
from appctl.terminal.show import escape, note

INDEX_BYTES = 4 << 20  # as the daemon takes it
_NAME = "org.opencontainers.image.ref.name"
_HOST = "localhost/try"
_REMOTE = f"[remote]\nurl = https://{_HOST}\nverify = none\nshare = no\n"
_KINDS = ("oci", "oci-archive")
_ANEW = "skopeo copy IMAGE oci-archive:FILE    (writes such a file)"


def try_image(context: Context) -> int:
    """Show what it asks for, ask, and run it. Raises Failure."""
    if os.geteuid() == 0:
        raise usage("apps are not run as root", "as a user: sudo -u USER appctl try …")
    digest = _digest(context)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))  # and tidy up
    with ephemeral(_cache(), _REMOTE) as environment:
        reference = f"{_HOST}@{digest}"
        source = ["--from", context.options.image, reference]
        note(
            "UNSIGNED: nothing about this image is verified. It gets an empty HOME, and nothing of it stays."
        )
        _must(environment, "install", "--dry-run", *source)
        confirm(context.options, "Run it once?")
        _must(environment, "install", "--quiet", "--yes", *source)
        app = _installed(environment)
        bus = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
        theirs = {**environment, "DBUS_SESSION_BUS_ADDRESS": bus, ONLY_HOME: "yes"}
        return _appctl(theirs, "run", app, "--", *context.options.arguments).returncode


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "appctl"


def _digest(context: Context) -> str:
    """The digest of the one image that is meant. Raises Failure."""
    kind, _, path = context.options.image.partition(":")
    if kind not in _KINDS or not path:
        raise usage(f"{context.options.image} is no image", "oci:DIR or oci-archive:FILE")
    images = [entry for entry in get_objects(_index(kind, Path(path)), "manifests") if _is_image(entry)]
    named = [entry for entry in images if context.options.named in {"", _called(entry)}]
    if len({get_str(entry, "digest") for entry in named}) != 1:
        there = ", ".join(escape(_called(entry) or "one without a name") for entry in images) or "none"
        raise usage(f"which image of {path}? It has {there}", "--as NAME says which")
    return get_str(named[0], "digest")


def _index(kind: str, path: Path) -> Json:
    import json

    data = read(path, ("index.json",), INDEX_BYTES) if kind == "oci" else _from_archive(path)
    try:
        index = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Failure("BadManifest", f"the index of {path} cannot be read", _ANEW) from error
    return index if isinstance(index, dict) else {}


def _from_archive(path: Path) -> bytes:
    """The index of an archive; what the archive is worth, the daemon says."""
    import tarfile

    try:
        with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if member.name.removeprefix("./") == "index.json" and member.isreg():
                    if member.size > INDEX_BYTES:
                        raise Failure(
                            "LimitExceeded", f"the index of {path} has {member.size} bytes", SMALLER
                        )
                    content = archive.extractfile(member)
                    return content.read() if content else b""
    except OSError as error:
        raise usage(f"{path}: {error.strerror}", UNREADABLE) from error
    except tarfile.TarError as error:
        raise Failure("BadManifest", f"{path} is no archive of images", _ANEW) from error
    raise Failure("BadManifest", f"{path} has no index.json: it is no archive of images", _ANEW)


def _called(entry: Json) -> str:
    return get_str(get_object(entry, "annotations"), _NAME)


def _is_image(entry: Json) -> bool:
    """Whether it is none of the documents that sign another one."""
    last = _called(entry).rpartition(":")[2]
    return not last.startswith("sha256-") and not get_str(entry, "artifactType")


def _installed(environment: dict[str, str]) -> str:
    import json

    listed = json.loads(_must(environment, "list", "--json", capture=True))
    apps = [str(app["id"]) for app in listed if app.get("kind", "app") == "app"]
    return apps[0] if apps else ""


def _must(environment: dict[str, str], *arguments: str, capture: bool = False) -> str:
    """Run a command of ours that says itself what went wrong. Raises Failure."""
    done = _appctl(environment, *arguments, capture=capture)
    if done.returncode:
        raise Failure(
            "RunFailed",
            "it could not be tried",
            "appctl lint IMAGE    (what is wrong with it)",
            code=ExitCode.RUN_FAILED,
        )
    return done.stdout or ""


def _appctl(
    environment: dict[str, str], *arguments: str, capture: bool = False
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-m", "appctl", *arguments]
    stdout = subprocess.PIPE if capture else None
    return subprocess.run(command, env=environment, stdout=stdout, text=True, check=False)
