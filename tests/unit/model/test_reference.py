# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/reference.py: what names an image, and what only looks as if it did."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import InvalidReference
from appctld.model.digest import Digest
from appctld.model.reference import REPOSITORY_LENGTH, TEXT_LENGTH, looks_like_host, parse_reference

HEX = "ab" * 32

GOOD = [
    ("quay.io/acme/editor:1.2", ("quay.io", "acme/editor", "1.2", None)),
    ("quay.io/acme/editor", ("quay.io", "acme/editor", "latest", None)),
    ("localhost/x:1", ("localhost", "x", "1", None)),
    ("localhost:5000/x/y:1", ("localhost:5000", "x/y", "1", None)),
    ("registry:5000/x:1", ("registry:5000", "x", "1", None)),
    ("127.0.0.1:5000/x:1", ("127.0.0.1:5000", "x", "1", None)),
    ("[::1]:5000/x:1", ("[::1]:5000", "x", "1", None)),
    ("a-b.example.org/a_b/c__d/e--f.g:A_b-c.D", ("a-b.example.org", "a_b/c__d/e--f.g", "A_b-c.D", None)),
    (f"quay.io/acme/editor@sha256:{HEX}", ("quay.io", "acme/editor", None, HEX)),
    ("quay.io/a:" + "t" * 128, ("quay.io", "a", "t" * 128, None)),
    ("quay.io/" + "a" * REPOSITORY_LENGTH, ("quay.io", "a" * REPOSITORY_LENGTH, "latest", None)),
]


@pytest.mark.parametrize(("text", "parts"), GOOD)
def test_a_reference_falls_into_its_parts(text: str, parts: tuple[str, str, str | None, str | None]) -> None:
    found = parse_reference(text)
    digest = found.digest.hex if found.digest else None
    assert (found.host, found.repository, found.tag, digest) == parts


@pytest.mark.parametrize(("text", "parts"), GOOD)
def test_a_reference_comes_back_as_it_was(text: str, parts: object) -> None:
    found = parse_reference(text)
    assert str(found) in {text, text + ":latest"}
    assert parse_reference(str(found)) == found


def test_a_digest_pins() -> None:
    pinned, moving = parse_reference(f"quay.io/a@sha256:{HEX}"), parse_reference("quay.io/a:1")
    assert (pinned.pinned, pinned.target) == (True, f"sha256:{HEX}")
    assert (moving.pinned, moving.target) == (False, "1")
    assert pinned.name == moving.name == "quay.io/a"
    assert pinned.digest == Digest(HEX)


