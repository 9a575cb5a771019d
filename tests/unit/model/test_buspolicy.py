# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/buspolicy.py: which names of a bus an app may ask for."""

import pytest

from appctld.errors import AppctlError, BadManifest, UnsupportedMediaType
from appctld.model.buspolicy import bus_wishes, is_forbidden
from appctld.model.context import LEAVES, LIMITED
from appctld.model.permissions import parse_metadata


def test_policies_of_both_buses_are_permissions() -> None:
    found = parse_metadata(
        "[Application]\n[Session Bus Policy]\norg.freedesktop.Notifications=talk\norg.x.*=own\n"
        "org.no.One=none\n"
        "[System Bus Policy]\norg.freedesktop.UPower=see\norg.freedesktop.login1=talk\n"
    )
    assert [(wish.kind, wish.value, wish.risk) for wish in found.permissions] == [
        ("session-bus", "org.freedesktop.Notifications:talk", LIMITED),
        ("session-bus", "org.x.*:own", LEAVES),
        ("system-bus", "org.freedesktop.UPower:see", LIMITED),
        ("system-bus", "org.freedesktop.login1:talk", LEAVES),
    ]


@pytest.mark.parametrize(
    ("name", "policy", "risk"),
    [
        ("org.mpris.MediaPlayer2.vlc", "own", LIMITED),
        ("org.mpris.MediaPlayer2.vlc", "talk", LEAVES),
        ("org.freedesktop.Notifications", "own", LEAVES),
        ("org.freedesktop.secrets", "talk", LEAVES),
    ],
)
def test_only_what_is_known_to_be_harmless_is_limited(name: str, policy: str, risk: str) -> None:
    assert bus_wishes({"Session Bus Policy": {name: policy}}) == {("session-bus", f"{name}:{policy}", risk)}


FORBIDDEN = """
    org.appctl.Installer1 org.appctl org.appctl.* org.freedesktop.systemd1 org.freedesktop.systemd1.Manager
    org.freedesktop.Flatpak org.freedesktop.Flatpak.Development org.freedesktop.Flatpak.* org.freedesktop.DBus
    org.freedesktop.* org.freedesktop.portal.Flatpak org.freedesktop.portal.*
"""


@pytest.mark.parametrize("policy", ["see", "talk", "own"])
@pytest.mark.parametrize("name", FORBIDDEN.split())
@pytest.mark.parametrize("group", ["Session Bus Policy", "System Bus Policy"])
def test_no_app_gets_a_name_that_leads_out(group: str, name: str, policy: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=name.replace("*", r"\*")):
        bus_wishes({group: {name: policy}})


@pytest.mark.parametrize(
    "name", ["org.appctlx.A", "org.freedesktop.systemd10", "org.freedesktop.Flatpakx.*", "org.app"]
)
def test_a_name_that_only_begins_alike_is_another(name: str) -> None:
    assert not is_forbidden(name)


HOSTILE = [
    ("org", "talk"), ("*", "talk"), ("org.*", "talk"), (":1.5", "talk"), ("org..x", "talk"),
    ("org.x.", "see"), ("org.1x", "own"), ("org.x*", "talk"), ("org.x.*.y", "talk"), ("org.x y", "talk"),
    ("org.x\x1b[31m", "talk"), ("org.x=@/a", "talk"), ("org." + "x" * 252, "talk"), ("org.x", "Talk"),
    ("org.x", ""), ("org.x", "talk;own"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "policy"), HOSTILE)
def test_what_is_no_policy_is_refused(name: str, policy: str) -> None:
    with pytest.raises(AppctlError) as caught:
        bus_wishes({"Session Bus Policy": {name: policy}})
    assert type(caught.value) is BadManifest
    assert caught.value.message.isprintable()
