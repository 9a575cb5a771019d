# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/volumes.py: which places an app may have for itself."""

import pytest

from appctld.model.jsonvalue import JsonError
from appctld.model.volumes import PLACE_BYTES, VOLUMES, read_volumes

LONGEST = "/" + "ä" * 42  # 84 bytes behind the slash


@pytest.mark.parametrize(
    ("declared", "places"),
    [
        (["/data"], ("/data",)),
        (["/data/", "//srv//./db/"], ("/data", "/srv/db")),
        (["/usrdata", "/applications", "/devel/x"], ("/applications", "/devel/x", "/usrdata")),
        (["/a/b", "/a", "/a/c/d", "/a-b", "/ab"], ("/a", "/a-b", "/ab")),
        (["/var", "/var/lib/acme", "/root"], ("/root",)),
        ([LONGEST], (LONGEST,)),
        ([f"/{number:02}" for number in range(VOLUMES)], tuple(f"/{number:02}" for number in range(VOLUMES))),
        ([], ()),
    ],
)
def test_places_are_normalized_and_none_lies_in_another(declared: list[str], places: tuple[str, ...]) -> None:
    assert read_volumes(declared) == (places, ())


OURS = "/app /bin /dev/shm /etc/x /home/me /lib64 /proc /run/user /sbin /sys /tmp/x /usr/x /.flatpak-info"


@pytest.mark.parametrize(
    "text",
    [
        *OURS.split(),
        "/",
        "",
        ".",
        "//",
        "data",
        "./data",
        "/data/..",
        "/../data",
        "/data/../../etc",
        LONGEST + "x",
    ],
)
def test_what_is_the_sandboxs_own_or_no_place_is_named_and_left(text: str) -> None:
    found = read_volumes([text, "/data"])
    assert found.places == ("/data",)
    (said,) = found.ignored
    assert said == f"VOLUME {text} (nothing is kept there)"


def test_of_a_long_path_the_beginning_is_named() -> None:
    (said,) = read_volumes(["/" + "x" * 100_000]).ignored
    assert len(said) < 2 * PLACE_BYTES


@pytest.mark.parametrize("text", ["/data\n", "/\x1b[31m", "/data\x7f", "/da\u200bta", "/da\u202eta", "/\0"])
def test_what_nobody_should_be_shown_is_refused(text: str) -> None:
    with pytest.raises(JsonError) as caught:
        read_volumes([text])
    assert str(caught.value).isprintable()


def test_one_too_many_is_refused() -> None:
    with pytest.raises(JsonError, match=str(VOLUMES)):
        read_volumes([f"/{number}" for number in range(VOLUMES + 1)])
