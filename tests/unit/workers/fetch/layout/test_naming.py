# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which image a reference means, by the names that tools write."""

from dataclasses import dataclass

import pytest

from appctld.errors import BadManifest, NotFound
from appctld.workers.fetch.layout.naming import Place, choose, find, shown


@dataclass(frozen=True)
class Image:
    """`names` of one image; `identity` is what tells it from others."""

    names: tuple[str, ...]
    identity: object = ""


def image(name: str, identity: str = "") -> Image:
    return Image((name,) if name else (), identity or name)


PLACE = Place("quay.io", "acme/tools/editor", "acme")
FULL, BELOW, BARE = "quay.io/acme/tools/editor:1", "tools/editor:1", "1"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([FULL], FULL),
        ([BELOW], BELOW),
        ([BARE], BARE),
        ([BARE, BELOW, FULL], FULL),
        ([BARE, BELOW], BELOW),
        ([BARE, "2", "other"], BARE),
        ([""], ""),
        (["app/org.acme.Editor/x86_64/stable"], "app/org.acme.Editor/x86_64/stable"),
        (["runtime/org.acme.Platform/x86_64/1"], "runtime/org.acme.Platform/x86_64/1"),
    ],
)
def test_the_first_way_that_fits_decides(names: list[str], found: str) -> None:
    assert choose([image(name) for name in names], PLACE, "1", "here").identity == found


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["2"],
        ["latest"],
        ["quay.io/acme/tools/editor:2"],
        ["quay.io.evil/acme/tools/editor:1"],
        ["acme/tools/editor:1"],
        ["editor:1"],
        ["ools/editor:1"],
        ["1:1"],
        ["app/org.acme.Editor"],
        ["app/org.acme.Editor/x86_64/stable/more"],
        ["application/org.acme.Editor/x86_64/stable"],
        ["", ""],
        ["app/org.acme.Editor/x86_64/stable", "runtime/org.acme.Platform/x86_64/1"],
    ],
)
def test_nothing_else_is_ever_taken(names: list[str]) -> None:
    images = [image(name, f"{name}{number}") for number, name in enumerate(names)]
    with pytest.raises(NotFound, match=r"here has no quay\.io/acme/tools/editor:1; it has"):
        choose(images, PLACE, "1", "here")


@pytest.mark.parametrize("name", [FULL, BELOW, BARE])
def test_two_that_fit_in_one_way_are_an_error(name: str) -> None:
    images = [image(name, "first"), image("other"), image(name, "second")]
    with pytest.raises(BadManifest, match=f"two images are called {name}"):
        choose(images, PLACE, "1", "here")
    assert choose([image(name, "same"), image(name, "same")], PLACE, "1", "here").identity == "same"


def test_one_image_may_have_several_names() -> None:
    images = [Image(("x", BARE), "first"), Image(("y", FULL), "second")]
    assert choose(images, PLACE, "1", "here").identity == "second"


def test_the_only_image_counts_without_a_name_only_where_all_of_its_names_mean_nothing() -> None:
    with pytest.raises(NotFound):
        choose([Image(("app/a/b/c", "2"))], PLACE, "1", "here")


def test_what_belongs_to_an_image_is_never_found_by_being_the_only_one() -> None:
    assert find([image("")], PLACE, "1") is None


def test_a_repository_that_is_the_prefix_itself_has_nothing_below_it() -> None:
    assert Place("quay.io", "acme/editor", "acme/editor").names("1") == ("quay.io/acme/editor:1", "1")
    assert Place("quay.io", "acme", "").names("1") == ("quay.io/acme:1", "acme:1", "1")
    assert Place("quay.io", "acme-evil/x", "acme").names("1") == (
        "quay.io/acme-evil/x:1",
        "acme-evil/x:1",
        "1",
    )


def test_a_message_names_a_few_of_what_is_there() -> None:
    assert shown([]) == "no image"
    assert shown([image(""), image("x" * 100)]) == f"an image without a name, {'x' * 80}"
    assert shown([image(str(number)) for number in range(20)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 12 more"
