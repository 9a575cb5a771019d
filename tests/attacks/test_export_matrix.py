# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every attack at every place of every file that a desktop reads is refused, or what comes out is harmless.

A sound file is cut between its words, and the attack stands there, once at each place. What comes out is
judged by what a desktop would do with it, in rules that know nothing of how it was made.
"""

import re
import shlex
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, emit

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
            assert re.match(r"https://[a-z]+\.[a-z]+(/|\Z)", text)


def svg(data: bytes) -> None:
    for element in ET.fromstring(data).iter():  # noqa: S314 - which we wrote
        name = element.tag.rpartition("}")[2]
        assert name in {"svg", "style", "linearGradient", "g", "path", "use", "text"}
        assert all(key == XLINK or not key.startswith(("on", "{")) for key in element.attrib)
        assert element.attrib.get(XLINK, "#").startswith("#")
        for value in (*element.attrib.values(), (element.text or "") if name == "style" else ""):
            assert not re.search(r"url\((?!#)|//|\\|@|javascript", value)


FILES: dict[str, tuple[str, str, Callable[[bytes], None]]] = {
    "desktop": (f"applications/{ID}.desktop", DESKTOP, desktop),
    "service": (f"dbus-1/services/{ID}.service", SERVICE, service),
    "mime": (f"mime/packages/{ID}.xml", MIME, mime),
    "metainfo": (f"metainfo/{ID}.metainfo.xml", METAINFO, metainfo),
    "svg": (f"icons/hicolor/scalable/apps/{ID}.svg", SVG, svg),
}
CASES = [
    (file, attack, text)
    for file in FILES
    for attack, text in (IN_LINES if file in {"desktop", "service"} else IN_MARKUP).items()
]


@pytest.mark.parametrize("file", FILES)
def test_a_sound_file_is_exported(file: str) -> None:
    path, text, harmless = FILES[file]

    harmless(emit(path, text.encode(), APP))


@pytest.mark.parametrize(
    ("file", "attack", "text"), CASES, ids=[f"{file}/{attack}" for file, attack, _ in CASES]
)
def test_an_attack_is_harmless_wherever_it_stands(file: str, attack: str, text: str) -> None:
    path, sound, harmless = FILES[file]
    came_out = 0
    for at in {found.start() for found in re.finditer(r"\b|(?<=\W)", sound)}:
        try:
            data = emit(path, (sound[:at] + text + sound[at:]).encode(), APP)
        except Refused:
            continue
        harmless(data)
        came_out += 1
    assert came_out < len(sound)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_ends_anywhere_or_lacks_a_byte_is_harmless(file: str) -> None:
    path, sound, harmless = FILES[file]
    for at in range(0, len(sound), 3):
        for text in (sound[:at], sound[:at] + sound[at + 1 :], sound[:at] + "\udcff" + sound[at:]):
            try:
                data = emit(path, text.encode(errors="surrogateescape"), APP)
            except Refused:
                continue
            harmless(data)
