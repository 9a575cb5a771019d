# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Debian package: what it says of itself follows from what is in it."""

import os
import re
import shutil
import subprocess
from email.message import Message
from pathlib import Path

import pytest

from installing.debian import PARTS, SCRIPTS, TOP, Package, control, documents, licence_of
from installing.place import main as place_all

SITE = "usr/lib/appctl/venv/lib/python3.11/site-packages"
LIBC = b"\0libc.so.6\0libgcc_s.so.1\0GLIBC_2.9\0GLIBC_2.28\0"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What install-system --destdir leaves, with an environment of one library."""
    directory = tmp_path_factory.mktemp("files")
    place_all(str(directory), "/usr")
    library = directory / SITE / "zippy-1.0.dist-info"
    library.mkdir(parents=True)
    (library / "METADATA").write_text("Name: python-zippy\nLicense: MIT\n")
    record = [
        "zippy.so",
        "../../../bin/zip",
        "zippy_more/a.py",
        "__pycache__/x.pyc",
        "zippy-1.0.dist-info/METADATA",
    ]
    (library / "RECORD").write_text("".join(f"{file},,\n" for file in record))
    (directory / SITE / "zippy.so").write_bytes(LIBC)
    manual = directory / "usr/share/man/man1"
    manual.mkdir(parents=True)
    (manual / "appctl.1").write_text(".TH APPCTL 1\n")
    return directory


@pytest.fixture
def package(files: Path, tmp_path: Path) -> Package:
    shutil.copytree(files, tmp_path / "files", symlinks=True)
    return Package(tmp_path / "files", "bookworm", "12")


def fields(package: Package) -> dict[str, str]:
    control(package)
    said = (package.files / "DEBIAN/control").read_text()
    return dict(re.findall(r"^([A-Z][\w-]*): (.*)$", said, re.MULTILINE))


def test_it_depends_on_the_python_that_its_environment_is_for(package: Package) -> None:
    asked = fields(package)["Depends"].split(", ")
    assert asked[:2] == ["python3 (>= 3.11)", "python3 (<< 3.12)"]


def test_it_depends_on_what_packages_txt_says(package: Package) -> None:
    asked = set(fields(package)["Depends"].split(", "))
    assert {"bubblewrap", "gir1.2-ostree-1.0", "python3-gi", "polkitd"} <= asked
    assert {"skopeo", "gzip", "python3-venv"} & asked == set()


def test_it_depends_on_what_its_compiled_parts_use(package: Package) -> None:
    asked = set(fields(package)["Depends"].split(", "))
    assert {"libc6 (>= 2.28)", "libgcc-s1"} <= asked


def test_a_library_that_no_package_is_known_for_is_an_error(package: Package) -> None:
    (package.site / "other.so").write_bytes(b"\0libmagic.so.1\0")
    with pytest.raises(KeyError, match=r"libmagic\.so\.1"):
        package.depends()


def test_each_suite_has_a_version_and_the_later_one_wins(files: Path) -> None:
    older, newer = Package(files, "bookworm", "12"), Package(files, "trixie", "13")
    compare = ["dpkg", "--compare-versions", older.version, "lt", newer.version]
    assert subprocess.run(compare, check=False).returncode == 0


def test_what_lies_in_etc_is_the_administrators(package: Package) -> None:
    control(package)
    assert (package.files / "DEBIAN/conffiles").read_text() == "/etc/profile.d/zz-appctl.sh\n"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_maintainer_script_knows_every_unit_and_is_plain_sh(package: Package, script: str) -> None:
    text = package.filled(script)
    assert not re.search(r"@[A-Z_]+@", text)
    units = {path.name for path in (TOP / "systemd").glob("*.timer")}
    units |= {path.name for path in (TOP / "systemd").glob("*.service")} if script == "prerm" else set()
    assert {unit for unit in units if not re.search(rf"\s{re.escape(unit)}\b", text)} == set()
    done = subprocess.run(["dash", "-n"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_copyright_file_names_each_library(package: Package) -> None:
    documents(package)
    text = (package.files / "usr/share/doc/appctl/copyright").read_text()
    within = "usr/lib/appctl/venv/lib/python*/site-packages"
    files = [f"{within}/{name}" for name in ("zippy-1.0.dist-info/*", "zippy.so", "zippy_more/*")]
    assert f"Files: {' '.join(files)}\nCopyright: its authors; see zippy-1.0.dist-info\n" in text
    assert "License: MIT\n" in text


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ({"License-Expression": "MIT-0", "License": "other"}, "MIT-0"),
        ({"License": "MPL-2.0"}, "MPL-2.0"),
        (
            {"License": "a\nwhole\ntext", "Classifier": "License :: OSI Approved :: BSD License"},
            "BSD License",
        ),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT License"),
    ],
)
def test_a_librarys_licence_is_what_its_metadata_say(headers: dict[str, str], licence: str) -> None:
    facts = Message()
    for name, value in headers.items():
        facts[name] = value
    assert licence_of(facts) == licence


def test_dpkg_builds_it_twice_alike(package: Package, tmp_path: Path) -> None:
    documents(package)
    control(package)
    made = []
    for number, moment in enumerate([1_795_500_000, 1_795_600_000]):
        for path in package.files.rglob("*"):
            os.utime(path, (moment, moment), follow_symlinks=False)
        archive = tmp_path / f"{number}.deb"
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(package.files), str(archive)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1795478400"}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        made.append(archive.read_bytes())
    assert made[0] == made[1]
    field = ["dpkg-deb", "--field", str(tmp_path / "0.deb"), "Package", "Architecture"]
    said = subprocess.run(field, capture_output=True, text=True, check=True).stdout
    assert said == f"Package: appctl\nArchitecture: {package.architecture}\n"


def test_it_contains_a_compressed_manual_and_the_sums_of_its_files(package: Package) -> None:
    documents(package)
    control(package)
    assert sorted(path.name for path in (package.files / "usr/share/man/man1").iterdir()) == ["appctl.1.gz"]
    done = subprocess.run(
        ["md5sum", "--check", "--quiet", "DEBIAN/md5sums"],
        cwd=package.files,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
    listed = (package.files / "DEBIAN/md5sums").read_text()
    assert "usr/share/man/man1/appctl.1.gz\n" in listed
    assert "DEBIAN" not in listed


def test_the_changelog_names_no_version_of_its_own() -> None:
    assert (PARTS / "changelog.in").read_text().startswith("appctl (@VERSION@) @SUITE@;")
