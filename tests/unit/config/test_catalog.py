# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""config/catalog.py: what the setting may say, and which image that is."""

import pytest

from appctld.config.catalog import CATALOG, catalog_reference, read_catalog
from appctld.config.urls import Prefix
from appctld.errors import InvalidReference


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("yes", CATALOG),
        ("no", ""),
        ("apps", "apps:latest"),
        ("apps:stable", "apps:stable"),
    ],
)
def test_a_catalogue_is_named_below_the_prefix(value: str, found: str) -> None:
    assert read_catalog(value) == found


@pytest.mark.parametrize(
    "value", ["", "Yes", "a b", "../other", "/x", "x:", "lists/apps", f"x@sha256:{'0' * 64}", "x/"]
)
def test_what_names_no_tag_below_the_prefix_is_refused(value: str) -> None:
    with pytest.raises(InvalidReference, match="catalog="):
        read_catalog(value)


def test_the_reference_lies_below_the_prefix() -> None:
    assert str(catalog_reference(Prefix("quay.io", "acme"), CATALOG)) == "quay.io/acme/appctl-catalog:latest"
    assert str(catalog_reference(Prefix("quay.io:443", ""), "x:1")) == "quay.io:443/x:1"
