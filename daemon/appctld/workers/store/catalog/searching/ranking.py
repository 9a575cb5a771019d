# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How well an app fits what somebody looks for: the same answer to the same question, whoever asks.

Pure. Case and accents do not matter, nor which of several words comes first. There is no weighing: what is
found in the name stands before what is found in a keyword, and so on down; then the alphabet decides.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property


class Fit(IntEnum):
    """Where it was found, the best first."""

    EXACT = 0
    PREFIX = 1
    WORD = 2
    PART = 3
    KEYWORD = 4
    SUMMARY = 5
    DESCRIPTION = 6

    @property
    def told(self) -> str:
        """For people and programs: name, keyword, summary or description."""
        return self.name.lower() if self > Fit.PART else "name"


@dataclass(frozen=True, slots=True)
class Texts:
    """Of one app, as they are written; `names` holds its ID too."""

    names: Sequence[str]
    keywords: Sequence[str] = ()
    summaries: Sequence[str] = ()
    description: str = ""


def fold(text: str) -> str:
    """The text without case, accents and other marks."""
    if text.isascii():  # as most descriptions are, of which there are megabytes
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


def fit(term: str, texts: Texts) -> Fit | None:
    """How well an app fits a `term` that was folded; None if a word of it is nowhere."""
    folded = _Folded(texts)
    if any(name == term for name in folded.names):
        return Fit.EXACT
    if any(name.startswith(term) for name in folded.names):
        return Fit.PREFIX
    worst: Fit | None = None
    for word in term.split():
        found = _fit_word(word, folded)
        if found is None:
            return None
        worst = max(found, worst or found)
    return worst


class _Folded:
    """The texts of one app, each folded once, and not before it is looked at: a term has many words."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.names = [*map(fold, texts.names)]

    @cached_property
    def keywords(self) -> list[str]:
        return [*map(fold, self._texts.keywords)]

    @cached_property
    def summaries(self) -> list[str]:
        return [*map(fold, self._texts.summaries)]

    @cached_property
    def description(self) -> str:
        return fold(self._texts.description)


def _fit_word(word: str, texts: _Folded) -> Fit | None:
    if _begins(word, texts.names):
        return Fit.WORD
    if any(word in name for name in texts.names):
        return Fit.PART
    if _begins(word, texts.keywords):
        return Fit.KEYWORD
    if any(word in summary for summary in texts.summaries):
        return Fit.SUMMARY
    return Fit.DESCRIPTION if word in texts.description else None


def _begins(word: str, texts: Iterable[str]) -> bool:
    """Whether a word of one of these texts begins so; an ID's parts are words."""
    return any(part.startswith(word) for text in texts for part in text.replace(".", " ").split())
