# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tables of docs/errors.md: nothing is missing, and nothing is out of date."""

import pytest

from appctl.exits import TABLE, ExitCode
from appctld.errors import leaves
from error_table import CLIENTS, DOCUMENT, errors, exit_codes, filled


def test_the_document_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert filled(text) == text, "scripts/error-table"


def test_every_error_has_one_row() -> None:
    rows = [line for line in errors({}).splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(TABLE)
    assert set(CLIENTS) == set(TABLE) - set(leaves())


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_a_row(code: ExitCode) -> None:
    assert f"\n| {code.value} | " in exit_codes()
