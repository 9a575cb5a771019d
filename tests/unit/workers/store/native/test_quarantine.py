# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""quarantine.py: what is read is bounded, and nothing but objects is. Lies are told in test_importing.py."""

import gc
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, Failed, LimitExceeded
from appctld.workers.store.native import quarantine as module
from appctld.workers.store.native.quarantine import Quarantine
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import FileHead
from support.descriptors import open_descriptors
from support.repositories.quarantine import Forged

NAME = "ab" * 32


@pytest.fixture
def made(tmp_path: Path) -> Forged:
    return Forged(tmp_path / "quarantine")


@pytest.fixture
def quarantine(made: Forged) -> Iterator[Quarantine]:
    made.path.mkdir(exist_ok=True)
    with Quarantine.opened(made.path, 1 << 40) as opened:
        yield opened


def test_a_file_is_read_as_it_claims_to_be(made: Forged, quarantine: Quarantine) -> None:
    head = FileHead(1, 2, stat.S_IFREG | 0o4755, "", ((b"user.b", b"2"), (b"user.a", b"1")))
    content = bytes(3 << 20)
    with quarantine.file(made.file(content, head)) as found:
        assert found is not None
        assert (found.head, found.size, b"".join(found.chunks)) == (head, len(content), content)
    assert quarantine.count == len(content)


def test_a_symlink_has_a_target_and_no_content(made: Forged, quarantine: Quarantine) -> None:
    head = FileHead(1, 2, stat.S_IFLNK | 0o777, "../ü")
    with quarantine.file(made.file(head=head)) as found:
        assert found is not None
        assert (found.head, found.size, list(found.chunks)) == (head, 0, [])


def test_a_symlink_without_its_nul_is_the_same(made: Forged, quarantine: Quarantine) -> None:
    head = FileHead(0, 0, stat.S_IFLNK | 0o777, "x")
    name = made.file(head=head)
    (made.path / loose_path(Kind.FILE, name)).write_bytes(b"x")
    with quarantine.file(name) as found:
        assert found is not None
        assert found.head == head


def test_what_is_not_there_is_none(quarantine: Quarantine) -> None:
    assert quarantine.metadata(Kind.DIRTREE, NAME) is None
    with quarantine.file(NAME) as found:
        assert found is None


def test_no_descriptor_stays_open(made: Forged) -> None:
    names = [made.add(Kind.DIRTREE, b"%d" % number) for number in range(9)]
    gc.collect()
    before = open_descriptors()
    with Quarantine.opened(made.path, 100) as quarantine:
        for name in names:
            assert quarantine.metadata(Kind.DIRTREE, name)
    assert open_descriptors() == before


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["FIFO", "directory"])
@pytest.mark.parametrize("kind", [Kind.COMMIT, Kind.FILE])
def test_only_regular_files_are_read(
    made: Forged, quarantine: Quarantine, kind: Kind, make: Callable[[Path], None]
) -> None:
    path = made.path / loose_path(kind, NAME)
    path.parent.mkdir(parents=True)
    make(path)
    with pytest.raises(DigestMismatch, match="no regular file"):
        read(quarantine, kind)


def read(quarantine: Quarantine, kind: Kind) -> None:
    if kind is not Kind.FILE:
        quarantine.metadata(kind, NAME)
        return
    with quarantine.file(NAME):
        pass


@pytest.mark.parametrize("name", ["", "../x", "ab/" + NAME[3:], NAME[:-1], NAME.upper(), NAME + "/.."])
def test_a_path_is_made_of_hex_digits(quarantine: Quarantine, name: str) -> None:
    with pytest.raises(Failed):
        quarantine.metadata(Kind.COMMIT, name)


@pytest.mark.parametrize("change", [-1, 1], ids=["shrinks", "grows"])
def test_a_file_that_changes_while_it_is_read_gives_what_it_promised_or_nothing(
    made: Forged, quarantine: Quarantine, change: int
) -> None:
    name = made.file(b"x" * 1000)
    with quarantine.file(name) as found:
        assert found is not None
        os.truncate(made.path / loose_path(Kind.FILE, name), 1000 + change)
        if change > 0:
            assert b"".join(found.chunks) == b"x" * 1000
        else:
            with pytest.raises(DigestMismatch, match=name):
                list(found.chunks)


def test_attributes_are_bounded(
    made: Forged, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own limit is the same today."""
    name = made.file(b"", FileHead(0, 0, stat.S_IFREG | 0o644, "", ((b"user.a", b"x" * 1000),)))
    monkeypatch.setattr(module, "ATTRIBUTES_BYTES", 1000)
    with pytest.raises(LimitExceeded), quarantine.file(name):
        pass


def test_metadata_is_bounded(made: Forged, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    name = made.add(Kind.COMMIT, b"x" * 1001)
    monkeypatch.setattr(module, "METADATA_BYTES", 1000)
    with pytest.raises(LimitExceeded, match="commit"):
        quarantine.metadata(Kind.COMMIT, name)


def test_bytes_are_counted_over_all_objects(made: Forged) -> None:
    names = [made.add(Kind.DIRTREE, b"x" * 600), made.add(Kind.DIRMETA, b"y" * 400)]
    for limit, last in ((1000, b"y" * 400), (999, None)):
        with Quarantine.opened(made.path, limit) as quarantine:
            assert quarantine.metadata(Kind.DIRTREE, names[0]) == b"x" * 600
            if last is not None:
                assert quarantine.metadata(Kind.DIRMETA, names[1]) == last
                continue
            with pytest.raises(LimitExceeded):
                quarantine.metadata(Kind.DIRMETA, names[1])
