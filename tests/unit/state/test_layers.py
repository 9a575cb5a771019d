# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/layers.py: a layer's record belongs to one remote, and is lent only when R5 allows."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.model.digest import Digest
from appctld.model.published import Reading
from appctld.state import layers
from appctld.state.layers import RECORD_BYTES, LayerRecord, forget_refs, held, remember, shared
from appctld.state.paths import Paths, layer_ref

DIFF_ID, OTHER = Digest("a" * 64), Digest("b" * 64)


def record(
    remote: str = "acme", *, anonymous: bool = True, diff_id: Digest = DIFF_ID, strict: bool = False
) -> LayerRecord:
    return LayerRecord(remote, diff_id, "c" * 64, anonymous, strict=strict)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path)
    found.create()
    return found


@pytest.mark.parametrize("anonymous", [True, False])
def test_a_record_comes_back_to_its_remote_only(paths: Paths, *, anonymous: bool) -> None:
    remember(paths, record(anonymous=anonymous))
    assert held(paths, "acme", DIFF_ID) == record(anonymous=anonymous)
    assert held(paths, "acme", OTHER) is None
    assert held(paths, "other", DIFF_ID) is None


@pytest.mark.parametrize("strict", [True, False])
def test_a_record_says_whether_it_was_read_strictly(paths: Paths, *, strict: bool) -> None:
    remember(paths, record(strict=strict))
    assert held(paths, "acme", DIFF_ID) == record(strict=strict)


@pytest.mark.parametrize("holds_commit", [True, False])
def test_a_record_says_whether_it_was_read_for_a_commit(paths: Paths, *, holds_commit: bool) -> None:
    made = replace(record(), reading=Reading.OSTREE, holds_commit=holds_commit)
    remember(paths, made)
    assert held(paths, "acme", DIFF_ID, Reading.OSTREE) == made


def test_a_record_of_before_that_was_asked_says_that_it_was_not(paths: Paths) -> None:
    remember(paths, record())
    (paths.layers("acme") / f"{DIFF_ID.hex}.json").write_text(json.dumps(GOOD))
    assert held(paths, "acme", DIFF_ID) == record(strict=False)


def test_a_layer_is_lent_when_it_was_fetched_without_a_credential(paths: Paths) -> None:
    remember(paths, record("acme"))
    assert shared(paths, {"acme"}, DIFF_ID) == record("acme")


def test_a_layer_that_needed_a_credential_is_never_lent(paths: Paths) -> None:
    """Else naming a private layer's digest would hand over its contents (R5)."""
    remember(paths, record("acme", anonymous=False))
    assert shared(paths, {"acme"}, DIFF_ID) is None


def test_a_remote_that_does_not_share_lends_nothing(paths: Paths) -> None:
    remember(paths, record("acme"))
    assert shared(paths, {"other"}, DIFF_ID) is None
    assert shared(paths, set(), DIFF_ID) is None


def test_a_private_copy_does_not_hide_a_public_one(paths: Paths) -> None:
    remember(paths, record("acme", anonymous=False))
    remember(paths, record("beta"))
    assert shared(paths, {"acme", "beta"}, DIFF_ID) == record("beta")


GOOD = {"commit": "c" * 64, "anonymous": True}
DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"{}",
    json.dumps({**GOOD, "commit": "x"}).encode(),
    json.dumps({**GOOD, "commit": "../" * 21 + "x"}).encode(),
    json.dumps({**GOOD, "anonymous": 1}).encode(),
    json.dumps({**GOOD, "anonymous": None}).encode(),
    json.dumps({**GOOD, "strict": "yes"}).encode(),
    json.dumps(GOOD).encode() + b" " * RECORD_BYTES,
]


@pytest.mark.parametrize("data", DAMAGED)
def test_a_damaged_record_is_none_and_never_lent(paths: Paths, data: bytes) -> None:
    remember(paths, record())
    (paths.layers("acme") / f"{DIFF_ID.hex}.json").write_text(json.dumps(GOOD))
    assert held(paths, "acme", DIFF_ID) is not None
    (paths.layers("acme") / f"{DIFF_ID.hex}.json").write_bytes(data)
    assert held(paths, "acme", DIFF_ID) is None
    assert shared(paths, {"acme"}, DIFF_ID) is None


def test_a_record_is_forgotten_alone(paths: Paths) -> None:
    for one in (record(), record(diff_id=OTHER), record("beta")):
        remember(paths, one)
    forget_refs(paths, [layer_ref("acme", DIFF_ID)])
    forget_refs(paths, [layer_ref("acme", DIFF_ID), layer_ref("never-seen", DIFF_ID)])
    assert held(paths, "acme", DIFF_ID) is None
    assert held(paths, "acme", OTHER) is not None
    assert held(paths, "beta", DIFF_ID) is not None


def test_that_records_are_forgotten_is_durable(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = [record(), record(diff_id=OTHER), record("beta")]
    for one in [*gone, record("gamma")]:
        remember(paths, one)
    synced: list[Path] = []
    monkeypatch.setattr(
        layers, "sync_directory", lambda path: synced.append(path) if not any(path.iterdir()) else None
    )
    forget_refs(paths, [layer_ref(one.remote, one.diff_id) for one in gone])
    assert sorted(synced) == [paths.layers("acme"), paths.layers("beta")]


def test_the_records_of_dropped_layer_refs_go_and_no_others(paths: Paths) -> None:
    remember(paths, record())
    remember(paths, record(diff_id=OTHER))
    forget_refs(paths, [layer_ref("acme", DIFF_ID), "appctl/app/acme/org.example.App/x.1", "ostree/x"])
    assert held(paths, "acme", DIFF_ID) is None
    assert held(paths, "acme", OTHER) is not None
