# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/appid.py: IDs become directories, refs and object paths, so little may be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import BadManifest, InvalidReference
from appctld.model.appid import ID_LENGTH, checked_id, id_of_reference, is_app_id
from appctld.model.reference import parse_reference

LONGEST = "org.example." + "a" * (ID_LENGTH - len("org.example."))


@pytest.mark.parametrize("text", ["org.example.App", "_a._b._c", "io.quay.acme.my-tool", LONGEST])
def test_these_are_ids(text: str) -> None:
    assert checked_id(text) == text


HOSTILE = [
    "",
    "App",
    "org.App",
    "org..App",
    ".org.example.App",
    "org.example.App.",
    "org.example.1App",
    "-org.example.App",
    "org.example.-App",
    "org/example/App",
    "org.example.App/..",
    "../../etc.a.b",
    "org.example.App\n",
    "org.example.A pp",
    "org.example.App\0",
    "org.example.\N{CYRILLIC CAPITAL LETTER A}pp",
    LONGEST + "a",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_these_are_none(text: str) -> None:
    assert not is_app_id(text)
    with pytest.raises(BadManifest) as caught:
        checked_id(text)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("quay.io/acme/my-tool:1", "io.quay.acme.my_tool"),
        ("127.0.0.1:5000/x/y:1", "local.h127_0_0_1_5000.x.y"),
        ("[::1]:5000/x:1", "local.h___1__5000.x"),
        ("localhost/x:1", "local.localhost.x"),
        ("localhost:5000/x:1", "local.hlocalhost_5000.x"),
        ("registry.example.org/7zip:1", "org.example.registry._7zip"),
        ("1password.com/x:1", "com._1password.x"),
        ("quay.io/a.b/c__d:1", "io.quay.a_b.c__d"),
    ],
)
def test_an_image_without_an_id_gets_one_from_its_name(reference: str, expected: str) -> None:
    assert id_of_reference(parse_reference(reference)) == expected


def test_a_name_that_makes_too_long_an_id_is_refused() -> None:
    with pytest.raises(BadManifest):
        id_of_reference(parse_reference("quay.io/" + "a" * 250))


@given(st.text(alphabet="ab.-_:/[]0", max_size=30))
def test_every_reference_gives_an_id_or_is_refused(text: str) -> None:
    try:
        found = id_of_reference(parse_reference(text))
    except (InvalidReference, BadManifest):
        return
    assert is_app_id(found)
