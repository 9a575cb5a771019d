# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Metainfo says of an app what is allowed, and nothing of other components."""

import subprocess
from pathlib import Path

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, emit, re_emit
from appctld.workers.store.exports.markup.metainfo import url

ID = "org.acme.Editor"
PATH = f"metainfo/{ID}.metainfo.xml"
APP = Exporter(ID, ("/usr/bin/appctl", "run"))
NEEDED = f"<id>{ID}</id><name>Editor</name>"
WHOLE = f"""<id>{ID}</id><metadata_license>CC0-1.0</metadata_license>\
<project_license>GPL-3.0-or-later AND (MIT OR LicenseRef-proprietary=https://acme.example)</project_license>\
<name>Editor</name><name xml:lang="de">Bearbeiter</name><summary>Edit text</summary>\
<developer id="org.acme"><name>Acme</name></developer><project_group>Acme</project_group>\
<description><p>An editor for <em>text</em> and <code>code</code>.</p><p xml:lang="de">Für Texte.</p>\
<ul><li>Fast</li></ul><ol><li>First</li></ol></description>\
<url type="homepage">https://acme.example/editor?a=b#c</url>\
<launchable type="desktop-id">{ID}.desktop</launchable>\
<categories><category>Utility</category></categories><keywords><keyword>text</keyword></keywords>\
<screenshots><screenshot type="default"><caption>The window</caption>\
<image type="source" width="800" height="600">https://acme.example/a.png</image></screenshot></screenshots>\
<content_rating type="oars-1.1"><content_attribute id="social-info">mild</content_attribute></content_rating>\
<branding><color type="primary" scheme_preference="light">#aabbCC</color></branding>\
<provides><mediatype>text/x-acme</mediatype><binary>editor</binary><dbus type="user">{ID}</dbus></provides>\
<recommends><control>keyboard</control><display_length compare="ge">360</display_length></recommends>\
<supports><internet>offline-only</internet></supports>\
<releases><release version="1.4" date="2026-11-20" type="stable" urgency="low">\
<description><p>Better.</p></description><url type="details">https://acme.example/1.4</url>\
<issues><issue type="cve" url="https://cve.example/1">CVE-2026-1</issue></issues></release></releases>"""


