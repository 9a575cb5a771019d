# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the examiner cannot be asked."""

import pytest

from appctl.__main__ import main


def test_a_directory_whose_name_is_no_utf8_is_usage_and_no_failure_of_the_program(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["lint", "oci:\udcff"]) == 64
    assert capfd.readouterr().err.startswith("error: ")
