# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/records.py: what is written comes back; what is damaged hides itself and nothing else."""

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appctld.errors import AppctlError, NotInstalled, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError
from appctld.state.paths import Paths, app_ref, layer_ref
from appctld.state.records import (
    RECORD_BYTES,
    Record,
    installed,
    installed_app,
    read_record,
    roots,
    unreadable,
)
from support.buses.records import RECORD, deploy, numbered


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path / "state")
    found.create()
    return found


def test_a_record_comes_back_as_it_was(paths: Paths) -> None:
    assert read_record(deploy(paths)) == RECORD
    assert Record.from_json(json.loads(json.dumps(RECORD.to_json()))) == RECORD


def test_every_field_stands_in_the_file() -> None:
    assert set(RECORD.to_json()) == {field.name for field in dataclasses.fields(Record)}


LATER = {
    "ostree_layers": 0,
    "flatpak_ref": "",
    "runtime": "",
    "given_id": False,
}  # which records of before do not have


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(Record) if field.name not in LATER]
)
def test_a_record_without_a_field_is_refused(name: str) -> None:
    obj = RECORD.to_json()
    del obj[name]
    with pytest.raises((JsonError, AppctlError)):
        Record.from_json(obj)


def test_a_record_from_before_there_were_some_fields_is_read() -> None:
    told = replace(
        RECORD, ostree_layers=1, flatpak_ref="app/org.example.App/x86_64/stable", runtime="runtime/a/b/c"
    )
    obj = {name: value for name, value in told.to_json().items() if name not in LATER}
    assert Record.from_json(obj) == replace(RECORD, ostree_layers=0, flatpak_ref="", runtime="")


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Record)])
def test_a_field_of_another_type_is_refused(name: str) -> None:
    with pytest.raises((JsonError, AppctlError)):
        Record.from_json({**RECORD.to_json(), name: {"x": 1.5}})


def test_a_value_that_no_record_holds_is_our_bug() -> None:
    with pytest.raises(TypeError):
        replace(RECORD, title=1.5).to_json()  # type: ignore[arg-type]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def swap(path: Path) -> None:
    """The record of another deployment in the place of this one's."""
    path.write_text(json.dumps({**RECORD.to_json(), "deployment": "333333333333.9"}))


def other_app(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "id": "org.example.Other"}))


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" " * RECORD_BYTES)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def twice(path: Path) -> None:
    path.write_text(path.read_text().replace('"id"', '"id": "org.example.Other", "id"'))


