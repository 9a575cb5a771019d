# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/flatpak/extensions.py: what a group makes, where it may lie, and what may stand there."""

import pytest

from appctld.errors import AppctlError, BadManifest, LimitExceeded
from appctld.model.flatpak.extensions import POINTS, VERSIONS, ExtensionPoint, extension_points
from support.worlds.flatpaks import EDITOR, PLATFORM


def points(keys: dict[str, str], group: str = "Extension org.acme.Extra") -> tuple[ExtensionPoint, ...]:
    """What a platform's group makes."""
    return extension_points({"Runtime": {}, group: {"directory": "lib/extra", **keys}}, PLATFORM)


def test_a_group_makes_a_point_of_the_owners_branch() -> None:
    (point,) = points({})
    assert str(point.ref) == "runtime/org.acme.Extra/x86_64/45"
    assert point.automatic
    assert point.to_json("/usr") == {
        "name": "org.acme.Extra",
        "id": "org.acme.Extra._45",
        "ref": "runtime/org.acme.Extra/x86_64/45",
        "at": "/usr/lib/extra",
        "subdirectories": False,
        "suffix": "",
        "merge-dirs": [],
        "ld-path": "",
        "enable-if": "",
    }


def test_all_that_a_group_says_arrives() -> None:
    keys = {
        "version": "9", "directory": "lib/gl/", "subdirectories": "true", "subdirectory-suffix": "lib",
        "merge-dirs": "vulkan/icd.d; egl;", "add-ld-path": "lib", "enable-if": "active-gl-driver",
    }  # fmt: skip
    (point,) = points(keys, "Extension org.acme.GL@tag")
    assert point.to_json("/app") == {
        "name": "org.acme.GL",
        "id": "org.acme.GL._9",
        "ref": "runtime/org.acme.GL/x86_64/9",
        "at": "/app/lib/gl",
        "subdirectories": True,
        "suffix": "lib",
        "merge-dirs": ["vulkan/icd.d", "egl"],
        "ld-path": "lib",
        "enable-if": "active-gl-driver",
    }


def test_each_version_is_a_point() -> None:
    found = points({"versions": "2; 1;2", "version": "9"})
    assert [point.ref.branch for point in found] == ["2", "1"]


@pytest.mark.parametrize("keys", [{"no-autodownload": "true"}, {"download-if": "active-gl-driver"}])
def test_what_flatpak_would_not_load_by_itself_is_not_automatic(keys: dict[str, str]) -> None:
    assert not points(keys)[0].automatic


def test_another_apps_group_is_no_point() -> None:
    assert extension_points({"ExtensionOf": {"ref": "x"}, "Extensions": {}}, EDITOR) == ()


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"directory": ""}, BadManifest),
        ({"directory": "/"}, BadManifest),
        ({"directory": "/etc"}, BadManifest),
        ({"directory": "../x"}, BadManifest),
        ({"directory": "lib/.."}, BadManifest),
        ({"directory": "lib/../x"}, BadManifest),
        ({"directory": "./x"}, BadManifest),
        ({"directory": "lib//x"}, BadManifest),
        ({"directory": "lib/\x1b"}, BadManifest),
        ({"directory": "lib:x"}, BadManifest),
        ({"directory": "/".join("x" * 17)}, BadManifest),
        ({"directory": "x" * 256}, BadManifest),
        ({"subdirectory-suffix": "../.."}, BadManifest),
        ({"merge-dirs": "a;../b"}, BadManifest),
        ({"add-ld-path": "../lib"}, BadManifest),
        ({"version": "a/b"}, BadManifest),
        ({"version": ".."}, BadManifest),
        ({"versions": ";".join(map(str, range(VERSIONS + 1)))}, LimitExceeded),
    ],
)
def test_a_point_outside_is_refused(keys: dict[str, str], error: type[AppctlError]) -> None:
    with pytest.raises(error):
        points(keys)


def test_the_longest_directory_is_one() -> None:
    assert points({"directory": "/".join(["x" * 255] * 16)})


def test_names_are_names() -> None:
    with pytest.raises(BadManifest):
        points({}, "Extension ../x")


def test_there_are_so_many_points_and_no_more() -> None:
    groups = {f"Extension org.acme.Extra{number}": {"directory": "x"} for number in range(POINTS + 1)}
    with pytest.raises(LimitExceeded):
        extension_points(groups, PLATFORM)
    groups.popitem()
    assert len(extension_points(groups, PLATFORM)) == POINTS
