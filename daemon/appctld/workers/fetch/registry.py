# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The registry's API, read only: manifests and blobs of one repository (distribution-spec, "Pulling").

Guarantees: sizes are capped while streaming; one login attempt a worker, so that a registry that says 401 for
ever is asked twice; challenges count only from the registry's own origin. Digests are *not* checked here:
nobody believes the fetcher.
"""

from appctld.errors import AppctlError, NotFound, UnsupportedMediaType
from appctld.model.digest import Digest
from appctld.model.manifest import DOCKER_INDEX, DOCKER_MANIFEST, MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST
from appctld.workers.fetch.endpoint import Endpoint
from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.redirects import follow
from appctld.workers.fetch.http.session import Session
from appctld.workers.fetch.token import authorize, refusal

ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_INDEX}, {DOCKER_MANIFEST}"
SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
_OK = 200
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404


class Registry:
    """One repository, over one session."""

    def __init__(self, endpoint: Endpoint, session: Session) -> None:
        self._endpoint = endpoint
        self._session = session
        self._authorization: str | None = None

    def manifest(self, reference: str, limit: int = MANIFEST_BYTES) -> tuple[bytes, str]:
        """The document that a tag or digest names: its bytes as served, at most `limit`, and its type.

        Raises NotFound, UnsupportedMediaType (Docker's schema 1), LimitExceeded, CredentialScope, Transport.
        """
        mark = "@" if ":" in reference else ":"
        name = f"{self._endpoint.repository}{mark}{reference}"
        with self._get(f"manifests/{reference}", {"Accept": ACCEPT}, name) as answer:
            if answer.media_type in SCHEMA_1:
                raise UnsupportedMediaType(
                    f"{name} is in Docker's old format (schema 1), which appctl does not read"
                )
            return answer.read(limit), answer.media_type

    def blob(self, digest: Digest, size: int) -> Answer:  # noqa: ARG002 - the registry knows it
        """The open answer for a blob; the caller closes it, and says how much it reads."""
        return self._get(f"blobs/{digest}", {}, f"{self._endpoint.repository}@{digest}")

    def look(self, path: str, limit: int, absent: frozenset[int]) -> tuple[int, bytes]:
        """Status and body of what may not be there: for a status of `absent` the body is empty.

        Raises as `manifest`.
        """
        with self._answer(path, {} if path.startswith("blobs/") else {"Accept": ACCEPT}) as answer:
            if answer.status == _OK:
                return _OK, answer.read(limit)
            if answer.status in absent:
                return answer.status, b""
            raise self._refused(answer, f"{self._endpoint.repository} ({path})")

    def _get(self, path: str, headers: dict[str, str], name: str) -> Answer:
        answer = self._answer(path, headers)
        if answer.status != _OK:
            with answer:
                raise self._refused(answer, name)
        return answer

    def _answer(self, path: str, headers: dict[str, str]) -> Answer:
        """The open answer, after the one login that is tried."""
        url = self._endpoint.url(path)
        answer = follow(self._session, url, headers, self._authorization)
        if self._asks_for_login(answer):
            with answer:
                self._authorization = authorize(
                    answer.header("WWW-Authenticate"), self._endpoint, self._session
                )
            answer = follow(self._session, url, headers, self._authorization)
        return answer

    def _asks_for_login(self, answer: Answer) -> bool:
        return (
            answer.status == _UNAUTHORIZED
            and self._authorization is None
            and answer.url.origin == self._endpoint.registry
        )

    def _refused(self, answer: Answer, name: str) -> AppctlError:
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            return refusal(self._endpoint, answer.status)
        if answer.status == _NOT_FOUND:
            host = self._endpoint.registry.netloc
            return NotFound(f"{host} has no {name} (HTTP {answer.status})", host=host, status=answer.status)
        return answer.unwanted()
