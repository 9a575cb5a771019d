# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for images that a program of theirs looks into, made into what it is asked with.

`oci:DIRECTORY`, `oci-archive:FILE`, `HOST/REPOSITORY[:TAG]` (`docker://…`, `oci+http://…` for a registry on
this machine). Guarantees: the caller's login goes to that one registry, in the request alone. Leaves to
others: whether host, repository and tag are ones.
"""

import os

from appctl.context import Context
from appctl.failure import usage
from appctl.logins.credentials import login_for
from appctl.programs.destinations import certificates
from appctl.programs.proxies import proxies
from appctl.talk.wire import Json, underscored

_SCHEMES = {"docker": "https", "oci+https": "https", "oci+http": "http"}
FORMS = "oci:DIR, oci-archive:FILE or HOST/REPOSITORY:TAG"


def image_place(context: Context, text: str, *, called: str = "", lookaside: str | None = None) -> Json:
    """Where the images are. `called` is the one of a layout that has no whole name there. Raises Failure."""
    kind, _, rest = text.partition(":")
    if kind == "oci" and rest and not rest.startswith("//"):
        return {"kind": "directory", "path": os.path.abspath(rest), "called": called}  # noqa: PTH100 - as typed
    if kind == "oci-archive" and rest:
        return {"kind": "archive", "path": os.path.abspath(rest), "called": called}  # noqa: PTH100 - as above
    if rest.startswith("//") and kind in _SCHEMES:
        return _registry(context, _SCHEMES[kind], rest[2:], lookaside)
    return _registry(context, "https", text, lookaside)


def _registry(context: Context, scheme: str, reference: str, lookaside: str | None) -> Json:
    host, slash, path = reference.partition("/")
    if not slash or ("." not in host.partition(":")[0] and ":" not in host and host != "localhost"):
        raise usage(f"{reference} is no image", FORMS)
    repository = path.partition("@")[0].partition(":")[0]
    return {
        "kind": "registry",
        "reference": reference,
        "registry": f"{scheme}://{host}",
        "repository": repository,
        "credential": underscored(login_for(context.places, f"{host}/{repository}")),
        "lookaside": lookaside,
        "auth_realm": context.options.auth_realm,
        "ca": certificates(context.options.ca_file),
        "proxy": proxies(),
    }