HOSTILE = [
    ("", "empty"),
    ("editor", "no registry"),
    ("editor:1", "a tag that looks like a port"),
    ("acme/editor:1", "a remote's name is no registry: nothing is guessed"),
    ("library/debian", "no Docker Hub normalisation"),
    ("quay.io", "no repository"),
    ("quay.io/", "an empty repository"),
    ("/acme/editor", "an empty host"),
    ("quay.io//editor", "an empty component"),
    ("quay.io/acme/", "an empty last component"),
    ("quay.io/acme/../editor", "a parent"),
    ("quay.io/./editor", "the same directory"),
    ("quay.io/.hidden", "a component that starts with a dot"),
    ("quay.io/_x", "a component that starts with an underscore"),
    ("quay.io/-x", "an option"),
    ("--help.io/x", "an option as host"),
    ("quay.io/Acme/editor", "upper case"),
    ("Quay.io/acme/editor", "upper case in the host"),
    ("quay.io/acme/editor:", "an empty tag"),
    ("quay.io/acme/editor:1:2", "two tags"),
    ("quay.io/acme/editor:.1", "a tag that starts with a dot"),
    ("quay.io/acme/editor:-1", "a tag that starts with a dash"),
    ("quay.io/acme/editor:a/b", "a tag with a slash"),
    ("quay.io/acme/editor:" + "t" * 129, "a long tag"),
    ("quay.io/" + "a" * (REPOSITORY_LENGTH + 1), "a long repository"),
    ("quay.io/acme/editor@", "an empty digest"),
    ("quay.io/acme/editor@sha256:abc", "a short digest"),
    (f"quay.io/acme/editor@sha512:{HEX}{HEX}", "another algorithm"),
    (f"quay.io/acme/editor@sha256:{HEX.upper()}", "an upper-case digest"),
    (f"quay.io/acme/editor:1@sha256:{HEX}", "a tag and a digest"),
    (f"quay.io/acme/editor@sha256:{HEX}:1", "a digest and a tag"),
    (f"quay.io/acme/editor@sha256:{HEX}@sha256:{HEX}", "two digests"),
    ("quay.io/acme/editor:1\n", "a line end, which $ would allow"),
    ("quay.io/acme/editor\0:1", "NUL"),
    ("quay.io /acme/editor", "a blank"),
    ("https://quay.io/acme/editor", "a URL"),
    ("docker://quay.io/acme/editor", "a transport"),
    ("user@quay.io/acme/editor", "a user"),
    ("quay.io:x/acme/editor", "a port that is no number"),
    ("quay.io:/acme/editor", "an empty port"),
    ("quay.io:99999/acme/editor", "a port that does not exist"),
    ("quay.io:443:443/acme/editor", "two ports"),
    ("quay..io/acme/editor", "an empty label"),
    (".quay.io/acme/editor", "an empty first label"),
    ("quay.io./acme/editor", "an empty last label"),
    ("-quay.io/acme/editor", "a label that starts with a dash"),
    ("quay-.io/acme/editor", "a label that ends with a dash"),
    ("[::1/acme/editor", "half an address"),
    ("[quay.io]/acme/editor", "a name as address"),
    ("qu\N{CYRILLIC SMALL LETTER A}y.io/acme/editor", "a look-alike letter in the host"),
    ("quay.io/\N{CYRILLIC SMALL LETTER A}cme/editor", "a look-alike letter in the repository"),
    ("quay\N{FULLWIDTH FULL STOP}io/acme/editor", "a look-alike dot"),
    ("quay.io\N{DIVISION SLASH}acme/editor", "a look-alike slash"),
    ("quay.io/acme/editor\N{RATIO}1", "a look-alike colon"),
    ("quay.io/acme/editor:\N{ARABIC-INDIC DIGIT ONE}", "a look-alike digit"),
    ("quay.io:\N{ARABIC-INDIC DIGIT ONE}/acme/editor", "a look-alike port"),
    ("quay.io/acme\N{ZERO WIDTH SPACE}/editor", "an invisible character"),
    ("quay.io/acme/\N{RIGHT-TO-LEFT OVERRIDE}rotide", "text that reads the other way"),
    ("quay.io/acme/editor?x=1", "a query"),
    ("quay.io/acme%2feditor", "an escape"),
    ("quay.io/acme\\editor", "a backslash"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_what_only_looks_like_a_reference_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse_reference(text)
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", ["a" * 10_000, "quay.io/" + "a/" * 5_000, "quay.io/" + "-" * 9_992])
def test_ten_thousand_characters_are_refused_at_once(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse_reference(text)
    assert caught.value.message == f"a reference of {len(text)} characters"


def test_the_longest_text_is_read() -> None:
    host = ".".join(["a" * 60] * 11) + ".io"
    assert len(f"{host}/x:" + "t" * 128) < TEXT_LENGTH
    assert parse_reference(f"{host}/x:" + "t" * 128).host == host


def test_foreign_text_is_shown_escaped_and_cut() -> None:
    with pytest.raises(InvalidReference) as caught:
        parse_reference("\x1b[31m\x7f\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 500)
    shown = caught.value.message
    assert shown.startswith(r"'?[31m?\u202e")
    assert len(shown) < 200


@pytest.mark.parametrize("text", ["quay.io", "localhost", "registry:5000", "127.0.0.1", "[::1]"])
def test_these_are_hosts(text: str) -> None:
    assert looks_like_host(text)


@pytest.mark.parametrize("text", ["acme", "", "a..b", "localhosts", "quay.io/x", "quay.io:65536", "::1"])
def test_these_are_no_hosts(text: str) -> None:
    assert not looks_like_host(text)


@given(st.text(alphabet="ab.-_:/@[]0A\n", max_size=30))
def test_whatever_is_accepted_is_read_the_same_way_again(text: str) -> None:
    try:
        found = parse_reference(text)
    except InvalidReference:
        return
    assert parse_reference(str(found)) == found
    assert (found.tag is None) != (found.digest is None)
    assert not {"", ".", ".."} & set(found.name.split("/"))
