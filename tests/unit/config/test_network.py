# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Certificates by host, as podman and skopeo have them."""

import os
from pathlib import Path

import pytest

from appctld.config.network import Network
from appctld.config.remotes import CA_BYTES
from appctld.errors import Failed, LimitExceeded

HOST = "registry.corp:5000"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / HOST).mkdir()
    return tmp_path / HOST


def authorities(directory: Path, own: bytes | None = None, host: str = HOST) -> str | None:
    return Network(directory.parent).authorities(host, own)


def test_those_of_the_very_host_and_port_come_beside_the_remotes_own(directory: Path) -> None:
    (directory / "b.crt").write_bytes(b"second")
    (directory / "a.crt").write_bytes(b"first")
    (directory / "client.cert").write_bytes(b"no authority")
    (directory / "client.key").write_bytes(b"secret")
    assert authorities(directory) == "first\nsecond"
    assert authorities(directory, b"own") == "own\nfirst\nsecond"
    for other in ("registry.corp", "registry.corp:5001", "", "corp:5000"):
        assert authorities(directory, host=other) is None
        assert authorities(directory, b"own", other) == "own"


def test_without_a_directory_there_is_what_the_remote_has(tmp_path: Path) -> None:
    for network in (Network(), Network(tmp_path / "none")):
        assert (network.authorities(HOST), network.authorities(HOST, b"own")) == (None, "own")


def test_what_cannot_be_read_is_an_error_of_that_host_alone(directory: Path) -> None:
    os.mkfifo(directory / "a.crt")
    with pytest.raises(Failed, match=r"a\.crt"):
        authorities(directory)
    assert authorities(directory, host="quay.io") is None
    (directory / "a.crt").unlink()
    directory.chmod(0)
    try:
        with pytest.raises(Failed, match="Permission denied"):
            authorities(directory)
    finally:
        directory.chmod(0o755)


def test_all_of_them_together_have_a_size(directory: Path) -> None:
    (directory / "a.crt").write_bytes(b"x" * (CA_BYTES - 4))
    assert authorities(directory, b"four")
    with pytest.raises(LimitExceeded, match=HOST):
        authorities(directory, b"fives")
