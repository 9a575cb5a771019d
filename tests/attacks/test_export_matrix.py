# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every attack at every place of every file that a desktop reads is refused, or what comes out is harmless.

A sound file is cut between its words, and the attack stands there, once at each place. What comes out is
judged by what a desktop would do with it, in rules that know nothing of how it was made. The files are those
that an image exports, and the list of apps that software centres read.
"""

import re
import shlex
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree as ET

import pytest

from appctld.errors import BadManifest, Conflict, LimitExceeded
from appctld.workers.store.catalog.component import Rules
from appctld.workers.store.catalog.listing import read_catalog
from appctld.workers.store.exports.emit import Exporter, Refused, emit
from support.images import catalogs

ID = "org.acme.Editor"
COMMAND = ("/usr/bin/appctl", "--system", "run")
TAKEN = frozenset({"text/plain", "image/png", "*.txt", "*.png"})
APP = Exporter(ID, COMMAND, services=frozenset({ID}), desktops=frozenset({ID}), taken=TAKEN)
XLINK = "{http://www.w3.org/1999/xlink}href"

DESKTOP = f"""[Desktop Entry]
Type=Application
Name=Editor
Name[de]=Bearbeiter
Exec=editor --new "a b" %U
Icon={ID}
MimeType=text/plain;
DBusActivatable=true
Actions=new;
[Desktop Action new]
Name=New
Exec=editor --new
"""
SERVICE = f"[D-BUS Service]\nName={ID}\nExec=/usr/bin/editor --service\n"
MIME = """<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
<mime-type type="text/x-acme"><comment>Acme</comment><glob pattern="*.acme" weight="50"/>
<sub-class-of type="text/plain"/></mime-type></mime-info>
"""
METAINFO = f"""<component type="desktop-application"><id>{ID}</id><name>Editor</name><summary>Edit</summary>
<description><p>An <em>editor</em>.</p></description><launchable type="desktop-id">{ID}.desktop</launchable>
<url type="homepage">https://acme.example/</url><provides><binary>editor</binary></provides></component>
"""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
width="16" height="16">
<style>.a{fill:url(#g)}</style><linearGradient id="g"/><g id="h">
<path class="a" style="fill:red" d="M0 0"/></g>
<use xlink:href="#h" fill="url(#g)"/><text>a</text></svg>
"""
PLACE = "acme.example/apps"
CATALOG = catalogs.document(
    catalogs.component(
        ID, f"{PLACE}/editor:1", "Editor", "<description><p>An <em>editor</em>.</p></description>"
    )
).decode()
ICON = catalogs.png(16).decode("latin-1")
IN_LINES = {
    "another command": "\nExec=xterm\n",
    "another command in words": " ; xterm ",
    "a substitution": "$(xterm)",
    "an end of quotes": '" xterm "',
    "an escaped end of quotes": '\\\\" xterm \\\\"',
    "an escape": "\\",
    "a line end that is escaped": "\\nExec=xterm",
    "a carriage return": "\r",
    "a NUL": "\0",
    "a terminal's escape": "\x1b[2J",
    "writing to the left": "\u202e",
    "another group": "\n[Desktop Entry]\nExec=xterm\n",
    "a group that nobody knows": "\n[X]\nExec=xterm\n",
    "an action": "\n[Desktop Action evil]\nName=x\nExec=xterm\n",
    "a unit": "\nSystemdService=sshd.service\n",
    "a user": "\nUser=root\n",
    "a program to look for": "\nTryExec=/usr/bin/sudo\n",
    "a directory": "\nPath=/root\n",
    "a picture of the host's": "\nIcon=/etc/shadow\n",
    "somebody's name": "\nName=org.gnome.Nautilus\n",
    "a field code": "%f",
    "half a field code": "%",
    "our option": " --command=sh ",
    "an end of options": " -- ",
    "files of one's own": " @@ /etc/passwd @@ ",
    "a byte order mark": "\ufeff",
}
IN_MARKUP = {
    "a DOCTYPE": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    "an entity": "&x;",
    "a character": "&#x202e;",
    "an instruction": "<?xml-stylesheet href='http://evil.example/'?>",
    "a script": "<script>alert(1)</script>",
    "a section": "<![CDATA[<script>alert(1)</script>]]>",
    "another's ID": "<id>org.gnome.Nautilus</id>",
    "a replacement": "<replaces><id>org.gnome.Nautilus</id></replaces>",
    "a provided ID": "<provides><id>org.gnome.Nautilus</id></provides>",
    "a part of another": "<extends>org.gnome.Nautilus</extends>",
    "a priority": "<priority>100</priority>",
    "an attribute that goes first": ' priority="100" ',
    "another's desktop file": '<launchable type="desktop-id">org.gnome.Nautilus.desktop</launchable>',
    "an address": "http://evil.example/",
    "an address of this machine": '<url type="homepage">https://127.0.0.1/</url>',
    "a glob of the host's": '<glob pattern="*.txt"/>',
    "a glob of everything": '<glob pattern="*"/>',
    "a type of the host's": '</mime-type><mime-type type="text/plain"><glob pattern="*.a"/>',
    "magic": '<magic priority="100"><match type="string" offset="0" value="a"/></magic>',
    "an alias": '<alias type="text/plain"/>',
    "a deletion": "<glob-deleteall/>",
    "an attribute that merges": ' merge="replace" ',
    "an attribute that runs": ' onload="alert(1)" ',
    "an attribute that links": ' xlink:href="file:///etc/passwd" ',
    "an attribute that loads": ' style="fill:url(http://evil.example/)" ',
    "a value that loads": "url(http://evil.example/#a)",
    "a rule that loads": "} @import url(http://evil.example/); .b{fill:red",
    "an escape of CSS": "\\75rl(http://evil.example/)",
    "a picture of the host's": '<image xlink:href="file:///etc/passwd"/>',
    "a page": "<foreignObject><iframe src='http://evil.example/'/></foreignObject>",
    "one that uses itself": '<g id="h"><use xlink:href="#h"/></g>',
    "an animation": '<animate attributeName="href" to="javascript:alert(1)"/>',
    "an end": "</g></svg>",
    "a comment": "<!--",
    "a name space": ' xmlns="urn:x" ',
    "another encoding": '<?xml version="1.0" encoding="UTF-7"?>',
}
OTHERS = (
    '<component type="desktop-application"><id>{0}</id><name>Files</name><summary>Files</summary>'
    '<custom><value key="appctl::reference">{1}</value></custom></component>'
)
IN_CATALOG = IN_MARKUP | {
    "another's component": OTHERS.format("org.gnome.Nautilus", f"{PLACE}/files:1"),
    "one of another's registry": OTHERS.format("org.acme.Files", "evil.example/files:1"),
    "one of a registry that begins so": OTHERS.format("org.acme.Files", f"{PLACE}2/files:1"),
    "one of a place above": OTHERS.format("org.acme.Files", f"{PLACE}/../files:1"),
    "the same again": OTHERS.format(ID, f"{PLACE}/other:1"),
    "an end, and another's": f"</component>{OTHERS.format('org.gnome.Nautilus', PLACE)}<component>",
    "another place": '<custom><value key="appctl::reference">evil.example/editor:1</value></custom>',
    "another value": '<value key="appctl::reference">evil.example/editor:1</value>',
    "a value of the desktop's": '<value key="GnomeSoftware::key-colors">[(0, 0, 0)]</value>',
    "a place in a place": "evil.example/",
    "a package": "<pkgname>bash</pkgname>",
    "a bundle": '<bundle type="flatpak">app/org.gnome.Nautilus/x86_64/stable</bundle>',
    "a file of this machine's": '<icon type="local" width="64" height="64">/etc/shadow</icon>',
    "a picture from elsewhere": '<icon type="remote" width="64" height="64">http://evil.example/a.png</icon>',
    "a place for pictures": ' media_baseurl="http://evil.example/" ',
    "an origin": ' origin="debian" ',
}


