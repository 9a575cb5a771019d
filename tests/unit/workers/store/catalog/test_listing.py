# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/listing.py: each ID once, in their order."""

import pytest

from appctld.errors import BadManifest
from appctld.workers.store.catalog.component import Rules
from appctld.workers.store.catalog.listing import read_catalog
from support.images.catalogs import component, document

ZOO, EDITOR = (component(f"org.acme.{name}", f"x.io/{name.lower()}", name) for name in ("Zoo", "Editor"))


def test_components_come_in_the_order_of_their_ids() -> None:
    found = read_catalog(document(ZOO, EDITOR), Rules("x.io"))
    assert [one.entry.id for one in found] == ["org.acme.Editor", "org.acme.Zoo"]


def test_an_id_is_listed_once() -> None:
    with pytest.raises(BadManifest, match=r"lists org.acme.Zoo twice"):
        read_catalog(document(ZOO, EDITOR, ZOO), Rules("x.io"))
