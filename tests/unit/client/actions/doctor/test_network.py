# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Doctor says by what each remote is reached, and of none that it is TLS where it is not."""

from types import SimpleNamespace
from typing import cast

import pytest

from appctl.actions.doctor.network import routes
from appctl.context import Context
from appctl.scope import Scope
from appctl.talk.wire import Json


def told(url: str, settings: Json) -> list[str]:
    remotes: dict[str, Json] = {"/r": {"Name": "acme", "Url": url, "Settings": settings}}
    bus = SimpleNamespace(objects=lambda _interface: remotes)
    context = cast("Context", SimpleNamespace(bus=lambda _scope: bus, scope=Scope.USER))
    return [found.message for found in routes(context)]


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
    assert told(url, settings) == [f"remote acme: {by}; proxy as the daemon's environment says"]


@pytest.mark.parametrize("url", ["oci:/srv/images", "ostree:/srv/repo"])
def test_what_is_of_this_machine_is_reached_by_nothing(url: str) -> None:
    assert told(url, {}) == []
