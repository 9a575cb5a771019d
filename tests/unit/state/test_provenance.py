# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/provenance.py: what is kept comes back as it was, or not at all."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.model.jsonvalue import JsonError, JsonObject
from appctld.state import provenance as module
from appctld.state.provenance import Commit, Document, Judged, Provenance, Signed, read_provenance
from appctld.workers.store import disk

KEPT = Provenance(
    reference="quay.io/acme/app:1",
    remote="acme",
    manifest=Document(b"{}\n\xff", "application/vnd.oci.image.manifest.v1+json"),
    index=Document(b"[]", "application/vnd.oci.image.index.v1+json"),
    evidence={"digest": f"sha256:{'1' * 64}", "openpgp": ["AA=="]},
    judged=Judged("gpg", 2, "tag", tag_bound=True, checked_at=7, signers=(Signed("A" * 40, "Acmé", 5),)),
)


COMMIT = Commit(b"\0\xff", {"digest": f"sha256:{'2' * 64}", "openpgp": ["AA=="]})


def written(directory: Path, text: str) -> Path:
    (directory / "provenance.json").write_text(text)
    return directory


@pytest.mark.parametrize(
    "kept", [KEPT, replace(KEPT, index=None, config=Document(b"{}", "x"), commit=COMMIT)]
)
def test_what_is_kept_comes_back_as_it_was(tmp_path: Path, kept: Provenance) -> None:
    assert read_provenance(written(tmp_path, json.dumps(kept.to_json()))) == kept


def test_the_store_writes_no_larger_one_than_is_read() -> None:
    assert disk.PROVENANCE_BYTES == module.PROVENANCE_BYTES
    assert disk.PROVENANCE == module.PROVENANCE


@pytest.mark.parametrize("name", sorted(KEPT.to_json()))
def test_one_without_a_member_is_refused(name: str) -> None:
    whole = KEPT.to_json()
    if name in {"index", "config", "commit"}:
        return  # most references lead to no index, most commits hold their config, and most images none
    with pytest.raises(JsonError):
        Provenance.from_json({key: value for key, value in whole.items() if key != name})


@pytest.mark.parametrize("name", sorted(KEPT.to_json()))
def test_a_member_of_another_type_is_refused(name: str) -> None:
    with pytest.raises(JsonError):
        Provenance.from_json({**KEPT.to_json(), name: 1.5})


def test_a_document_that_is_no_base64_is_refused() -> None:
    with pytest.raises(JsonError, match="base64"):
        Document.from_json({"raw": "AA=A", "media_type": "x"})


@pytest.mark.parametrize("told", [{"raw": "AA=A", "evidence": {}}, {"raw": "AA=="}, {"evidence": {}}, {}])
def test_a_commit_that_is_none_is_refused(told: JsonObject) -> None:
    with pytest.raises(JsonError):
        Provenance.from_json({**KEPT.to_json(), "commit": told})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" " * module.PROVENANCE_BYTES)


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [cut, grow, lose])
def test_a_damaged_one_is_named(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    harm(written(tmp_path, json.dumps(KEPT.to_json())) / "provenance.json")
    with pytest.raises(RepoCorrupt, match="provenance") as caught:
        read_provenance(tmp_path)
    assert caught.value.data["path"] == str(tmp_path / "provenance.json")
