# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""All files of an app at once, each told what it must know of the others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appctld.workers.store.exports import emit as module
from appctld.workers.store.exports import names
from appctld.workers.store.exports.emit import Exporter, Refused, emit, emit_all
from appctld.workers.store.exports.names import FILES_OF, LIMITS, OPENED, Kind

ID = "org.acme.Editor"
APP = Exporter(ID, ("/usr/bin/appctl", "run"))
DESKTOP = f"applications/{ID}.desktop"
SERVICE = f"dbus-1/services/{ID}.service"
METAINFO = f"metainfo/{ID}.metainfo.xml"
OLD_METAINFO = f"appdata/{ID}.appdata.xml"
LAUNCHABLE = f'<launchable type="desktop-id">{ID}.desktop</launchable>'
COMPONENT = f'<component type="desktop"><id>{ID}</id><name>E</name>{LAUNCHABLE}</component>'.encode()
FILES = {
    DESKTOP: b"[Desktop Entry]\nType=Application\nName=E\nExec=e\nDBusActivatable=true\nTryExec=e\n",
    METAINFO: COMPONENT,
    SERVICE: f"[D-BUS Service]\nName={ID}\nExec=e\n".encode(),
}


def test_a_desktop_file_knows_of_the_service_and_metainfo_of_the_desktop_file() -> None:
    exports = emit_all(FILES, APP)

    assert b"DBusActivatable=true" in exports.files[DESKTOP]
    assert LAUNCHABLE.encode() in exports.files[METAINFO]
    assert exports.files.keys() == FILES.keys()
    assert exports.refused == {}
    assert exports.dropped == {DESKTOP: ("TryExec",)}


def test_what_is_refused_is_said_and_counts_for_nothing_else() -> None:
    exports = emit_all(FILES | {SERVICE: b"", DESKTOP: FILES[DESKTOP].replace(b"Exec=e", b"Exec=", 1)}, APP)

    assert exports.refused.keys() == {SERVICE, DESKTOP}
    assert LAUNCHABLE.encode() not in exports.files[METAINFO]
    assert b"DBusActivatable" not in emit_all(FILES | {SERVICE: b""}, APP).files[DESKTOP]


def test_files_of_other_names_are_not_looked_at() -> None:
    exports = emit_all({"applications/org.gnome.Nautilus.desktop": FILES[DESKTOP]}, APP)

    assert (exports.files, exports.refused) == ({}, {})
    with pytest.raises(Refused):
        emit("applications/org.gnome.Nautilus.desktop", FILES[DESKTOP], APP)


def test_an_app_has_one_metainfo() -> None:
    exports = emit_all({OLD_METAINFO: COMPONENT, METAINFO: COMPONENT}, APP)

    assert [*exports.files] == [METAINFO]
    assert [*exports.refused] == [OLD_METAINFO]
    assert [*emit_all({OLD_METAINFO: COMPONENT, METAINFO: b""}, APP).files] == [OLD_METAINFO]


def test_a_file_is_not_too_large() -> None:
    for path, kind in ((DESKTOP, Kind.DESKTOP), (SERVICE, Kind.SERVICE), (METAINFO, Kind.METAINFO)):
        data = FILES[path].ljust(LIMITS[kind], b"\n")
        assert emit(path, data, APP)
        with pytest.raises(Refused, match="more than"):
            emit(path, data + b"\n", APP)


def test_what_is_written_is_not_too_large_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMITS", {**LIMITS, Kind.SERVICE: len(FILES[SERVICE])})

    with pytest.raises(Refused, match="written anew"):
        emit(SERVICE, FILES[SERVICE], APP)


def test_of_an_app_so_many_files_are_looked_at() -> None:
    many = {f"dbus-1/services/{ID}.x{number}.service": b"" for number in range(names.FILES)}
    exports = emit_all(many | {DESKTOP: FILES[DESKTOP]}, APP)

    assert exports.refused[DESKTOP] == f"of an app at most {names.FILES} files are looked at"
    assert DESKTOP in emit_all(dict([*many.items()][1:]) | {DESKTOP: FILES[DESKTOP]}, APP).files


