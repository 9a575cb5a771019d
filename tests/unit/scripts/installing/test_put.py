# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Files get into a system that has some already, and nothing but they is another afterwards."""

import stat
import subprocess
from pathlib import Path

import pytest

from installing.place import TOP

PUT = str(TOP / "scripts/lib/installing/put")
VENV = "/usr/local/lib/appctl/venv"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What is to be put, two timers among it."""
    files = tmp_path / "files"
    for name in ("usr/local/lib/systemd/system/a.timer", "usr/local/lib/systemd/system/b.timer", "etc/one",
                 f"{VENV[1:]}/new"):  # fmt: skip
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text("new")
    return files


def put(files: Path, root: Path) -> list[str]:
    done = subprocess.run([PUT, files, root, VENV], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_without_a_root_they_get_into_this_system(files: Path, tmp_path: Path) -> None:
    """In a namespace whose / is a directory of the test."""
    root = tmp_path / "root"
    root.mkdir()
    there = (
        "/usr/bin",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib64",
        PUT,
        "/put",
        files,
        "/f",
    )
    pairs = zip(there[::2], there[1::2], strict=True)
    mounts = [str(word) for source, target in pairs for word in ("--ro-bind-try", source, target)]
    links = [word for name in ("bin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")]
    inside = ["bwrap", "--bind", str(root), "/", *mounts, *links, "--"]
    subprocess.run([*inside, "/put", "/f", "", VENV], check=True, capture_output=True)
    assert (root / "etc/one").read_text() == "new"
    assert (root / VENV[1:] / "new").exists()


def test_timers_that_were_not_there_are_told(files: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    there = root / "usr/local/lib/systemd/system/a.timer"
    there.parent.mkdir(parents=True)
    there.touch()
    assert put(files, root) == ["b.timer"]
    assert put(files, root) == []


def test_directories_and_links_that_are_there_stay_and_an_old_environment_does_not(
    files: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "elsewhere").mkdir(parents=True)
    (root / "etc").symlink_to("elsewhere")
    (root / "usr/local/lib").mkdir(parents=True)
    (root / "usr/local/lib").chmod(0o2775)  # Debian's
    (root / VENV[1:]).mkdir(parents=True)
    (root / VENV[1:] / "old").touch()
    put(files, root)
    assert (root / "elsewhere/one").read_text() == "new"
    assert stat.S_IMODE((root / "usr/local/lib").stat().st_mode) == 0o2775
    assert [path.name for path in (root / VENV[1:]).iterdir()] == ["new"]


def test_a_file_is_replaced_and_never_written_into(files: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/one").write_text("old")
    with (root / "etc/one").open() as reading:
        put(files, root)
        assert reading.read() == "old"
    assert (root / "etc/one").read_text() == "new"
