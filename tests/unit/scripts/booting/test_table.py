# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The table of the boot test is what its runs printed."""

import os
from pathlib import Path

import pytest

from booting.table import main, table

BOOKWORM = (
    "ok      the user runs the app\n        | ok      said by the app\nok      only here\n"
    "boot-test bookworm: 2 checks passed, exposure 2.6 in 131 s\n"
)
TRIXIE = "ok      the user runs the app\nboot-test trixie: 1 checks passed, exposure 2.6 in 145 s\n"


def test_a_check_stands_where_it_passed() -> None:
    assert table({"bookworm": BOOKWORM, "trixie": TRIXIE}).splitlines() == [
        "| | bookworm | trixie |",
        "|---|---|---|",
        "| the user runs the app | passed | passed |",
        "| only here | passed |  |",
    ]


def test_the_document_gets_the_day_of_the_older_run_and_how_long_each_took(tmp_path: Path) -> None:
    for suite, output, moment in (("bookworm", BOOKWORM, 1_795_478_400), ("trixie", TRIXIE, 1_795_564_800)):
        (tmp_path / f"{suite}.passed").write_text(output)
        os.utime(tmp_path / f"{suite}.passed", (moment, moment))
    document = tmp_path / "boot-test.md"
    document.write_text("before\n<!-- begin checks -->\nold\n<!-- end checks -->\nafter\n")
    main(str(tmp_path), str(document))
    text = document.read_text()
    assert "All passed, the first on 2026-11-24: bookworm in 131 s, trixie in 145 s, with" in text
    assert "| only here | passed |  |" in text
    assert "old" not in text


def test_a_suite_that_did_not_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bookworm.passed").write_text(BOOKWORM)
    with pytest.raises(FileNotFoundError, match="trixie"):
        main(str(tmp_path), str(tmp_path / "boot-test.md"))


def test_a_machine_has_a_column_where_it_ran(tmp_path: Path) -> None:
    for name in ("bookworm", "trixie", "trixie-machine"):
        (tmp_path / f"{name}.passed").write_text(TRIXIE)
    document = tmp_path / "boot-test.md"
    document.write_text("<!-- begin checks -->\n<!-- end checks -->\n")
    main(str(tmp_path), str(document))
    assert "| | bookworm | trixie | trixie, machine |" in document.read_text()
