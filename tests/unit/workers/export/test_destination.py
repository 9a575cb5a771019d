# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What all destinations share: blobs are what they are called, and what the kernel says is told as it is."""

import errno
import io
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, Failed, InvalidReference, LimitExceeded, NoSpace
from appctld.model.jsonvalue import JsonObject
from appctld.workers.export.destination import (
    Counted,
    checked,
    opened,
    opened_directory,
    read_whole,
    sync_directory,
    writing,
)
from appctld.workers.export.to_archive import Archive
from appctld.workers.export.to_directory import LayoutDirectory
from appctld.workers.export.to_registry import RegistryRepository
from support.workers.leaving import blob_of, registry, watched

DATA = b"some bytes"


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ({"kind": "directory", "path": "/nowhere"}, LayoutDirectory),
        ({"kind": "archive", "path": "/nowhere"}, Archive),
        (registry("http://127.0.0.1:1"), RegistryRepository),
    ],
)
def test_each_kind_is_opened(to: JsonObject, kind: type) -> None:
    assert isinstance(opened(to), kind)


def test_another_kind_is_refused() -> None:
    with pytest.raises(InvalidReference):
        opened({"kind": "tape", "path": "/dev/null"})


@pytest.mark.parametrize("pieces", [[DATA], [DATA[:3], DATA[3:]], [b"", DATA]])
def test_a_blob_that_is_what_it_is_called_passes(pieces: list[bytes]) -> None:
    assert b"".join(checked(blob_of(DATA), pieces)) == DATA


@pytest.mark.parametrize("pieces", [[], [DATA[:-1]], [DATA, b"x"], [b"x" * len(DATA)]])
def test_another_one_does_not(pieces: list[bytes]) -> None:
    with pytest.raises(DigestMismatch):
        list(checked(blob_of(DATA), pieces))


def test_what_comes_through_is_counted() -> None:
    counted = Counted([DATA, DATA])
    assert b"".join(counted) == DATA * 2
    assert (counted.size, counted.digest) == (len(DATA) * 2, blob_of(DATA * 2).digest)
    assert Counted.of_file(io.BytesIO(DATA)).digest == blob_of(DATA).digest


def test_a_file_is_read_up_to_its_limit() -> None:
    assert read_whole(io.BytesIO(DATA), len(DATA), "it") == DATA
    with pytest.raises(LimitExceeded):
        read_whole(io.BytesIO(DATA), len(DATA) - 1, "it")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_as_such(tmp_path: Path, number: int) -> None:
    with pytest.raises(NoSpace, match=str(tmp_path)), writing(tmp_path):
        raise OSError(number, "full")


def test_anything_else_of_the_kernels_is_a_failure_without_a_word_about_the_daemon(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be written: broken") as caught, writing(tmp_path):
        raise OSError(errno.EIO, "broken")
    assert "journal" not in caught.value.advice


def test_a_directory_is_synced_behind_a_symlink_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    done = watched(monkeypatch)
    sync_directory(tmp_path / "link")
    assert done == ["sync directory"]
    with opened_directory(tmp_path / "link") as descriptor:
        assert descriptor >= 0
