# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A tar's bytes, as other programs read them."""

import io
import subprocess
import tarfile

import pytest

from appctld.errors import UnsafeArchive
from appctld.workers.export.publish import tar

LONG = "d/" * 60 + "grüße-世界"


def read(*pieces: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(b"".join((*pieces, tar.END)))) as archive:
        (found,) = archive.getmembers()
        return found


@pytest.mark.parametrize("name", ["a", "x" * 100, "x" * 101, LONG, "new\nline", "y" * 4000])
def test_any_name_and_any_target_is_read_again(name: str) -> None:
    found = read(tar.header(name, tar.SYMLINK, mode=0o777, link=name))
    assert (found.name, found.linkname, found.mtime) == (name, name, 0)


@pytest.mark.parametrize("size", [0, 1, 0o77777777777, 0o77777777777 + 1, 1 << 40])
def test_any_size_is_read_again(size: int) -> None:
    block = tar.header("f", tar.FILE, mode=0o644, size=size)
    assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").size == size


@pytest.mark.parametrize("owner", [0, 0o7777777, 0o7777777 + 1, (1 << 32) - 1])
def test_any_owner_is_read_again(owner: int) -> None:
    found = read(tar.header("f", tar.FILE, mode=0o7777, uid=owner, gid=owner))
    assert (found.uid, found.gid, found.mode) == (owner, owner, 0o7777)


def test_gnu_tar_reads_xattrs_and_long_names() -> None:
    data = b"".join((
        tar.pax_xattrs([(b"user.b", b"\0\n="), (b"user.a", b"x" * 90)]),
        tar.header(LONG, tar.FILE, mode=0o600, size=3),
        b"abc" + tar.padding(3),
        tar.END,
    ))  # fmt: skip
    command = ["tar", "-tvvf", "-", "--xattrs", "--xattrs-include=*", "--quoting-style=literal"]
    listed = subprocess.run(command, input=data, capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert listed.stderr == b""
    assert LONG in listed.stdout.decode()
    assert b"x: 90 user.a" in listed.stdout


def test_a_machines_label_is_left_out() -> None:
    assert tar.pax_xattrs([(b"security.selinux", b"system_u:object_r:usr_t:s0\0")]) == b""


def test_an_xattr_that_would_be_read_as_another_is_refused() -> None:
    with pytest.raises(UnsafeArchive, match="no tar can hold"):
        tar.pax_xattrs([(b"user.a=b", b"")])
