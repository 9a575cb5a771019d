# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""From a 401 to an Authorization header: Basic, or a token from the registry's token server.

Guarantees: a token server is asked only on the registry's own host or where `auth-realm` says, never over
plain HTTP unless the registry itself is (docs/rules.md, "Tokens"); it may not redirect; what is asked for is
`pull` of this one repository, unless the caller itself asks for more, whatever the challenge or the server's
address says. Sources: distribution's token specification ("Token Authentication", "OAuth2"), RFC 7617, RFC
6750.
"""

import base64
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from appctld.errors import AppctlError, CredentialScope, RegistryAuth, RegistryUnavailable
from appctld.model.jsonvalue import JsonError, JsonObject, get_str, parse_object
from appctld.workers.fetch.challenge import Challenge, parse_challenges
from appctld.workers.fetch.endpoint import Endpoint, IdentityToken, Login
from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.redirects import STATUSES
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url

TOKEN_BYTES = 256 << 10  # tokens with many claims reach some KiB
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1; nothing that could end a header line
OURS = frozenset({"scope", "service", "grant_type", "client_id", "refresh_token", "username", "password"})
_OK = 200
_REFUSALS = frozenset({400, 401, 403})  # OAuth2 says 400 for a refresh token that is no longer good


def pulling(repository: str) -> str:
    """The scope of who reads a repository."""
    return f"repository:{repository}:pull"


def authorize(header: str, endpoint: Endpoint, session: Session, more: Sequence[str] = ()) -> str:
    """The Authorization value that answers the WWW-Authenticate `header` of the endpoint's registry.

    `more` are scopes beside that of reading the endpoint's repository. Raises RegistryAuth, CredentialScope
    and leaves of Transport.
    """
    challenges = {challenge.scheme: challenge for challenge in reversed(parse_challenges(header))}
    if "bearer" in challenges:
        return f"Bearer {_token(challenges['bearer'], endpoint, session, more)}"
    if "basic" in challenges and isinstance(endpoint.credential, Login):
        return _basic(endpoint.credential)
    raise refusal(endpoint, 401)


def refusal(endpoint: Endpoint, status: int) -> AppctlError:
    """The error for a registry that does not let us in."""
    host, repository = endpoint.registry.netloc, endpoint.repository
    why = "it does not take this login" if endpoint.credential else "not found, or a login is needed"
    return RegistryAuth(f"{host} refuses {repository}: {why} (HTTP {status})", host=host, status=status)


def check_realm(realm: Url, endpoint: Endpoint) -> None:
    """Return if this token server may be asked. Raises CredentialScope."""
    host, own = realm.origin.host, endpoint.registry
    if realm.origin.scheme != "https" and own.scheme == "https":
        raise CredentialScope(f"{own.host} sends us to {host} for a token, over plain HTTP")
    if host == own.host:
        return
    named = endpoint.auth_realm
    if named is None or (realm.origin, realm.path) != (named.origin, named.path):
        raise CredentialScope(
            f"{own.host} sends us to {host} for a token, which is not this remote's auth-realm"
        )


def _token(challenge: Challenge, endpoint: Endpoint, session: Session, more: Sequence[str]) -> str:
    try:
        realm = Url.parse(challenge.parameters.get("realm", ""))
    except ValueError:
        raise CredentialScope(f"{endpoint.registry.host} asks for a token without a usable address") from None
    check_realm(realm, endpoint)
    _check_query(realm, endpoint)
    scopes = [pulling(endpoint.repository), *more]
    service = challenge.parameters.get("service")
    with _ask(realm, scopes, service, endpoint, session) as answer:
        return _read(answer, endpoint)


def _check_query(realm: Url, endpoint: Endpoint) -> None:
    """What we say to a token server the registry does not say in our place."""
    query = realm.target.partition("?")[2].replace(";", "&")  # which parts parameters for some servers
    if not OURS.isdisjoint(name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)):
        raise CredentialScope(f"{endpoint.registry.host} says itself for what we should ask its token server")


def _ask(
    realm: Url, scopes: Sequence[str], service: str | None, endpoint: Endpoint, session: Session
) -> Answer:
    credential = endpoint.credential
    named = {} if service is None else {"service": service}
    if isinstance(credential, IdentityToken):
        grant = {"grant_type": "refresh_token", "client_id": "appctl", "refresh_token": credential.token}
        return session.post(realm, {**grant, "scope": " ".join(scopes), **named})
    mark = "&" if "?" in realm.target else "?"
    wanted = urlencode({"scope": scopes, **named}, doseq=True)
    url = Url(realm.origin, f"{realm.target}{mark}{wanted}")
    return session.get(url, {"Authorization": _basic(credential)} if credential else {})


def _read(answer: Answer, endpoint: Endpoint) -> str:
    host = answer.url.origin.host
    if answer.status in STATUSES:
        raise CredentialScope(f"the token server {host} redirects, which it must not with a credential")
    if answer.status in _REFUSALS:
        raise refusal(endpoint, answer.status)
    if answer.status != _OK:
        raise answer.unwanted()
    try:
        token = _either(parse_object(answer.read(TOKEN_BYTES), TOKEN_BYTES))
    except JsonError:
        raise RegistryUnavailable(f"the token server {host} answers with no token", host=host) from None
    if not _BEARER.fullmatch(token):
        raise RegistryUnavailable(f"the token server {host} answers with what is no token", host=host)
    return token


def _either(obj: JsonObject) -> str:
    return get_str(obj, "token", "") or get_str(obj, "access_token")


def _basic(login: Login) -> str:
    pair = f"{login.username}:{login.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
