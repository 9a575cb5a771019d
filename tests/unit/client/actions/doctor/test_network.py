# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Doctor says by what each remote is reached, and of none that it is TLS where it is not."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appctl.actions.doctor.network import routes
from appctl.context import Context
from appctl.programs import routes as module
from appctl.scope import Scope
from appctl.talk.wire import Json


def told(url: str, settings: Json, proxy: Json | None = None) -> list[str]:
    found: Json = {
        "Name": "acme",
        "Url": url,
        "Settings": settings,
        "Proxy": proxy or {"from": "environment"},
    }
    remotes: dict[str, Json] = {"/r": found}
    bus = SimpleNamespace(objects=lambda _interface: remotes)
    context = cast("Context", SimpleNamespace(bus=lambda _scope: bus, scope=Scope.USER))
    return [found.message for found in routes(context)]


@pytest.fixture(autouse=True)
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "CERTIFICATES", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("url", "settings", "by"),
    [
        ("oci+https://acme.example/a", {}, "TLS by the bundle"),
        ("ostree+https://acme.example/a", {"ca": "x"}, "TLS by the bundle, its own certificates"),
        ("oci+http://127.0.0.1:5000/a", {"ca": "x"}, "no TLS"),
        ("ostree+http://127.0.0.1:5000/a", {}, "no TLS"),
    ],
)
def test_what_is_plain_http_has_no_tls(url: str, settings: Json, by: str) -> None:
    assert told(url, settings) == [f"remote acme: {by}; no proxy"]


def test_certificates_that_podman_reads_too_are_named(certificates: Path) -> None:
    (certificates / "acme.example:5000").mkdir()
    of_host = f"the bundle, {certificates}/acme.example:5000"
    own = f"the bundle, its own certificates, {certificates}/acme.example:5000"
    assert told("oci+https://acme.example:5000/a", {}) == [f"remote acme: TLS by {of_host}; no proxy"]
    assert told("ostree+https://acme.example:5000", {"ca": True}) == [f"remote acme: TLS by {own}; no proxy"]
    assert told("oci+https://acme.example/a", {}) == ["remote acme: TLS by the bundle; no proxy"]


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ({"address": "", "from": "file"}, "no proxy, as its file says"),
        ({"address": "http://p:1", "from": "file", "direct": []}, "proxy http://p:1, as its file says"),
        (
            {"address": "http://p:1", "from": "environment", "direct": [".corp", "10.0.0.0/8"]},
            "proxy http://p:1, as the daemon's environment says, but not for .corp, 10.0.0.0/8",
        ),
    ],
)
def test_which_proxy_and_who_says_so(proxy: Json, says: str) -> None:
    assert told("oci+https://acme.example/a", {}, proxy) == [f"remote acme: TLS by the bundle; {says}"]


@pytest.mark.parametrize("url", ["oci:/srv/images", "ostree:/srv/repo"])
def test_what_is_of_this_machine_is_reached_by_nothing(url: str) -> None:
    assert told(url, {}) == []
