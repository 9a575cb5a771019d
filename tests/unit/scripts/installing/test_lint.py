# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What lintian may say of the package has a reason, and stands in the documentation."""

from pathlib import Path

import pytest

from installing.debian import PARTS, lintian_overrides
from installing.lint import main, reasons, table

OVERRIDES = """\
# About all of it.

# As it was
# built.
appctl: old [a]
appctl: old [b]
# Another.
@trixie appctl: old [c]
"""
SAID = "Lintian v2.1\nN: as it was\nO: appctl: old [a]\nO: appctl: old [b]\n"


def test_each_override_has_a_reason_and_none_is_for_whatever_there_may_be() -> None:
    text = (PARTS / "lintian-overrides").read_text()
    assert all(reasons(text).values())
    rules = [line for line in text.splitlines() if "appctl: " in line and not line.startswith("#")]
    assert [rule for rule in rules if rule.endswith(("[*]", ":"))] == []


def test_an_override_of_one_suite_is_not_in_the_others_package() -> None:
    bookworm, trixie = map(lintian_overrides, ("bookworm", "trixie"))
    assert "\nappctl: embedded-library " in trixie
    assert "embedded-library" not in bookworm
    assert "\nappctl: package-supports-alternative-init" in bookworm


def test_the_reason_is_the_comment_above() -> None:
    assert reasons(OVERRIDES) == {"old": "As it was built. Another."}


@pytest.mark.parametrize("text", ["appctl: old [a]\n", "# About all.\n\nappctl: old [a]\n"])
def test_an_override_without_a_comment_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no reason is given for: appctl: old"):
        reasons(text)


def test_the_document_says_how_often_each_lintian_found_a_tag(tmp_path: Path) -> None:
    (tmp_path / "bookworm").write_text(SAID)
    (tmp_path / "trixie").write_text("Lintian v2.2\n")
    (tmp_path / "overrides").write_text(OVERRIDES)
    document = tmp_path / "packaging.md"
    document.write_text("before\n<!-- begin lint -->\n<!-- end lint -->\n")
    main(str(tmp_path), str(tmp_path / "overrides"), str(document))
    text = document.read_text()
    assert "Lintian was 2.1 in bookworm, 2.2 in trixie.\n" in text
    assert "| `old` | 2 | 0 | As it was built. Another. |\n" in text


def test_a_tag_without_an_override_is_an_error(tmp_path: Path) -> None:
    for suite in ("bookworm", "trixie"):
        (tmp_path / suite).write_text("Lintian v2.1\nO: appctl: old [a]\nO: appctl: new [a]\n")
    (tmp_path / "overrides").write_text(OVERRIDES)
    (tmp_path / "packaging.md").write_text("<!-- begin lint -->\n<!-- end lint -->\n")
    with pytest.raises(KeyError, match="new"):
        main(str(tmp_path), str(tmp_path / "overrides"), str(tmp_path / "packaging.md"))


def test_a_reason_that_is_for_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing of this any longer: old"):
        table({"bookworm": "Lintian v2.1\n"}, reasons(OVERRIDES))
