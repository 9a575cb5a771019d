# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A directory worth publishing."""

from pathlib import Path

import pytest

from support.workers.publishing import METADATA


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An app: a program, links, an empty file twice, long names, a file that is large enough for a layer."""
    root = tmp_path / "tree"
    for name in ("app", "usr/bin", "etc", f"usr/lib/{'n' * 200}"):
        (root / name).mkdir(parents=True)
    (root / "app/metadata").write_text(METADATA)
    (root / "usr/bin/hello").write_text("#!/bin/sh\necho hello\n")
    (root / "usr/bin/hello").chmod(0o755)
    (root / "usr/bin/again").symlink_to("hello")
    (root / "usr/lib" / ("n" * 200) / ("ü" * 100)).write_bytes(b"deep")
    (root / "etc/empty").write_bytes(b"")
    (root / "usr/empty").write_bytes(b"")
    (root / "usr/large").write_bytes(bytes(5 << 20))
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.name == "hello" else 0o644)
    return root
