# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl lint`: what of an image will not be what its publisher means, before anybody installs it.

The work is done by a program of the caller's own; the daemon is not asked. Exit code 0: there is no error.
"""

import os

from appctl.context import Context
from appctl.destinations import certificates
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.logins.credentials import login_for
from appctl.proxies import proxies
from appctl.talk.program import run_program
from appctl.talk.wire import Json, get_objects, get_str, get_strings, underscored
from appctl.terminal.show import escape

_PROGRAM = "appctld.workers.lint"
_SCHEMES = {"docker": "https", "oci+https": "https", "oci+http": "http"}


def lint(context: Context) -> int:
    """Examine, and tell what was found. Raises Failure."""
    answer = run_program(context.options, _PROGRAM, {"op": "lint", "fds": {}, "from": _place(context)})
    findings = get_objects(answer, "findings")
    errors = [finding for finding in findings if get_str(finding, "level") == "error"]
    if context.options.json:
        context.put_json({"images": answer["images"], "findings": [*findings], "good": not errors})
    for image in get_strings(answer, "images"):
        context.say(escape(image), *_lines([one for one in findings if get_str(one, "image") == image]))
    return ExitCode.FAILED if errors else ExitCode.DONE


def _lines(findings: list[Json]) -> list[str]:
    order = {"error": 0, "warning": 1, "note": 2}
    ordered = sorted(findings, key=lambda one: order.get(get_str(one, "level"), 0))
    return [
        f"  {get_str(one, 'level') + ':':<8} {escape(get_str(one, 'subject'))}: "
        f"{escape(get_str(one, 'sentence'))}  [{escape(get_str(one, 'code'))}]"
        for one in ordered
    ] or ["  nothing to say"]


def _place(context: Context) -> Json:
    """What is to be examined: oci:DIR, oci-archive:FILE, or a reference in a registry. Raises Failure."""
    options = context.options
    kind, _, rest = options.image.partition(":")
    if kind == "oci" and rest and not rest.startswith("//"):
        return {"kind": "directory", "path": os.path.abspath(rest), "called": options.named}  # noqa: PTH100 - as typed
    if kind == "oci-archive" and rest:
        return {"kind": "archive", "path": os.path.abspath(rest), "called": options.named}  # noqa: PTH100 - as above
    scheme, reference = "https", options.image
    if rest.startswith("//") and kind in _SCHEMES:
        scheme, reference = _SCHEMES[kind], rest[2:]
    return _registry(context, scheme, reference)


def _registry(context: Context, scheme: str, reference: str) -> Json:
    host, slash, path = reference.partition("/")
    if not slash or ("." not in host.partition(":")[0] and ":" not in host and host != "localhost"):
        raise usage(f"{reference} is no image", "oci:DIR, oci-archive:FILE or HOST/REPOSITORY:TAG")
    repository = path.partition("@")[0].partition(":")[0]
    return {
        "kind": "registry",
        "reference": reference,
        "registry": f"{scheme}://{host}",
        "repository": repository,
        "credential": underscored(login_for(context.places, f"{host}/{repository}")),
        "lookaside": context.options.lookaside,
        "auth_realm": context.options.auth_realm,
        "ca": certificates(context.options.ca_file),
        "proxy": proxies(),
    }