DAMAGE = [cut, swap, other_app, grow, empty, twice, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_corrupt(paths: Paths, damage: Callable[[Path], Any]) -> None:
    directory = deploy(paths)
    damage(directory / "record.json")
    with pytest.raises(RepoCorrupt) as caught:
        read_record(directory)
    assert caught.value.data == {"path": str(directory)}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_hides_itself_and_nothing_else(paths: Paths, damage: Callable[[Path], Any]) -> None:
    deploy(paths, numbered(1))
    broken = deploy(paths, numbered(2))
    deploy(paths, numbered(3))
    other = replace(RECORD, id="org.example.Third")
    deploy(paths, other)
    damage(broken / "record.json")
    found = installed(paths)
    assert found[RECORD.id].current == numbered(3)
    assert found[RECORD.id].kept == (numbered(1),)
    assert found["org.example.Third"].current == other


def test_what_is_kept_is_given_newest_first(paths: Paths) -> None:
    for number in (2, 3, 1, 4):
        deploy(paths, numbered(number), current=number == 3)
    app = installed_app(paths, RECORD.id)
    assert app.current == numbered(3)
    assert app.kept == (numbered(4), numbered(2), numbered(1))
    assert app.previous() is None, "all of them are one image"
    assert app.records == (numbered(3), numbered(4), numbered(2), numbered(1))


def test_within_one_second_the_order_on_the_disk_counts(paths: Paths) -> None:
    directories = {}
    for number in (1, 2, 3):
        record = replace(numbered(number), install_time=RECORD.install_time)
        directories[number] = deploy(paths, record, current=number == 3)
    os.utime(directories[2], ns=(10, 10))
    os.utime(directories[1], ns=(20, 20))
    assert [record.deployment for record in installed_app(paths, RECORD.id).kept] == [
        numbered(1).deployment,
        numbered(2).deployment,
    ]


def test_a_rollback_goes_to_the_newest_of_another_image(paths: Paths) -> None:
    other = Digest("8" * 64)
    for number, digest in ((1, other), (2, other), (3, RECORD.image_digest), (4, RECORD.image_digest)):
        deploy(paths, replace(numbered(number), image_digest=digest), current=number == 4)
    previous = installed_app(paths, RECORD.id).previous()
    assert previous is not None
    assert previous.deployment == numbered(2).deployment


def test_with_nothing_kept_there_is_no_previous(paths: Paths) -> None:
    deploy(paths)
    assert installed_app(paths, RECORD.id).previous() is None


def nowhere(app: Path) -> None:
    (app / "current").unlink()
    (app / "current").symlink_to("333333333333.99")


def outside(app: Path) -> None:
    """A link to a real deployment, but of another app."""
    (app / "current").unlink()
    (app / "current").symlink_to("../org.example.Third/333333333333.1")


def no_link(app: Path) -> None:
    (app / "current").unlink()
    (app / "current").write_text("333333333333.1")


def absent(app: Path) -> None:
    (app / "current").unlink()


@pytest.mark.parametrize("damage", [nowhere, outside, no_link, absent])
def test_an_app_whose_current_points_nowhere_is_not_installed(
    paths: Paths, damage: Callable[[Path], None]
) -> None:
    deploy(paths)
    deploy(paths, replace(RECORD, id="org.example.Third"))
    damage(paths.app(RECORD.id))
    assert set(installed(paths)) == {"org.example.Third"}
    with pytest.raises(NotInstalled, match=r"org\.example\.App is not installed"):
        installed_app(paths, RECORD.id)
    assert not any(RECORD.id in ref for ref in roots(paths))


def test_a_path_is_no_app(paths: Paths) -> None:
    deploy(paths)
    for path in (f"../apps/{RECORD.id}", f"./{RECORD.id}", f"{RECORD.id}/"):
        assert (paths.app(path) / "current" / "record.json").exists()
        with pytest.raises(NotInstalled):
            installed_app(paths, path)


def test_staging_links_and_files_are_no_deployments(paths: Paths) -> None:
    directory = deploy(paths)
    app = paths.app(RECORD.id)
    directory.rename(app / ".staging-1")
    (app / RECORD.deployment).symlink_to(".staging-1")
    assert installed(paths) == {}
    (app / RECORD.deployment).unlink()
    (app / RECORD.deployment).write_text("x")
    assert installed(paths) == {}


def test_where_nothing_is_nothing_is_installed(paths: Paths) -> None:
    assert installed(paths) == {}
    assert roots(paths) == set()
    with pytest.raises(NotInstalled):
        installed_app(paths, RECORD.id)


def test_every_kept_record_is_a_root_with_its_layers(paths: Paths) -> None:
    deploy(paths, numbered(1))
    deploy(paths, numbered(2))
    assert roots(paths) == {
        app_ref("acme", RECORD.id, "333333333333.1"),
        app_ref("acme", RECORD.id, "333333333333.2"),
        layer_ref("acme", RECORD.layers[0]),
        layer_ref("acme", RECORD.layers[1]),
    }


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_so_that_nothing_is_dropped(paths: Paths, damage: Callable[[Path], Any]) -> None:
    deploy(paths, numbered(1), current=False)
    directory = deploy(paths, numbered(2))
    assert unreadable(paths) == []
    damage(directory / "record.json")
    assert unreadable(paths) == [directory]
