# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for an image or an app: look-alikes, control characters, far too much; and last parts.

Through the real CLI and daemon. Nothing is fetched for any of them, and nothing hostile is shown.
"""

import os
import re
from collections.abc import Iterator

import pytest

from support.machines.called import called
from support.machines.machine import Machine, Ran
from support.signatures.keys import Keys

UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
LONGEST = 4500  # characters of an error: as long as a name may be, and some words
HOSTILE = {
    "a Cyrillic o": "quay.io/acme/edit\u043er:1",
    "a Cyrillic a in the host": "qu\u0430y.io/acme/editor:1",
    "a Cyrillic a in a remote's name": "\u0430cme/editor:1",
    "a full-width colon": "quay.io/acme/editor\uff1a1",
    "a division slash": "quay.io\u2215acme/editor:1",
    "capitals in the host": "QUAY.IO/acme/editor:1",
    "capitals in the repository": "quay.io/acme/Editor:1",
    "capitals in a remote's name": "Acme/editor:1",
    "just too long for a reference": "quay.io/acme/" + "x" * 1_012,
    "just too long for a name": "x" * 4_097,
    "a line end": "quay.io/acme/editor:1\n",
    "a line end in the middle": "quay.io/acme/editor:1\nerror: pwned",
    "an escape sequence": "quay.io/acme/editor:1\x1b[31m",
    "a C1 control": "quay.io/acme/editor:1\x9b31m",
    "a bidi override": "quay.io/acme/\u202erotide:1",
    "a zero-width space": "quay.io/acme/edi\u200btor:1",
    "a soft hyphen": "quay.io/acme/edi\u00adtor:1",
    "bytes that are no text": os.fsdecode(b"quay.io/acme/editor\xff:1"),
    "a long repository": "quay.io/acme/" + "x" * 10_000,
    "a long word": "x" * 10_000,
    "many parts": "quay.io/" + "a/" * 5_000 + "a:1",
    "a long tag": "quay.io/acme/editor:" + "1" * 10_000,
    "a long digest": "quay.io/acme/editor@sha256:" + "0" * 10_000,
    "a parent": "quay.io/acme/../other/x:1",
    "an empty part": "quay.io/acme//editor:1",
    "an empty tag": "quay.io/acme/editor:",
    "two tags": "quay.io/acme/editor:1:2",
    "a digest that is none": "quay.io/acme/editor@sha256:zz",
    "a tag and a digest": "quay.io/acme/editor:1@sha256:" + "0" * 64,
    "a blank": "quay.io/acme/edi tor:1",
    "nothing": "",
    "a slash": "/",
    "a colon": ":",
    "a word": "editor",
    "a port that is none": "quay.io:99999999/acme/editor:1",
    "an address": "https://quay.io/acme/editor:1",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, keys: Keys, acme: str) -> Iterator[Machine]:
    """It trusts quay.io/acme, which nobody can reach from here; at the end nothing of it was installed."""
    work = tmp_path_factory.mktemp("references")
    key = work / "acme.asc"
    key.write_bytes(keys.export(acme))
    with Machine(work / "machine", measured=False) as machine:
        machine.add_remote("acme", "quay.io/acme", key, "https://sigs.acme.example")
        yield machine
        assert machine.appctl("list", "--json").json == []
        assert machine.objects() == set()


def is_told(ran: Ran, *codes: int) -> None:
    """It ended so, and what it says can be read."""
    assert ran.code in codes, ran
    assert ran.err.startswith("error: ")
    assert "\nhint: " in ran.err
    assert not UNSEEN.search(ran.out + ran.err), ran
    assert len(ran.err) < LONGEST
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_reference_is_installed_by_nobody(machine: Machine, what: str) -> None:
    is_told(called(machine, "install", "-y", "--", HOSTILE[what]), 64)


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("command", ["info", "update", "uninstall", "rollback", "hold", "permissions", "run"])
def test_what_is_no_app_is_none_for_any_command(machine: Machine, command: str, what: str) -> None:
    codes = (3, 64, 125) if command == "run" else (3, 64)
    cut = [] if command == "run" else ["--"]
    is_told(called(machine, command, *cut, HOSTILE[what]), *codes)


@pytest.mark.parametrize(
    "text", ["quay.io/other/x:1", "quay.io/acmes/x:1", "quay.io/acm/x:1", "127.0.0.1:1/acme/x:1"]
)
def test_a_prefix_matches_whole_parts(machine: Machine, text: str) -> None:
    ran = called(machine, "install", "-y", text)
    assert ran.code == 3
    assert ran.err.startswith(f"error: no remote covers {text}\n")
