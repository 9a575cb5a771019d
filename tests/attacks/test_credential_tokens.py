# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who is asked for tokens, with what and for what: the other half of test_credential_matrix.py."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest

from support.machines.net import (
    DOCUMENT,
    IDENTITY,
    LOGIN,
    MANIFEST,
    Case,
    Cases,
    Net,
    basic,
    bearer,
    to,
    tokens,
)
from support.servers.fake_registry import Reply

FIRST = f"registry GET {MANIFEST} -"
WITH_LOGIN = f"registry GET {MANIFEST} login"
WITH_TOKEN = f"registry GET {MANIFEST} token"
ASKED = "registry GET /token login"
REFRESHED = "registry POST /token identity"
CREDENTIALS = {"login": LOGIN, "identity": IDENTITY, "nobody": None}
CASES = Cases()


# --- token servers


@CASES.each("the token server is on another host", "CredentialScope", dict.fromkeys(CREDENTIALS, (FIRST,)))
def a_realm_elsewhere(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.other.url}/token"))
    net.other.on("/token", tokens())
    net.ask("resolve", net.members(credential=CREDENTIALS[way]))


@CASES.each(
    "the token server is the registry",
    "",
    {
        "login": (FIRST, ASKED, WITH_TOKEN),
        "identity": (FIRST, REFRESHED, WITH_TOKEN),
        "nobody": (FIRST, "registry GET /token -", WITH_TOKEN),
    },
)
def a_realm_at_home(net: Net, way: str) -> None:
    """And is asked for this repository and nothing else, whatever the challenge says."""
    wide = ',scope="repository:other/thing:push,delete registry:catalog:*"'
    net.registry.on(MANIFEST, bearer(f"{net.registry.url}/token", wide), DOCUMENT)
    net.registry.on("/token", tokens())
    net.ask("resolve", net.members(credential=CREDENTIALS[way]))
    (asked,) = net.registry.asked("/token")
    assert parse_qs(asked.query or asked.body.decode())["scope"] == ["repository:demo/plain:pull"]


@CASES.one("the token server is on another port", "", FIRST, WITH_TOKEN, "sibling GET /token login")
def a_realm_on_another_port(net: Net) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.sibling.url}/token"), DOCUMENT)
    net.sibling.on("/token", tokens())
    net.ask("resolve", net.members())


@CASES.each(
    "the token server speaks plain http", "CredentialScope", dict.fromkeys(CREDENTIALS, (FIRST,)), tls=True
)
def a_realm_over_plain_http(net: Net, way: str) -> None:
    realm = f"{net.plain.url}/token"
    net.registry.on(MANIFEST, bearer(realm))
    net.plain.on("/token", tokens())
    net.ask("resolve", net.members(credential=CREDENTIALS[way], auth_realm=realm, insecure=True))


NO_REALMS = (
    "",
    "token",
    "//127.0.0.2/token",
    "http://x:y@127.0.0.1/token",
    "http://127.0.0.1@127.0.0.2/token",
    "http://127.0.0.1\\@127.0.0.2/token",
    "file:///etc/passwd",
    "http://127.0.0.1.evil.example/token",
)


@CASES.each("the token server's address is none", "CredentialScope", dict.fromkeys(NO_REALMS, (FIRST,)))
def a_realm_that_is_none(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, bearer(way.replace("\\", "\\\\")))
    net.ask("resolve", net.members())


@CASES.each(
    "the token server redirects",
    "CredentialScope",
    {
        f"{who} {place}": (FIRST, asked)
        for who, asked in {"login": ASKED, "identity": REFRESHED}.items()
        for place in ("registry", "other", "secure")
    },
)
def a_realm_that_redirects(net: Net, way: str) -> None:
    who, _, place = way.partition(" ")
    net.registry.on(MANIFEST, bearer(f"{net.registry.url}/token"))
    net.registry.on("/token", to(f"{net.servers[place].url}/x"))
    net.servers[place].on("/x", tokens())
    net.ask("resolve", net.members(credential=CREDENTIALS[who]))


@CASES.each(
    "the token server is the one that auth-realm names",
    "",
    {
        "login": (FIRST, WITH_TOKEN, "other GET /token login"),
        "identity": (FIRST, WITH_TOKEN, "other POST /token identity"),
    },
)
def a_realm_that_is_named(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.other.url}/token?account=x"), DOCUMENT)
    net.other.on("/token", tokens())
    net.ask("resolve", net.members(credential=CREDENTIALS[way], auth_realm=f"{net.other.url}/token"))


NEARLY = (
    "/token-evil",
    "/token/evil",
    "/tok",
    "/Token",
    "/token/",
    "//token",
    "/token/../evil",
    "/./token",
    "/%74oken",
    "/token%2fevil",
    "/token;evil",
)


@CASES.each(
    "the token server is nearly the one that auth-realm names",
    "CredentialScope",
    dict.fromkeys(NEARLY, (FIRST,)),
)
def a_realm_with_a_prefix(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.other.url}{way}"))
    net.ask("resolve", net.members(auth_realm=f"{net.other.url}/token"))


