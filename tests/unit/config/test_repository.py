# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""URLs of OSTree repositories."""

from pathlib import Path

import pytest

from appctld.config.repository import Repository, is_repository, parse_repository
from appctld.errors import InvalidReference


@pytest.mark.parametrize(
    ("url", "found", "shown"),
    [
        ("ostree+https://dl.acme.example/repo", "https://dl.acme.example/repo", "ostree+https://dl.acme.example/repo"),
        ("ostree+https://dl.acme.example:8443/a/b/", "https://dl.acme.example:8443/a/b", "ostree+https://dl.acme.example:8443/a/b"),
        ("ostree+https://dl.acme.example/", "https://dl.acme.example", "ostree+https://dl.acme.example"),
        ("ostree+https://dl.acme.example", "https://dl.acme.example", "ostree+https://dl.acme.example"),
        ("ostree+http://127.0.0.1:8080/repo", "http://127.0.0.1:8080/repo", "ostree+http://127.0.0.1:8080/repo"),
        ("ostree:/srv/repo/", "file:///srv/repo", "ostree:/srv/repo"),
    ],
)  # fmt: skip
def test_a_repository_has_one_spelling(url: str, found: str, shown: str) -> None:
    assert is_repository(url)
    repository = parse_repository(url)
    assert (repository.url, str(repository)) == (found, shown)
    assert parse_repository(shown) == repository


def test_only_a_local_one_has_a_directory() -> None:
    assert parse_repository("ostree:/srv/repo").directory == Path("/srv/repo")
    assert Repository("https://dl.acme.example/repo").directory is None


WRONG = [
    "ostree+https://dl.acme.example:443/repo",
    "ostree+https://dl.acme.example:08443/repo",
    "ostree+http://127.0.0.1:80/repo",
    "ostree+http://[::1]:80/repo",
    "ostree+ftp://dl.acme.example/repo",
    "ostree+https://dl/repo",
    "ostree+https:///repo",
    "ostree+https://user@dl.acme.example/repo",
    "ostree+https://DL.acme.example/repo",
    "ostree+https://dl.acme.example/../repo",
    "ostree+https://dl.acme.example/./repo",
    "ostree+https://dl.acme.example//repo",
    "ostree+https://dl.acme.example/a%2fb",
    "ostree+https://dl.acme.example/a?b",
    "ostree+https://dl.acme.example/a#b",
    "ostree+http://dl.acme.example/repo",
    "ostree+http://192.168.1.1/repo",
    "ostree:repo",
    "ostree:",
    "ostree:/",
    "ostree:///srv/repo",
    "ostree:/srv/../etc",
    "ostree:/srv/a b",
]


@pytest.mark.parametrize("url", WRONG)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidReference):
        parse_repository(url)


@pytest.mark.parametrize(
    "url", ["oci+https://quay.io/x", "quay.io/ostree", "ostreehub.io/x", "https://ostree.org"]
)
def test_a_registry_is_none(url: str) -> None:
    assert not is_repository(url)
