# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon stands a flood: it stays, within its memory, leaves nothing open, and others are answered.

A sample of `scripts/flood`, with either D-Bus library; how long others wait is in docs/flood.md, not here.
"""

from pathlib import Path

import pytest

from flood import SHORT, failures
from flooding import messages
from flooding.attacks import KINDS
from flooding.campaign import LIBRARIES, campaign
from flooding.clients import Sender
from support.machines.machine import Machine

# What comes back of what is sent: everything, but for what is no call, or is never read.
ANSWERED = {"calls", "descriptors"}
REFUSED = {"oversize", "long", "dear", "options", "deep", "signatures"}


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


def test_a_daemon_whose_answers_nobody_reads_makes_room_for_another(tmp_path: Path) -> None:
    """The bus counts what is not read against who sent it, and takes nothing more of theirs at some point."""
    machine = Machine(tmp_path / "machine")
    machine.altered, machine.limits = "impatient", {"max_incoming_bytes": 1 << 20}
    with machine:
        deaf = Sender(machine.environment["DBUS_SESSION_BUS_ADDRESS"])
        for _ in range(120):
            deaf.send(messages.raw(messages.introspect()))
        assert machine.daemon is not None
        assert machine.daemon.wait(60) == 1
        assert "somebody does not read" in machine.log.read_text()
        machine.appctl("list", code=1)  # the bus, which does not read from it, finds out that it is gone
        machine.altered = ""
        machine.start()
        machine.appctl("list")
        deaf.close()
