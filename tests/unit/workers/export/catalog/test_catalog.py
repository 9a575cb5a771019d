# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A catalogue of real layouts: what is in it, and that it is the same everywhere."""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.model.image import TITLE, ImageConfig
from appctld.model.jsonvalue import Json, JsonObject, get_objects, get_strings
from appctld.model.reference import parse_reference
from appctld.workers.export.catalog import catalog as module
from appctld.workers.export.catalog.catalog import catalog
from appctld.workers.export.catalog.component import document, listed, of_labels
from appctld.workers.export.publish.publish import publish
from appctld.workers.images.sources import Opened, opened
from appctld.workers.images.validators import METAINFO as APPSTREAM
from appctld.workers.images.validators import ask
from appctld.workers.store.catalog.component import Rules
from appctld.workers.store.catalog.listing import read_catalog
from appctld.workers.store.catalog.texts import LANG
from support.signatures.cosign import CosignKey
from support.workers.cataloguing import ICON, NAME, TOOL, components, files, made, request
from support.workers.publishing import TIME, UNSIGNED, Layout, directory
from support.workers.publishing import request as published_as
from support.workers.specimen import ID, METADATA, METAINFO, REFERENCE, File, Specimen, png

PROGRAM = """
import os
from appctld.workers.protocol import main, late
os.umask(int(os.environ['UMASK'], 8))
main({'catalog': late('appctld.workers.export.catalog.catalog:catalog')})
"""
PLACES = [
    {"TZ": "UTC", "LC_ALL": "C", "UMASK": "022"},
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "UMASK": "077", "PYTHONHASHSEED": "7"},
]
PREFIX = "org.opencontainers.image"
SHARE = "usr/share/swcatalog"


def test_an_app_is_listed_as_its_metainfo_says_with_its_icons(greeter: Specimen, tmp_path: Path) -> None:
    answer = made(tmp_path / "out", greeter)
    assert answer["apps"] == [{"id": ID, "reference": REFERENCE, "icons": ["64x64", "128x128"]}]
    assert answer["remarks"] == []
    listed = components(tmp_path / "out")[ID]
    assert listed.findtext("summary") == "Says hello to whoever starts it"
    assert [(icon.text, icon.attrib) for icon in listed.findall("icon")] == [
        (f"{ID}.png", {"type": "cached", "width": size, "height": size}) for size in ("64", "128")
    ]
    assert listed.findtext("custom/value[@key='appctl::reference']") == REFERENCE
    pictures = {name: data for name, data in files(tmp_path / "out").items() if name.endswith(".png")}
    assert {name: data[:24] for name, data in pictures.items()} == {
        f"{SHARE}/icons/{size}x{size}/{ID}.png": png(size, size)[:24] for size in (64, 128)
    }


def test_what_metainfo_says_of_places_is_not_taken_and_languages_stand_apart(
    greeter: Specimen, tmp_path: Path
) -> None:
    """AppStream has one description for each language in a catalogue, and one of all in metainfo."""
    more = f'<icon type="stock">{ID}</icon><pkgname>greeter</pkgname><description>'
    text = METAINFO.replace("<description>", f"{more}<p xml:lang='eo'>Saluton al kiu startigas.</p>", 1)
    greeter.files[f"usr/share/metainfo/{ID}.metainfo.xml"] = File(text.encode())
    made(tmp_path / "out", greeter)
    listed = components(tmp_path / "out")[ID]
    assert {icon.get("type") for icon in listed.findall("icon")} == {"cached"}
    assert listed.find("pkgname") is None
    assert [one.get(LANG) for one in listed.findall("description")] == ["eo", None]


def test_an_app_is_called_as_it_is_installed_whatever_its_metainfo_calls_it(
    greeter: Specimen, tmp_path: Path
) -> None:
    text = METAINFO.replace(f"<id>{ID}</id>", f"<id>{ID}.desktop</id>")
    assert text != METAINFO
    greeter.files[f"usr/share/metainfo/{ID}.metainfo.xml"] = File(text.encode())
    made(tmp_path / "out", greeter)
    assert [*components(tmp_path / "out")] == [ID]


