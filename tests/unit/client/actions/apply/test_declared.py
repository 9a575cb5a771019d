# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of apps.d: what they say, and everything that they cannot say, refused by name."""

import os
from pathlib import Path

import pytest

from appctl.actions.apply.declared import FILES, TEXT_LENGTH, Declared, declared
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.programs.remote_files import FILE_BYTES

HASH = "5" * 64


def write(directory: Path, name: str, *lines: str, section: str = "[app]") -> Path:
    path = directory / name
    path.write_text("\n".join([section, *lines, ""]))
    return path


def refused(place: Path) -> str:
    with pytest.raises(Failure) as caught:
        declared(place, needed=True)
    assert caught.value.code is ExitCode.USAGE
    return caught.value.message


def test_a_file_says_what_it_says(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.conf",
        "# why",
        "ref = quay.io/acme/editor:1",
        "hold=yes",
        "as=org.acme.Two",
        f"permissions-hash={HASH}",
        "; that",
    )
    assert declared(path, needed=True) == [
        Declared(path, "quay.io/acme/editor:1", "org.acme.Two", hold=True, permissions_hash=HASH)
    ]
    bare = write(tmp_path, "b.conf", "ref=acme/editor")
    assert declared(bare, needed=True) == [Declared(bare, "acme/editor", "", None, "")]


def test_a_directory_is_its_files_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", "c.conf~", ".d.conf", "README"):
        write(tmp_path, name, f"ref=acme/{name[0]}")
    assert [one.reference for one in declared(tmp_path, needed=True)] == ["acme/a", "acme/b"]


def test_what_is_not_there_declares_nothing_unless_it_was_named(tmp_path: Path) -> None:
    assert declared(tmp_path / "none", needed=False) == []
    assert "No such file" in refused(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one section"),
        ("ref=a/b\n", "no section headers"),
        ("[remote]\nref=a/b\n", "one section"),
        ("[app]\nref=a/b\n[more]\n", "one section"),
        ("[app]junk\nref=a/b\n", "no section headers"),
        ("[app] ; x\nref=a/b\n", "no section headers"),
        ("[app]\nref=a/b\n[app]\nref=a/c\n", "already exists"),
        ("[app]\nref=a/b\nref=a/b\n", "already exists"),
        ("[app]\nRef=a/b\n", "no key Ref"),
        ("[app]\nref=a/b\nhodl=yes\n", "no key hodl"),
        ("[app]\nhold=yes\n", "ref= is missing"),
        ("[app]\nref=a/b\nas=two\n", "no application ID"),
        ("[app]\nref=\n", "ref= is empty"),
        ("[app]\nref\n", "pars"),
        ("[app]\nref=a/b\n  c/d\n", "no plain text"),
        ("[app]\nref=a/\u202eb\n", "no plain text"),
        ("[app]\nref=a/b c\n", "no reference"),
        (f"[app]\nref={'a' * (TEXT_LENGTH + 1)}\n", "too long"),
        ("[app]\nref=https://acme.example/acme.appctlref\n", "no reference"),
        ("[app]\nref=a/b\nhold=true\n", "yes or no"),
        ("[app]\nref=a/b\nhold=Yes\n", "yes or no"),
        ("[app]\nref=a/b\npermissions-hash=yes\n", "64 digits"),
        (f"[app]\nref=a/b\npermissions-hash={'A' * 64}\n", "64 digits"),
        ("[DEFAULT]\nref=a/b\n[app]\n", "one section"),
    ],
)
def test_what_makes_no_sense_is_refused_and_the_file_named(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(text)
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path / 'a.conf'}: ")
    assert why in message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_bytes(b"[app]\nref=a/\xff\n")
    assert "a.conf" in refused(tmp_path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.conf", "ref=a/b").chmod(0)
    assert "a.conf: Permission denied" in refused(tmp_path)


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.conf")
    assert "no regular file" in refused(tmp_path)


def test_a_file_too_large_and_files_too_many_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.conf", "ref=a/b", "#" * FILE_BYTES)
    assert "more than" in refused(path)
    path.unlink()
    for number in range(FILES + 1):
        (tmp_path / f"{number}.conf").touch()
    assert f"more than {FILES} files" in refused(tmp_path)


def test_what_two_files_name_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path, "a.conf", "ref=acme/editor:1")
    second = write(tmp_path, "b.conf", "ref=acme/editor:1")
    assert refused(tmp_path) == f"{second}: ref=acme/editor:1 stands in {first} too"


def test_one_id_for_two_apps_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path, "a.conf", "ref=acme/editor:1", "as=org.acme.Two")
    second = write(tmp_path, "b.conf", "ref=acme/editor:2", "as=org.acme.Two")
    assert refused(tmp_path) == f"{second}: as=org.acme.Two stands in {first} too"
