# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One answer of a server: its status and headers at once, its body only as fast and as long as we allow.

Guarantees: bodies are never decompressed (the bytes that were signed are the bytes on the wire), never read
beyond the limit that the reader names, and a server that only drips is given up.
"""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import requests
import urllib3.exceptions
from urllib3.util.retry import Retry

from appctld.errors import AppctlError, LimitExceeded, RateLimited, RegistryUnavailable
from appctld.workers.net.address import Url
from appctld.workers.net.failures import translate
from appctld.workers.net.pace import Pace

CHUNK_BYTES = 256 << 10  # larger reads gain nothing: it is what a socket has at once
REPORTED_SECONDS = 86400  # a Retry-After beyond a day is told as a day
_TOO_MANY = 429


class Answer:
    """An open response; `with` closes it, read or not."""

    def __init__(self, url: Url, response: requests.Response) -> None:
        self.url = url
        self.status = response.status_code
        self._response = response

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection with whatever the server still wants to say."""
        self._response.raw.close()

    def header(self, name: str) -> str:
        """The header's value, joined with ", " where it stands there twice; empty when it is absent."""
        return str(self._response.headers.get(name, ""))

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters (RFC 9110, 8.3.1)."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> float | None:
        """Seconds that Retry-After asks for, up to a day, in both forms (RFC 9110, 10.2.3), or None."""
        value = self.header("Retry-After")
        try:
            return Retry(retry_after_max=REPORTED_SECONDS).parse_retry_after(value) if value else None
        except (urllib3.exceptions.HTTPError, ValueError, OverflowError, TypeError, IndexError):
            return None  # the standard library's date parser was not written for strangers

    def unwanted(self) -> AppctlError:
        """The leaf of Transport for a status that is neither what was wanted nor a plain no."""
        host, seconds = self.url.origin.netloc, self.retry_after
        data = {"retry_after": round(seconds)} if seconds is not None else {}
        later = f", and asks to come back in {round(seconds)} s" if seconds is not None else ""
        if self.status == _TOO_MANY:
            return RateLimited(f"{host} has had too many requests (HTTP {self.status}){later}").about(
                host=host, status=self.status, **data
            )
        return RegistryUnavailable(f"{host} cannot answer (HTTP {self.status}){later}").about(
            host=host, status=self.status, **data
        )

    def read(self, limit: int) -> bytes:
        """The whole body. Raises LimitExceeded beyond `limit` bytes, and what `chunks` raises."""
        return b"".join(self.chunks(limit))

    def chunks(self, limit: int) -> Iterator[bytes]:
        """The body as it comes, never more than `limit` bytes: LimitExceeded comes instead of the excess."""
        announced = self.header("Content-Length")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
            raise self._too_long(limit)
        pace = Pace(self.url.origin.netloc)
        left = limit
        while True:
            began = time.monotonic()
            chunk = self._some(min(left + 1, CHUNK_BYTES))
            pace.note(len(chunk), time.monotonic() - began)
            if not chunk:
                return
            if len(chunk) > left:
                raise self._too_long(limit)
            left -= len(chunk)
            yield chunk

    def _some(self, count: int) -> bytes:
        try:
            return bytes(self._response.raw.read1(count, decode_content=False))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise translate(error, self.url.origin.netloc).error from None

    def _too_long(self, limit: int) -> LimitExceeded:
        return LimitExceeded(
            f"{self.url.shown} is larger than the {limit} bytes that it may have", limit=limit
        )
