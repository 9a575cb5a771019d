# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for an image, compared with what is installed."""

import pytest

from appctl.references import apart, expand, lies_here, may_be_a_ref, means, names_a_ref
from appctl.talk.wire import Json

DIGEST = "sha256:" + "3" * 64
REMOTES: list[Json] = [
    {"Name": "acme", "Url": "oci+http://127.0.0.1:5000/acme/"},
    {"Name": "plain", "Url": "quay.io/plain"},
    {"Name": "localhost", "Url": "quay.io/evil"},
    {"Name": "disk", "Url": "oci:/srv/images", "Settings": {"kind": "layout", "prefix": "quay.io/far"}},
]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("acme/editor:1", "127.0.0.1:5000/acme/editor:1"),
        ("plain/a/b", "quay.io/plain/a/b"),
        ("other/editor", "other/editor"),
        ("disk/editor:1", "quay.io/far/editor:1"),
        ("localhost/editor", "localhost/editor"),
        ("acme", "acme"),
        ("quay.io/acme/editor", "quay.io/acme/editor"),
    ],
)
def test_a_remotes_name_stands_for_its_prefix(text: str, whole: str) -> None:
    assert expand(text, REMOTES) == whole


@pytest.mark.parametrize(
    ("text", "reference", "meant"),
    [
        ("h:1/x:1", "h:1/x:1", True),
        ("h:1/x", "h:1/x:latest", True),
        ("h:1/x", "h:1/x:1", False),
        ("h:1/x", f"h:1/x@{DIGEST}", True),
        (f"h:1/x@{DIGEST}", f"h:1/x@{DIGEST}", True),
        ("h:1/x", f"h:1/x:1@{DIGEST}", True),
        ("h:1/x:1", f"h:1/x:1@{DIGEST}", True),
        ("h:1/x:2", f"h:1/x:1@{DIGEST}", False),
        ("h", f"h:1/x@{DIGEST}", False),
        ("h:1/x", f"h:1/xy@{DIGEST}", False),
        ("trees:app/x", "trees:app/x", True),
        ("trees:app", "trees:app/x", False),
    ],
)
def test_what_a_text_means(text: str, reference: str, meant: bool) -> None:  # noqa: FBT001
    assert means(text, reference) is meant


@pytest.mark.parametrize(
    ("before", "after", "apart_in"),
    [
        ("h:1/x:stable", "h:1/x:beta", (":stable", ":beta")),
        ("h:1/x:stable", f"h:1/x@{DIGEST}", (":stable", f"@{DIGEST}")),
        (f"h:1/x:1@{DIGEST}", "h:1/x:2", (f":1@{DIGEST}", ":2")),
        ("h:1/x:1", "h:1/y:2", ("h:1/x:1", "h:1/y:2")),
        ("trees:app/org.x/1", "trees:app/org.x/2", ("trees:app/org.x/1", "trees:app/org.x/2")),
        ("", "h:1/x:1", ("", "h:1/x:1")),
    ],
)
def test_of_two_tags_of_one_repository_only_the_tags_are_told(
    before: str, after: str, apart_in: tuple[str, str]
) -> None:
    assert apart(before, after) == apart_in


@pytest.mark.parametrize(
    ("reference", "is_one"),
    [
        ("trees:stable", True),
        ("trees:app/org.acme.Editor/x86_64/1", True),
        ("quay.io/acme/editor:1", False),
        ("acme/editor:1", False),
        ("acme:5000/x:1", False),
        (f"acme:5000/x@{DIGEST}", False),
        ("localhost:stable", False),
        ("trees:../x", False),
        ("trees:", False),
    ],
)
def test_a_ref_of_an_ostree_repository(reference: str, is_one: bool) -> None:  # noqa: FBT001
    assert names_a_ref(reference) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("trees:5000/x", True),
        ("acme:5000/x", False),
        ("other:5000/x", False),
        ("other:x", True),
        ("a/b", False),
    ],
)
def test_what_could_be_a_port_the_remotes_say(text: str, is_one: bool) -> None:  # noqa: FBT001
    remotes: list[Json] = [*REMOTES, {"Name": "trees", "Url": "ostree+https://dl.trees.example/repo"}]
    assert may_be_a_ref(text, lambda: remotes) is is_one


@pytest.mark.parametrize(
    ("text", "here"),
    [("disk/editor:1", True), ("acme/editor:1", False), ("other/x", False), ("quay.io/far/editor:1", False)],
)
def test_what_lies_in_a_directory_needs_no_login(text: str, here: bool) -> None:  # noqa: FBT001
    assert lies_here(text, lambda: REMOTES) is here
