# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/hints.py: what of an index is listed, and what is left out of it."""

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest

from appctld.errors import BadManifest, Failed, LimitExceeded, NoSpace
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.catalog import hints
from appctld.workers.store.catalog.hints import store_hints
from appctld.workers.store.catalog.searching.entry import Entry, read_index
from appctld.workers.store.ostree.repository import Repository
from support.images.catalogs import document, png

BARE = "<component type='desktop'><id>org.acme.{0}</id><name>{0}</name><summary>x</summary></component>"


def listed(name: str, text: bytes, **changes: object) -> JsonObject:
    icon = f"data:image/png;base64,{base64.b64encode(png(64)).decode()}"
    labels: JsonObject = {
        "org.flatpak.ref": f"app/org.acme.{name}/x86_64/stable",
        "org.freedesktop.appstream.appdata": text.decode(),
        "org.freedesktop.appstream.icon-64": icon,
    }
    digest = f"sha256:{'1' * 64}"
    image = {"Digest": digest, "OS": "linux", "Architecture": "amd64", "Tags": ["stable"], "Labels": labels}
    return {"Name": f"x/{name.lower()}", "Images": [{**image, **changes}]}  # type: ignore[dict-item]


def asked(directory: Path, data: bytes, here: str = "") -> JsonObject:
    """What the store answers to an index beside the one that is `here`."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(data)
    return store_hints(
        {
            "repo": str(directory / "repo"),
            "catalogs": str(directory / "catalogs"),
            "swcatalog": str(directory / "swcatalog"),
            "remote": "acme",
            "prefix": "quay.io/x",
            "ids": [],
            "host": "quay.io",
            "architecture": "amd64",
            "here": here,
            "fds": {"in": reading},
        },
        lambda _facts: None,
    )


def stored(directory: Path, data: bytes) -> tuple[list[Entry], JsonObject]:
    """What is listed, and the answer."""
    answer = asked(directory, data)
    entries, signed = read_index(
        (directory / "catalogs/acme" / str(answer["name"]) / "index.json").read_bytes()
    )
    assert signed is False
    return entries, answer


def index(*results: JsonObject) -> bytes:
    return json.dumps({"Registry": "/", "Results": list(results)}).encode()


def test_an_app_with_its_icon_is_listed_under_the_remotes_own_registry(tmp_path: Path) -> None:
    data = index(listed("Editor", document(BARE.format("Editor"))))
    (entry,), answer = stored(tmp_path, data)
    assert (entry.id, entry.reference) == ("org.acme.Editor", "quay.io/x/editor:stable")
    assert entry.icons == {"64x64": "icons/64x64/org.acme.Editor.png"}
    assert answer["digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(
    "other",
    [
        listed("Tool", document(BARE.format("Editor"))),  # another's
        listed("Tool", document(BARE.format("Tool"), BARE.format("More"))),
        listed("Tool", document()),
        listed("Tool", b"<!DOCTYPE x><components/>"),
        listed("Tool", document(BARE.format("Tool")), Architecture="arm64"),
        {**listed("Tool", document(BARE.format("Tool"))), "Name": "y/tool"},
        {"Name": 1},
    ],
)
def test_what_is_not_in_order_hides_no_other(other: JsonObject, tmp_path: Path) -> None:
    entries, _ = stored(tmp_path, index(other, listed("Editor", document(BARE.format("Editor")))))
    assert [entry.id for entry in entries] == ["org.acme.Editor"]


def test_an_app_is_called_as_it_is_installed_whatever_its_metainfo_calls_it(tmp_path: Path) -> None:
    (entry,), _ = stored(tmp_path, index(listed("Editor", document(BARE.format("Editor.desktop")))))
    assert entry.id == "org.acme.Editor"
    catalog = next(tmp_path.glob("catalogs/acme/*/catalog.xml")).read_text()
    assert "<id>org.acme.Editor</id>" in catalog


def test_an_index_that_is_here_is_not_read_again(tmp_path: Path) -> None:
    data = b"nonsense, which was believed before"
    digest = str(Digest.of(data))
    assert asked(tmp_path, data, digest) == {"digest": digest}
    assert not (tmp_path / "catalogs").exists()


def test_where_there_is_no_room_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repository, "free_space", lambda _self: 10)
    with pytest.raises(NoSpace):
        stored(tmp_path, index(listed("Editor", document(BARE.format("Editor")))))
    assert not (tmp_path / "catalogs").exists()


def test_what_is_no_index_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failed, match="no index"):
        stored(tmp_path, b"")
    with pytest.raises(BadManifest):
        stored(tmp_path, b"[]")
    monkeypatch.setattr(hints, "INDEX_BYTES", 10)
    monkeypatch.setattr("appctld.model.flatpak.listing.INDEX_BYTES", 10)
    with pytest.raises(LimitExceeded, match="an index of 11 bytes"):
        stored(tmp_path, b" " * 100)
