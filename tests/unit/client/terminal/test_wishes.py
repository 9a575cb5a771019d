# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app asks for, in words: each permission that the daemon knows has some, and all differ."""

import pytest

from appctl.terminal.wishes import _PLACES, _WORDS, wish, wishes
from appctld.model.context import _WORDS as ASKED

KNOWN = [(kind, value) for kind, values in ASKED.items() for value in values]


def test_every_word_of_the_daemon_has_words_of_its_own() -> None:
    assert set(_WORDS) == set(KNOWN)
    words = [wish(*one) for one in KNOWN] + [wish("filesystems", place) for place in _PLACES]
    assert len(set(words)) == len(words)
    assert not [text for text in words if "=" in text]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("filesystems", "~/Documents", "~/Documents (read, write)"),
        ("filesystems", "~/Documents:ro", "~/Documents (read)"),
        ("filesystems", "xdg-music/a:create", "xdg-music/a (read, write, made if missing)"),
        ("filesystems", "home", "all your files (home)"),
        ("filesystems", "home:ro", "all your files (home) (read)"),
        ("filesystems", "/a\u202e", r"/a\u202e (read, write)"),
        ("filesystems", "/a:later", "filesystems=/a:later"),
        ("session-bus", "org.a.B:talk", "talk to org.a.B"),
        ("system-bus", "org.a.*:own", "be org.a.* of the system"),
        ("session-bus", "org.a.B:\u202e", r"session-bus=org.a.B:\u202e"),
        ("session-bus", "org.a.B", "session-bus=org.a.B"),
        ("later", "thing\x1b", r"later=thing\x1b"),
    ],
)
def test_words(kind: str, value: str, words: str) -> None:
    assert wish(kind, value) == words


def test_they_are_told_as_people_mind_them_whatever_their_order() -> None:
    asked = [("sockets", "wayland"), ("filesystems", "~/a"), ("later", "x"), ("shared", "network")]
    assert wishes(asked) == wishes(asked[::-1]) == ["network", "~/a (read, write)", "display", "later=x"]
    assert wishes(asked + asked) == wishes(asked)
