# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What cannot be listed, each found before anything leaves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, Conflict, InvalidReference, LimitExceeded
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.export.catalog import catalog as module
from appctld.workers.export.catalog.catalog import catalog
from support.workers.cataloguing import TOOL, made, request
from support.workers.specimen import ID, METAINFO, REFERENCE, File, Specimen

Spoil = Callable[[Specimen], None]


def _named(name: str) -> Spoil:
    return lambda specimen: setattr(specimen, "name", name)


def _as_another_layer(specimen: Specimen) -> None:
    specimen.diff_id = f"sha256:{'0' * 64}"


def _with_long_metainfo(specimen: Specimen) -> None:
    """Which an installation would export, and no catalogue takes."""
    paragraphs = "<p>It turns whatever can be turned.</p>" * 7000
    text = METAINFO.replace(ID, TOOL).replace("<description>", f"<description>{paragraphs}")
    specimen.files[f"usr/share/metainfo/{TOOL}.metainfo.xml"] = File(text.encode())


@pytest.mark.parametrize(
    ("spoil", "error", "why"),
    [
        (_named("registry.example.org/other/tool:1"), InvalidReference, "does not lie below"),
        (_named("registry.example.org/appsmore/tool:1"), InvalidReference, "does not lie below"),
        (_named("other.example.org/apps/tool:1"), InvalidReference, "does not lie below"),
        (_named("v1"), InvalidReference, "without a whole reference"),
        (_named(f"registry.example.org/apps/tool@sha256:{'0' * 64}"), InvalidReference, "under a tag"),
        (_with_long_metainfo, LimitExceeded, "apps/deep/tool:2: a component of"),
        (lambda specimen: specimen.labels.update({"org.appctl.id": ID}), Conflict, "are both"),
        (_as_another_layer, BadManifest, "another than its config says"),
        (lambda specimen: specimen.more_diff_ids.append(f"sha256:{'0' * 64}"), BadManifest, "diffIDs"),
        (
            lambda specimen: specimen.labels.update({"org.appctl.id": "../x"}),
            BadManifest,
            "no application ID",
        ),
    ],
)
def test_an_image_that_cannot_be_listed_stops_all(
    spoil: Spoil, error: type[AppctlError], why: str, greeter: Specimen, tool: Specimen, tmp_path: Path
) -> None:
    spoil(tool)
    with pytest.raises(error, match=why):
        made(tmp_path / "out", greeter, tool)
    assert not (tmp_path / "out").exists()


def test_that_an_image_lies_elsewhere_is_known_before_any_is_read(
    greeter: Specimen, tool: Specimen, tmp_path: Path
) -> None:
    tool.name = "registry.example.org/other/tool:1"
    told: list[JsonObject] = []
    with pytest.raises(InvalidReference, match="does not lie below"):
        catalog(request(tmp_path / "out", greeter, tool), told.append)
    assert told == []


def test_a_catalogue_of_no_app_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidReference, match="none of these"):
        made(tmp_path / "out", images=[])


def test_no_more_is_made_than_a_machine_takes(
    greeter: Specimen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appctld.model.catalog.CATALOG_BYTES", 2000)
    with pytest.raises(LimitExceeded, match="2000 are allowed"):
        made(tmp_path / "out", greeter)
    assert not (tmp_path / "out").exists()


def test_an_index_of_nothing_is_no_app(tmp_path: Path) -> None:
    empty = Specimen(tmp_path / "empty")
    empty.shelf.add_index(REFERENCE)
    place: Json = {"kind": "directory", "path": str(empty.shelf.directory), "called": ""}
    with pytest.raises(BadManifest, match="index without an image"):
        made(tmp_path / "out", images=[place])


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "is given a name"), (f"registry.example.org/x@sha256:{'0' * 64}", "under a tag"), ("x", "'x'")],
)
def test_a_catalogue_has_a_whole_name_with_a_tag(
    name: str, why: str, greeter: Specimen, tmp_path: Path
) -> None:
    with pytest.raises(InvalidReference, match=why):
        made(tmp_path / "out", greeter, name=name)


def test_there_may_be_so_many_images_which_is_known_before_any_is_read(
    greeter: Specimen, tool: Specimen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPONENTS", 1)
    made(tmp_path / "out", greeter)
    told: list[JsonObject] = []
    with pytest.raises(LimitExceeded):
        catalog(request(tmp_path / "out", greeter, tool), told.append)
    assert told == []
