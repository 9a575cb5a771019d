# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`oci:/DIR`: its spelling, and who may be able to change it."""

import stat
from pathlib import Path

import pytest

from appctld.config.directory import PathStatus, check_owners, is_layout, parse_layout
from appctld.errors import InvalidReference, PolicyDenied

US, OTHER = 100, 1000
IMAGES = Path("/srv/images")
DIRECTORY = stat.S_IFDIR | 0o755
FILE = stat.S_IFREG | 0o644


@pytest.mark.parametrize("url", ["oci:/srv/images", "oci:/srv/images/"])
def test_a_directory_has_one_spelling(url: str) -> None:
    assert is_layout(url)
    assert parse_layout(url) == IMAGES


@pytest.mark.parametrize(
    "url",
    ["oci:", "oci:/", "oci:srv", "oci:./srv", "oci:/srv//x", "oci:/srv/../x", "oci:/srv/./x", "oci:/srv/a b",
     "oci:/srv/a%20b", "oci:/srv/a\nb", "oci:/srv\0"],
)  # fmt: skip
def test_what_is_no_plain_absolute_path(url: str) -> None:
    assert is_layout(url)
    with pytest.raises(InvalidReference, match="no plain absolute path"):
        parse_layout(url)


@pytest.mark.parametrize("url", ["oci://srv/images", "oci+https://quay.io/x", "quay.io/oci", "ostree:/srv"])
def test_other_urls_mean_no_directory_of_images(url: str) -> None:
    assert not is_layout(url)


def standing(path: str, mode: int = DIRECTORY, owner: int = 0) -> PathStatus:
    return PathStatus(Path(path), mode, owner)


@pytest.mark.parametrize(
    "found",
    [
        [standing("/"), standing("/srv"), standing("/srv/images")],
        [standing("/"), standing("/srv"), standing("/srv/images", owner=US)],
        [standing("/"), standing("/srv", stat.S_IFDIR | 0o1777), standing("/srv/images")],
        [standing("/srv/images"), standing("/srv/images/index.json", FILE, US)],
    ],
)
def test_what_root_or_we_alone_can_change_counts(found: list[PathStatus]) -> None:
    check_owners(found, IMAGES, US)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (standing("/srv/images", owner=OTHER), "changed by others"),
        (standing("/srv", owner=OTHER), "changed by others"),
        (standing("/srv", stat.S_IFDIR | 0o775), "changed by others"),
        (standing("/srv/images", stat.S_IFDIR | 0o1777), "changed by others"),
        (standing("/srv/images", stat.S_IFLNK | 0o777), "no directory"),
        (standing("/srv/images", FILE), "no directory"),
        (standing("/srv/images/index.json", FILE, OTHER), "changed by others"),
        (standing("/srv/images/index.json", stat.S_IFREG | 0o664), "changed by others"),
        (standing("/srv/images/index.json", DIRECTORY), "no regular file"),
        (standing("/srv/images/index.json", stat.S_IFIFO | 0o644), "no regular file"),
    ],
)
def test_what_somebody_else_could_change_does_not(found: PathStatus, why: str) -> None:
    with pytest.raises(PolicyDenied, match=why):
        check_owners([found], IMAGES, US)