RELEASE = "<release version='1'><description><p>It is a little better.</p></description></release>"


@pytest.mark.parametrize(
    ("before", "more", "left_out"),
    [
        ("</releases>", RELEASE, ["older releases"]),
        ("<p>", f"<p xml:lang='eo'>{'Saluton. ' * 8}</p>", ["older releases", "translated descriptions"]),
    ],
)
def test_of_long_metainfo_the_newest_is_listed_and_that_is_told(
    before: str, more: str, left_out: list[str], greeter: Specimen, tmp_path: Path
) -> None:
    text = METAINFO.replace(before, more * 4000 + before, 1)
    greeter.files[f"usr/share/metainfo/{ID}.metainfo.xml"] = File(text.encode())
    remarks = get_strings(made(tmp_path / "out", greeter), "remarks")
    assert [remark.partition("without ")[2] for remark in remarks] == left_out
    (one,) = components(tmp_path / "out").values()
    assert [release.get("version") for release in one.findall("releases/release")] == ["1.0"]
    assert [description.get(LANG) for description in one.findall("description")] == [None]


ON_A_RUNTIME = METADATA.replace("[Context]", "runtime=org.example.Platform/x86_64/1\n\n[Context]")
KINDS = {
    "app/share": {"org.appctl.metadata": ON_A_RUNTIME},
    "export/share": {"org.flatpak.ref": f"app/{ID}/x86_64/stable", "org.flatpak.metadata": ON_A_RUNTIME},
}


@pytest.mark.parametrize("share", KINDS)
def test_images_of_each_kind_have_their_files_elsewhere_and_no_others_count(
    share: str, greeter: Specimen, tmp_path: Path
) -> None:
    """As at an installation."""
    theirs = {path.replace("usr/share", share): file for path, file in greeter.files.items()}
    greeter.labels = KINDS[share]
    greeter.files = {**greeter.files, **theirs}
    greeter.files[ICON.format("64x64", ID)] = File(b"no icon, were it looked at")
    assert made(tmp_path / "out", greeter)["remarks"] == []


@pytest.mark.parametrize("share", KINDS)
def test_files_where_another_kind_of_image_has_them_are_not_listed(
    share: str, greeter: Specimen, tmp_path: Path
) -> None:
    greeter.files = {path.replace("usr/share", share): file for path, file in greeter.files.items()}
    remarks = get_strings(made(tmp_path / "out", greeter), "remarks")
    assert any(remark.endswith("no metainfo: its labels are listed") for remark in remarks)


def test_an_app_of_flatpaks_is_listed_under_its_refs_id(greeter: Specimen, tmp_path: Path) -> None:
    greeter.labels = KINDS["export/share"]
    greeter.files = {path.replace("usr/share", "export/share"): file for path, file in greeter.files.items()}
    assert get_objects(made(tmp_path / "out", greeter), "apps")[0]["id"] == ID


@pytest.mark.parametrize(("form", "chunked"), [("ostree", False), ("ostree", True), ("plain", True)])
def test_what_was_published_here_is_listed(
    form: str, greeter: Specimen, tmp_path: Path, *, chunked: bool
) -> None:
    """An image that holds a commit has its files twice, in the end as hard links."""
    for path, file in greeter.files.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_bytes(file.data)
    shelf = tmp_path / "shelf"
    asked = published_as(directory(tmp_path / "tree"), shelf, form, name=REFERENCE, chunked=chunked)
    publish(asked, lambda _: None)
    place: Json = {"kind": "directory", "path": str(shelf), "called": ""}
    answer = made(tmp_path / "out", images=[place])
    assert answer["apps"] == [{"id": ID, "reference": REFERENCE, "icons": ["64x64", "128x128"]}]