def test_an_app_exports_so_many_bytes_with_the_last_file(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {path: FILES[path] for path in (SERVICE, DESKTOP)}
    most = sum(map(len, emit_all(files, APP).files.values()))
    monkeypatch.setattr(module, "ALL_BYTES", most)
    whole = emit_all(files, APP)
    monkeypatch.setattr(module, "ALL_BYTES", most - 1)
    less = emit_all(files, APP)

    assert (whole.files.keys(), whole.refused) == (files.keys(), {})
    assert [*less.files] == [SERVICE]
    assert less.refused == {DESKTOP: f"an app exports at most {most - 1} bytes"}


def test_an_app_has_so_many_entries_and_the_one_of_its_own_name_first() -> None:
    many = {f"applications/{ID}.{number}.desktop": FILES[DESKTOP] for number in range(FILES_OF[Kind.DESKTOP])}
    exports = emit_all(many | {DESKTOP: FILES[DESKTOP]}, APP)

    assert len(exports.files) == FILES_OF[Kind.DESKTOP]
    assert DESKTOP in exports.files
    assert "at most 32" in next(iter(exports.refused.values()))


def test_an_app_has_so_many_packages_of_types() -> None:
    kind = b'<mime-info><mime-type type="text/x-a"><glob pattern="*.acme"/></mime-type></mime-info>'
    exports = emit_all({f"mime/packages/{ID}.{number}.xml": kind for number in range(9)}, APP)

    assert (len(exports.files), len(exports.refused)) == (FILES_OF[Kind.MIME], 9 - FILES_OF[Kind.MIME])


def test_an_apps_entries_open_so_many_types_together() -> None:
    def entry(types: int) -> bytes:
        return FILES[DESKTOP] + b"MimeType=" + b"".join(b"text/x-%d;" % n for n in range(types)) + b"\n"

    files = {f"applications/{ID}.{name}.desktop": entry(OPENED // 2) for name in "ab"}
    assert len(emit_all(files, APP).files) == 2
    more = emit_all(files | {DESKTOP: entry(1)}, APP)
    assert len(more.files) == 2
    assert DESKTOP in more.files
    assert f"at most {OPENED} types" in next(iter(more.refused.values()))


PIECES = [
    *(
        b"[Desktop Entry]\n",
        b"Type=Application\n",
        b"Name=",
        b"Exec=",
        b"Actions=a;\n",
        b"[Desktop Action a]\n",
    ),
    *(b"[D-BUS Service]\n", b"\\", b";", b"%f ", b'"', b"\n", b"=", b"\xff", b"\0", b"&", b"\xe2\x80\xae"),
    *(b"<component type='desktop'>", b"<id>org.acme.Editor</id>", b"<name>", b"</name>", b"</component>"),
    *(
        b"<svg ",
        b"style='",
        b"fill:url(#a);",
        b"<g id='a'>",
        b"<use href='#a'/>",
        b"</g>",
        b"</svg>",
        b">",
        b"'",
    ),
    *(
        b"<mime-info>",
        b"<mime-type type='text/x-a'>",
        b"<glob pattern='*.a'/>",
        b"</mime-type>",
        b"</mime-info>",
    ),
    *(b"\x89PNG\r\n\x1a\n", b"\0\0\0\x0dIHDR", b"\0\0\0\0IEND\xaeB`\x82", b"<!--", b"-->"),
]
PATHS = [
    DESKTOP, SERVICE, METAINFO, f"mime/packages/{ID}.xml", f"icons/hicolor/16x16/apps/{ID}.png",
    f"icons/hicolor/scalable/apps/{ID}.svg",
]  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(PATHS), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_whatever_stands_in_a_file_it_is_exported_or_refused(path: str, data: bytes) -> None:
    try:
        once = emit(path, data, APP)
    except Refused:
        return
    again = emit(path, once, APP)
    assert again == once or path in {DESKTOP, SERVICE}  # whose command line becomes an argument
