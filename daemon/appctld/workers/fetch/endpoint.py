# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The registry that a request is about, with its credential, read once from the request.

The daemon checked all of it before; it is checked again here, because what is built from it are URLs.
A credential has no repr, so that no message and no traceback can show it.
"""

from dataclasses import dataclass, field

from appctld.errors import InvalidReference
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_bool, get_object, get_str
from appctld.model.reference import parse_reference
from appctld.workers.net.address import Origin, Url
from appctld.workers.net.proxies import DIRECT, Proxies, parse_proxies


@dataclass(frozen=True, slots=True)
class WellKnown:
    """A registry whose references name another host than its API, or whose token server lives elsewhere."""

    registry: str
    auth_realm: str


_ANY_DIGEST = Digest.of(b"")

WELL_KNOWN = {
    # docker.io itself answers no API request; its token server is named here as `auth-realm=` would name it
    "https://docker.io": WellKnown("https://registry-1.docker.io", "https://auth.docker.io/token"),
}


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password or access token."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """An OAuth2 refresh token, as `docker login` keeps it."""

    token: str = field(repr=False)


Credential = Login | IdentityToken


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One repository of one registry, and what this job may use to reach it.

    `auth_realm` is the one address beside the registry's own host that may be asked for tokens, `ca` is PEM.
    """

    registry: Origin
    repository: str
    insecure: bool
    auth_realm: Url | None
    ca: str | None
    credential: Credential | None
    proxies: Proxies = DIRECT

    def url(self, path: str) -> Url:
        """`<registry>/v2/<repository>/<path>` (distribution-spec, "Endpoints")."""
        return Url(self.registry, f"/v2/{self.repository}/{path}")


def parse_endpoint(request: JsonObject) -> Endpoint:
    """The endpoint members of a request. Raises InvalidReference, or JsonError where the daemon has a bug."""
    asked = get_str(request, "registry").rstrip("/")
    known = WELL_KNOWN.get(asked, WellKnown(asked, ""))
    registry = plain_url(known.registry, "registry")
    if registry.target != "/":
        raise InvalidReference("a registry's address has no path")
    realm = get_str(request, "auth_realm", known.auth_realm)
    # Only the repository is of interest: with a digest beside it, it cannot hold a tag or digest of its own.
    reference = parse_reference(f"localhost/{get_str(request, 'repository')}@{_ANY_DIGEST}")
    return Endpoint(
        registry.origin,
        reference.repository,
        get_bool(request, "insecure", default=False),
        plain_url(realm, "auth-realm") if realm else None,
        get_str(request, "ca", "") or None,
        _credential(get_object(request, "credential", {})),
        parse_proxies(request),
    )


def plain_url(text: str, what: str) -> Url:
    """An address of the configuration: no query. Raises InvalidReference."""
    try:
        url = Url.parse(text)
    except ValueError as error:
        raise InvalidReference(f"the {what} of this remote is no plain http or https address") from error
    if "?" in url.target:
        raise InvalidReference(f"the {what} of this remote has a query")
    return url


def _credential(obj: JsonObject) -> Credential | None:
    if not obj:
        return None
    if "identity_token" in obj:
        return IdentityToken(get_str(obj, "identity_token"))
    return Login(get_str(obj, "username"), get_str(obj, "password"))
