# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is said of signatures that somebody made without a key, and of those that name nothing."""

from pathlib import Path

import pytest

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.model.reference import parse_reference
from appctld.workers.fetch.attachments import Attached, Found
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.images.sources import LayoutPlace
from appctld.workers.lint.checks import signatures
from appctld.workers.lint.checks.signatures import check_signatures
from appctld.workers.lint.findings import Findings
from support.signatures.keys import payload
from support.workers.specimen import REFERENCE, Specimen

DIGEST = Digest.of(b"x")


def said(directory: Path, monkeypatch: pytest.MonkeyPatch, *attached: Attached) -> dict[str, str]:
    specimen = Specimen(directory / "images")
    monkeypatch.setattr(signatures, "collect", lambda _source, _digest: Found([*attached]))
    found = Findings(REFERENCE)
    place = LayoutPlace(Directory(specimen.shelf.directory), "")
    check_signatures(place, [DIGEST], parse_reference(REFERENCE), found)
    return {one.code: one.sentence for one in found.found}


def test_who_signed_without_a_key_is_named_and_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Attached(
        bundle=False, signed=payload(str(DIGEST), REFERENCE), document=b"", identity="ci@example.org"
    )
    found = said(tmp_path, monkeypatch, one)
    assert "ci@example.org" in found["keyless"]
    assert "signed" not in found


@pytest.mark.parametrize(
    "signed", [b"", b"{}", b"[]", b'{"critical": {"identity": 1}}', b"\xff", b"[" * 60_000]
)
def test_a_signature_that_names_nothing_is_for_no_image(
    signed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = said(tmp_path, monkeypatch, Attached(bundle=True, signed=signed, document=b"", identity=""))
    assert found == {"other-identity": "the signature by cosign names no image"}


def test_where_looking_failed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specimen = Specimen(tmp_path / "images")

    def fail(_source: object, _digest: Digest) -> Found:
        raise LimitExceeded("a document of 9 bytes, and it may have 8")

    monkeypatch.setattr(signatures, "collect", fail)
    found = Findings(REFERENCE)
    place = LayoutPlace(Directory(specimen.shelf.directory), "")
    check_signatures(place, [DIGEST], parse_reference(REFERENCE), found)
    (one,) = found.found
    assert (one.code, "a document of 9 bytes" in one.sentence) == ("not-signed", True)


def test_simple_signatures_are_counted(tmp_path: Path) -> None:
    specimen = Specimen(tmp_path / "images")
    specimen.shelf.sign(str(DIGEST), b"one", b"two", repository="apps/greeter")
    found = Findings(REFERENCE)
    place = LayoutPlace(Directory(specimen.shelf.directory), "")
    check_signatures(place, [DIGEST], parse_reference(REFERENCE), found)
    (one,) = found.found
    assert (one.code, one.sentence) == ("signed", "2 by OpenPGP (simple signing)")
