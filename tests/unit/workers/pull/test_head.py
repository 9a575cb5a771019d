# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The head of a request to the tunnel."""

import socket

import pytest

from appctld.errors import RegistryUnavailable
from appctld.workers.pull.head import HEAD_BYTES, Head, read_head

LATE = 60.0


def read(data: bytes, *, ended: bool = True) -> Head | None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(LATE)
        theirs.sendall(data)
        if ended:
            theirs.shutdown(socket.SHUT_WR)
        return read_head(ours)


def test_it_is_read_up_to_its_end() -> None:
    head = read(b"CONNECT [::1]:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization:  y \r\n\r\n", ended=False)
    assert head == Head("CONNECT", "[::1]:443", ("Host: x", "Proxy-Authorization:  y "))
    assert (head.tunnelled, head.authorization) == (True, "y")
    assert str(head.url) == "https://[::1]/"


@pytest.mark.parametrize(
    "data", [b"", b"GET http://x/ HTTP/1.1\r\n", b"GET\r\n\r\n", b"GET x HTTP/1.0\r\n\r\n"]
)
def test_what_is_none_is_none(data: bytes) -> None:
    assert read(data) is None


def test_a_head_without_end_is_none() -> None:
    assert read(b"x" * (HEAD_BYTES + 1), ended=False) is None
    assert read(b"x" * HEAD_BYTES + b"\r\n\r\n", ended=False) is None


def test_one_password_is_taken_and_two_are_none() -> None:
    twice = ("Proxy-Authorization: a", "proxy-authorization: b")
    assert Head("GET", "http://x/", twice[1:]).authorization == "b"
    assert Head("GET", "http://x/", twice).authorization == ""


def test_what_is_meant_for_a_proxy_stays_here() -> None:
    lines = (
        "Host: x",
        "Proxy-Authorization: a",
        "PROXY-Connection: b",
        "connection: keep-alive",
        "Accept: c",
    )
    head = Head("GET", "http://x/y", lines)
    assert head.forwarded(head.url) == (
        b"GET /y HTTP/1.1\r\nHost: x\r\nAccept: c\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head", [Head("CONNECT", "a@b:1", ()), Head("GET", "/x", ()), Head("GET", "ftp://x/", ())]
)
def test_an_address_that_cannot_be_read(head: Head) -> None:
    with pytest.raises(RegistryUnavailable):
        _ = head.url
