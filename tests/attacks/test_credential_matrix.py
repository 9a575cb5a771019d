# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom a registry's login reaches: what every server received is compared, request by request.

A case has an ID, says what is tried, names the error's leaf (none where the way is allowed), and lists all
requests that may come, each with the secret that it carried (support/machines/net.py). In no case does an
error's text, or a line of the log, hold a secret. Token servers have test_credential_tokens.py, jobs and
remotes test_credential_jobs.py.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from appctld.model.manifest import OCI_INDEX
from appctld.workers.fetch.http import session
from support.machines.internet import INSIDE, WAYS, explore
from support.machines.net import (
    BLOB,
    DIGEST,
    DOCUMENT,
    LOGIN,
    LOOKASIDE,
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
CASES = Cases()


# --- redirects

OPERATIONS = {"manifest": ("resolve", MANIFEST), "blob": ("blob", BLOB)}


@CASES.each(
    "a redirect leads away after the login was given",
    "",
    {
        f"{what} {place}": (f"registry GET {path} -", f"registry GET {path} login", f"{place} GET /x -")
        for what, (_, path) in OPERATIONS.items()
        for place in ("sibling", "other", "secure")
    },
)
def redirected(net: Net, way: str) -> None:
    what, _, place = way.partition(" ")
    operation, path = OPERATIONS[what]
    net.registry.on(path, basic(), to(f"{net.servers[place].url}/x"))
    net.servers[place].on("/x", DOCUMENT)
    net.ask(operation, net.members())


SIGNATURE_TAG = f"/v2/demo/plain/manifests/{DIGEST.replace(':', '-')}.sig"
REFERRERS = f"/v2/demo/plain/referrers/{DIGEST}"
REFERRERS_TAG = f"/v2/demo/plain/manifests/{DIGEST.replace(':', '-')}"
PLACES = (SIGNATURE_TAG, REFERRERS, REFERRERS_TAG)


@CASES.each(
    "a redirect leads away from where cosign's signatures are",
    "",
    {
        name: (
            f"registry GET {SIGNATURE_TAG} -",
            *(f"registry GET {path} login" for path in PLACES),
            "other GET /x -",
        )
        for name in ("tag", "referrers", "referrers tag")
    },
)
def redirected_attachments(net: Net, way: str) -> None:
    away = dict(zip(("tag", "referrers", "referrers tag"), PLACES, strict=True))[way]
    for path in PLACES:
        answer = to(f"{net.other.url}/x") if path == away else Reply(404)
        net.registry.on(path, *([basic()] if path == SIGNATURE_TAG else []), answer)
    net.ask("attachments", net.members())


@CASES.one(
    "more referrers are promised elsewhere",
    "",
    f"registry GET {SIGNATURE_TAG} -",
    f"registry GET {SIGNATURE_TAG} login",
    f"registry GET {REFERRERS} login",
)
def referrers_elsewhere(net: Net) -> None:
    index = b'{"schemaVersion": 2, "mediaType": "%s", "manifests": []}' % OCI_INDEX.encode()
    link = {"Content-Type": OCI_INDEX, "Link": f'<{net.other.url}/next>; rel="next"'}
    net.registry.on(SIGNATURE_TAG, basic(), Reply(404))
    net.registry.on(REFERRERS, Reply(200, link, index))
    net.ask("attachments", net.members())


@CASES.each(
    "a redirect of every kind leads to another host",
    "",
    {str(status): (FIRST, WITH_LOGIN, "other GET /x -") for status in (301, 302, 303, 308)},
)
def redirected_by(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, basic(), to(f"{net.other.url}/x", int(way)))
    net.other.on("/x", DOCUMENT)
    net.ask("resolve", net.members())


@CASES.one("a redirect leads to another host with a token", "", FIRST, ASKED, WITH_TOKEN, "other GET /x -")
def redirected_with_a_token(net: Net) -> None:
    net.registry.on(MANIFEST, bearer(f"{net.registry.url}/token"), to(f"{net.other.url}/x"))
    net.registry.on("/token", tokens())
    net.other.on("/x", DOCUMENT)
    net.ask("resolve", net.members())


@CASES.one("a redirect names no scheme, and another host", "", FIRST, WITH_LOGIN, "other GET /x -")
def redirected_without_a_scheme(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to(f"//{net.other.host}/x"))
    net.other.on("/x", DOCUMENT)
    net.ask("resolve", net.members())


@CASES.one("a redirect stays on the registry", "", FIRST, WITH_LOGIN, "registry GET /x login")
def redirected_at_home(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to("/x"))
    net.registry.on("/x", DOCUMENT)
    net.ask("resolve", net.members())


@CASES.one("a redirect leads away and back", "", FIRST, WITH_LOGIN, "registry GET /back -", "other GET /x -")
def redirected_and_back(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to(f"{net.other.url}/x"))
    net.other.on("/x", to(f"{net.registry.url}/back"))
    net.registry.on("/back", DOCUMENT)
    net.ask("resolve", net.members())


@CASES.one("a redirect leads from https to http", "CredentialScope", FIRST, WITH_LOGIN, tls=True)
def redirected_to_plain_http(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to(f"{net.plain.url}/x"))
    net.ask("resolve", net.members())


@CASES.one(
    "a redirect leads over another host from https to http",
    "CredentialScope",
    FIRST,
    WITH_LOGIN,
    "other GET /x -",
    tls=True,
)
def redirected_to_plain_http_later(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to(f"{net.other.url}/x"))
    net.other.on("/x", to(f"{net.plain.url}/x"))
    net.ask("resolve", net.members())


@CASES.one(
    "six hops on the registry",
    "CredentialScope",
    FIRST,
    WITH_LOGIN,
    *(f"registry GET /{n} login" for n in range(1, 6)),
)
def six_hops(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to("/1"))
    for number in range(1, 7):
        net.registry.on(f"/{number}", to(f"/{number + 1}"))
    net.ask("resolve", net.members())


@CASES.one(
    "a redirect in a circle of two hosts",
    "CredentialScope",
    FIRST,
    WITH_LOGIN,
    *["registry GET /back -"] * 2,
    *["other GET /x -"] * 3,
)
def a_circle(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to(f"{net.other.url}/x"))
    net.other.on("/x", to(f"{net.registry.url}/back"))
    net.registry.on("/back", to(f"{net.other.url}/x"))
    net.ask("resolve", net.members())


@CASES.one("a redirect has a login in its address", "CredentialScope", FIRST, WITH_LOGIN)
def redirected_with_userinfo(net: Net) -> None:
    net.registry.on(MANIFEST, basic(), to(f"http://x:y@{net.other.host}/x"))
    net.ask("resolve", net.members())


@CASES.each(
    "the host that a redirect leads to asks for a login",
    "RegistryAuth",
    {"basic": (FIRST, "other GET /x -"), "bearer": (FIRST, "other GET /x -")},
)
def challenged_elsewhere(net: Net, way: str) -> None:
    net.registry.on(MANIFEST, to(f"{net.other.url}/x"))
    net.registry.on("/token", tokens())
    net.other.on("/x", basic() if way == "basic" else bearer(f"{net.registry.url}/token"))
    net.ask("resolve", net.members())


@CASES.one("a blob needs the login", "", f"registry GET {BLOB} -", f"registry GET {BLOB} login")
def a_blob_after_a_login(net: Net) -> None:
    net.registry.on(BLOB, basic(), DOCUMENT)
    net.ask("blob", net.members())


# --- lookasides


@CASES.each(
    "the lookaside asks for a login",
    "RegistryUnavailable",
    dict.fromkeys(("basic", "bearer"), (f"other GET {LOOKASIDE} -",)),
)
def a_lookaside_with_a_challenge(net: Net, way: str) -> None:
    net.registry.on("/token", tokens())
    net.other.on(LOOKASIDE, basic() if way == "basic" else bearer(f"{net.registry.url}/token"))
    net.ask("signatures", net.members(lookaside=net.other.url))


@CASES.one("the lookaside is the registry, and asks", "RegistryUnavailable", f"registry GET {LOOKASIDE} -")
def a_lookaside_at_home(net: Net) -> None:
    net.registry.on(LOOKASIDE, basic(), DOCUMENT)
    net.ask("signatures", net.members(lookaside=net.registry.url))


@CASES.one(
    "the lookaside sends us to the registry",
    "RegistryUnavailable",
    "registry GET /x -",
    f"other GET {LOOKASIDE} -",
)
def a_lookaside_that_redirects(net: Net) -> None:
    net.other.on(LOOKASIDE, to(f"{net.registry.url}/x"))
    net.registry.on("/x", basic(), DOCUMENT)
    net.ask("signatures", net.members(lookaside=net.other.url))


# --- cookies, and what lies around on this machine

COOKIE = {"Set-Cookie": "session=x; Path=/"}


@CASES.each(
    "a cookie is set",
    "",
    {
        "registry": (FIRST, WITH_LOGIN, "other GET /x -"),
        "token server": (FIRST, ASKED, WITH_TOKEN, "other GET /x -"),
        "redirect": (FIRST, WITH_LOGIN, "registry GET /x login", "registry GET /y login"),
    },
)
def a_cookie(net: Net, way: str) -> None:
    challenge = bearer(f"{net.registry.url}/token") if way == "token server" else basic()
    asking = Reply(401, {**challenge.headers, **COOKIE})
    away = "/x" if way == "redirect" else f"{net.other.url}/x"
    net.registry.on(MANIFEST, asking, Reply(307, {"Location": away, **COOKIE}))
    net.registry.on("/token", Reply(200, COOKIE, tokens().body))
    net.registry.on("/x", Reply(307, {"Location": "/y", **COOKIE}))
    net.registry.on("/y", DOCUMENT)
    net.other.on("/x", DOCUMENT)
    net.ask("resolve", net.members())


@CASES.each(
    "a login for the server lies in .netrc",
    "RegistryAuth",
    {
        "registry": (FIRST,),
        "other": (FIRST, "other GET /x -"),
        "token server": (FIRST, "registry GET /token -"),
    },
)
def netrc(net: Net, way: str) -> None:
    (net.home / ".netrc").write_text(
        f"machine 127.0.0.1 login l password {LOGIN['password']}\ndefault login x"
    )
    net.registry.on("/token", Reply(401))
    net.other.on("/x", basic())
    answers = {
        "registry": basic(),
        "other": to(f"{net.other.url}/x"),
        "token server": bearer(f"{net.registry.url}/token"),
    }
    net.registry.on(MANIFEST, answers[way])
    net.ask("resolve", net.members(credential=None))


@CASES.each(
    "the environment names a proxy",
    "",
    dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"), (FIRST, WITH_LOGIN)),
)
def a_proxy(net: Net, way: str) -> None:
    net.environment.setenv(way, net.other.url)
    net.registry.on(MANIFEST, basic(), DOCUMENT)
    net.ask("resolve", net.members())


@CASES.each(
    "the environment names a CA",
    "TlsUntrusted",
    {"REQUESTS_CA_BUNDLE": (), "CURL_CA_BUNDLE": (), "SSL_CERT_FILE": ()},
    tls=True,
)
def a_ca(net: Net, way: str) -> None:
    (net.home / "ca.pem").write_text(net.ca)
    net.environment.setenv(way, str(net.home / "ca.pem"))
    session._context.cache_clear()  # whom the fetcher believes is settled in this environment
    net.registry.on(MANIFEST, basic(), DOCUMENT)
    net.ask("resolve", net.members(ca=None))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES.all])
def test_the_login_reaches_whom_it_is_for_and_nobody_else(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    case.hold(tmp_path, monkeypatch, caplog)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.id for case in CASES.all}) == len(CASES.all) >= 30


# --- from the Internet to the inside


@pytest.fixture(scope="module")
def explored() -> Mapping[str, object]:
    return explore()


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("way", WAYS)
def test_a_registry_on_the_internet_sends_nothing_inside(
    way: str, address: str, explored: Mapping[str, object]
) -> None:
    """Not the login, and not one request: the connected address is what counts."""
    assert explored[f"{way} {address}"] == ["CredentialScope", 0]
