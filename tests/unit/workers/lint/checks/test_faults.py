# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every finding on an image that has the fault, and how an app's name and command are looked for."""

import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.workers.lint.findings import CODES
from support.workers.specimen import DESKTOP, ID, METADATA, REFERENCE, File, Specimen, codes, examined, png

SHARE = "usr/share"
DESKTOP_FILE = f"{SHARE}/applications/{ID}.desktop"
METAINFO_FILE = f"{SHARE}/metainfo/{ID}.metainfo.xml"
ICON = f"{SHARE}/icons/hicolor/128x128/apps/{ID}.png"
PICTURE = f"{SHARE}/icons/hicolor/scalable/apps/{ID}.svg"
OTHER = f"{SHARE}/applications/other.desktop"
SERVICE = f"{SHARE}/dbus-1/services/{ID}.service"
TYPES = f"{SHARE}/mime/packages/{ID}.xml"
DEVICE, FIFO, LINK, DIRECTORY = tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE


@pytest.fixture
def specimen(tmp_path: Path) -> Specimen:
    return Specimen(tmp_path / "images")


def _set(**changes: object) -> Callable[[Specimen], None]:
    def spoil(specimen: Specimen) -> None:
        for name, value in changes.items():
            setattr(specimen, name, value)

    return spoil


def put(path: str, file: File) -> Callable[[Specimen], None]:
    """Put a file there."""
    return lambda specimen: specimen.files.__setitem__(path, file)


def drop(*paths: str) -> Callable[[Specimen], None]:
    """Leave files out."""

    def spoil(specimen: Specimen) -> None:
        for path in paths:
            del specimen.files[path]

    return spoil


def label(name: str, value: str | None) -> Callable[[Specimen], None]:
    """Give a label another value, or none."""

    def spoil(specimen: Specimen) -> None:
        specimen.labels.pop(name, None)
        if value is not None:
            specimen.labels[name] = value

    return spoil


def metadata(text: str) -> Callable[[Specimen], None]:
    """Let label and file say this."""

    def spoil(specimen: Specimen) -> None:
        specimen.labels["org.appctl.metadata"] = text
        specimen.files["app/metadata"] = File(text.encode())

    return spoil


def unlabelled(path: str, text: str) -> Callable[[Specimen], None]:
    """Let a file at this path say it, and no label."""

    def spoil(specimen: Specimen) -> None:
        del specimen.labels["org.appctl.metadata"], specimen.files["app/metadata"]
        specimen.files[path] = File(text.encode())

    return spoil


def flatpaks(text: str) -> Callable[[Specimen], None]:
    """Make it an image of flatpak's, which says this, beside our own label."""

    def spoil(specimen: Specimen) -> None:
        specimen.labels |= {"org.flatpak.ref": REF, "org.flatpak.metadata": text}
        specimen.files["metadata"] = File(text.encode())

    return spoil


def mode(path: str, bits: int) -> Callable[[Specimen], None]:
    """Give a file another mode."""
    return lambda specimen: specimen.files.__setitem__(path, replace(specimen.files[path], mode=bits))


