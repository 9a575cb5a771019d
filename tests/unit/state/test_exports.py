# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is read of a deployment's exports, and of a list that is damaged: nothing."""

import json
from pathlib import Path

import pytest

from appctld.state import exports
from appctld.state.exports import Exported, exported

APP = "org.acme.Editor"
FILES = [
    f"applications/{APP}.Extra.desktop",
    f"applications/{APP}.desktop",
    f"icons/hicolor/48x48/apps/{APP}.png",
    f"metainfo/{APP}.metainfo.xml",
]
WRITTEN = {"format": 2, "command": ["/usr/bin/appctl"], "files": FILES, "refused": [["a", "b"]], "icon": APP}


def read(tmp_path: Path, text: str) -> Exported:
    (tmp_path / "exports.json").write_text(text)
    return exported(tmp_path)


def test_it_is_what_the_store_wrote(tmp_path: Path) -> None:
    found = read(tmp_path, json.dumps(WRITTEN))
    assert found == Exported(tuple(FILES), (("a", "b"),), APP)
    assert found.desktop_ids == (f"{APP}.Extra.desktop", f"{APP}.desktop")
    assert found.metainfo == f"metainfo/{APP}.metainfo.xml"


def test_appdata_is_metainfo(tmp_path: Path) -> None:
    old = f"appdata/{APP}.appdata.xml"
    assert read(tmp_path, json.dumps(WRITTEN | {"files": [old]})).metainfo == old


DAMAGED = (
    "",
    "{",
    "[]",
    json.dumps({key: value for key, value in WRITTEN.items() if key != "files"}),
    json.dumps(WRITTEN | {"files": [1]}),
    json.dumps(WRITTEN | {"refused": [["a"]]}),
    json.dumps(WRITTEN | {"refused": [["a", 1]]}),
    json.dumps(WRITTEN | {"icon": None}),
)


@pytest.mark.parametrize("text", DAMAGED)
def test_what_cannot_be_read_exports_nothing(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == Exported()


def test_without_a_list_there_is_nothing(tmp_path: Path) -> None:
    assert exported(tmp_path) == Exported()


def test_a_list_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "EXPORTS_BYTES", 100)
    assert read(tmp_path, json.dumps(WRITTEN)) == Exported()
