# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an installation would not show of an app is said before anybody installs it."""

from pathlib import Path

import pytest

from appctld.workers.lint.checks import exports
from support.workers.specimen import DESKTOP, ID, METADATA, File, Specimen, codes, examined, png

BELOW = f"applications/{ID}.desktop"
DESKTOP_FILE = f"usr/share/{BELOW}"
ICON = f"usr/share/icons/hicolor/128x128/apps/{ID}.png"
SERVICE = f"usr/share/dbus-1/services/{ID}.service"


@pytest.fixture
def specimen(tmp_path: Path) -> Specimen:
    return Specimen(tmp_path / "images")


def said(specimen: Specimen) -> set[tuple[str, str, str]]:
    """Code, subject and sentence of what is found."""
    specimen.write()
    return {(str(one["code"]), str(one["subject"]), str(one["sentence"])) for one in examined(specimen)}


def found(specimen: Specimen) -> set[tuple[str, str]]:
    """Code and subject alone."""
    return {(code, subject) for code, subject, _ in said(specimen)}


def test_what_is_left_out_is_named(specimen: Specimen) -> None:
    specimen.files[DESKTOP_FILE] = File(DESKTOP.encode() + b"TryExec=greet\nPath=/\n")
    assert ("export-dropped", DESKTOP_FILE, "an installation leaves out: TryExec, Path") in said(specimen)


def test_what_is_refused_is_said_with_the_reason(specimen: Specimen) -> None:
    specimen.files[SERVICE] = File(b"[D-BUS Service]\nName=org.gnome.Nautilus\nExec=x\n")
    specimen.files[DESKTOP_FILE] = File(kind=b"2", target="/nowhere")
    assert {
        ("export-refused", SERVICE, f"its Name is not that of the file, {ID}"),
        ("export-refused", DESKTOP_FILE, "it is a symbolic link"),
    } <= said(specimen)


def test_a_line_that_marks_files_to_be_given_is_refused_as_an_installation_does(specimen: Specimen) -> None:
    specimen.files[DESKTOP_FILE] = File(DESKTOP.encode().replace(b"Exec=", b"Exec=x @@ /etc/passwd %U y"))
    assert ("export-refused", DESKTOP_FILE) in found(specimen)


def test_a_file_that_is_too_large_to_be_looked_into_is_refused(specimen: Specimen) -> None:
    specimen.files[ICON] = File(bytes((1 << 20) + 1))
    assert ("export-refused", ICON, "no regular file, or too large for one") in said(specimen)


def test_a_picture_of_another_size_is_one_all_the_same(specimen: Specimen) -> None:
    specimen.files[ICON] = File(png(64, 64))
    assert ("icon-size", ICON, "64x64 where 128x128 stands in its path") in said(specimen)
    specimen.files[ICON] = File(png(64, 64)[:-1])
    assert ("icon-invalid", ICON) in found(specimen)


def test_only_who_has_a_desktop_file_misses_an_icon(specimen: Specimen) -> None:
    for path in [path for path in specimen.files if "/icons/" in path]:
        del specimen.files[path]
    del specimen.files[DESKTOP_FILE]
    assert "no-icon" not in {code for code, _ in found(specimen)}


def test_what_a_distribution_has_there_is_no_fault(specimen: Specimen) -> None:
    for path in (
        "applications/mimeinfo.cache",
        "mime/packages/freedesktop.org.xml",
        "icons/hicolor/index.theme",
    ):
        specimen.files[f"usr/share/{path}"] = File(b"x")
    specimen.files["usr/share/dbus-1/services/org.freedesktop.portal.service"] = File(b"x")
    assert "not-exported" not in {code for code, _ in found(specimen)}


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("usr/share/applications/other.desktop", f"its name does not begin with {ID}."),
        (f"usr/share/applications/{ID}Plus.desktop", f"its name does not begin with {ID}."),
        (f"usr/share/icons/hicolor/99/{ID}.png", "no such file is looked for in this directory"),
        (f"{ICON}.svgz", "no such file is looked for in this directory"),
        (f"app/share/{BELOW}", "of this image only files below usr/share are"),
        (f"export/share/{BELOW}", "of this image only files below usr/share are"),
    ],
)
def test_a_file_that_stays_in_the_image_is_named(path: str, sentence: str, specimen: Specimen) -> None:
    specimen.files[path] = File(b"x")
    assert ("not-exported", path, sentence) in said(specimen)


def test_without_an_id_nothing_is_exported(specimen: Specimen) -> None:
    specimen.name = "v1"
    specimen.labels = {}
    assert ("not-exported", DESKTOP_FILE, "without an ID nothing is exported") in said(specimen)


def test_an_app_that_is_called_after_its_place_exports_what_has_that_name(specimen: Specimen) -> None:
    specimen.labels = {}
    called = "org.example.registry.apps.greeter"
    specimen.files[f"usr/share/applications/{called}.desktop"] = File(b"x")
    assert ("export-refused", f"usr/share/applications/{called}.desktop") in found(specimen)


def test_labels_that_cannot_be_read_are_no_reason_not_to_look(specimen: Specimen) -> None:
    specimen.labels["org.flatpak.ref"] = "no ref"
    specimen.files[DESKTOP_FILE] = File(b"x")
    assert ("export-refused", DESKTOP_FILE) in found(specimen)


def test_of_a_runtime_nothing_is_shown(specimen: Specimen) -> None:
    runtime = "[Runtime]\nname=org.example.Platform\n"
    specimen.labels = {
        "org.flatpak.ref": "runtime/org.example.Platform/x86_64/1",
        "org.flatpak.metadata": runtime,
    }
    specimen.files = {"metadata": File(runtime.encode()), f"export/share/{BELOW}": File()}
    specimen.write()
    assert not codes(examined(specimen)) & {"not-exported", "export-refused"}


def test_an_app_on_a_runtime_shows_what_is_below_app(specimen: Specimen) -> None:
    text = METADATA.replace("[Context]", "runtime=org.example.Platform/x86_64/1\n\n[Context]")
    specimen.labels["org.appctl.metadata"] = text
    specimen.files["app/metadata"] = File(text.encode())
    specimen.files[f"app/share/{BELOW}"] = File(b"nothing")
    assert {("export-refused", f"app/share/{BELOW}"), ("not-exported", DESKTOP_FILE)} <= found(specimen)


def test_a_validator_that_is_not_there_is_said_and_no_fault(
    specimen: Specimen, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = ("applications/", ("desktop-file-validate-of-nobody",), "desktop-invalid")
    monkeypatch.setattr(exports, "VALIDATORS", (absent,))
    specimen.write()
    findings = {str(one["code"]): one for one in examined(specimen)}
    assert findings["not-checked"]["level"] == "note"
    assert "desktop-file-validate-of-nobody is not installed" in str(findings["not-checked"]["sentence"])


def test_a_validator_that_cannot_be_shut_in_is_not_asked(
    specimen: Specimen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "validator"  # a directory that its sandbox does not have
    outside.write_text("#!/bin/sh\n")
    outside.chmod(0o755)
    monkeypatch.setattr(exports, "VALIDATORS", (("applications/", (str(outside),), "desktop-invalid"),))
    assert ("not-checked", DESKTOP_FILE, f"{outside} could not be run here") in said(specimen)