BELOW_USR = {"not-exported"}  # where nobody looks in an image of flatpak's
REF = f"app/{ID}/x86_64/stable"
RUNNING = METADATA.replace("[Context]", "runtime=org.example.Platform/x86_64/1\n\n[Context]")
UNNAMED = METADATA.replace(f"name={ID}\n", "")
FAULTS: list[tuple[str, str, Callable[[Specimen], None]]] = [
    ("bad-id", "org.appctl.id", label("org.appctl.id", "Greeter")),
    ("id-differs", "org.appctl.id", label("org.appctl.id", "org.example.Other")),
    ("label-differs", "app/metadata", drop("app/metadata")),
    ("label-differs", "app/metadata", put("app/metadata", File(METADATA.encode() + b"\n#"))),
    ("no-label", "app/metadata", label("org.appctl.metadata", None)),
    ("bad-metadata", "label", metadata("no key file")),
    ("bad-metadata", "label", metadata(METADATA + "\n[USB Devices]\nenumerable-devices=all\n")),
    ("bad-metadata", "label", label("org.flatpak.ref", "no ref")),
    ("bad-metadata", "metadata file", unlabelled("app/metadata", "no key file")),
    ("bad-metadata", "metadata file", unlabelled("metadata", "no key file")),
    ("bad-image", REFERENCE, flatpaks(RUNNING)),  # which our own label does not say
    ("desktop-invalid", DESKTOP_FILE, put(DESKTOP_FILE, File(DESKTOP.replace("Type=", "Typ=").encode()))),
    ("export-refused", DESKTOP_FILE, put(DESKTOP_FILE, File(b"#" * ((1 << 20) + 1)))),
    ("export-refused", DESKTOP_FILE, put(DESKTOP_FILE, File(kind=LINK, target="/nowhere"))),
    ("export-refused", DESKTOP_FILE, put(DESKTOP_FILE, File(DESKTOP.replace("=greet", "=a | b").encode()))),
    ("export-refused", SERVICE, put(SERVICE, File(b"[D-BUS Service]\nName=org.gnome.Nautilus\nExec=x\n"))),
    ("export-refused", TYPES, put(TYPES, File(b"<mime-info><mime-type type='text/plain'/></mime-info>"))),
    ("export-dropped", DESKTOP_FILE, put(DESKTOP_FILE, File(DESKTOP.encode() + b"TryExec=greet\n"))),
    ("metainfo-invalid", METAINFO_FILE, put(METAINFO_FILE, File(b"<component/>"))),
    ("not-exported", OTHER, put(OTHER, File())),
    ("not-exported", f"{ICON}.svgz", put(f"{ICON}.svgz", File())),
    ("not-exported", f"app/share/{DESKTOP_FILE[10:]}", put(f"app/share/{DESKTOP_FILE[10:]}", File())),
    ("no-icon", DESKTOP_FILE, drop(ICON, ICON.replace("128x128", "scalable").replace("png", "svg"))),
    ("icon-invalid", ICON, put(ICON, File(b"GIF89a"))),
    ("icon-invalid", ICON, put(ICON, File(b"GIF89a" + bytes(64)))),
    ("icon-invalid", PICTURE, put(PICTURE, File(b"<html/>"))),
    ("icon-invalid", ICON, put(ICON, File(png(128, 128)[:16]))),
    ("icon-size", ICON, put(ICON, File(png(64, 64)))),
    ("icon-size", ICON, put(ICON, File(png(128, 127)))),
    ("command-missing", "/usr/bin/greet", drop("usr/bin/greet")),
    ("command-missing", "/usr/bin/greet", put("usr/bin/greet", File(kind=DIRECTORY, mode=0o755))),
    ("command-missing", "/usr/bin/greet", put("usr/bin/greet", File(kind=LINK, target="greet"))),
    ("command-not-executable", "/usr/bin/greet", mode("usr/bin/greet", 0o644)),
    ("command-missing", "hello", metadata(METADATA.replace("/usr/bin/greet", "hello"))),
    ("no-command", "Entrypoint", metadata(METADATA.replace("command=/usr/bin/greet\n", ""))),
    (
        "command-in-runtime",
        "hello",
        metadata(METADATA.replace("command=/usr/bin/greet", "command=hello\nruntime=org.x.P/x86_64/1")),
    ),
    ("private-mode", "usr/lib/secret", put("usr/lib/secret", File(b"x", 0o600))),
    ("private-mode", "root", put("root", File(kind=DIRECTORY, mode=0o700))),
    ("dropped", "dev/console", put("dev/console", File(kind=DEVICE))),
    ("dropped", "run/fifo", put("run/fifo", File(kind=FIFO))),
    ("setuid", "usr/bin/su", put("usr/bin/su", File(b"x", 0o4755))),
    ("capability", "usr/bin/ping", put("usr/bin/ping", File(b"x", xattrs={"security.capability": "x"}))),
    ("ignored", "USER", _set(run={"User": "nobody"})),
    ("ignored", "EXPOSE", _set(run={"ExposedPorts": {"80/tcp": {}}})),
    ("not-signed", REFERENCE, _set(signed=False)),
    ("other-identity", REFERENCE, _set(identity="registry.example.org/apps/greeter:2")),
    ("tag-not-bound", REFERENCE, _set(identity="registry.example.org/apps/greeter")),
    ("wrong-diffid", "sha256:" + "0" * 64, _set(diff_id="sha256:" + "0" * 64)),
    ("bad-image", REFERENCE, put("../escape", File(b"x"))),
    ("bad-image", REFERENCE, _set(layer_type="application/x-something")),
    ("bad-image", REFERENCE, _set(packing="+none")),
    ("bad-image", REFERENCE, _set(size_lie=1)),
    ("bad-image", REFERENCE, _set(more_diff_ids=["sha256:" + "0" * 64])),
    ("no-name", "v1", _set(name="v1")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "subject", "spoil"), FAULTS, ids=[f"{code} {subject}" for code, subject, _ in FAULTS]
)
def test_every_fault_is_found(
    code: str, subject: str, spoil: Callable[[Specimen], None], specimen: Specimen
) -> None:
    spoil(specimen)
    specimen.write()
    findings = examined(specimen)
    assert (code, subject) in {(one["code"], one["subject"]) for one in findings}, findings
    assert all(one["level"] == str(CODES[str(one["code"])]) for one in findings)


