# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What too many findings do to those that count."""

from appctld.workers.lint.findings import ERRORS, FINDINGS, Findings, Level


def test_an_error_is_told_whatever_was_told_before_it() -> None:
    found = Findings("image")
    for number in range(FINDINGS + 10):
        found.add("not-exported", str(number), "a warning")
    found.add("desktop-invalid", "app.desktop", "an error")
    assert len(found.found) == FINDINGS + 1
    assert found.found[-1].level is Level.ERROR


def test_there_is_an_end_to_errors_too() -> None:
    found = Findings("image")
    for number in range(ERRORS + 10):
        found.add("setuid" if number < 1 else "bad-image", str(number), "many")
    assert len(found.found) == ERRORS + 1
