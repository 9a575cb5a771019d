# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The list of what is installed: all of the checkout's files, in their places, with paths of the prefix."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from installing.place import LIST, TOP, Entry, Layout, entries, main, place

USR = Layout("/usr")
LOCAL = Layout("/usr/local")
# Directories of data/ that are no part of an installation as they are: build-deb's.
NOT_INSTALLED = {"debian"}


def installed(directory: Path, prefix: str) -> dict[str, Path]:
    main(str(directory), prefix)
    return {f"/{path.relative_to(directory)}": path for path in directory.rglob("*") if not path.is_dir()}


def listed() -> list[Entry]:
    return list(entries(LIST.read_text(), TOP, USR))


def test_every_file_of_data_and_systemd_is_installed() -> None:
    listed = {entry.source for entry in entries(LIST.read_text(), TOP, USR)}
    there = {str(path.relative_to(TOP)) for path in (TOP / "systemd").rglob("*.*") if path.suffix != ".txt"}
    data = [path for path in (TOP / "data").rglob("*") if path.is_file()]
    there |= {str(path.relative_to(TOP)) for path in data if path.parent.name not in NOT_INSTALLED}
    assert there - listed == set()


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local", "/opt/appctl"])
def test_no_placeholder_is_left_and_programs_are_those_of_the_prefix(tmp_path: Path, prefix: str) -> None:
    files = installed(tmp_path, prefix)
    programs = set()
    for path in files.values():
        if not path.is_symlink():
            text = path.read_text()
            assert not re.search(r"@[A-Z]+@", text), path
            programs |= set(re.findall(r"[^ =\"]*/(?:lib/appctl/[a-z]+/bin|bin)/appctld?\b", text))
    venv = f"{prefix}/lib/appctl/venv/bin"
    assert {f"{venv}/appctl", f"{venv}/appctld"} <= programs
    assert programs <= {f"{venv}/appctl", f"{venv}/appctld", f"{prefix}/bin/appctl"}
    assert str(files[f"{prefix}/bin/appctl"].readlink()) == "../lib/appctl/venv/bin/appctl"


def test_where_the_bus_reads_its_policy_depends_on_the_prefix(tmp_path: Path) -> None:
    """dbus-daemon(1): of /usr/local it reads services, and no policy."""
    policy = "dbus-1/system.d/org.appctl.Installer1.conf"
    assert f"/usr/share/{policy}" in installed(tmp_path / "usr", "/usr")
    assert f"/etc/{policy}" in installed(tmp_path / "local", "/usr/local")


def test_where_shipped_remotes_are_does_not_depend_on_the_prefix() -> None:
    """The daemon reads them there."""
    assert LOCAL.follow(b"/usr/lib/appctl/remotes.d /usr/lib/appctl/make-state") == (
        b"/usr/lib/appctl/remotes.d /usr/local/lib/appctl/make-state"
    )


def test_what_is_placed_is_for_all_to_read_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        installed(tmp_path / "tree", "/usr")
    finally:
        os.umask(before)
    found = [path for path in tmp_path.rglob("*") if not path.is_symlink()]
    named = {tmp_path / "tree" / entry.target[1:] for entry in listed() if entry.kind == "program"}
    programs = {path for path in found if path.is_dir()} | named
    assert {stat.S_IMODE(path.stat().st_mode) for path in programs} == {0o755}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path not in programs} == {0o644}


def test_a_link_that_is_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tmp_path / "file").symlink_to(outside)
    place(Entry("file", "README.md", "/file"), TOP, tmp_path, USR)
    assert (outside.read_text(), (tmp_path / "file").is_symlink()) == ("mine", False)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("file systemd/appctld.service /x/", "there is no"),
        ("file systemd/*.service /x", "more than one"),
        ("copy a b", "not understood"),
        ("file a", "not understood"),
        ("link a", "not understood"),
    ],
)
def test_a_line_that_means_nothing_is_an_error(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(entries(line, TOP, USR))


def test_a_desktop_knows_the_files_of_publishers(tmp_path: Path) -> None:
    """As GLib finds them, when the type is installed."""
    mime = tmp_path / "share/mime/packages"
    mime.mkdir(parents=True)
    (mime / "appctl.xml").write_bytes((TOP / "data/mime/org.appctl.Appctl.xml").read_bytes())
    subprocess.run(["update-mime-database", tmp_path / "share/mime"], check=True)
    ask = (
        "from gi.repository import Gio\n"
        "for name, data in (('a.appctlref', b''), ('a.appctlremote', b''), ('a', b'[Appctl Remote]\\n')):\n"
        "    print(Gio.content_type_guess(name, data)[0])"
    )
    environment = {**os.environ, "XDG_DATA_DIRS": str(tmp_path / "share"), "XDG_DATA_HOME": str(tmp_path)}
    said = subprocess.run(
        ["/usr/bin/python3", "-c", ask], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == [
        "application/vnd.appctl.ref",
        "application/vnd.appctl.remote",
        "application/vnd.appctl.remote",
    ]


def test_software_centres_can_read_what_appctl_is() -> None:
    metainfo = TOP / "data/metainfo/org.appctl.Appctl.metainfo.xml"
    command = ["appstreamcli", "validate", "--no-net", "--no-color", str(metainfo)]
    said = subprocess.run(command, capture_output=True, check=False, text=True).stdout
    wrong = [line for line in said.splitlines() if line.startswith(("E:", "W:"))]
    assert [line for line in wrong if "url-homepage-missing" not in line] == []  # there is none
    assert "alidation" in said  # it was looked at
