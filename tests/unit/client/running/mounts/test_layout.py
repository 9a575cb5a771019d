# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image as arguments: no mount point below a path of the image, and lookups that stay inside it."""

from pathlib import Path

import pytest

from appctl.running.mounts.layout import ROOT, Tree, fill, find_program, look_up


@pytest.fixture
def image(tmp_path: Path) -> Path:
    top = tmp_path / "files"
    for directory in ("usr/bin", "home/me/project", "home/other", "etc/ssl"):
        (top / directory).mkdir(parents=True)
    (top / "usr/bin/tool").write_text("x")
    (top / "home/me/.profile").write_text("x")
    (top / "bin").symlink_to("usr/bin")
    (top / "etc/passwd").symlink_to("/host/passwd")
    (top / "srv").symlink_to("/home")
    return top


def test_a_place_of_ours_makes_everything_above_it_ours(image: Path) -> None:
    ours = ["/etc/passwd", "/home/me/.var/app/x/home", "/srv/data"]
    assert fill(image, "/", ours) == [
        "--symlink", "usr/bin", "/bin",
        "--dir", "/etc",
        "--ro-bind", f"{image}/etc/ssl", "/etc/ssl",
        "--dir", "/home",
        "--dir", "/home/me",
        "--ro-bind", f"{image}/home/me/.profile", "/home/me/.profile",
        "--ro-bind", f"{image}/home/me/project", "/home/me/project",
        "--ro-bind", f"{image}/home/other", "/home/other",
        "--ro-bind", f"{image}/usr", "/usr",
    ]  # fmt: skip


def test_a_file_or_link_above_a_place_of_ours_is_left_out(image: Path) -> None:
    arguments = fill(image, "/", ["/bin/x/y", "/usr/bin/tool/below"])
    assert "/bin" not in arguments
    assert "/usr/bin/tool" not in arguments


def test_the_caller_may_say_how_something_is_shown(image: Path) -> None:
    assert fill(image / "home", "/var", ["/var/me"], lambda source, place: ("--bind", source, place)) == [
        "--bind", f"{image}/home/other", "/var/other",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/usr/bin/tool", "usr/bin/tool"),
        ("/bin/tool", "usr/bin/tool"),
        ("/bin/../../../../usr/bin/tool", "usr/bin/tool"),
        ("/srv/me/.profile", "home/me/.profile"),
        ("/etc/passwd", None),
        ("/nothing", None),
        ("/", ""),
    ],
)
def test_lookups_stay_inside(path: str, found: str | None, image: Path) -> None:
    assert look_up(Tree({ROOT: image}), path) == (None if found is None else image / found)


def test_a_loop_of_links_leads_nowhere(image: Path) -> None:
    (image / "a").symlink_to("b")
    (image / "b").symlink_to("a")
    assert look_up(Tree({ROOT: image}), "/a") is None


def test_programs_are_found_as_exec_finds_them(image: Path) -> None:
    assert find_program(Tree({ROOT: image}), "tool", "/sbin:/bin") == image / "usr/bin/tool"
    assert find_program(Tree({ROOT: image}), "/bin/tool", "") == image / "usr/bin/tool"
    assert find_program(Tree({ROOT: image}), "tool", "/sbin") is None
    assert find_program(Tree({ROOT: image}), "bin", "/usr") is None
