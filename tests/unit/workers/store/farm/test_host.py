# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the host has of MIME types, by its own lists."""

from pathlib import Path

import pytest

from appctld.workers.store.farm import host
from appctld.workers.store.farm.host import taken


def test_types_aliases_and_globs_are_the_hosts(tmp_path: Path) -> None:
    for share, types in (("local", "text/x-mine\n"), ("host", "text/plain\nimage/png\n")):
        (tmp_path / share / "mime").mkdir(parents=True)
        (tmp_path / share / "mime/types").write_text(types)
    (tmp_path / "host/mime/aliases").write_text("text/x-old text/plain\n")
    (tmp_path / "host/mime/globs2").write_text("# made\n50:text/plain:*.txt\n50:text/x-c++src:*.C:cs\n")
    assert taken([tmp_path / "local", tmp_path / "host", tmp_path / "none"]) == {
        "text/x-mine",
        "text/plain",
        "image/png",
        "text/x-old",
        "*.txt",
        "*.C",
    }


def test_the_lists_of_this_machine_are_read() -> None:
    assert {"text/plain", "*.txt"} <= taken([Path("/usr/share")])


def test_a_list_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mime").mkdir()
    (tmp_path / "mime/types").write_text("a/a\nb/b\n")
    monkeypatch.setattr(host, "MIME_BYTES", 4)
    assert taken([tmp_path]) == {"a/a"}
