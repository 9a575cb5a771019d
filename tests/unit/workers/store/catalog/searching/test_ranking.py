# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/searching/ranking.py: what fits a term, and what stands before what."""

import pytest

from appctld.workers.store.catalog.searching import ranking
from appctld.workers.store.catalog.searching.ranking import Fit, Texts, fit, fold

EDITOR = Texts(
    names=["org.acme.TextPad", "Acme Éditeur de texte"],
    keywords=["Scribble", "notes"],
    summaries=["Write things down"],
    description="It also counts the words of a novel.",
)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("org.acme.textpad", Fit.EXACT),
        ("ACME éditeur de TEXTE", Fit.EXACT),
        ("acme ed", Fit.PREFIX),
        ("editeur", Fit.WORD),
        ("textpad", Fit.WORD),
        ("dit", Fit.PART),
        ("scrib", Fit.KEYWORD),
        ("cribble", None),
        ("down", Fit.SUMMARY),
        ("novel", Fit.DESCRIPTION),
        ("texte editeur", Fit.WORD),
        ("editeur novel", Fit.DESCRIPTION),
        ("editeur spreadsheet", None),
        ("spreadsheet", None),
        (" ", None),
    ],
)
def test_where_a_term_is_found(term: str, found: Fit | None) -> None:
    assert fit(fold(term), EDITOR) == found


def test_a_text_is_folded_once_however_many_words_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folding megabytes for each word of a term took longer than a search may."""
    folded: list[str] = []

    def noted(text: str) -> str:
        folded.append(text)
        return fold(text)

    monkeypatch.setattr(ranking, "fold", noted)
    assert fit("novel words counts", EDITOR) is Fit.DESCRIPTION
    assert sorted(folded) == sorted([*EDITOR.names, *EDITOR.keywords, *EDITOR.summaries, EDITOR.description])
    folded.clear()
    assert fit("textpad", EDITOR) is Fit.WORD
    assert folded == [*EDITOR.names]


def test_the_name_comes_before_everything_else() -> None:
    assert list(Fit) == sorted(Fit)
    assert [how.told for how in Fit] == [*["name"] * 4, "keyword", "summary", "description"]


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Straße", "strasse"), ("Ångström", "angstrom"), ("ﬁle", "file"), ("ПРИВЕТ", "привет")],
)
def test_case_and_accents_do_not_matter(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded
