# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Nothing of appctl's apps runs as root."""

import os

import pytest

from appctl.__main__ import main


def test_root_is_refused_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(["run", "editor"]) == 125
    error = capsys.readouterr().err
    assert "not run as root" in error
    assert "hint: as a user" in error
