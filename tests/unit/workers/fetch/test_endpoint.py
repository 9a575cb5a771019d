# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a request says about its registry is read once, and strictly."""

import pytest

from appctld.errors import InvalidReference
from appctld.model.jsonvalue import Json, JsonError
from appctld.workers.fetch.endpoint import IdentityToken, Login, parse_endpoint
from appctld.workers.net.address import Origin, Url
from support.workers.fetching import endpoint


def test_an_endpoint_knows_its_urls() -> None:
    found = parse_endpoint(endpoint("https://registry.example:5000", repository="acme/editor"))
    assert found.registry == Origin("https", "registry.example", 5000)
    assert str(found.url("manifests/1")) == "https://registry.example:5000/v2/acme/editor/manifests/1"


def test_docker_io_has_another_host_and_a_token_server_of_its_own() -> None:
    found = parse_endpoint(endpoint("https://docker.io"))
    assert str(found.url("manifests/1")) == "https://registry-1.docker.io/v2/demo/plain/manifests/1"
    assert found.auth_realm == Url.parse("https://auth.docker.io/token")


def test_a_remotes_own_auth_realm_goes_before_the_shipped_one() -> None:
    found = parse_endpoint(endpoint("https://docker.io", auth_realm="https://auth.example/token"))
    assert found.auth_realm == Url.parse("https://auth.example/token")


def test_no_credential_is_in_any_repr() -> None:
    login = parse_endpoint(
        endpoint("https://a.example", credential={"username": "user", "password": "secret"})
    )
    token = parse_endpoint(endpoint("https://a.example", credential={"identity_token": "secret"}))
    assert login.credential == Login("user", "secret")
    assert token.credential == IdentityToken("secret")
    assert "secret" not in repr(login) + repr(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"registry": "https://registry.example/path"},
        {"registry": "https://user:pw@registry.example"},
        {"registry": "https://registry.example?x"},
        {"registry": "ftp://registry.example"},
        {"repository": "../other"},
        {"repository": "demo/plain:tag"},
        {"repository": "demo/plain@sha256:" + "0" * 64},
        {"repository": "demo/plain?x=y"},
        {"repository": ""},
        {"auth_realm": "https://auth.example/token?x=y"},
        {"auth_realm": "auth.example"},
    ],
)
def test_what_would_make_another_url_is_refused(changes: dict[str, Json]) -> None:
    with pytest.raises(InvalidReference):
        parse_endpoint(endpoint("https://registry.example", **changes))


def test_half_a_login_is_the_daemons_bug() -> None:
    with pytest.raises(JsonError):
        parse_endpoint(endpoint("https://registry.example", credential={"username": "user"}))
