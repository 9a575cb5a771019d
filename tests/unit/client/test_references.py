# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for an image, compared with what is installed."""

import pytest

from appctl.references import expand, means
from appctl.talk.wire import Json

DIGEST = "sha256:" + "3" * 64
REMOTES: list[Json] = [
    {"Name": "acme", "Url": "oci+http://127.0.0.1:5000/acme/"},
    {"Name": "plain", "Url": "quay.io/plain"},
    {"Name": "localhost", "Url": "quay.io/evil"},
]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("acme/editor:1", "127.0.0.1:5000/acme/editor:1"),
        ("plain/a/b", "quay.io/plain/a/b"),
        ("other/editor", "other/editor"),
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
    ],
)
def test_what_a_text_means(text: str, reference: str, meant: bool) -> None:  # noqa: FBT001
    assert means(text, reference) is meant
