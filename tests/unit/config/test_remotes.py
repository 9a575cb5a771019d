# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Reading directories of remotes: precedence, files beside a file, nothing unreadable is passed over."""

import os
from pathlib import Path

import pytest

from appctld.config import remotes
from appctld.config.remotes import CA_BYTES, COSIGN_BYTES, KEYRING_BYTES, load, read_limited, stamps
from appctld.errors import Conflict, Failed

ACME = "[remote]\nurl = quay.io/acme\n"


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    (tmp_path / "usr").mkdir()
    return tmp_path / "usr"


def test_no_directory_no_remotes(tmp_path: Path) -> None:
    assert list(load([tmp_path / "etc", tmp_path / "usr"])) == []


def test_a_remote_with_what_lies_beside_it(ours: Path) -> None:
    (ours / "acme.conf").write_text(ACME)
    (ours / "acme.gpg").write_bytes(b"keys")
    (ours / "acme.ca.pem").write_bytes(b"certificates")
    (ours / "README").write_text("no remote")
    (ours / ".acme.conf.1234").write_text("unfinished")
    (ours / ".other.conf").write_text("unfinished")
    (found,) = load([ours])
    assert (found.name, found.keyring, found.ca) == ("acme", b"keys", b"certificates")
    assert (found.origin, found.writable) == (ours / "acme.conf", True)


def test_without_keys_there_are_none(ours: Path) -> None:
    (ours / "acme.conf").write_text(ACME)
    (ours / "other.gpg").write_bytes(b"keys")
    assert load([ours]).get("acme").keyring is None


def test_the_first_file_of_a_name_wins_whole(ours: Path, shipped: Path) -> None:
    (shipped / "acme.conf").write_text(ACME + "title = shipped\nstrict = yes\n")
    (shipped / "acme.gpg").write_bytes(b"shipped keys")
    (shipped / "other.conf").write_text("[remote]\nurl = quay.io/other\n")
    assert [(found.name, found.writable) for found in load([ours, shipped])] == [
        ("acme", False),
        ("other", False),
    ]
    (ours / "acme.conf").write_text("[remote]\nurl = quay.io/elsewhere\n")
    found = load([ours, shipped]).get("acme")
    assert (found.url, found.title, found.strict, found.writable) == (
        "quay.io/elsewhere",
        "acme",
        False,
        True,
    )
    assert found.keyring is None


def test_a_mask_makes_room_for_nobody(ours: Path, shipped: Path) -> None:
    (shipped / "acme.conf").write_text(ACME)
    (ours / "acme.conf").write_text(ACME + "enabled = no\n")
    assert not load([ours, shipped]).get("acme").enabled


MASK = "[remote]\nenabled = no\n"


def test_a_file_that_says_only_that_masks_the_shipped_one(ours: Path, shipped: Path) -> None:
    (shipped / "acme.conf").write_text(ACME + "title = shipped\n")
    (shipped / "acme.gpg").write_bytes(b"shipped keys")
    (ours / "acme.conf").write_text(MASK)
    found = load([ours, shipped]).get("acme")
    assert (found.enabled, found.title, found.keyring) == (False, "shipped", b"shipped keys")
    assert (found.origin, found.writable) == (ours / "acme.conf", True)
    assert found.settings == {"url": "quay.io/acme", "title": "shipped", "enabled": "no"}