def test_what_is_not_exported_is_not_listed_and_that_is_told(greeter: Specimen, tmp_path: Path) -> None:
    greeter.files[ICON.format("64x64", ID)] = File(png(32, 32))
    greeter.files[f"usr/share/metainfo/{ID}.metainfo.xml"] = File(b"<!DOCTYPE x><x/>")
    answer = made(tmp_path / "out", greeter)
    refused = [remark.split(" ")[1] for remark in get_strings(answer, "remarks") if "not exported" in remark]
    assert set(refused) == {f"icons/hicolor/64x64/apps/{ID}.png", f"metainfo/{ID}.metainfo.xml"}
    listed = components(tmp_path / "out")[ID]
    assert (listed.get("type"), listed.findtext("launchable")) == ("desktop-application", f"{ID}.desktop")
    assert [icon.get("width") for icon in listed.findall("icon")] == ["128"]


def test_an_app_without_metainfo_is_listed_as_its_labels_say(tool: Specimen, tmp_path: Path) -> None:
    answer = made(tmp_path / "out", tool)
    listed = components(tmp_path / "out")[TOOL]
    assert listed.get("type") == "console-application"
    texts = {path: listed.findtext(path) for path in ("name", "summary", "project_license", "url")}
    assert texts == {
        "name": "Tool & <Die>",
        "summary": "Turns screws",
        "project_license": "MIT",
        "url": "https://example.org/tool",
    }
    release = listed.find("releases/release")
    assert release is not None
    assert (release.get("version"), release.get("timestamp")) == ("2.0", str(TIME))
    assert listed.findtext("provides/binary") == "tool"
    assert [remark.partition(": ")[2] for remark in get_strings(answer, "remarks")][:2] == [
        "no metainfo: its labels are listed",
        f"no icon {TOOL}.png of 64x64 or 128x128",
    ]


def test_appstream_takes_what_is_made(greeter: Specimen, tool: Specimen, tmp_path: Path) -> None:
    made(tmp_path / "out", greeter, tool)
    assert ask(APPSTREAM, "catalog.xml", files(tmp_path / "out")[f"{SHARE}/xml/catalog.xml"]) == ""


STRANGE = [
    "",
    " . ",
    "\u202e\u200b",
    "\x01\x7f",
    "\ud800",
    "\ufffe\U0010ffff",
    "<&>\"']]>&#0;",
    "a\nb\x85c\u2028d",
]


@pytest.mark.parametrize("said", [*STRANGE, "ü" * 4096])
def test_whatever_labels_say_is_read_back(said: str) -> None:
    names = (TITLE, *(f"{PREFIX}.{name}" for name in ("description", "licenses", "version")))
    labels = {**dict.fromkeys(names, said), f"{PREFIX}.url": f"https://a.example/{said}"}
    config = SimpleNamespace(label=labels.get, created=TIME)
    component = of_labels(TOOL, cast("ImageConfig", config), desktop=False, command=said)
    listed(component, parse_reference("a.example/x/tool:1"), TOOL, [])
    (found,) = read_catalog(document([component], "o"), Rules("a.example/x"))
    assert found.entry.names[""]
    assert found.entry.summaries[""]


def test_what_appstream_has_against_it_is_told(
    tool: Specimen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "METAINFO", ("false",))
    assert "false: false says no" in get_strings(made(tmp_path / "out", tool), "remarks")


def test_the_same_images_give_the_same_catalogue_everywhere(
    greeter: Specimen, tool: Specimen, tmp_path: Path
) -> None:
    first = request(tmp_path / "out", tool, greeter)
    images = get_objects(first, "images")
    answers = []
    for number, (order, place) in enumerate(zip((images, images[::-1]), PLACES, strict=True)):
        to = {"kind": "directory", "path": str(tmp_path / f"out{number}")}
        asked = {**first, "images": [*order], "to": to}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(asked) + "\n", capture_output=True, text=True,
            check=True, env={**os.environ, **place},
        )  # fmt: skip
        answers.append(json.loads(done.stdout.splitlines()[-1])["result"])
    assert [answer["digest"] for answer in answers[1:]] == [answers[0]["digest"]]
    assert answers[0]["apps"] == answers[1]["apps"]


