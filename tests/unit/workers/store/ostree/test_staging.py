# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""staging.py: of a transaction that was aborted no object is left for the next one to bring in."""

import subprocess
import sys
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.staging import empty_staging

HEAD = regular(0, 0, 0o644)

OTHER = """
import sys
from pathlib import Path
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
repository = Repository.open(Path(sys.argv[1]))
with repository.shared(), repository.transaction() as writer:
    writer.file(regular(0, 0, 0o644), 5, [b"other"])
    print("ready", flush=True)
    sys.stdin.read()
"""


def found(repo: Path, where: str) -> set[bytes]:
    return {path.read_bytes() for path in repo.glob(f"{where}/??/*.file")}


def fail(repository: Repository) -> None:
    with pytest.raises(Failed):
        write(repository, b"refused", b"short")


def write(repository: Repository, *contents: bytes) -> None:
    """Store files that are as long as the first."""
    with repository.shared(), repository.transaction() as writer:
        for content in contents:
            writer.file(HEAD, len(contents[0]), [content])


def test_the_next_transaction_does_not_bring_in_what_was_refused(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    fail(repository)
    assert found(tmp_path, "tmp/*") == set()
    write(repository, b"taken")
    assert found(tmp_path, "objects") == {b"taken"}


def test_somebody_elses_transaction_is_not_disturbed(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    command = [sys.executable, "-c", OTHER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        fail(repository)
        assert found(tmp_path, "tmp/*") == {b"other"}
        other.stdin.close()
    assert other.returncode == 0
    assert found(tmp_path, "objects") == {b"other"}


def test_what_cannot_be_emptied_is_left_and_no_symlink_is_followed(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path / "repo")
    staging = tmp_path / "repo/tmp/staging-other-boot"
    staging.mkdir()
    staging.with_name("staging-other-boot-lock").symlink_to(tmp_path / "outside")
    empty_staging(repository.directory)
    assert not (tmp_path / "outside").exists()