def test_every_file_is_read_once(ours: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it could be a mask at one time, and a remote at the other."""
    (ours / "acme.conf").write_text(MASK)
    (ours / "own.conf").write_text(ACME.replace("acme", "own"))
    (shipped / "acme.conf").write_text(ACME)
    read: list[Path] = []

    def noting(path: Path, limit: int) -> bytes | None:
        read.append(path)
        return read_limited(path, limit)

    monkeypatch.setattr(remotes, "read_limited", noting)
    load([ours, shipped])
    files = [path for path in read if path.suffix == ".conf"]
    assert sorted(files) == [ours / "acme.conf", ours / "own.conf", shipped / "acme.conf"]


def test_a_mask_of_nothing_is_nothing_and_no_other_file_is_one(ours: Path, shipped: Path) -> None:
    (ours / "acme.conf").write_text(MASK)
    assert list(load([ours, shipped])) == []
    for text in ("[remote]\nenabled = yes\n", MASK + "title = x\n"):
        (ours / "acme.conf").write_text(text)
        (shipped / "acme.conf").write_text(ACME)
        with pytest.raises(Failed, match="'url' is missing"):
            load([ours, shipped])


def test_what_a_mask_hides_must_be_right_as_well(ours: Path, shipped: Path) -> None:
    (ours / "acme.conf").write_text(MASK)
    (shipped / "acme.conf").write_text("[remote]\nurl = quay.io/acme\nfuture = yes\n")
    with pytest.raises(Failed, match=str(shipped / "acme.conf")):
        load([ours, shipped])


def test_a_file_that_is_written_added_or_removed_changes_the_stamps(ours: Path, shipped: Path) -> None:
    (ours / "acme.conf").write_text(ACME)
    (ours / "gone").symlink_to("nowhere")
    seen = [stamps([ours, shipped, ours / "none"])]
    assert stamps([ours, shipped]) == seen[0]

    def differs() -> bool:
        seen.append(stamps([ours, shipped]))
        return seen[-1] not in seen[:-1]

    (ours / "acme.conf").write_text(ACME + "title = x\n")
    assert differs()
    os.utime(ours / "acme.conf", ns=(1, 1))
    assert differs()
    (ours / "acme.gpg").write_bytes(b"keys")
    assert differs()
    (shipped / "other.conf").write_text(ACME)
    assert differs()
    (ours / "new").write_text(ACME + "title = y\n")
    os.utime(ours / "new", ns=(1, 1))
    (ours / "new").replace(ours / "acme.conf")
    assert differs()
    (shipped / "other.conf").unlink()
    assert differs()


def test_one_prefix_in_two_directories_is_a_conflict(ours: Path, shipped: Path) -> None:
    (shipped / "acme.conf").write_text(ACME)
    (ours / "mine.conf").write_text(ACME)
    with pytest.raises(Conflict):
        load([ours, shipped])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("acme.conf", "[remote]\nurl = quay.io/acme\nfuture = yes\n"),
        ("acme.conf", "[remote]\n"),
        ("acme.conf", ""),
        ("Acme.conf", ACME),
        ("acme.old.conf", ACME),
        ("localhost.conf", ACME),
    ],
)
def test_a_wrong_file_is_an_error_that_names_it(name: str, text: str, ours: Path) -> None:
    (ours / name).write_text(text)
    (ours / "other.conf").write_text("[remote]\nurl = quay.io/other\n")
    with pytest.raises(Failed) as caught:
        load([ours])
    assert caught.value.data["path"] == str(ours / name)
    assert str(ours / name) in str(caught.value)


def test_a_wrong_file_of_ours_does_not_bring_the_shipped_one_back(ours: Path, shipped: Path) -> None:
    (shipped / "acme.conf").write_text(ACME)
    (ours / "acme.conf").write_text("[remote\n")
    with pytest.raises(Failed):
        load([ours, shipped])


@pytest.mark.parametrize("name", ["acme.conf", "acme.gpg", "acme.cosign.pub", "acme.ca.pem"])
def test_what_is_no_regular_file_is_neither_waited_for_nor_passed_over(name: str, ours: Path) -> None:
    if name != "acme.conf":
        (ours / "acme.conf").write_text(ACME)
    os.mkfifo(ours / name)
    with pytest.raises(Failed, match=name):
        load([ours])


@pytest.mark.parametrize("name", ["acme.conf", "acme.gpg", "acme.cosign.pub"])
def test_a_file_that_cannot_be_read_is_an_error(name: str, ours: Path) -> None:
    """A directory of that name fails for every user, root included."""
    if name != "acme.conf":
        (ours / "acme.conf").write_text(ACME)
    (ours / name).mkdir()
    with pytest.raises(Failed, match=name):
        load([ours])


def test_a_dangling_link_is_an_error(ours: Path) -> None:
    (ours / "acme.conf").symlink_to("nowhere")
    with pytest.raises(Failed):
        load([ours])


def test_a_directory_that_is_none_is_an_error(ours: Path) -> None:
    (ours / "file").write_text("")
    with pytest.raises(Failed, match="file"):
        load([ours / "file"])


@pytest.mark.parametrize(
    ("name", "limit"),
    [("acme.gpg", KEYRING_BYTES), ("acme.cosign.pub", COSIGN_BYTES), ("acme.ca.pem", CA_BYTES)],
)
def test_keys_and_certificates_have_a_largest_size(name: str, limit: int, ours: Path) -> None:
    (ours / "acme.conf").write_text(ACME)
    (ours / name).write_bytes(bytes(limit))
    acme = load([ours]).get("acme")
    assert bytes(limit) in {acme.keyring, acme.cosign_keys, acme.ca}
    (ours / name).write_bytes(bytes(limit + 1))
    with pytest.raises(Failed, match=name):
        load([ours])


def test_the_certificates_that_a_file_names(ours: Path, tmp_path: Path) -> None:
    (ours / "acme.ca.pem").write_bytes(b"beside")
    (tmp_path / "corp.pem").write_bytes(b"named")
    (ours / "acme.conf").write_text(f"{ACME}ca-file = {tmp_path / 'corp.pem'}\n")
    assert load([ours]).get("acme").ca == b"named"


@pytest.mark.parametrize("named", ["corp.pem", "/nonexistent/corp.pem"])
def test_certificates_that_are_not_there_are_an_error(
    named: str, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ours)
    (ours / "corp.pem").write_bytes(b"named")
    (ours / "acme.conf").write_text(f"{ACME}ca-file = {named}\n")
    with pytest.raises(Failed, match="ca-file"):
        load([ours])


def test_the_number_of_remotes_is_limited(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remotes, "REMOTES", 2)
    for name in ("a", "b"):
        (ours / f"{name}.conf").write_text(f"[remote]\nurl = quay.io/{name}\n")
    assert [remote.name for remote in load([ours])] == ["a", "b"]
    (ours / "c.conf").write_text("[remote]\nurl = quay.io/c\n")
    with pytest.raises(Failed, match="more than 2"):
        load([ours])
