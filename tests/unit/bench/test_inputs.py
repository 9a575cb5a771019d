# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The generated layers: the same everywhere, valid, and shaped as a distribution's."""

import gzip
import hashlib
import tarfile
from pathlib import Path

import pytest

from inputs.chain import above
from inputs.layer import Layer, read_layer, write_layer
from inputs.layout import Layout
from inputs.shape import APPLICATION, BASE, UPDATE, Entry, Kind, entries
from inputs.stack import stack
from inputs.texture import Contents, Texture

SMALL = BASE.small(100)


@pytest.fixture(scope="module")
def generated() -> list[list[Entry]]:
    """The three layers' entries."""
    layers: list[list[Entry]] = []
    for shape in (BASE, APPLICATION, UPDATE):
        layers.append(entries(shape, [entry for layer in layers for entry in layer]))
    return layers


def test_a_seed_makes_the_same_entries(generated: list[list[Entry]]) -> None:
    assert entries(BASE) == generated[0]


@pytest.mark.parametrize(("index", "shape"), [(0, BASE), (1, APPLICATION), (2, UPDATE)])
def test_a_layer_has_about_the_size_that_its_shape_names(
    generated: list[list[Entry]], index: int, shape: object
) -> None:
    found, wanted = generated[index], (BASE, APPLICATION, UPDATE)[index]
    assert 0.97 * wanted.entries < len(found) <= wanted.entries
    assert 0.97 * wanted.size < sum(entry.size for entry in found) <= wanted.size


def test_paths_are_unique_and_a_link_follows_what_it_names(generated: list[list[Entry]]) -> None:
    for layer in generated:
        seen: set[str] = set()
        for entry in layer:
            assert entry.path not in seen
            assert entry.kind is not Kind.HARD_LINK or entry.target in seen
            seen.add(entry.path)


def test_no_path_is_both_a_directory_and_something_else(generated: list[list[Entry]]) -> None:
    for layer in generated:
        parents = {entry.path.rpartition("/")[0] for entry in layer}
        assert not parents & {entry.path for entry in layer if entry.kind is not Kind.DIRECTORY}


def test_every_shape_of_a_real_image_occurs(generated: list[list[Entry]]) -> None:
    base, application, update = generated
    said = {entry.path for entry in application if entry.kind is Kind.DIRECTORY}
    assert {entry.path.rpartition("/")[0] for entry in application} - said, "no implicit directory"
    assert {entry.kind for entry in application} == set(Kind) - {Kind.WHITEOUT}
    assert max(len(entry.path) for entry in application) > 255, "no path that needs a pax header"
    below = {entry.path for entry in base + application}
    whiteouts = [entry.target for entry in update if entry.kind is Kind.WHITEOUT]
    assert len(whiteouts) > 100
    assert set(whiteouts) <= below
    assert len(below & {entry.path for entry in update if entry.kind is Kind.FILE}) > 100, "nothing replaced"


@pytest.mark.parametrize(
    ("texture", "least", "most"), [("TEXT", 3, 4), ("CODE", 2.3, 3), ("COMPRESSED", 0.9, 1.1)]
)
def test_textures_compress_as_their_models_do(texture: str, least: float, most: float) -> None:
    data = Contents().of(1, 1 << 20, Texture[texture]).read()
    assert least < len(data) / len(gzip.compress(data, 6)) < most


def test_no_two_files_are_one() -> None:
    contents = Contents()
    assert len({contents.of(number, 20, Texture.TEXT).read() for number in range(500)}) == 500


def test_a_file_that_is_larger_than_a_pool_is_read_to_its_end() -> None:
    source = Contents().of(9, 5_000_001, Texture.CODE)
    assert sum(len(part) for part in iter(lambda: source.read(1 << 16), b"")) == 5_000_001


def test_a_written_layer_is_what_it_says(tmp_path: Path) -> None:
    listed = entries(SMALL)
    layer = write_layer(tmp_path / "layer.tar.gz", listed)
    tar = gzip.decompress(layer.blob.read_bytes())
    assert layer.diff_id == f"sha256:{hashlib.sha256(tar).hexdigest()}"
    assert (layer.tar_size, layer.entries) == (len(tar), len(listed))
    assert read_layer(layer.blob) == layer
    with tarfile.open(layer.blob) as archive:
        assert archive.getnames() == [entry.path for entry in listed]


def test_a_layout_finds_its_images_again(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer.tar.gz", entries(SMALL))
    layout = Layout(tmp_path / "layout")
    first, second = layout.add("1", [layer]), layout.add("2", [layer, layer], minute=1)
    assert first != second
    assert [found.diff_id for found in layout.layers("2")] == [layer.diff_id] * 2
    assert len(layout.manifest("1")["layers"]) == 1


def test_a_flattened_version_is_what_its_layers_make_together() -> None:
    below = above({}, entries(BASE.small(10)))
    listed = entries(UPDATE.small(10), list(below.values()))
    whole = above(below, listed)
    gone = {entry.target for entry in listed if entry.kind is Kind.WHITEOUT}
    assert gone
    assert not gone & whole.keys()
    new = {entry.path for entry in listed if entry.kind is not Kind.WHITEOUT}
    assert whole.keys() == (below.keys() - gone) | new


@pytest.mark.parametrize(("layers", "whiteouts"), [(1, 0), (4, 0), (4, 10)])
def test_however_an_image_is_cut_it_has_the_same_files(tmp_path: Path, layers: int, whiteouts: int) -> None:
    made = stack(tmp_path, 100, layers, whiteouts)
    names = [name for layer in made for name in _names(layer)]
    gone = [name for name in names if ".wh." in name]
    assert (len(made), len(gone), len(set(gone))) == (layers, whiteouts, whiteouts)
    assert len([name for name in names if "-" in name]) == 100 + whiteouts
    assert {name.replace(".wh.", "") for name in gone} <= set(names)


def _names(layer: Layer) -> list[str]:
    with tarfile.open(layer.blob) as archive:
        return archive.getnames()
