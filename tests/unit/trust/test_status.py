# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which status lines make one good signature; what real blobs make of them is in test_verdict_table.py."""

import pytest

from appctld.errors import AppctlError, Failed, SignatureInvalid, UntrustedSigner
from appctld.trust.status import OpenPgpSignature, parse_status

KEY, PRIMARY = "A" * 40, "B" * 40
VALID = f"VALIDSIG {KEY} 2026-11-24 1795521011 0 4 0 1 8 00 {PRIMARY}"
GOOD = [
    "PLAINTEXT 62 1795521011 ",
    "PLAINTEXT_LENGTH 289",
    "NEWSIG",
    f"KEY_CONSIDERED {PRIMARY} 0",
    "SIG_ID y3JgSJzfmQFbAN0fHsaL9V0SAe4 2026-11-24 1795521011",
    f"GOODSIG {KEY[-16:]} Acme 100%25 <rel@acme.example>",
    VALID,
]


def status(*lines: str) -> bytes:
    return b"".join(f"[GNUPG:] {line}\n".encode() for line in lines)


def without(keyword: str) -> list[str]:
    return [line for line in GOOD if line.split()[0] != keyword]


def instead(valid: str) -> list[str]:
    return [*without("VALIDSIG"), valid]


def test_one_good_signature() -> None:
    found = parse_status(0, status(*GOOD))
    assert found == OpenPgpSignature(KEY, PRIMARY, "Acme 100% <rel@acme.example>", 1795521011)


@pytest.mark.parametrize("number", ["8", "9", "10"])
def test_the_hashes_that_are_safe(number: str) -> None:
    assert parse_status(0, status(*instead(VALID.replace(" 8 00", f" {number} 00")))).primary == PRIMARY


def test_a_name_shows_no_control_characters() -> None:
    lines = [*without("GOODSIG"), f"GOODSIG {KEY[-16:]} Ac%0Ame%1B[31m%00{'x' * 1000}"]
    name = parse_status(0, status(*lines)).name
    assert name.startswith("Ac\ufffdme\ufffd[31m\ufffdxx")
    assert len(name) == 256


@pytest.mark.parametrize("keyword", ["NEWSIG", "GOODSIG", "VALIDSIG", "PLAINTEXT"])
def test_each_line_must_stand_there_exactly_once(keyword: str) -> None:
    line = next(line for line in GOOD if line.split()[0] == keyword)
    for lines in (without(keyword), [*GOOD, line]):
        with pytest.raises(SignatureInvalid):
            parse_status(0, status(*lines))


@pytest.mark.parametrize(
    "line",
    [
        f"BADSIG {KEY[-16:]} Acme",
        f"ERRSIG {KEY[-16:]} 1 8 00 1795521011 4 {KEY}",
        f"EXPSIG {KEY[-16:]} Acme",
        f"EXPKEYSIG {KEY[-16:]} Acme",
        f"REVKEYSIG {KEY[-16:]} Acme",
        "NODATA 1",
        "ERROR proc_pkt.plaintext 89",
        "FAILURE gpg-exit 33554433",
        "UNEXPECTED 0",
    ],
)
def test_no_bad_line_may_stand_beside_a_good_signature(line: str) -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(0, status(*GOOD, line))


def test_the_exit_status_counts_too() -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(1, status(*GOOD))


BAD_VALIDSIG = [
    (VALID.replace(" 8 00", " 8 01"), "text mode"),
    (VALID.replace(" 8 00", " 2 00"), "SHA-1"),
    (VALID.replace(" 8 00", " 3 00"), "RIPEMD-160"),
    (VALID.replace(" 8 00", " 11 00"), "SHA-224"),
    (VALID.removesuffix(PRIMARY), "no primary key"),
    (VALID + " more", "a field more"),
    (VALID.replace(PRIMARY, PRIMARY.lower()), "a primary key in lower case"),
    (VALID.replace(KEY, KEY[1:]), "a short fingerprint"),
    (VALID.replace("1795521011", "20261124T115011"), "another form of time"),
    (VALID.replace("1795521011", "-1"), "a negative time"),
]


