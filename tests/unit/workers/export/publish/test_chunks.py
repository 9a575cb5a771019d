# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which layer a file goes into."""

import hashlib
import random

import pytest

from appctld.errors import InvalidReference, LimitExceeded
from appctld.workers.export.publish.chunks import LARGE, LAYERS, Chunk, by_map, by_size
from appctld.workers.export.publish.contentmap import COMPONENTS, parse_map


def name(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def tree(files: int, large: int) -> dict[str, int]:
    chosen = random.Random(6)  # noqa: S311 - the same tree everywhere
    small = {name(number): chosen.randrange(LARGE // 8) for number in range(files)}
    return {**small, **{name(-number): LARGE + number for number in range(1, large + 1)}}


def contents(chunks: list[Chunk]) -> set[tuple[str, ...]]:
    return {chunk.files for chunk in chunks}


@pytest.mark.parametrize(
    ("files", "large"), [(0, 0), (1, 0), (0, 3), (40, 2), (3000, 31), (3000, 90), (0, 200)]
)
def test_every_file_is_in_one_layer_and_of_layers_there_are_not_too_many(files: int, large: int) -> None:
    sizes = tree(files, large)
    chunks = by_size(sizes)
    assert sorted(file for chunk in chunks for file in chunk.files) == sorted(sizes)
    assert len(chunks) <= LAYERS
    assert len({chunk.name for chunk in chunks}) == len(chunks)


def test_where_a_file_goes_does_not_depend_on_the_order_of_files() -> None:
    sizes = tree(500, 5)
    shuffled = list(sizes.items())
    random.Random(1).shuffle(shuffled)  # noqa: S311 - as above
    assert by_size(dict(shuffled)) == by_size(sizes)


def test_an_update_changes_the_layers_of_the_files_that_it_changes() -> None:
    sizes = tree(2000, 5)
    before = contents(by_size(sizes))
    updated = {**sizes, name(100_000): sizes[name(7)]}
    del updated[name(7)]
    assert len(contents(by_size(updated)) - before) <= 2


def test_a_large_file_has_a_layer_of_its_own() -> None:
    sizes = tree(100, 1)
    assert (name(-1),) in contents(by_size(sizes))


def test_small_files_share_a_layer_and_no_layer_but_the_first_is_empty() -> None:
    shared = Chunk("part 1 of 1", tuple(sorted(name(number) for number in range(5))))
    assert by_size({name(number): 9 for number in range(5)}) == [Chunk("", ()), shared]
    assert all(chunk.files for chunk in by_size({name(number): LARGE - 1 for number in range(3)})[1:])
    assert by_size({name(1): LARGE, name(2): LARGE - 1})[1].files == (name(1),)


def test_a_map_says_which_component_a_path_belongs_to() -> None:
    content = parse_map(b"# what\n\nusr/lib/* the libraries\nusr/bin/?? programs\nusr/* rest\nopt/* none\n")
    assert content.components == ["the libraries", "programs", "rest", "none"]
    paths = {
        "a": ["usr/lib/deep/x"], "b": ["usr/bin/ab"], "c": ["usr/bin/abc"], "d": ["etc/x"],
        "e": ["usr/bin/xy", "usr/lib/y"],
    }  # fmt: skip
    assert by_map(paths, content) == [
        Chunk("", ("d",)),
        Chunk("the libraries", ("a",)),
        Chunk("programs", ("b", "e")),
        Chunk("rest", ("c",)),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# only this\n",
        b"\xff x\n",
        b"alone\n",
        b"/usr/* lib\n",
        b"usr/* a,b\n",
        b"a \x1b[0m\n",
        b"a " + b"x" * 129,
    ],
)
def test_a_map_with_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidReference, match="a content map is"):
        parse_map(data)


def test_a_map_of_too_many_components_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="components"):
        parse_map(b"".join(b"%d c%d\n" % (n, n) for n in range(COMPONENTS + 1)))


def test_a_map_of_as_many_components_as_there_may_be_is_taken() -> None:
    data = b"".join(b"%d c%d\n" % (n, n) for n in range(COMPONENTS))
    paths = {name(n): [str(n)] for n in range(COMPONENTS + 1)}
    assert len(by_map(paths, parse_map(data))) == LAYERS
