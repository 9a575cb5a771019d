# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""config/mirrors.py: which registries stand in for a remote's, and for what."""

from pathlib import Path

import pytest

from appctld.config.mirrors import MIRRORS
from appctld.config.remote import Remote, make_remote
from appctld.errors import InvalidReference
from appctld.model.reference import parse_reference


def remote(mirrors: str, url: str = "oci+https://quay.io/acme", **more: str) -> Remote:
    settings = {"url": url, "verify": "none", "mirrors": mirrors, **more}
    return make_remote("acme", settings, keyring=None, ca=None, origin=Path("/x"), writable=True)


@pytest.mark.parametrize(
    ("url", "mirror", "name", "there"),
    [
        ("quay.io/acme", "oci+https://m.corp", "quay.io/acme/editor:1", "m.corp/editor:1"),
        ("quay.io/acme", "https://m.corp/acme/", "quay.io/acme/a/b:1", "m.corp/acme/a/b:1"),
        ("quay.io", "m.corp:5000/cache", "quay.io/acme/editor:1", "m.corp:5000/cache/acme/editor:1"),
        ("quay.io/acme/editor", "m.corp/e", "quay.io/acme/editor:1", "m.corp/e:1"),
        ("quay.io", "oci+http://127.0.0.1:1", "quay.io/x:1", "127.0.0.1:1/x:1"),
    ],
)
def test_a_mirror_stands_for_the_remotes_own_part_of_names(
    url: str, mirror: str, name: str, there: str
) -> None:
    found = remote(mirror, url)
    (one,) = found.mirrors
    assert str(one.stand_in(found.covered, parse_reference(name))) == there
    assert one.url == mirror


@pytest.mark.parametrize(
    "mirrors",
    [
        "",
        "ftp://m.corp",
        "oci+http://m.corp",
        "https://user:secret@m.corp",
        "https://m.corp/x?y",
        "https://m.corp/..",
        "https://m.corp:x",
        "m\u0430rket",
        "oci:/srv/images",
        "ostree+https://m.corp",
        " ".join(f"https://m{number}.corp" for number in range(MIRRORS + 1)),
    ],
)
def test_what_is_no_mirror_is_refused(mirrors: str) -> None:
    with pytest.raises(InvalidReference):
        remote(mirrors)


@pytest.mark.parametrize("url", ["oci:/srv/images", "ostree+https://trees.example/repo"])
def test_what_is_no_registry_has_no_mirrors(url: str) -> None:
    with pytest.raises(InvalidReference, match="means nothing"):
        remote("https://m.corp", url)


def test_without_the_setting_there_is_none() -> None:
    settings = {"url": "quay.io", "verify": "none"}
    found = make_remote("acme", settings, keyring=None, ca=None, origin=Path("/x"), writable=True)
    assert found.mirrors == ()
