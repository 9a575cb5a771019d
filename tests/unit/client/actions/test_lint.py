# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the examiner is asked to look at."""

from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.actions.lint import _place
from appctl.commandline.parser import parse
from appctl.context import Context

REALM = "https://auth.example/token"


@pytest.mark.parametrize(("words", "realm"), [((), None), (("--auth-realm", REALM), REALM)])
def test_a_registry_may_have_its_token_server_elsewhere(
    words: tuple[str, ...], realm: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    place = _place(Context(parse(["lint", "quay.io/acme/editor:1", *words])))
    assert (place["registry"], place["auth_realm"]) == ("https://quay.io", realm)


def test_a_directory_whose_name_is_no_utf8_is_usage_and_no_failure_of_the_program(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["lint", "oci:\udcff"]) == 64
    assert capfd.readouterr().err.startswith("error: ")
