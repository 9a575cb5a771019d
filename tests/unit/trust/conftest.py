# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One gpg home for all tests of the trust room, and keys in it that no test changes."""

from collections.abc import Iterator

import pytest

from appctld.model.digest import Digest
from appctld.system.sandbox import Bubblewrap
from support.signatures.keys import Keys


@pytest.fixture(scope="session")
def keys() -> Iterator[Keys]:
    with Keys() as found:
        yield found


@pytest.fixture(scope="session")
def publisher(keys: Keys) -> str:
    return keys.make("publisher")


@pytest.fixture(scope="session")
def second(keys: Keys) -> str:
    return keys.make("second", "rsa2048")


@pytest.fixture(scope="session")
def stranger(keys: Keys) -> str:
    return keys.make("stranger")


@pytest.fixture(scope="session")
def sandbox() -> Bubblewrap:
    return Bubblewrap(())


@pytest.fixture(scope="session")
def digest() -> Digest:
    return Digest.of(b"the manifest")