@CASES.one("auth-realm names another port of that host", "CredentialScope", FIRST)
def a_realm_on_another_port_than_named(net: Net) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.other.url}/token"))
    net.ask("resolve", net.members(auth_realm="http://127.0.0.2:1/token"))


SMUGGLED = (
    "scope=repository:other/thing:push",
    "account=x&scope=registry:catalog:*",
    "account=x;scope=registry:catalog:*",
    "%73cope=registry:catalog:*",
    "Scope=registry:catalog:*",
    "service=another",
    "grant_type=password",
)


@CASES.each(
    "the token server's address asks for more in its query",
    "CredentialScope",
    dict.fromkeys(SMUGGLED, (FIRST,)),
)
def a_realm_that_smuggles(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.registry.url}/token?{way}"))
    net.registry.on("/token", tokens())
    net.ask("resolve", net.members())


@CASES.each(
    "the service's name holds more parameters",
    "",
    {"login": (FIRST, ASKED, WITH_TOKEN), "identity": (FIRST, REFRESHED, WITH_TOKEN)},
)
def an_injected_service(net: Net, way: str) -> None:
    service = "x&scope=repository:other/thing:push#"
    challenge = f'Bearer realm="{net.registry.url}/token",service="{service}"'
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}), DOCUMENT)
    net.registry.on("/token", tokens())
    net.ask("resolve", net.members(credential=CREDENTIALS[way]))
    (asked,) = net.registry.asked("/token")
    form = parse_qs(asked.query or asked.body.decode())
    assert (form["service"], form["scope"]) == ([service], ["repository:demo/plain:pull"])


@CASES.one("the token would end its header line", "RegistryUnavailable", FIRST, ASKED)
def an_injected_token(net: Net) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.registry.url}/token"))
    net.registry.on("/token", tokens(value="x\r\nX-Forwarded: y"))
    net.ask("resolve", net.members())


@CASES.one("the token server asks for a login of its own", "RegistryAuth", FIRST, ASKED)
def a_realm_with_a_challenge(net: Net) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.registry.url}/token"))
    net.registry.on("/token", bearer(f"{net.other.url}/token"))
    net.ask("resolve", net.members())


# --- challenges


@CASES.one("a foreign token server stands beside Basic", "CredentialScope", FIRST)
def bearer_elsewhere_and_basic(net: Net) -> None:
    challenge = f'Basic realm="x", Bearer realm="{net.other.url}/token"'
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}))
    net.ask("resolve", net.members())


@CASES.one("Basic stands before the registry's token server", "", FIRST, ASKED, WITH_TOKEN)
def basic_and_bearer(net: Net) -> None:
    challenge = f'Basic realm="x", Bearer realm="{net.registry.url}/token"'
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}), DOCUMENT)
    net.registry.on("/token", tokens())
    net.ask("resolve", net.members())


@CASES.one("of two token servers the second is foreign", "", FIRST, ASKED, WITH_TOKEN)
def two_realms(net: Net) -> None:
    challenge = f'Bearer realm="{net.registry.url}/token", Bearer realm="{net.other.url}/token"'
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}), DOCUMENT)
    net.registry.on("/token", tokens())
    net.ask("resolve", net.members())


@CASES.one("of two token servers the first is foreign", "CredentialScope", FIRST)
def two_realms_the_wrong_way(net: Net) -> None:
    challenge = f'Bearer realm="{net.other.url}/token", Bearer realm="{net.registry.url}/token"'
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}))
    net.ask("resolve", net.members())


@CASES.one("one challenge names two token servers", "RegistryAuth", FIRST)
def two_realms_in_one(net: Net) -> None:
    challenge = f'Bearer realm="{net.registry.url}/token",realm="{net.other.url}/token"'
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}))
    net.ask("resolve", net.members())


@CASES.each(
    "the registry asks for what this login is not for",
    "RegistryAuth",
    dict.fromkeys(("Basic realm=x", "Negotiate", "Digest realm=x", "NTLM", ""), (FIRST,)),
)
def a_downgrade(net: Net, way: str) -> None:
    """A refresh token is no password: Basic would hand it to the registry itself."""
    net.registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": way}))
    net.ask("resolve", net.members(credential=IDENTITY))


@CASES.each(
    "the registry says 401 for ever",
    "RegistryAuth",
    {"basic": (FIRST, WITH_LOGIN), "bearer": (FIRST, ASKED, WITH_TOKEN)},
)
def refused_for_ever(net: Net, way: str) -> None:
    """Nor does it get another answer by naming another token server then."""
    again = bearer(f"{net.other.url}/token")
    net.registry.on(MANIFEST, basic() if way == "basic" else bearer(f"{net.registry.url}/token"), again)
    net.registry.on("/token", tokens())
    net.ask("resolve", net.members())


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES.all])
def test_the_login_reaches_whom_it_is_for_and_nobody_else(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    case.hold(tmp_path, monkeypatch, caplog)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.id for case in CASES.all}) == len(CASES.all) >= 40
