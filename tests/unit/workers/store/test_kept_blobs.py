# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Blobs that are kept go with their layer, and nothing else does."""

from pathlib import Path

import pytest

from appctld.workers.store.kept_blobs import sweep

LAYER, OTHER, BLOB = "1" * 64, "2" * 64, "3" * 64


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Two layers of `acme`, one of them fetched with a login too, and one of `other`."""
    for name in (
        f"acme/{LAYER}.{BLOB}",
        f"acme/{OTHER}.{BLOB}",
        f"acme.login/{LAYER}.{BLOB}",
        f"other/{LAYER}.{BLOB}",
    ):
        path = tmp_path / "kept" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    return tmp_path / "kept"


def left(kept: Path) -> list[str]:
    return sorted(str(path.relative_to(kept)) for path in kept.glob("*/*"))


@pytest.mark.parametrize("kind", ["layer", "ostree"])
def test_what_a_remotes_own_layer_needs_stays(kept: Path, kind: str) -> None:
    refs = {f"appctl/{kind}/acme/{LAYER}", "appctl/app/acme/org.example.App/x"}
    before = left(kept)
    assert sweep(kept, refs, remove=False) == 10
    assert left(kept) == before
    assert sweep(kept, refs, remove=True) == 10
    assert left(kept) == [f"acme.login/{LAYER}.{BLOB}", f"acme/{LAYER}.{BLOB}"]
    assert not (kept / "other").exists(), "an empty directory goes"


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    assert sweep(tmp_path / "kept", set(), remove=True) == 0


def test_what_is_not_named_as_we_name_things_stays(kept: Path, tmp_path: Path) -> None:
    (kept / "acme/note").write_bytes(b"x")
    (kept / "Acme").mkdir()
    (kept / f"acme/{OTHER}.{LAYER}").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{LAYER}.{BLOB}").write_bytes(b"x")
    (kept / "linked").symlink_to(tmp_path / "elsewhere")
    (kept / "file").write_bytes(b"x")
    assert sweep(kept, set(), remove=True) == 20
    assert left(kept) == [f"acme/{OTHER}.{LAYER}", "acme/note", f"linked/{LAYER}.{BLOB}"]
    assert (kept / "Acme").is_dir()


def test_what_a_symlink_leads_to_is_not_counted(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"x" * 10_000)
    (kept / f"acme/{'4' * 64}.{BLOB}").symlink_to(tmp_path / "elsewhere")
    (kept / f"acme/{'5' * 64}.{BLOB}").symlink_to(tmp_path / "nothing")
    assert sweep(kept, set(), remove=True) < 10_000
    assert (tmp_path / "elsewhere").exists()
