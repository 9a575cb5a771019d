# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A password that is none; the rest of logging in is tried with real registries (test_login.py)."""

import io
import sys
from pathlib import Path

import pytest

from appctl.__main__ import main


@pytest.mark.parametrize(
    ("typed", "why"),
    [(b"a\xff\xfe\n", "not UTF-8"), (b"\n", "no password"), (b"a" * (65 << 10), "longer than any")],
    ids=["bytes", "nothing", "long"],
)
def test_what_is_no_password_is_usage_and_kept_nowhere(
    typed: bytes,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    text = io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8", errors="surrogateescape")  # as in LC_ALL=C
    monkeypatch.setattr(sys, "stdin", text)
    assert main(["login", "registry.example", "--username", "a", "--password-stdin"]) == 64
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
