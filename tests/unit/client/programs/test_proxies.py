# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A program of the caller's is told the same proxies as the daemon tells its own, for the same words."""

from pathlib import Path

import pytest

from appctl.programs.proxies import proxies
from appctld.config.network import Network
from appctld.config.remote import make_remote

NAMES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"https_proxy": "http://a:b@one:1", "no_proxy": "localhost, .corp"},
    {"HTTPS_PROXY": "one:1", "NO_PROXY": "*"},
    {"all_proxy": "one:1", "http_proxy": "two:2"},
    {"https_proxy": "", "ALL_PROXY": "one:1"},
]
REMOTES: list[dict[str, str]] = [
    {},
    {"proxy": "none"},
    {"proxy": "http://own.corp:1"},
    {"proxy": "http://own.corp:1", "no-proxy": "cdn.corp 10.0.0.0/8"},
    {"no-proxy": "cdn.corp"},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
@pytest.mark.parametrize("settings", REMOTES, ids=str)
def test_client_and_daemon_say_the_same(
    settings: dict[str, str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    words = {"url": "quay.io/acme", **settings}
    remote = make_remote("acme", words, keyring=None, ca=None, origin=Path("/x"), writable=True)
    assert proxies(settings) == Network(environment=environment).proxies(remote)
    if not settings:
        assert proxies() == Network(environment=environment).proxies()
