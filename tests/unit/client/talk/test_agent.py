# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where a desktop may have an agent of its own, the text agent stands behind it; elsewhere it is asked."""

import pytest

from appctl.talk.agent import _politely


@pytest.mark.parametrize(
    ("environment", "options"),
    [({}, []), ({"DISPLAY": ":0"}, ["--fallback"]), ({"WAYLAND_DISPLAY": "wayland-0"}, ["--fallback"])],
)
def test_only_a_desktops_agent_goes_first(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], options: list[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _politely() == options
