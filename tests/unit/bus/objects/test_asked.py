# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is named has its grammar before anybody is asked, and what polkit is told is short."""

import pytest

from appctld.bus.objects.asked import (
    AT_ONCE,
    DETAIL_BYTES,
    IDS,
    OPTIONS_BYTES,
    REFS_BYTES,
    app_ids,
    check_remote,
    frozen,
    references,
    summary,
)
from appctld.errors import AppctlError, InvalidReference, LimitExceeded
from appctld.jobs.apps.update import _absent_view
from appctld.jobs.job import Job
from appctld.model.appid import ID_LENGTH

D1 = "sha256:" + "1" * 64

GOOD = [
    "quay.io/acme/editor",
    "quay.io/acme/editor:1.4",
    f"quay.io/acme/editor@{D1}",
    "localhost/x",
    "127.0.0.1:5000/a/b:1",
    "[::1]:5000/a",
    "acme/editor:1",
    f"acme/editor@{D1}",
]
HOSTILE = [
    "",
    " ",
    "x",
    "acme/",
    "acme/editor:1 from acme (security update)",
    "quay.io/acme/editor:1 from acme (security update)",
    "acme/editor:1\nquay.io/acme/editor:1",
    "acme/editor\u202e:1",
    "acme/" + " " * 900,
    "quay.io/" + "a" * 1100,
    "acme/" + "a" * 300,
    "Acme/editor",
    "a" * 1100 + "/editor",
    "quay.io/Acme/editor",
    "acme/../editor",
    f"acme/editor@{D1} ",
    "acme/editor@sha256:1",
    "acme corp/editor",
    "quay.io:99999/acme/editor",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_reference_may_begin_with_a_host_or_with_a_remote(text: str) -> None:
    assert references([text]) == (text,)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        references(["acme/editor:1", text])
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "text",
    ["", "a.b", "the unused app org.example.Junk", "a.b.C\n", " a.b.C", "a.b.C" + "d" * ID_LENGTH, "a.b.é"],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        app_ids(["org.acme.Editor", text])
    assert len(caught.value.message) < 400


def test_an_update_may_name_nothing_and_nobody_else() -> None:
    assert app_ids([], least=0) == ()
    for check in (app_ids, references):
        with pytest.raises(InvalidReference):
            check([])


def test_what_is_named_at_once_is_bounded_in_number_and_bytes() -> None:
    longest = "a.b." + "C" * (ID_LENGTH - 4)
    assert len(app_ids([longest] * AT_ONCE)) == AT_ONCE
    with pytest.raises(LimitExceeded):
        app_ids(["a.b.C"] * (AT_ONCE + 1))
    host = ".".join(["h" * 60] * 6)
    with pytest.raises(LimitExceeded):
        references([f"{host}/a"] * (REFS_BYTES // len(host) + 1))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"expected-digest": "x\ny" * 100_000}, LimitExceeded),
        ({"expected-digest": "sha256:1\n"}, InvalidReference),
        ({"expected-digest": D1 + " "}, InvalidReference),
        ({"remote": "acme (verified)"}, InvalidReference),
        ({"to": "x" * OPTIONS_BYTES}, LimitExceeded),
        ({"ids": ["a.b.C"] * (IDS + 1)}, LimitExceeded),
        ({"registry-auth": [{"host": "h.io", "identity-token": "x" * 1000}] * 65}, LimitExceeded),
    ],
)
def test_options_have_a_size_and_what_polkit_is_told_of_them_its_grammar(
    options: dict[str, object], error: type[AppctlError]
) -> None:
    with pytest.raises(error):
        frozen(options)


def test_options_that_say_nothing_are_none() -> None:
    options: dict[str, object] = {"expected-digest": "", "remote": "", "to": "1"}
    assert frozen(options) == options
    assert frozen({"expected-digest": D1})["expected-digest"] == D1


def test_a_check_of_so_many_apps_that_are_not_there_tells_of_each() -> None:
    """What a job says is dropped whole where it is too much, and then a check seems to have found nothing."""
    ids = [f"a.b.C{number:04}" for number in range(IDS)]
    assert frozen({"ids": ids})
    job = Job(1, "check-updates", (), 0, background=False, title="")
    job.result = {"updates": [_absent_view(app_id) for app_id in ids]}
    job.settle()
    assert job.result


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("", {}),
        ("acme corp", {}),
        ("Acme", {}),
        ("a" * 5000, {}),
        ("acme", {"url": "https://quay.io/acme (the publisher of the kernel)"}),
        ("acme", {"url": "https://quay.io/" + "a" * 5000}),
        ("acme", {"url": "ftp://quay.io/acme"}),
        ("acme", {"verify": "gpg, really"}),
        ("acme", {"url": "oci:/srv/images (of the kernel)"}),
        ("acme", {"prefix": "quay.io/acme (verified)"}),
        ("acme", {"prefix": "quay.io/" + "a/" * 600 + "a"}),
    ],
)
def test_what_polkit_is_told_about_a_remote_has_its_grammar(name: str, settings: dict[str, str]) -> None:
    with pytest.raises(InvalidReference):
        check_remote(name, settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "", "verify": ""},
        {"url": "oci+http://quay.io/acme", "verify": "none"},
        {"url": "quay.io", "verify": "cosign"},
        {"url": "oci:/srv/images", "prefix": "quay.io/acme"},
    ],
)
def test_what_the_file_will_decide_is_left_to_it(settings: dict[str, str]) -> None:
    check_remote("acme", settings)


def test_every_detail_is_short_and_says_what_it_leaves_out() -> None:
    rows = [(f"h.io/{'a' * 200}:{number}", f"remote{number}{'x' * 50}", "gpg") for number in range(AT_ONCE)]
    told = summary(rows, D1)
    assert all(len(text.encode()) <= DETAIL_BYTES for text in told.values())
    words = told["reference"].split(" ")
    assert words == [*[row[0] for row in rows[:4]], "(+28)"]
    assert told["remote"].endswith(")"), "a rule that knows every remote in it does not know this word"
    assert (told["verify"], told["digest"]) == ("gpg", D1)


def test_details_that_fit_are_whole() -> None:
    rows = [("h.io/a:1", "acme", "gpg"), ("h.io/b:1", "acme", "none"), ("h.io/a:1", "-", "-")]
    assert summary(rows) == {
        "reference": "h.io/a:1 h.io/b:1",
        "remote": "acme -",
        "verify": "gpg none -",
        "digest": "",
    }
    assert summary([]) == {"reference": "", "remote": "", "verify": "", "digest": ""}
