# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl publish`: from a directory, a commit or an installed app to an image somewhere.

The work is done by a program of the caller's own; the daemon is not asked. What is asked of it, and what it
answers, stands with the program (daemon/appctld/workers/export/publish/publish.py).
"""

import contextlib
import os
import re
import sys
from argparse import Namespace
from pathlib import Path

from appctl.context import Context
from appctl.destinations import destination, named
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.talk.program import run_program
from appctl.talk.wire import Json, get_int, get_object, get_str, get_strings
from appctl.terminal.show import escape, size

_PROGRAM = "appctld.workers.export"
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "ppc64le": "ppc64le"}
_HIGHEST_ID = (1 << 32) - 2  # the last but one is nobody's in the kernel's own words


def publish(context: Context) -> int:
    """Publish, and say under which digest. Raises Failure."""
    _let_gpg_ask()
    request = _request(context)
    answer = run_program(context.options, _PROGRAM, request)
    result = {**answer, "name": named(get_object(request, "to")) or answer["name"]}
    if context.options.json:
        context.put_json({"changed": True, **result})
    context.say(*_lines(result))
    return ExitCode.DONE


def _request(context: Context) -> Json:
    options = context.options
    _refuse_what_means_nothing(options)
    to = destination(context, options.to)
    identity = options.named or named(to)
    return {
        "op": "publish",
        "fds": {},
        "source": _source(context),
        "form": options.form,
        "platform": {"os": "linux", "architecture": options.arch or _architecture()},
        "labels": dict(map(_label, options.label)),
        "entrypoint": [options.entrypoint] if options.entrypoint else [],
        "chunked": options.chunked is not None,
        "map": _absolute(options.chunked or ""),
        "to": to,
        "name": options.named,
        "sign": {
            "identity": identity,
            "gpg": options.sign_gpg,
            "cosign": _absolute(options.sign_cosign),
            "lookaside": _absolute(options.lookaside),
        },
    }


def _refuse_what_means_nothing(options: Namespace) -> None:
    """Raises Failure for an option that the form does not have."""
    if options.form == "flatpak" and (options.chunked is not None or options.entrypoint or options.arch):
        raise usage(
            "flatpak's images have one layer, and their commit says the rest", "appctl publish --help"
        )


def _source(context: Context) -> Json:
    """What is meant: with --repo a commit; else a directory that is there; else what is installed."""
    text, repo = context.options.source, context.options.repo
    if repo is not None:
        return {"repo": _absolute(repo), "commit": text}
    if Path(text).is_dir() or text.startswith(("/", "./", "../")):
        return _directory(context)
    if _CHECKSUM.fullmatch(text):
        return {"repo": str(context.places.state(context.scope) / "repo"), "commit": text}
    return _installed(context, text)


def _directory(context: Context) -> Json:
    uid, gid = _owner(context.options.owner)
    return {
        "directory": _absolute(context.options.source),
        "owner": {"uid": uid, "gid": gid},
        "timestamp": _source_date(),
        "version": context.options.release,
    }


def _installed(context: Context, name: str) -> Json:
    from appctl.running.deployment import installed_commit

    scope, commit = installed_commit(context.places, context.scopes, name)
    return {"repo": str(context.places.state(scope) / "repo"), "commit": commit}


def _source_date() -> int:
    """Seconds since 1970, or -1 for what the directory says (reproducible-builds.org, SOURCE_DATE_EPOCH)."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return -1
    if not text.isascii() or not text.isdigit() or len(text) > len("253402300799"):
        raise usage(f"SOURCE_DATE_EPOCH is {text!r}", "seconds since 1970, or unset")
    return int(text)


def _owner(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", text)
    if found is None or max(int(found[1]), int(found[2])) > _HIGHEST_ID:
        raise usage(f"--owner {text} is no UID:GID", "--owner 1000:1000")
    return int(found[1]), int(found[2])


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise usage(f"--label {text} is no KEY=VALUE", "--label org.appctl.id=org.example.App")
    return key, value


def _architecture() -> str:
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def _absolute(path: str) -> str:
    return os.path.abspath(path) if path else ""  # noqa: PTH100 - `a/../b` as the shell has it


def _let_gpg_ask() -> None:
    """The program has no terminal of its own; pinentry finds ours by name."""
    if not sys.stdin.isatty():
        return
    with contextlib.suppress(OSError):  # a terminal that came in from another container has no name here
        os.environ.setdefault("GPG_TTY", os.ttyname(sys.stdin.fileno()))


def _lines(result: Json) -> list[str]:
    layers, total, written = get_int(result, "layers"), get_int(result, "size"), get_int(result, "written")
    word = "layer" if layers == 1 else "layers"
    there = "" if written == total else f", {size(total - written)} were there"
    return [
        f"{escape(get_str(result, 'name'))}  {escape(get_str(result, 'digest'))}",
        f"{layers} {word}, {size(total)}{there}; commit {escape(get_str(result, 'commit'))}",
        *(f"signed: {escape(place)}" for place in get_strings(result, "signatures")),
    ]
