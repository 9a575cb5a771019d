# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bodies: exact bytes, never more than allowed, never for ever."""

import email.utils
import gzip
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Response

from appctld.errors import LimitExceeded, RateLimited, RegistryUnavailable
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.fetch.http import session as session_module
from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.session import Session
from appctld.workers.net import pace
from appctld.workers.net.address import Url
from support.servers.fake_registry import FakeServer, Reply
from support.workers.fetching import endpoint

Ask = Callable[[Reply], Answer]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Ask a server that gives one reply; the answer is still open."""
    with FakeServer() as server, Session(parse_endpoint(endpoint(server.url))) as session:

        def get(reply: Reply) -> Answer:
            server.on("/x", reply)
            return session.get(Url.parse(f"{server.url}/x"), {})

        yield get


def test_a_body_of_exactly_the_limit_is_read(ask: Ask) -> None:
    with ask(Reply(body=b"x" * 70000)) as answer:
        assert answer.read(70000) == b"x" * 70000


@pytest.mark.parametrize(
    "reply",
    [Reply(body=b"x" * 1001), Reply(body=b"x" * 1001, endless=True), Reply(length=1 << 70, stall=True)],
)
def test_more_than_the_limit_is_never_given(ask: Ask, reply: Reply) -> None:
    came: list[bytes] = []
    with ask(reply) as answer, pytest.raises(LimitExceeded, match="1000 bytes"):
        came.extend(answer.chunks(1000))
    assert sum(map(len, came)) <= 1000


def test_a_compressed_answer_is_not_inflated(ask: Ask) -> None:
    packed = gzip.compress(b"x" * 1_000_000)
    with ask(Reply(headers={"Content-Encoding": "gzip"}, body=packed)) as answer:
        assert answer.read(len(packed)) == packed


def test_a_body_that_ends_too_early_is_a_broken_connection(ask: Ask) -> None:
    with ask(Reply(body=b"half", length=8)) as answer, pytest.raises(RegistryUnavailable, match="broke off"):
        answer.read(100)


def test_silence_inside_a_body_is_given_up(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "READ_SECONDS", 0.05)
    with (
        ask(Reply(body=b"half", stall=True)) as answer,
        pytest.raises(RegistryUnavailable, match="does not answer"),
    ):
        answer.read(100)


def test_a_body_below_the_floor_is_given_up(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FLOOR_SECONDS", 0.001)
    monkeypatch.setattr(pace, "FLOOR_BYTES_PER_SECOND", 1 << 60)  # nothing is fast enough
    with ask(Reply(endless=True)) as answer, pytest.raises(RegistryUnavailable, match="too slow"):
        for _ in answer.chunks(1 << 50):
            pass


def answer_with(retry_after: str, status: int = 429) -> Answer:
    response = Response()
    response.status_code = status
    response.headers["Retry-After"] = retry_after
    return Answer(Url.parse("https://registry.example/v2/"), response)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("999999999", 86400),
        ("-5", None),
        ("soon", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_retry_after_in_seconds(value: str, seconds: int | None) -> None:
    assert answer_with(value).retry_after == seconds


def test_retry_after_as_a_date() -> None:
    assert answer_with(email.utils.formatdate(0, usegmt=True)).retry_after == 0
    found = answer_with(email.utils.formatdate(time.time() + 3600, usegmt=True)).retry_after
    assert found is not None
    assert 0 < found <= 3600


@given(st.text(max_size=40))
def test_any_retry_after_is_a_time_or_nothing(value: str) -> None:
    found = answer_with(value).retry_after
    assert found is None or 0 <= found <= 86400


def test_too_many_requests_is_rate_limited_with_the_time() -> None:
    error = answer_with("7").unwanted()
    assert isinstance(error, RateLimited)
    assert error.data["retry_after"] == 7
    assert "come back in 7 s" in error.message


@pytest.mark.parametrize("status", [400, 418, 500, 503])
def test_another_status_is_the_registrys_own_trouble(status: int) -> None:
    error = answer_with("", status).unwanted()
    assert isinstance(error, RegistryUnavailable)
    assert f"HTTP {status}" in error.message
