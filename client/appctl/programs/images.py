# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for images that a program of theirs looks into, made into what it is asked with.

`oci:DIRECTORY`, `oci-archive:FILE`, `HOST/REPOSITORY[:TAG]` (`docker://…`, `oci+http://…` for a registry on
this machine). Guarantees: the caller's login goes to that one registry, in the request alone. Leaves to
others: whether host, repository and tag are ones.
"""

import os
from collections.abc import Iterable
from functools import cached_property

from appctl.context import Context
from appctl.failure import usage
from appctl.logins.credentials import login_files, lookup, plain_host
from appctl.programs.destinations import certificates
from appctl.programs.proxies import proxies
from appctl.talk.wire import Json, underscored

_SCHEMES = {"docker": "https", "oci+https": "https", "oci+http": "http"}
FORMS = "oci:DIR, oci-archive:FILE or HOST/REPOSITORY:TAG"


def image_place(context: Context, text: str, *, called: str = "", lookaside: str | None = None) -> Json:
    """Where the images are. `called` is the one of a layout that has no whole name there. Raises Failure."""
    caller = _Caller(context)
    place = _place(caller, text, called, lookaside)
    return {**place, **caller.trust_for([place])}


def image_places(context: Context, texts: Iterable[str]) -> Json:
    """`{"images": [place, …]}`, and once what all registries among them have in common. Raises Failure."""
    caller = _Caller(context)
    places = [_place(caller, text, "", None) for text in texts]
    return {"images": [*places], **caller.trust_for(places)}


class _Caller:
    """What is the caller's own, read when it is needed first, and once however many images there are."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.auth_realm = context.options.auth_realm

    @cached_property
    def _logins(self) -> list[Json]:
        return login_files(self._context.places)

    def login(self, location: str) -> Json:
        """The login for that repository, if there is one."""
        return lookup(self._logins, plain_host(location))

    def trust_for(self, places: Iterable[Json]) -> Json:
        """Which certificates and proxies the registries among these are asked with."""
        if not any(place["kind"] == "registry" for place in places):
            return {}
        return {"ca": certificates(self._context.options.ca_file), "proxy": proxies()}


def _place(caller: _Caller, text: str, called: str, lookaside: str | None) -> Json:
    kind, _, rest = text.partition(":")
    if kind == "oci" and rest and not rest.startswith("//"):
        return {"kind": "directory", "path": os.path.abspath(rest), "called": called}  # noqa: PTH100 - as typed
    if kind == "oci-archive" and rest:
        return {"kind": "archive", "path": os.path.abspath(rest), "called": called}  # noqa: PTH100 - as above
    if rest.startswith("//") and kind in _SCHEMES:
        return _registry(caller, _SCHEMES[kind], rest[2:], lookaside)
    return _registry(caller, "https", text, lookaside)


def _registry(caller: _Caller, scheme: str, reference: str, lookaside: str | None) -> Json:
    host, slash, path = reference.partition("/")
    if not slash or ("." not in host.partition(":")[0] and ":" not in host and host != "localhost"):
        raise usage(f"{reference} is no image", FORMS)
    repository = path.partition("@")[0].partition(":")[0]
    return {
        "kind": "registry",
        "reference": reference,
        "registry": f"{scheme}://{host}",
        "repository": repository,
        "credential": underscored(caller.login(f"{host}/{repository}")),
        "lookaside": lookaside,
        "auth_realm": caller.auth_realm,
    }
