# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Uploads that were broken off: where each goes on, one small file a blob, for a later run.

Guarantees: only the caller reads them (an address may carry a secret); who takes one has it alone; one that
is old or cannot be read is none. What an address is worth, the registry says.
"""

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path

from appctld.model.digest import Digest
from appctld.workers.fetch.endpoint import Endpoint
from appctld.workers.net.address import URL_LENGTH, Url

DAYS = 7  # registries forget an upload after a day or a week
_SECONDS = 86400


class KeptUploads:
    """Those of one repository, in a directory of the caller's; without one nothing is kept."""

    def __init__(self, directory: Path | None, endpoint: Endpoint) -> None:
        self._directory = directory
        self._endpoint = endpoint

    def keep(self, digest: Digest, url: Url) -> None:
        """Where the blob's upload goes on; another origin's address is not ours to keep.

        That it cannot be kept costs a later run its start, and this one nothing.
        """
        if self._directory is None or url.origin != self._endpoint.registry:
            return
        path = self._path(self._directory, digest)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(str(url))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def take(self, digest: Digest) -> Url | None:
        """Where it goes on, if that is known; nobody else takes it then."""
        if self._directory is None:
            return None
        path = self._path(self._directory, digest)
        taken = path.with_name(f".{secrets.token_hex(8)}")
        try:
            path.rename(taken)
            with taken.open("rb") as file:
                fresh = os.fstat(file.fileno()).st_mtime > time.time() - DAYS * _SECONDS
                url = Url.parse(file.read(URL_LENGTH + 1).decode())
        except (OSError, ValueError):
            return None
        finally:
            taken.unlink(missing_ok=True)
        return url if fresh and url.origin == self._endpoint.registry else None

    def forget(self, digest: Digest) -> None:
        """It came to its end."""
        if self._directory is not None:
            self._path(self._directory, digest).unlink(missing_ok=True)

    def _path(self, directory: Path, digest: Digest) -> Path:
        name = f"{self._endpoint.registry}/{self._endpoint.repository}@{digest}"
        return directory / hashlib.sha256(name.encode()).hexdigest()
