# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app brings types that the host does not have, and changes none that it has."""

import os
import subprocess
from pathlib import Path

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, emit, re_emit
from appctld.workers.store.exports.markup.mime import NAMESPACE, TYPES
from appctld.workers.store.farm.host import taken

ID = "org.acme.Editor"
PATH = f"mime/packages/{ID}.xml"
CLASSES = {"*.[1-9]", "*.so.[0-9]*", "[0-9][0-9].vdr"}
TAKEN = CLASSES | {"text/plain", "application/x-gzip", "text/x-C++", "*.txt", "*.gz", "*.png", "*.C"}
APP = Exporter(ID, ("/usr/bin/appctl", "run"), taken=frozenset(TAKEN))
HOST = Path("/usr/share")
NEW = '<glob pattern="*.acme"/>'
WHOLE = f"""<mime-type type="application/x-acme"><comment>Acme text</comment>\
<comment xml:lang="de">Acme-Text</comment>\
<acronym>ACME</acronym><expanded-acronym>A Company</expanded-acronym><sub-class-of type="text/plain"/>\
<glob pattern="*.acme"/><glob pattern="*.acme.tar" weight="40" case-sensitive="true"/>\
<icon name="{ID}.text"/></mime-type>"""


def package(inside: str) -> bytes:
    """A package with this in it."""
    return f'<?xml version="1.0"?>\n<mime-info xmlns="{NAMESPACE}">{inside}</mime-info>\n'.encode()


def written(inside: str, app: Exporter = APP) -> str:
    """What comes of it, without what every package has."""
    text = emit(PATH, package(inside), app).decode()
    return text.partition(f'<mime-info xmlns="{NAMESPACE}">')[2].removesuffix("</mime-info>\n")


def test_a_new_type_comes_out_as_it_was() -> None:
    assert written(WHOLE) == WHOLE
    assert re_emit(PATH, package(WHOLE), APP).dropped == ()


@pytest.mark.parametrize(
    "inside",
    [
        '<magic priority="100"><match type="string" offset="0:4294967295" value="x"/></magic>',
        '<treemagic><treematch path="DCIM"/></treemagic>',
        '<root-XML namespaceURI="http://www.w3.org/2000/svg" localName="svg"/>',
        "<glob-deleteall/>",
        "<magic-deleteall/>",
        '<alias type="text/plain"/>',
        '<generic-icon name="text-x-generic"/>',
        '<icon name="text-plain"/>',
        '<icon name="/etc/passwd"/>',
        '<icon name="org.acme.EditorPlus"/>',
        '<glob pattern="*.txt"/>',
        '<glob pattern="*.TXT"/>',
        '<glob pattern="*.c"/>',
        '<glob pattern="*.x.gz"/>',
        '<glob pattern="*.x.y.gz"/>',
        '<glob pattern="*.1"/>',
        '<glob pattern="*.x.9"/>',
        '<glob pattern="*.SO.2"/>',
        '<glob pattern="*.vdr"/>',
        '<glob pattern="*"/>',
        '<glob pattern="*.*"/>',
        '<glob pattern="*acme"/>',
        '<glob pattern="README"/>',
        '<glob pattern="*.[a-z]"/>',
        '<glob pattern="*.ac?me"/>',
        '<glob pattern="*."/>',
        '<glob pattern="*.a/b"/>',
        '<glob pattern="*.b" weight="high"/>',
        '<glob pattern="*.b" weight="-1"/>',
        '<glob pattern="*.b" weight="1000"/>',
        '<glob pattern="*.b" case-sensitive="x"/>',
        "<glob/>",
        '<sub-class-of type="no type"/>',
        '<sub-class-of type="inode/directory"/>',
        '<sub-class-of type="application/x-executable"/>',
        '<sub-class-of type="application/X-Desktop"/>',
        '<sub-class-of type="application/x-theme"/>',
        '<sub-class-of type="text/x-Python"/>',
        "<sub-class-of/>",
        '<x:glob xmlns:x="urn:x" pattern="*.b"/>',
        '<comment xml:lang="../de">x</comment>',
        "<comment>\u202e</comment>",
    ],
)
def test_what_reaches_beyond_its_own_files_is_left_out_and_named(inside: str) -> None:
    both = f'<mime-type type="application/x-acme">{inside}{NEW}</mime-type>'

    assert written(both) == f'<mime-type type="application/x-acme">{NEW}</mime-type>'
    assert re_emit(PATH, package(both), APP).dropped


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/PLAIN",
        "TEXT/plain",
        "application/x-gzip",
        "text/x-c++",
        "inode/directory",
        "x-scheme-handler/https",
        "x-content/audio-cdda",
        "multipart/mixed",
        "application",
        "application/",
        "application/x/y",
        "application/../x",
        "",
    ],
)
def test_types_that_the_host_has_and_those_of_no_file_are_left_out(kind: str) -> None:
    own = f'<mime-type type="application/x-acme">{NEW}</mime-type>'
    both = f'<mime-type type="{kind}"><glob pattern="*.b"/></mime-type>{own}'

    assert written(both) == own
    assert "mime-type" in re_emit(PATH, package(both), APP).dropped


@pytest.mark.parametrize(
    ("said", "meant"), [("100", "50"), ("51", "50"), ("50", "50"), ("0", "0"), ("999", "50")]
)
def test_a_glob_weighs_no_more_than_the_hosts(said: str, meant: str) -> None:
    inside = f'<mime-type type="text/x-acme"><glob pattern="*.b" weight="{said}"/></mime-type>'

    assert f'weight="{meant}"' in written(inside)


@pytest.mark.parametrize(
    "data",
    [
        package(""),
        package('<mime-type type="text/plain"><glob pattern="*.b"/></mime-type>'),
        package("<glob/>"),
        package(f'<mime-type type="text/x-a">{NEW}</mime-type>' * (TYPES + 1)),
        b"<component/>",
        package(f'<mime-type type="text/x-a">{NEW}</mime-type>').replace(b"mime-info", b"component"),
        b"<!DOCTYPE mime-info><mime-info/>",
    ],
)
def test_a_package_without_anything_new_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        emit(PATH, data, APP)


def test_the_hosts_own_package_has_nothing_new() -> None:
    host = Exporter(ID, APP.command, taken=taken([HOST]))
    some = (HOST / "mime/packages/freedesktop.org.xml").read_text()
    types = [found.partition("</mime-type>")[0] for found in some.split("<mime-type ")[1:TYPES]]

    with pytest.raises(Refused):
        emit(PATH, package("".join(f"<mime-type {found}</mime-type>" for found in types)), host)


def test_update_mime_database_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "mime/packages").mkdir(parents=True)
    (tmp_path / PATH).write_bytes(emit(PATH, package(WHOLE), APP))
    done = subprocess.run(
        ["update-mime-database", tmp_path / "mime"],
        env={"PATH": os.environ["PATH"], "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    globs = (tmp_path / "mime/globs2").read_text().splitlines()
    assert {"50:application/x-acme:*.acme", "40:application/x-acme:*.acme.tar:cs"} <= {*globs}
    assert (tmp_path / "mime/subclasses").read_text() == "application/x-acme text/plain\n"