def test_its_image_says_that_it_is_one_and_for_no_machine_in_particular(
    greeter: Specimen, tmp_path: Path
) -> None:
    made(tmp_path / "out", greeter)
    config = Layout(tmp_path / "out").config(NAME)
    assert config["config"]["Labels"]["org.appctl.catalog"] == "1"
    assert (config["os"], config["architecture"]) == ("unknown", "unknown")
    assert config["created"] == "2023-11-14T22:13:20Z"


def test_without_a_time_it_is_of_now(greeter: Specimen, tmp_path: Path) -> None:
    made(tmp_path / "out", greeter, timestamp=-1)
    assert Layout(tmp_path / "out").config(NAME)["created"] > "2024"


def test_it_is_signed_under_its_own_name(greeter: Specimen, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(CosignKey().private_pem)
    sign: JsonObject = {**UNSIGNED, "identity": NAME, "cosign": str(tmp_path / "key.pem")}
    answer = made(tmp_path / "out", greeter, sign=sign)
    tag = f"sha256-{str(answer['digest']).partition(':')[2]}.sig"
    assert answer["signatures"] == [f"tag {tag}"]
    assert set(Layout(tmp_path / "out").index) == {NAME, f"{NAME.rpartition(':')[0]}:{tag}"}


def test_a_catalogue_lies_beside_what_it_lists_and_takes_the_place_of_the_one_before(
    greeter: Specimen,
) -> None:
    """And is not listed itself."""
    shelf = greeter.shelf.directory
    first = made(shelf, greeter)
    place: Json = {"kind": "directory", "path": str(shelf), "called": ""}
    again = made(shelf, images=[place])
    assert again["digest"] == first["digest"]
    assert Layout(shelf).index[NAME] == first["digest"]
    assert get_strings(again, "remarks") == [f"{NAME}: left out, nobody starts what is in it"]


def test_of_more_remarks_than_anybody_reads_the_first_are_told_and_how_many_there_are(
    tool: Specimen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tmp_path / "out", tool)
    monkeypatch.setattr(module, "METAINFO", ("true",))

    def remarks() -> list[str]:
        return get_strings(catalog(asked, lambda _: None), "remarks")

    told = remarks()
    monkeypatch.setattr(module, "REMARKS", len(told))
    assert remarks() == told
    monkeypatch.setattr(module, "REMARKS", 1)
    assert remarks() == [told[0], f"and {len(told) - 1} more remarks"]


def test_what_registries_have_in_common_holds_for_each_place(
    greeter: Specimen, tool: Specimen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Json, Json]] = []

    def noted(place: JsonObject) -> AbstractContextManager[Opened]:
        asked.append((place["ca"], place["proxy"]))
        return opened(place)

    monkeypatch.setattr(module, "opened", noted)
    made(tmp_path / "out", greeter, tool, ca="certificates", proxy={"direct": []})
    assert asked == [("certificates", {"direct": []})] * 4  # for its names, and to be read


def test_a_runtime_is_left_out_with_its_layers_unread_and_that_is_told(
    greeter: Specimen, tmp_path: Path
) -> None:
    platform = Specimen(tmp_path / "platform")
    platform.name = "registry.example.org/apps/platform:1"
    platform.labels = {"org.flatpak.ref": "runtime/org.example.Platform/x86_64/1"}
    platform.files = {"usr/lib/x": File(b"x")}
    asked = request(tmp_path / "out", greeter, platform)
    blobs = [*(platform.shelf.directory / "blobs/sha256").iterdir()]
    (layer,) = (blob for blob in blobs if not blob.read_bytes().startswith(b"{"))
    layer.unlink()
    answer = catalog(asked, lambda _: None)
    assert components(tmp_path / "out").keys() == {ID}
    assert f"{platform.name}: left out, nobody starts what is in it" in get_strings(answer, "remarks")