def component(inside: str, attributes: str = 'type="desktop-application"') -> bytes:
    """A component with this in it."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<component {attributes}>{inside}</component>\n'.encode()


def written(inside: str, app: Exporter = APP) -> str:
    """What comes of it, without what every component has."""
    text = emit(PATH, component(inside), app).decode()
    return text.partition('desktop-application">')[2].removesuffix("</component>\n")


def test_all_that_a_software_centre_shows_comes_out_as_it_was() -> None:
    assert written(WHOLE) == WHOLE
    assert re_emit(PATH, component(WHOLE), APP).dropped == ()


def test_appstreamcli_has_nothing_against_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / f"{ID}.metainfo.xml"
    file.write_bytes(emit(PATH, component(WHOLE), APP))
    command = ["appstreamcli", "validate", "--no-net", "--no-color", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "inside",
    [
        "<replaces><id>org.gnome.Nautilus</id></replaces>",
        "<extends>org.gnome.Nautilus</extends>",
        "<suggests><id>org.gnome.Nautilus</id></suggests>",
        "<provides><id>org.gnome.Nautilus</id></provides>",
        '<provides><dbus type="user">org.gnome.Nautilus</dbus></provides>',
        f'<provides><dbus type="system">{ID}</dbus></provides>',
        f"<provides><dbus>{ID}</dbus></provides>",
        '<provides><firmware type="flashed">x</firmware><modalias>usb:*</modalias></provides>',
        "<provides><mediatype>no type</mediatype></provides>",
        "<provides><binary>../sh</binary></provides>",
        "<provides><library>libc.so.6</library><python3>os</python3><font>Sans</font></provides>",
        "<requires><id>org.gnome.Shell</id><modalias>x</modalias><kernel>Linux</kernel></requires>",
        '<launchable type="desktop-id">org.gnome.Nautilus.desktop</launchable>',
        '<launchable type="desktop-id">org.acme.EditorPlus.desktop</launchable>',
        f'<launchable type="desktop-id">{ID}</launchable>',
        f"<launchable>{ID}.desktop</launchable>",
        '<launchable type="service">sshd.service</launchable>',
        '<launchable type="url">https://acme.example</launchable>',
        '<launchable type="cockpit-manifest">x</launchable>',
        '<icon type="stock">org.gnome.Nautilus</icon>',
        '<icon type="local">/etc/passwd</icon>',
        '<icon type="remote">https://acme.example/a.png</icon>',
        '<icon type="cached">a.png</icon>',
        '<bundle type="flatpak">app/org.gnome.Nautilus/x86_64/stable</bundle>',
        "<pkgname>sudo</pkgname><source_pkgname>sudo</source_pkgname>",
        "<custom><value key='GnomeSoftware::popular'>true</value></custom>",
        "<compulsory_for_desktop>GNOME</compulsory_for_desktop>",
        "<agreement type='eula'><agreement_section/></agreement>",
        "<update_contact>a@acme.example</update_contact>",
        "<translation type='gettext'>editor</translation>",
        "<kudos><kudo>ModernToolkit</kudo></kudos>",
        "<tags><tag namespace='x'>y</tag></tags>",
        '<url type="homepage">http://acme.example</url>',
        '<url type="homepage">javascript:alert(1)</url>',
        '<url type="evil">https://acme.example</url>',
        "<url>https://acme.example</url>",
        "<screenshots><screenshot><image>file:///etc/passwd</image></screenshot></screenshots>",
        "<screenshots><screenshot><image>https://127.0.0.1/a.png</image></screenshot></screenshots>",
        '<screenshots><screenshot><image width="x">https://a.example/a</image></screenshot></screenshots>',
        "<screenshots><screenshot><video>https://a.example/a.webm</video></screenshot></screenshots>",
        '<releases type="external" url="https://acme.example/releases.xml"/>',
        '<releases><release version="1/../2"/><release date="2026-11-20"/></releases>',
        '<releases><release version="1" date="soon"/><release version="1" urgency="x"/></releases>',
        '<releases><release version="1" timestamp="x"/><release version="1" type="x"/></releases>',
        '<content_rating type="oars-9"><content_attribute id="a-b">none</content_attribute></content_rating>',
        '<branding><color type="primary">url(x)</color><color>#aabbcc</color></branding>',
        "<categories><category>X-Evil</category><category>a b</category></categories>",
        "<project_license>&lt;script&gt;</project_license>",
        "<summary>\u202e</summary>",
        '<summary xml:lang="../de">x</summary>',
        "<description><script>x</script><a>x</a></description>",
        "<metadata/>",
        '<x:name xmlns:x="urn:x">Nautilus</x:name>',
    ],
)
def test_what_is_said_of_others_or_not_to_be_trusted_is_left_out_and_named(inside: str) -> None:
    left = written(NEEDED + inside).removeprefix(NEEDED)
    dropped = re_emit(PATH, component(NEEDED + inside), APP).dropped

    assert dropped
    assert not left


@pytest.mark.parametrize(
    "attribute", ['merge="replace"', 'priority="99"', 'date_eol="2020-01-01"', 'xmlns="urn:x"']
)
def test_a_component_merges_into_no_other_and_has_no_priority(attribute: str) -> None:
    data = component(NEEDED, f'type="desktop-application" {attribute}')

    assert emit(PATH, data, APP) == emit(PATH, component(NEEDED), APP)
    assert re_emit(PATH, data, APP).dropped == (f"component {attribute.partition('=')[0]}=",)


@pytest.mark.parametrize(
    "data",
    [
        component("<name>Editor</name>"),
        component("<id>org.gnome.Nautilus</id><name>Editor</name>"),
        component(f"<id>{ID}.Plugin</id><name>Editor</name>"),
        component(f"<id>{ID.upper()}</id><name>Editor</name>"),
        component(f"<id>{ID}</id><id>org.gnome.Nautilus</id><name>Editor</name>"),
        component(f"<id>{ID}</id><id>{ID}</id><name>Editor</name>"),
        component(f"<id>{ID}</id>"),
        component(f"<id>{ID}</id><name>\u202e</name>"),
        component(f'<id>{ID}</id><name xml:lang="de">Bearbeiter</name>'),
        component(NEEDED, ""),
        component(NEEDED, 'type="addon"'),
        component(NEEDED, 'type="operating-system"'),
        component(NEEDED, 'type="firmware"'),
        component(NEEDED, 'type="driver"'),
        component(NEEDED, 'type="repository"'),
        b"<components>" + component(NEEDED).partition(b"?>\n")[2] + b"</components>",
        b"<application/>",
        component(NEEDED).replace(b"component", b"application"),
        b"<!DOCTYPE component>" + component(NEEDED).partition(b"?>\n")[2],
        component(NEEDED + "<summary>" + "x" * (1 << 20) + "</summary>"),
    ],
)
def test_what_is_no_component_of_the_app_itself_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        emit(PATH, data, APP)


def test_older_words_for_the_same_are_read() -> None:
    data = component(f"<id>{ID}.desktop</id><name>Editor</name>", 'type="desktop"')

    assert b'<component type="desktop-application">' in emit(PATH, data, APP)
    assert f"<id>{ID}.desktop</id>".encode() in emit(PATH, data, APP)


def test_it_starts_only_desktop_files_that_are_exported_too() -> None:
    launchable = f'<launchable type="desktop-id">{ID}.Viewer.desktop</launchable>'

    for desktops, there in ((frozenset({ID}), False), (frozenset({f"{ID}.Viewer"}), True), (None, True)):
        app = Exporter(ID, APP.command, desktops=desktops)
        assert (launchable in written(NEEDED + launchable, app)) is there


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://acme.example/",
        "ftp://acme.example/",
        "https://",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://acme.1/",
        "https://user@acme.example/",
        "https://user:pass@acme.example/",
        "https://acme.example:port/",
        "https://acme.example\\@evil.example/",
        "https://acme.example/a\\b",
        "https://acme.example/ a",
        'https://acme.example/"',
        "https://acme.example/<",
        "https://acme.example/é",
        "https://acme.example/\u202e",
        "https://acmé.example/",
        "https://acme.example/" + "x" * 2001,
        "//acme.example/",
        "file:///etc/passwd",
        "https:acme.example",
    ],
)
def test_an_address_is_by_https_of_a_host_with_a_name(text: str) -> None:
    assert url(text) is None
