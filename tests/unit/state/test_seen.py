# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/seen.py: what is written reads back, under both names; what cannot be read is never nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.order import Moment, Place, Seen, Teller
from appctld.state import seen
from appctld.state.paths import Paths
from appctld.state.seen import carry_over, recall, remember

PLACE = Place("quay.io/acme", "quay.io/acme/app:1", "linux/amd64", "org.acme.App")
ONE = Moment(Digest("1" * 64), Digest("2" * 64), 600_000_000, Teller.CREATED)
TWO = Moment(Digest("3" * 64), Digest("4" * 64), None, Teller.NOBODY)
SEEN = Seen(TWO, ONE, (ONE.digest, ONE.content, TWO.digest, TWO.content))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def files(paths: Paths) -> list[Path]:
    return sorted(paths.seen_below(PLACE.prefix).iterdir())


def test_nothing_was_seen_where_nothing_was_installed(paths: Paths) -> None:
    assert recall(paths, PLACE) == ()


def test_what_was_seen_is_known_by_reference_and_by_id(paths: Paths) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    assert recall(paths, PLACE) == (SEEN, SEEN)
    assert recall(paths, replace(PLACE, reference="quay.io/acme/app:2")) == (SEEN,)
    assert recall(paths, replace(PLACE, platform="linux/arm64/v8")) == (SEEN,)
    assert recall(paths, replace(PLACE, id="org.acme.Other")) == (SEEN,)
    assert recall(paths, replace(PLACE, prefix="quay.io")) == ()
    assert recall(paths, replace(PLACE, reference="quay.io/acme/app:2", id="org.acme.Other")) == ()
    assert [path.name.partition("-")[0] for path in files(paths)] == ["id", "reference"]


def test_each_name_goes_on_from_its_own_record(paths: Paths) -> None:
    other = Seen(ONE, ONE, (ONE.digest,))
    remember(paths, replace(PLACE, reference="quay.io/acme/app:2"), lambda _before: other)
    given: list[Seen | None] = []

    def advance(before: Seen | None) -> Seen:
        given.append(before)
        return SEEN

    remember(paths, PLACE, advance)
    assert given == [None, other]


def test_a_platform_is_not_part_of_a_reference(paths: Paths) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    tricky = replace(PLACE, reference=f"{PLACE.reference} linux", platform="amd64", id="org.acme.Other")
    assert recall(paths, tricky) == ()


def test_an_id_of_any_length_has_a_file(paths: Paths) -> None:
    place = replace(PLACE, id="org.acme." + "x" * 246, reference="quay.io/" + "y" * 1000)
    remember(paths, place, lambda _before: SEEN)
    assert recall(paths, place) == (SEEN, SEEN)


DAMAGE = [
    b"",
    b"{}",
    b"[]",
    b'{"name": {}}',
    b"\0" * 100,
]


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_record_that_cannot_be_read_is_not_nothing(paths: Paths, damage: bytes, index: int) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    path = files(paths)[index]
    path.write_bytes(damage)
    with pytest.raises(RepoCorrupt, match="cannot be read") as caught:
        recall(paths, PLACE)
    assert caught.value.data == {"path": str(path)}
    with pytest.raises(RepoCorrupt):
        remember(paths, PLACE, lambda _before: SEEN)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("newest", {}),
        ("highest", None),
        ("installed", ["sha256:1"]),
        ("installed", [1]),
        ("name", {"prefix": "quay.io/acme", "id": "org.acme.Other"}),
        ("name", {"prefix": "quay.io/other", "id": "org.acme.App"}),
    ],
)
def test_a_record_must_be_whole_and_in_its_place(paths: Paths, member: str, value: object) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    path = files(paths)[0]
    path.write_text(json.dumps({**json.loads(path.read_text()), member: value}))
    with pytest.raises(RepoCorrupt):
        recall(paths, PLACE)


@pytest.mark.parametrize("told_by", ["", "somebody"])
def test_a_teller_that_nobody_knows_is_damage(paths: Paths, told_by: str) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    path = files(paths)[0]
    document = json.loads(path.read_text())
    document["newest"]["told_by"] = told_by
    path.write_text(json.dumps(document))
    with pytest.raises(RepoCorrupt):
        recall(paths, PLACE)


def test_a_record_of_unbelievable_size_is_damage(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    monkeypatch.setattr(seen, "FILE_BYTES", files(paths)[0].stat().st_size - 1)
    with pytest.raises(RepoCorrupt):
        recall(paths, PLACE)


def test_what_stands_in_a_records_place_is_damage(paths: Paths) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    path = files(paths)[0]
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(RepoCorrupt):
        recall(paths, PLACE)
    path.unlink()
    path.mkdir()
    with pytest.raises(RepoCorrupt):
        recall(paths, PLACE)


def test_what_stands_in_the_directorys_place_is_damage(paths: Paths) -> None:
    paths.seen.mkdir()
    paths.seen_below(PLACE.prefix).write_text("")
    with pytest.raises(RepoCorrupt):
        recall(paths, PLACE)


def first(one: Seen, _other: Seen) -> Seen:
    return one


def test_what_was_seen_moves_with_its_publisher_and_stays(paths: Paths) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    carry_over(paths, "quay.io/acme", "ghcr.io/acme", first)
    assert recall(paths, PLACE) == (SEEN, SEEN)
    assert recall(paths, replace(PLACE, prefix="ghcr.io/acme")) == (SEEN, SEEN)


def test_what_is_known_already_where_it_moves_to_is_merged(paths: Paths) -> None:
    there = Seen(ONE, ONE, (ONE.digest,))
    target = replace(PLACE, prefix="ghcr.io/acme")
    remember(paths, PLACE, lambda _before: SEEN)
    remember(paths, target, lambda _before: there)
    carry_over(paths, "quay.io/acme", "ghcr.io/acme", first)
    assert recall(paths, target) == (there, there)


def test_nothing_moves_where_something_cannot_be_read(paths: Paths) -> None:
    remember(paths, PLACE, lambda _before: SEEN)
    files(paths)[0].write_bytes(b"")
    with pytest.raises(RepoCorrupt):
        carry_over(paths, "quay.io/acme", "ghcr.io/acme", first)
    assert not list(paths.seen_below("ghcr.io/acme").glob("*"))


def test_to_move_what_was_never_seen_is_no_fault(paths: Paths) -> None:
    carry_over(paths, "quay.io/acme", "ghcr.io/acme", first)
    assert not paths.seen.exists()
