# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The HTTP session of who writes: the fetcher's, with the methods that change something.

Guarantees: whom it believes and where it goes is as for a fetcher; what writes is sent once, for whether a
registry took it is for the caller to ask.
"""

from collections.abc import Mapping

import requests

from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url

DONE_SECONDS = 300.0  # until a registry answers: it may hash a large blob again before it does


class WritingSession(Session):
    """`with WritingSession(endpoint) as session:`."""

    def head(self, url: Url, headers: Mapping[str, str]) -> Answer:
        """HEAD, as `get`."""
        return self._patiently(requests.Request("HEAD", str(url), headers=dict(headers)), url)

    def write(self, method: str, url: Url, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST, PATCH, PUT or DELETE, once. Raises as `get`."""
        request = requests.Request(method, str(url), headers=dict(headers), data=body)
        return self._once(request, url, DONE_SECONDS)
