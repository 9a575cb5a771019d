# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon stands a flood: it stays, within its memory, leaves nothing open, and others are answered.

A sample of `scripts/flood`, with either D-Bus library; how long others wait is in docs/flood.md, not here.
"""

from pathlib import Path

import pytest

from flood import SHORT, failures
from flooding.attacks import KINDS
from flooding.campaign import LIBRARIES, campaign

# What comes back of what is sent: everything, but for what is no call, or is never read.
ANSWERED = {"calls", "descriptors"}
REFUSED = {"oversize", "long", "dear", "deep", "signatures"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_daemon_stands_it(library: str, tmp_path: Path) -> None:
    rows = {row.kind: row for row in campaign(tmp_path / "machine", library, SHORT)}
    assert rows.keys() - {"nobody"} == KINDS.keys()
    assert failures(library, [*rows.values()]) == []
    for kind in ANSWERED:
        assert rows[kind].seen["answered"] == rows[kind].seen["sent"] > 0
    for kind in REFUSED:
        assert rows[kind].seen["refused"] == rows[kind].seen["sent"] > 0
    assert rows["burst"].seen["answered"] + rows["burst"].seen.get("refused", 0) == rows["burst"].seen["sent"]
    assert rows["malformed"].seen["hung up"] == rows["malformed"].seen["sent"]
    for row in rows.values():
        assert row.daemon, f"nobody else was answered during {row.kind}"
