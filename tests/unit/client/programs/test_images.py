# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a program is asked to look into."""

from pathlib import Path

import pytest

from appctl.commandline.parser import parse
from appctl.context import Context
from appctl.programs.images import image_place

REALM = "https://auth.example/token"


@pytest.mark.parametrize(("words", "realm"), [((), None), (("--auth-realm", REALM), REALM)])
def test_a_registry_may_have_its_token_server_elsewhere(
    words: tuple[str, ...], realm: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    place = image_place(Context(parse(["lint", "x", *words])), "quay.io/acme/editor:1")
    assert (place["registry"], place["auth_realm"]) == ("https://quay.io", realm)