def chunk(name: bytes, data: bytes) -> str:
    body = name + data
    return (struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))).decode("latin-1")


IN_PICTURE = {
    "a text": chunk(b"tEXt", b"Comment\0<script>alert(1)</script>"),
    "a text that grows": chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20))),
    "a text in a language": chunk(b"iTXt", b"a\0\0\0\0\0" + "\u202e".encode()),
    "a profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 16))),
    "what a camera says": chunk(b"eXIf", b"II*\0" + bytes(64)),
    "an animation": chunk(b"acTL", struct.pack(">II", 1 << 31, 0)) + chunk(b"fcTL", bytes(26)),
    "another size": chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 30, 1 << 30, 8, 6, 0, 0, 0)),
    "a palette": chunk(b"PLTE", bytes(3 * 257)),
    "more colours than there are": chunk(b"tRNS", bytes(300)),
    "how bright it is, twice": 2 * chunk(b"gAMA", bytes(4)),
    "a chunk that nobody knows": chunk(b"evIl", b"x"),
    "a chunk that one has to know": chunk(b"EVIL", b"x"),
    "a chunk without a name": chunk(b"\0\0\0\0", b"x"),
    "a chunk of no end": "\x7f\xff\xff\xffIDAT",
    "an end": chunk(b"IEND", b""),
    "an end that holds something": chunk(b"IEND", b"x"),
    "another file": "PK\x03\x04",
    "a page": "<script>alert(1)</script>",
    "a NUL": "\0",
}


