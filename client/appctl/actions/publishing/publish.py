# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl publish`: from a directory, a commit or an installed app to an image somewhere.

The work is done by a program of the caller's own; the daemon is not asked. What is asked of it, and what it
answers, stands with the program (daemon/appctld/workers/export/publish/publish.py).
"""

import os
import re
from argparse import Namespace
from pathlib import Path

from appctl.actions.publishing.asked import absolute, published, signing, source_date, tell
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.programs.destinations import destination, named
from appctl.talk.wire import Json, get_int, get_str
from appctl.terminal.show import escape, size

_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "ppc64le": "ppc64le"}
_HIGHEST_ID = (1 << 32) - 2  # the last but one is nobody's in the kernel's own words


def publish(context: Context) -> int:
    """Publish, and say under which digest. Raises Failure."""
    if context.options.catalog is not None:
        from appctl.actions.publishing.catalog import publish_catalog

        return publish_catalog(context)
    result = published(context, _request(context))
    layers, total, written = get_int(result, "layers"), get_int(result, "size"), get_int(result, "written")
    word = "layer" if layers == 1 else "layers"
    there = "" if written == total else f", {size(total - written)} were there"
    tell(
        context, result, f"{layers} {word}, {size(total)}{there}; commit {escape(get_str(result, 'commit'))}"
    )
    return ExitCode.DONE


def _request(context: Context) -> Json:
    options = context.options
    _refuse_what_means_nothing(options)
    to = destination(context, options.to)
    return {
        "op": "publish",
        "fds": {},
        "source": _source(context),
        "form": options.form,
        "platform": {"os": "linux", "architecture": options.arch or _architecture()},
        "labels": dict(map(_label, options.label)),
        "entrypoint": [options.entrypoint] if options.entrypoint else [],
        "chunked": options.chunked is not None,
        "map": absolute(options.chunked or ""),
        "to": to,
        "name": options.named,
        "sign": signing(options, options.named or named(to)),
    }


def _refuse_what_means_nothing(options: Namespace) -> None:
    """Raises Failure for an option that the form does not have, and for two things at once."""
    if len(options.source) != 1:
        raise usage("one DIR, COMMIT or APP becomes one image", "appctl publish --help")
    if options.form == "flatpak" and (options.chunked is not None or options.entrypoint or options.arch):
        raise usage(
            "flatpak's images have one layer, and their commit says the rest", "appctl publish --help"
        )


def _source(context: Context) -> Json:
    """What is meant: with --repo a commit; else a directory that is there; else what is installed."""
    (text,), repo = context.options.source, context.options.repo
    if repo is not None:
        return {"repo": absolute(repo), "commit": text}
    if Path(text).is_dir() or text.startswith(("/", "./", "../")):
        return _directory(context, text)
    if _CHECKSUM.fullmatch(text):
        return {"repo": str(context.places.state(context.scope) / "repo"), "commit": text}
    return _installed(context, text)


def _directory(context: Context, path: str) -> Json:
    uid, gid = _owner(context.options.owner)
    return {
        "directory": absolute(path),
        "owner": {"uid": uid, "gid": gid},
        "timestamp": source_date(),
        "version": context.options.release,
    }


def _installed(context: Context, name: str) -> Json:
    from appctl.running.deployments.deployment import installed_commit

    scope, commit = installed_commit(context.places, context.scopes, name)
    return {"repo": str(context.places.state(scope) / "repo"), "commit": commit}


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
