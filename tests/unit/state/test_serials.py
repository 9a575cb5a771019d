# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import LimitExceeded, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.serial import Serial
from appctld.state.paths import Paths
from appctld.state.serials import FILE_BYTES, REVOKED, carry_serial, last_serial, remember_serial

HERE, THERE = "quay.io/acme", "registry.acme.example"
SEVEN, EIGHT = Serial(7, Digest("7" * 64), settled=True), Serial(8, Digest("8" * 64), settled=False)
A, B, BOTH = frozenset({"A" * 40}), frozenset({"B" * 40}), frozenset({"A" * 40, "B" * 40})


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "state")


def test_each_prefix_has_its_own(paths: Paths) -> None:
    assert last_serial(paths, HERE) is None
    remember_serial(paths, HERE, SEVEN)
    assert last_serial(paths, HERE) == SEVEN
    assert last_serial(paths, THERE) is None
    remember_serial(paths, HERE, EIGHT)
    assert last_serial(paths, HERE) == EIGHT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"serial": 1}',
        b'{"serial": "1", "payload": "sha256:' + b"1" * 64 + b'", "settled": true}',
        b'{"serial": 1, "payload": "x", "settled": true}',
        b'{"serial": 1, "payload": "sha256:' + b"1" * 64 + b'", "settled": true, "revoked": "AA"}',
        b" " * (FILE_BYTES + 1),
    ],
)
def test_a_file_that_cannot_be_read_is_no_file_that_is_missing(content: bytes, paths: Paths) -> None:
    remember_serial(paths, HERE, SEVEN)
    paths.serial(HERE).write_bytes(content)
    with pytest.raises(RepoCorrupt):
        last_serial(paths, HERE)
    with pytest.raises(RepoCorrupt):
        carry_serial(paths, HERE, THERE)
    with pytest.raises(RepoCorrupt):
        carry_serial(paths, THERE, HERE)


@pytest.mark.parametrize(
    ("here", "there", "after"),
    [
        (SEVEN, None, SEVEN),
        (EIGHT, SEVEN, EIGHT),
        (SEVEN, EIGHT, EIGHT),
        (None, SEVEN, SEVEN),
        (None, None, None),
        (replace(SEVEN, revoked=A), replace(EIGHT, revoked=B), replace(EIGHT, revoked=BOTH)),
        (replace(EIGHT, revoked=A), replace(SEVEN, revoked=B), replace(EIGHT, revoked=BOTH)),
        (replace(SEVEN, revoked=A), replace(SEVEN, revoked=B), replace(SEVEN, revoked=BOTH)),
    ],
)
def test_whoever_moves_takes_number_and_revoked_keys_along_and_lowers_none(
    here: Serial | None, there: Serial | None, after: Serial | None, paths: Paths
) -> None:
    for prefix, serial in ((HERE, here), (THERE, there)):
        if serial:
            remember_serial(paths, prefix, serial)
    carry_serial(paths, HERE, THERE)
    assert last_serial(paths, THERE) == after
    assert last_serial(paths, HERE) == here


def test_as_many_revoked_keys_as_may_be_are_kept_and_none_is_forgotten_for_another(paths: Paths) -> None:
    most = replace(SEVEN, revoked=frozenset(f"{number:064X}" for number in range(REVOKED)))
    remember_serial(paths, HERE, most)
    assert last_serial(paths, HERE) == most
    with pytest.raises(LimitExceeded, match=str(REVOKED)):
        remember_serial(paths, HERE, replace(EIGHT, revoked=most.revoked | A))
    assert last_serial(paths, HERE) == most


def test_a_file_from_before_revocations_were_kept_names_none(paths: Paths) -> None:
    remember_serial(paths, HERE, SEVEN)
    content = {"serial": 7, "payload": f"sha256:{'7' * 64}", "settled": True}
    paths.serial(HERE).write_text(json.dumps(content))
    assert last_serial(paths, HERE) == SEVEN
