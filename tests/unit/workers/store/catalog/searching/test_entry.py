# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/searching/entry.py: what is written reads back, and what would be too large is not written."""

import pytest

from appctld.errors import LimitExceeded
from appctld.model.jsonvalue import JsonError
from appctld.workers.store.catalog.searching import entry
from appctld.workers.store.catalog.searching.entry import Entry, read_index, write_index

EDITOR = Entry(
    id="org.acme.Editor",
    reference="quay.io/acme/editor:1",
    names={"": "Editor", "de": "Textbearbeitung ä"},
    summaries={"": "Edit"},
    keywords={"": ("a", "b")},
    description="Long",
    version="1.4",
    icons={"64x64": "icons/64x64/org.acme.Editor.png"},
)


@pytest.mark.parametrize("signed", [True, False])
def test_an_index_reads_back_as_it_was_written(*, signed: bool) -> None:
    assert read_index(write_index([EDITOR], signed=signed)) == ([EDITOR], signed)


def test_an_index_that_nobody_would_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(write_index([EDITOR], signed=True))
    monkeypatch.setattr(entry, "INDEX_BYTES", size)
    write_index([EDITOR], signed=True)
    monkeypatch.setattr(entry, "INDEX_BYTES", size - 1)
    with pytest.raises(LimitExceeded, match="bytes of texts"):
        write_index([EDITOR], signed=True)


def test_an_index_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_index([EDITOR], signed=True)
    monkeypatch.setattr(entry, "INDEX_BYTES", len(data) - 1)
    with pytest.raises(JsonError):
        read_index(data)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"apps": [{}]}', b'{"apps": [{"id": 1}]}'])
def test_what_is_no_index_is_not_read(data: bytes) -> None:
    with pytest.raises(JsonError):
        read_index(data)
