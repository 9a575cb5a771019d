# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl lint` from the command line: a directory, an archive, a registry; no daemon, no root."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines.machine import BIN, Ran
from support.servers.registry import Registry
from support.workers.specimen import REFERENCE, File, Specimen

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def specimen(tmp_path: Path) -> Specimen:
    return Specimen(tmp_path / "images")


def lint(*arguments: str, code: int) -> Ran:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBUS_")}
    command = [str(BIN / "appctl"), "lint", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == code, done
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_good_image_and_a_bad_one_in_a_directory(specimen: Specimen) -> None:
    specimen.write()
    place = f"oci:{specimen.shelf.directory}"
    assert (
        lint(place, code=0).out == f"{REFERENCE}\n  note:    {REFERENCE}: by cosign, with a key  [signed]\n"
    )
    specimen.files["usr/bin/greet"] = File(b"x", 0o644)
    specimen.name = f"{REFERENCE}-bad"
    specimen.signed = False
    specimen.write()
    found = lint(place, "--json", code=1).json
    assert (found["images"], found["good"]) == ([REFERENCE, f"{REFERENCE}-bad"], False)
    bad = {one["code"]: one for one in found["findings"] if one["image"] == f"{REFERENCE}-bad"}
    assert bad["command-not-executable"] == {
        "image": f"{REFERENCE}-bad",
        "code": "command-not-executable",
        "level": "error",
        "subject": "/usr/bin/greet",
        "sentence": "its mode is 0644",
    }
    assert "not-signed" in bad


@pytest.mark.parametrize("tag", ["plain-zstd-chunked", "plain-zstd-chunked-old"])
def test_chunked_images_are_read_as_they_are_installed(tag: str, tmp_path: Path) -> None:
    """One of them asks for a window of 32 MiB, and leaves the zeros at the end of a tar out (ADR 31)."""
    copied = ["skopeo", "--insecure-policy", "copy", "-q", f"oci:{FIXTURES / 'images'}:{tag}"]
    subprocess.run([*copied, f"oci:{tmp_path / 'one'}:{REFERENCE}"], check=True)
    found = lint(f"oci:{tmp_path / 'one'}", "--json", code=1).json
    errors = {one["code"] for one in found["findings"] if one["level"] == "error"}
    assert errors == {"not-signed"}, "skopeo signed nothing, and all else can be read"


def test_an_archive_is_read_where_it_lies(specimen: Specimen, tmp_path: Path) -> None:
    specimen.write()
    archive = tmp_path / "greeter.tar"
    subprocess.run(["tar", "-C", str(specimen.shelf.directory), "-cf", str(archive), "."], check=True)
    assert json.loads(lint(f"oci-archive:{archive}", "--json", code=0).out)["images"] == [REFERENCE]


def test_a_registrys_image_with_warnings_alone_is_no_failure(specimen: Specimen, registry: Registry) -> None:
    specimen.files["var/lib/secret"] = File(b"x", 0o600)
    specimen.write()
    name = "apps/greeter:1"
    registry.push(f"oci:{specimen.shelf.directory}:{REFERENCE}", name)
    found = lint(f"oci+http://{registry.host}/{name}", "--json", code=1).json
    codes = {one["code"] for one in found["findings"]}
    assert codes == {"private-mode", "not-signed"}  # pushed without its signature


@pytest.mark.parametrize(
    ("place", "code"),
    [("oci:/nowhere", 5), ("oci-archive:/nowhere", 1), ("greeter", 64), ("nowhere/greeter", 64)],
)
def test_what_is_no_image_is_said_and_no_finding(place: str, code: int) -> None:
    ran = lint(place, code=code)
    assert ran.err.startswith("error: ")
    assert ran.out == ""


def test_foreign_text_is_escaped(specimen: Specimen) -> None:
    specimen.files["root/\u202egnp"] = File(b"x", 0o600)
    specimen.write()
    assert "root/\\u202egnp" in lint(f"oci:{specimen.shelf.directory}", code=0).out
