# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`NAME:REF`: which refs there are, that no image is named so, and the ID of an app without a label."""

import pytest

from appctld.errors import BadManifest
from appctld.model.ostreeref import OstreeRef, id_of_ref, parse_canonical, split_ref
from appctld.model.reference import parse_reference

DIGEST = "sha256:" + "3" * 64


@pytest.mark.parametrize(
    "ref", ["stable", "app/org.example.Hello/x86_64/stable", "a_b/c-d.e", "9", "x" * 255]
)
def test_a_ref_is_parts_that_name_files(ref: str) -> None:
    found = split_ref(f"acme:{ref}")
    assert found == OstreeRef("acme", ref)
    assert (str(found), found.name, found.pinned) == (f"acme:{ref}", f"acme:{ref}", False)


HOSTILE = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    ".hidden",
    "a/.b",
    "-a",
    "a/-b",
    "a b",
    "a:b",
    "a@b",
    "a^",
    "a\n",
    "ä",
    "a\\b",
    "x" * 256,
    "0123456789abcdef" * 4,
    "/".join(["x" * 100] * 3),
]


@pytest.mark.parametrize("ref", HOSTILE)
def test_anything_else_is_none(ref: str) -> None:
    assert split_ref(f"acme:{ref}") is None


@pytest.mark.parametrize("text", ["acme", "Acme:x", "quay.io/a:x", "localhost:x", "1a:x", ":x", "a.b:x"])
def test_in_front_of_it_stands_a_remotes_name(text: str) -> None:
    assert split_ref(text) is None


@pytest.mark.parametrize(
    "text",
    ["quay.io/a:1", f"quay.io/a@{DIGEST}", "acme:5000/x/y:1", f"acme:5000/x@{DIGEST}", "localhost:5000/x:1"],
)
def test_what_is_written_of_an_image_is_never_read_as_a_ref(text: str) -> None:
    assert str(parse_reference(text)) == text
    assert split_ref(text) is None
    assert parse_canonical(text) == parse_reference(text)


def test_what_is_written_of_a_ref_reads_back() -> None:
    assert parse_canonical("acme:app/x") == OstreeRef("acme", "app/x")


@pytest.mark.parametrize(
    ("reference", "app_id"),
    [
        (OstreeRef("acme", "stable"), "local.acme.stable"),
        (OstreeRef("acme", "app/org.example.Hello/x86_64/1"), "local.acme.app.org_example_Hello.x86_64._1"),
        (OstreeRef("a-b", "my-tool"), "local.a_b.my_tool"),
    ],
)
def test_the_id_of_an_app_that_names_none(reference: OstreeRef, app_id: str) -> None:
    assert id_of_ref(reference) == app_id


def test_an_id_has_an_end() -> None:
    with pytest.raises(BadManifest):
        id_of_ref(OstreeRef("acme", "x" * 250))