def test_without_any_name_an_app_is_called_after_its_place(specimen: Specimen) -> None:
    label("org.appctl.id", None)(specimen)
    metadata(UNNAMED)(specimen)
    specimen.write()
    said = {str(one["code"]): str(one["sentence"]) for one in examined(specimen)}
    assert "org.example.registry.apps.greeter" in said["no-id"]
    assert "not-exported" in said


def test_of_an_image_of_flatpaks_only_the_file_of_its_form_counts(specimen: Specimen) -> None:
    flatpaks(RUNNING)(specimen)
    del specimen.labels["org.appctl.metadata"]  # and app/metadata is a file like any other
    specimen.write()
    assert codes(examined(specimen)) - BELOW_USR == {"signed"}
    drop("metadata")(specimen)
    specimen.write()
    assert codes(examined(specimen)) - BELOW_USR == {"signed", "label-differs"}


def test_flatpaks_label_counts_in_its_own_images_alone(specimen: Specimen) -> None:
    specimen.labels["org.flatpak.metadata"] = specimen.labels.pop("org.appctl.metadata")
    specimen.write()
    assert "no-label" in codes(examined(specimen))


def test_what_the_metadata_names_counts_as_the_label_does(specimen: Specimen) -> None:
    label("org.appctl.id", None)(specimen)
    specimen.write()
    assert codes(examined(specimen)) == {"signed"}


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("greet", ""),
        ("greet", "/opt/bin:/usr/bin"),
        ("/bin/greet", ""),
        ("./greet", ""),
    ],
)
def test_a_command_is_looked_for_as_it_will_be(command: str, path: str, specimen: Specimen) -> None:
    metadata(METADATA.replace("/usr/bin/greet", command))(specimen)
    specimen.files["bin"] = File(kind=LINK, target="usr/bin")
    specimen.run = {"WorkingDir": "/usr/bin", **({"Env": [f"PATH={path}"]} if path else {})}
    specimen.write()
    assert codes(examined(specimen)) == {"signed"}


def test_a_commits_objects_are_no_files_that_anybody_could_hide(specimen: Specimen) -> None:
    specimen.files["sysroot/ostree/repo/objects/aa/b.file"] = File(b"x", 0o600)
    specimen.write()
    assert codes(examined(specimen)) == {"signed"}


def test_every_code_is_found_by_a_test() -> None:
    elsewhere = {"signed", "no-id", "not-checked", "keyless"}  # above, and checks/test_signatures.py
    elsewhere |= {"catalog-refused", "catalog-invalid"}  # checks/test_catalog.py
    assert {code for code, _, _ in FAULTS} | elsewhere == set(CODES)
