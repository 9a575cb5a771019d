# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an index says of apps: bounded, each once, and nothing that is not understood hides another."""

import base64
import json

import pytest

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.flatpak import listing
from appctld.model.flatpak.listing import APPDATA, ICON, ListedApp, parse_listing
from appctld.model.jsonvalue import JsonObject

DATA = "data:image/png;base64,"


def image(name: str, **changes: object) -> JsonObject:
    labels: JsonObject = {"org.flatpak.ref": f"app/org.acme.{name}/x86_64/stable", APPDATA: f"<{name}/>"}
    found: JsonObject = {
        "Digest": f"sha256:{'1' * 64}",
        "OS": "linux",
        "Architecture": "amd64",
        "Tags": ["1"],
    }
    return {**found, "Labels": labels, **changes}  # type: ignore[dict-item]


def index(*images: JsonObject) -> bytes:
    return json.dumps({"Results": [{"Name": "x/y", "Images": [*images]}]}).encode()


def with_icon(url: object) -> JsonObject:
    found = image("A")
    return {**found, "Labels": {**found["Labels"], ICON: url}}  # type: ignore[dict-item]


def ids(*images: JsonObject) -> list[str]:
    return [app.id for app in parse_listing(index(*images), "amd64")]


def test_apps_come_in_the_order_of_their_ids_each_once() -> None:
    found = parse_listing(index(image("B"), image("A"), image("B", Tags=["2"])), "amd64")
    assert found == [
        ListedApp("org.acme.A", "x/y:1", b"<A/>", None),
        ListedApp("org.acme.B", "x/y:1", b"<B/>", None),
    ]


@pytest.mark.parametrize(
    "other",
    [
        image("B", Architecture="arm64"),
        image("B", OS="windows"),
        image("B", Tags=[]),
        image("B", Labels={"org.flatpak.ref": "app/org.acme.B/x86_64/stable"}),
        image("B", Labels={"org.flatpak.ref": "app/org.acme.B/x86_64/stable", APPDATA: 1}),
        image("B", Labels={"org.flatpak.ref": "runtime/org.acme.B/x86_64/stable", APPDATA: "<B/>"}),
        image("B", Labels={APPDATA: "<B/>"}),
        image("B", Digest="x"),
    ],
)
def test_what_is_no_app_of_this_machine_hides_no_other(other: JsonObject) -> None:
    assert ids(other, image("A")) == ["org.acme.A"]


@pytest.mark.parametrize(
    ("url", "icon"),
    [
        (f"{DATA}{base64.b64encode(b'picture').decode()}", b"picture"),
        ("https://example.org/icon.png", None),
        (f"{DATA}!!!!", None),
        (base64.b64encode(b"picture").decode(), None),
        (f"{DATA}eHh4 eHh4", None),
        (1, None),
        (None, None),
    ],
)
def test_a_picture_stands_in_the_label_or_is_none(url: object, icon: bytes | None) -> None:
    (app,) = parse_listing(index(with_icon(url)), "amd64")
    assert app.icon == icon


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{DATA}{base64.b64encode(b'picture').decode()}"
    monkeypatch.setattr(listing, "ICON_LENGTH", len(url) - 1)
    (app,) = parse_listing(index(with_icon(url)), "amd64")
    assert app.icon is None
    monkeypatch.setattr(listing, "APPS", 1)
    assert ids(image("A"), image("A")) == ["org.acme.A"]
    with pytest.raises(LimitExceeded, match="1 apps"):
        ids(image("A"), image("B"))
    monkeypatch.setattr(listing, "INDEX_BYTES", 10)
    with pytest.raises(LimitExceeded, match="an index of"):
        ids(image("A"))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"Results": 1}'])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(BadManifest, match="cannot be read"):
        parse_listing(data, "amd64")
