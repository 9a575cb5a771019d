# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Policies as the proxy's rules: one name each, and none that leads out."""

import pytest

from appctl.running.grants import bus


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("org.x.Y:see", "--see=org.x.Y"),
        ("org.x.*:talk", "--talk=org.x.*"),
        ("org.x.Y-z:own", "--own=org.x.Y-z"),
        ("org.freedesktop.systemd10:talk", "--talk=org.freedesktop.systemd10"),
        ("org.appctlx.*:talk", "--talk=org.appctlx.*"),
    ],
)
def test_a_policy_is_one_rule(value: str, rule: str) -> None:
    assert bus.rule(value) == rule


@pytest.mark.parametrize(
    "value",
    [
        "org.x.Y", "org.x.Y:", "org.x.Y:none", "org.x.Y:call", ":1.5:talk", "org:talk", "*:talk",
        "org.*:talk", "org.x.Y=*:talk", "org.x.Y=a.b@/c:see", "org.x Y:talk", "org.x\n:talk",
        "--own=org.x.Y:talk",
        "org.freedesktop.*:see", "org.freedesktop.portal.*:talk",
        "org.freedesktop.portal.Flatpak:talk", "org.freedesktop.systemd1:see",
        "org.freedesktop.Flatpak.Development:own",
        "org.freedesktop.DBus.*:own", "org.appctl:see", "org.appctl.*:see", "org.appctl.Installer1.*:talk",
    ],
)  # fmt: skip
def test_what_is_none_or_leads_out_is_no_rule(value: str) -> None:
    assert bus.rule(value) == ""


def test_an_app_by_a_name_that_leads_out_owns_nothing_by_it() -> None:
    assert "--own=org.acme.Tool.*" in bus.of_every_app("org.acme.Tool")
    rules = bus.of_every_app("org.appctl.Greeter")
    assert [rule for rule in rules if rule.startswith("--own")] == [
        "--own=org.mpris.MediaPlayer2.org.appctl.Greeter"
    ]