@pytest.mark.parametrize(("line", "why"), BAD_VALIDSIG, ids=[why for _, why in BAD_VALIDSIG])
def test_a_validsig_line_that_is_not_enough(line: str, why: str) -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(0, status(*instead(line)))


@pytest.mark.parametrize(
    "data",
    [
        status(*GOOD).removesuffix(b"\n"),
        status(*GOOD) + b"[GNUPG:] TRUNC",
        b"gpgv: hello\n" + status(*GOOD),
        status(*GOOD).replace(b"[GNUPG:] NEWSIG", b" [GNUPG:] NEWSIG"),
        status(*GOOD) + b"\n",
    ],
)
def test_only_whole_status_lines_are_believed(data: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(0, data)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (f"{KEY[-16:]} 1 8 00 1795521011 9 DD5F{'0' * 32}61DC", "DD5F…61DC"),
        ("DD5F00000000AAAA 1 8 00 1795521011 9", "DD5F…AAAA"),
    ],
)
def test_a_key_that_the_keyring_does_not_hold_is_named(arguments: str, found: str) -> None:
    with pytest.raises(UntrustedSigner) as caught:
        parse_status(2, status("NEWSIG", f"ERRSIG {arguments}", "NO_PUBKEY DD5F00000000AAAA"))
    assert caught.value.data["found"] == found


def test_an_unknown_key_beside_a_known_one_is_no_reason_to_name_it() -> None:
    lines = [*GOOD, "NEWSIG", f"ERRSIG {KEY[-16:]} 1 8 00 1795521011 9 {KEY}"]
    with pytest.raises(SignatureInvalid, match="more than one"):
        parse_status(2, status(*lines))


@pytest.mark.parametrize("line", ["ERRSIG", "ERRSIG 1 2 3", "VALIDSIG", "GOODSIG", "NEWSIG", ""])
def test_short_lines_are_refused_like_others(line: str) -> None:
    with pytest.raises(AppctlError):
        parse_status(0, status(*GOOD, line) if line.startswith(("ERRSIG", "GOODSIG")) else status(line))


@pytest.mark.parametrize("returncode", [0, 1, 126, 127, -9, 137])
def test_silence_is_our_failure_and_not_the_publishers(returncode: int) -> None:
    with pytest.raises(Failed) as raised:
        parse_status(returncode, b"")
    assert raised.value.advice == ("apt install gpgv" if returncode == 127 else "appctl doctor")


@pytest.mark.parametrize("returncode", [-9, -15, 137, 143])
def test_a_gpgv_that_was_ended_in_the_middle_is_our_failure_too(returncode: int) -> None:
    with pytest.raises(Failed):
        parse_status(returncode, b"[GNUPG:] NEWSIG\n")


def test_silence_of_a_gpgv_that_ran_is_a_refusal() -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(2, b"")


DETACHED = [line for line in GOOD if not line.startswith("PLAINTEXT")]


def test_a_detached_signature_has_no_bytes_of_its_own() -> None:
    assert parse_status(0, status(*DETACHED), detached=True).primary == PRIMARY
    with pytest.raises(SignatureInvalid):
        parse_status(0, status(*DETACHED))
    with pytest.raises(SignatureInvalid):
        parse_status(0, status(*GOOD), detached=True)


@pytest.mark.parametrize("keyword", ["NEWSIG", "GOODSIG", "VALIDSIG"])
def test_of_a_detached_one_each_line_must_stand_there_exactly_once(keyword: str) -> None:
    line = next(line for line in DETACHED if line.split()[0] == keyword)
    for lines in ([other for other in DETACHED if other != line], [*DETACHED, line]):
        with pytest.raises(SignatureInvalid):
            parse_status(0, status(*lines), detached=True)