def starts_only_the_app(line: str) -> None:
    words = shlex.split(line.replace("\\\\", "\\"))
    assert words[:3] == [*COMMAND]
    assert words[3].startswith("--command=")
    rest = words[4:]
    assert rest[: rest.index("--")] in ([ID], ["--file-forwarding", ID])
    after = rest[rest.index("--") + 1 :]
    if rest[0] == "--file-forwarding":
        first, last = [at for at, word in enumerate(after) if word in {"@@", "@@u"}]
        assert last == first + 2
        assert after[first + 1] in {"%f", "%F", "%u", "%U"}


def is_line(text: str) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]", text)


def desktop(data: bytes) -> None:
    text = data.decode()
    is_line(text)
    lines = [line for line in text.split("\n") if line]
    assert lines[0] == "[Desktop Entry]"
    for line in lines:
        key, _, value = line.partition("=")
        assert key.partition("[")[0] in {
            "", "Type", "Name", "Exec", "Icon", "MimeType", "DBusActivatable", "Actions", "X-AppCtl",
        }  # fmt: skip
        assert key or line in {"[Desktop Entry]", "[Desktop Action new]", "[Desktop Action evil]"}
        if key == "Exec":
            starts_only_the_app(value)
        if key in {"Icon", "X-AppCtl"}:
            assert value == ID or (key == "Icon" and value.startswith(f"{ID}."))


def service(data: bytes) -> None:
    text = data.decode()
    is_line(text)
    group, name, line, *rest = text.split("\n")
    assert (group, name, rest) == ("[D-BUS Service]", f"Name={ID}", [""])
    assert not set(line) & set("\\$`")
    starts_only_the_app(line.removeprefix("Exec="))


def mime(data: bytes) -> None:
    own = "{http://www.freedesktop.org/standards/shared-mime-info}"
    for element in ET.fromstring(data).iter():  # noqa: S314 - which we wrote
        name = element.tag.removeprefix(own)
        assert name in {"mime-info", "mime-type", "comment", "glob", "sub-class-of"}
        is_line(element.text or "")
        if name == "mime-type":
            assert element.attrib["type"] not in TAKEN
        if name == "glob":
            assert not element.attrib["pattern"].endswith((".txt", ".png", "*"))
            assert int(element.attrib.get("weight", "50")) <= 50


def metainfo(data: bytes) -> None:
    root = ET.fromstring(data)  # noqa: S314 - which we wrote
    assert root.attrib == {"type": "desktop-application"}
    assert [element.text for element in root.iter("id")] == [ID]
    for element in root.iter():
        text = element.text or ""
        is_line(text)
        assert element.tag not in {"script", "replaces", "magic", "image", "custom"}
        assert {*element.attrib} <= {"type"}
        if element.tag == "launchable":
            assert text == f"{ID}.desktop"
        if element.tag == "url":
            assert re.match(r"https://([a-z]+\.)+[a-z]+(/|\Z)", text)


def svg(data: bytes) -> None:
    for element in ET.fromstring(data).iter():  # noqa: S314 - which we wrote
        name = element.tag.rpartition("}")[2]
        assert name in {"svg", "style", "linearGradient", "g", "path", "use", "text"}
        assert all(key == XLINK or not key.startswith(("on", "{")) for key in element.attrib)
        assert element.attrib.get(XLINK, "#").startswith("#")
        for value in (*element.attrib.values(), (element.text or "") if name == "style" else ""):
            assert not re.search(r"url\((?!#)|//|\\|@|javascript", value)


