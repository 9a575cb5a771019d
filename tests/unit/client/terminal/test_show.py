# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How things look: nothing foreign is obeyed by a terminal or shown unlike it is."""

import io

import pytest

from appctl.terminal.show import Palette, date, escape, short_fingerprint, size, table, width

HOSTILE = [
    ("\x1b[31mred", r"\x1b[31mred", "C0: escape sequences"),
    ("a\rb\nc\td", r"a\x0db\x0ac\x09d", "C0: what moves the cursor"),
    ("\x7f", r"\x7f", "DEL"),
    ("\x9b31m", r"\x9b31m", "C1: the one-byte CSI"),
    ("a\u202eb", r"a\u202eb", "bidi override"),
    ("a\u2066b\u2069", r"a\u2066b\u2069", "bidi isolate"),
    ("\u200f", r"\u200f", "bidi mark"),
    ("ac\u200bme", r"ac\u200bme", "zero-width space"),
    ("ac\u200dme", r"ac\u200dme", "zero-width joiner"),
    ("\ufeff", r"\ufeff", "byte order mark"),
    ("ac\u00adme", r"ac\xadme", "soft hyphen"),
    ("a\u2028b", r"a\u2028b", "line separator"),
    ("\U000e0041", r"\U000e0041", "tag character"),
    ("a\ufe0f", r"a\ufe0f", "variation selector"),
    ("\u3164", r"\u3164", "a letter that is blank"),
    ("\ud800", r"\ud800", "lone surrogate"),
    ("\ue000", r"\ue000", "private use"),
]


@pytest.mark.parametrize(("text", "shown", "why"), HOSTILE)
def test_what_would_be_obeyed_or_unseen_is_spelled_out(text: str, shown: str, why: str) -> None:
    assert escape(text) == shown, why


@pytest.mark.parametrize(
    "text", ["Acme <rel@acme.example>", "Zażółć gęślą", "編集者", "e\u0301", "[bold]x[/]", ""]
)
def test_honest_text_is_left_alone(text: str) -> None:
    assert escape(text) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1400, "1.4 kB"),
        (97_000_000, "97 MB"),
        (9_960_000, "10 MB"),
        (999_999, "1 MB"),
        (254_400_000, "254 MB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_sizes_are_decimal_and_short(count: int, text: str) -> None:
    assert size(count) == text


def test_a_date_that_no_calendar_holds_is_a_question_mark() -> None:
    assert date(1 << 62) == "?"
    assert date(1_763_640_000).startswith("2025-11-")


def test_fingerprints_show_their_ends() -> None:
    assert short_fingerprint("E24C" + "0" * 32 + "68BD") == "E24C…68BD"
    assert short_fingerprint("\x1b") == r"\x1b"


def test_a_table_lines_up_and_escapes() -> None:
    lines = table(["Name", "Size"], [["編集", "1 MB"], ["a\x1b", "2 MB"]], Palette(enabled=False))
    assert lines == ["Name   Size", "編集   1 MB", "a\\x1b  2 MB"]
    assert len({width(line) for line in lines}) == 1


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_needs_a_terminal_and_nobody_who_said_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Palette.of(_Terminal()).red("x") == "\x1b[1;31mx\x1b[0m"
    assert Palette.of(io.StringIO()).red("x") == "x"
    assert Palette.of(_Terminal(), allowed=False).red("x") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Palette.of(_Terminal()).red("x") == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert Palette.of(_Terminal()).red("x") == "x"