def catalog(data: bytes) -> None:
    root = ET.fromstring(data)  # noqa: S314 - which we wrote
    assert len({component.findtext("id") for component in root}) == len(root)
    for component in root:
        (app_id,) = [element.text or "" for element in component.iter("id")]
        (place,) = [element.text or "" for element in component.iter("value")]
        assert app_id.startswith("org.acme.")
        assert re.fullmatch(rf"{PLACE}(/[a-z0-9./-]+)?(:[\w.-]+)?(@sha256:[0-9a-f]{{64}})?", place)
        assert ".." not in place
        assert component.attrib in ({"type": "desktop-application"}, {"type": "console-application"})
        for element in component.iter():
            text = element.text or ""
            is_line(text)
            assert element.tag in {
                "component", "id", "name", "summary", "description", "p", "em", "launchable", "url", "custom",
                "value", "provides",
            }  # fmt: skip
            assert {*element.attrib} <= {"type", "key"}
            assert element.get("key") in {None, "appctl::reference"}
            if element.tag == "launchable":
                assert text == f"{app_id}.desktop"
            if element.tag == "url":
                assert re.match(r"https://([a-z]+\.)+[a-z]+(/|\Z)", text)


def picture(data: bytes) -> None:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    names: list[bytes] = []
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        names.append(body[:4])
        at += 12 + length
        assert struct.unpack(">I", data[at - 4 : at]) == (zlib.crc32(body),)
        assert length <= 1024
        if body.startswith(b"IHDR"):
            assert struct.unpack_from(">II", body, 4) == (16, 16)
    assert (names[0], names[-1]) == (b"IHDR", b"IEND")
    assert {*names[1:-1]} <= {b"PLTE", b"tRNS", b"gAMA", b"IDAT"}
    assert all(names.count(name) < 2 for name in names if name != b"IDAT")


def exported(path: str, data: bytes) -> bytes:
    return emit(path, data, APP)


def listed(data: bytes) -> bytes:
    components = read_catalog(data, Rules(PLACE, ["org.acme.*"]))
    return b"<components>" + b"".join(one.line() for one in components) + b"</components>"


REFUSALS = (Refused, BadManifest, Conflict, LimitExceeded)


@dataclass(frozen=True)
class File:
    """A sound one, what is made of it, what that may be, and what is tried in it."""

    text: str
    made: Callable[[bytes], bytes]
    harmless: Callable[[bytes], None]
    attacks: dict[str, str]
    encoding: str = "utf-8"

    def try_with(self, text: str) -> bool:
        """Whether anything comes out, which is harmless then."""
        try:
            data = self.made(text.encode(self.encoding, "surrogateescape"))
        except REFUSALS:
            return False
        self.harmless(data)
        return True


def shown(path: str, text: str, harmless: Callable[[bytes], None], attacks: dict[str, str]) -> File:
    return File(text, partial(exported, path), harmless, attacks)


FILES = {
    "desktop": shown(f"applications/{ID}.desktop", DESKTOP, desktop, IN_LINES),
    "service": shown(f"dbus-1/services/{ID}.service", SERVICE, service, IN_LINES),
    "mime": shown(f"mime/packages/{ID}.xml", MIME, mime, IN_MARKUP),
    "metainfo": shown(f"metainfo/{ID}.metainfo.xml", METAINFO, metainfo, IN_MARKUP),
    "svg": shown(f"icons/hicolor/scalable/apps/{ID}.svg", SVG, svg, IN_MARKUP),
    "png": File(
        ICON, partial(exported, f"icons/hicolor/16x16/apps/{ID}.png"), picture, IN_PICTURE, "latin-1"
    ),
    "catalogue": File(CATALOG, listed, catalog, IN_CATALOG),
}
CASES = [(name, attack) for name, file in FILES.items() for attack in file.attacks]


@pytest.mark.parametrize("file", FILES)
def test_a_sound_file_is_exported(file: str) -> None:
    assert FILES[file].try_with(FILES[file].text)


@pytest.mark.parametrize(("file", "attack"), CASES, ids=[f"{file}/{attack}" for file, attack in CASES])
def test_an_attack_is_harmless_wherever_it_stands(file: str, attack: str) -> None:
    tried = FILES[file]
    sound, text = tried.text, tried.attacks[attack]
    for at in {found.start() for found in re.finditer(r"\b|(?<=\W)", sound)}:
        tried.try_with(sound[:at] + text + sound[at:])


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_ends_anywhere_or_lacks_a_byte_is_harmless(file: str) -> None:
    sound = FILES[file].text
    for at in range(0, len(sound), 3):
        for text in (sound[:at], sound[:at] + sound[at + 1 :], sound[:at] + "\udcff" + sound[at:]):
            FILES[file].try_with(text)
