# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/permissions.py: what an image asks for is understood whole, or refused by name."""

from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, UnsupportedMediaType
from appctld.model.context import LEAVES, LIMITED
from appctld.model.jsonvalue import Json, JsonError
from appctld.model.permissions import Permission, parse_metadata, parse_permission, permissions_hash

DOCUMENT = Path(__file__).parents[3] / "docs/permissions.md"


def metadata(context: str, *, more: str = "") -> str:
    return f"[Application]\nname=org.example.App\ncommand=app\n[Context]\n{context}\n{more}"


def test_a_keyfile_is_read() -> None:
    found = parse_metadata(
        metadata(
            "shared=network;\nsockets=wayland;x11;\ndevices=dri\nfilesystems=home;/srv:ro;xdg-music/a;~/x"
        )
    )
    assert (found.name, found.command, found.runtime) == ("org.example.App", "app", "")
    assert found.permissions == (
        Permission("devices", "dri", LIMITED),
        Permission("filesystems", "/srv:ro", LEAVES),
        Permission("filesystems", "home", LEAVES),
        Permission("filesystems", "xdg-music/a", LEAVES),
        Permission("filesystems", "~/x", LEAVES),
        Permission("shared", "network", LEAVES),
        Permission("sockets", "wayland", LIMITED),
        Permission("sockets", "x11", LEAVES),
    )


@pytest.mark.parametrize("context", ["", "shared=", "shared=;;", "sockets= ; "])
def test_who_asks_for_nothing_gets_nothing(context: str) -> None:
    assert parse_metadata(metadata(context)).permissions == ()


HOSTILE: list[tuple[str, str, type[AppctlError]]] = [
    ("nothing", "", BadManifest),
    ("no keyfile", "hello", BadManifest),
    ("no application", "[Context]\nshared=network\n", BadManifest),
    ("a section twice", "[Application]\n[Application]\n", BadManifest),
    ("a key twice", metadata("shared=network\nshared="), BadManifest),
    ("a command with a control character", "[Application]\ncommand=a\x1bb\n", BadManifest),
    ("a command with a C1 control", "[Application]\ncommand=a\x9bb\n", BadManifest),
    ("data from elsewhere", metadata("", more="[Extra Data]\nNoRuntime=true\n"), UnsupportedMediaType),
    ("another kind of policy", metadata("", more="[Policy Tracker3]\na=b\n"), UnsupportedMediaType),
    ("USB devices", metadata("", more="[USB Devices]\nenumerable-devices=all\n"), UnsupportedMediaType),
    ("a wish on a second line", metadata("shared=network\n x"), BadManifest),
]


@pytest.mark.parametrize(("text", "error"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_what_cannot_be_granted_is_refused(text: str, error: type[AppctlError]) -> None:
    with pytest.raises(AppctlError) as caught:
        parse_metadata(text)
    assert type(caught.value) is error
    assert caught.value.message.isprintable()


def test_a_section_of_defaults_is_a_section_like_another() -> None:
    """GKeyFile knows no defaults; configparser would give these to every section."""
    text = "[DEFAULT]\ncommand=evil\nshared=network\n" + metadata("sockets=wayland").replace(
        "command=app\n", ""
    )
    found = parse_metadata(text)
    assert found.command == ""
    assert found.permissions == (Permission("sockets", "wayland", LIMITED),)


@pytest.mark.parametrize("text", ["%(name)s", "${name}", "%%"])
def test_nothing_is_interpolated(text: str) -> None:
    assert parse_metadata(f"[Application]\ncommand={text}\n").command == text


@pytest.mark.parametrize(
    ("kind", "asked", "approved", "within"),
    [
        ("shared", "network", "network", 1),
        ("shared", "network", "ipc", 0),
        ("filesystems", "home:ro", "home", 1),
        ("filesystems", "home", "home:ro", 0),
        ("filesystems", "~/a", "~/a:create", 1),
        ("filesystems", "~/a:ro", "~/a:create", 1),
        ("filesystems", "~/a:create", "~/a", 0),
        ("filesystems", "~/a", "home", 0),  # it may be a link's name tomorrow
        ("session-bus", "org.x.Y:see", "org.x.Y:talk", 1),
        ("session-bus", "org.x.Y:talk", "org.x.Y:own", 1),
        ("session-bus", "org.x.Y:own", "org.x.Y:talk", 0),
        ("session-bus", "org.x.Y:talk", "org.x.Y:see", 0),
        ("session-bus", "org.x.Y.Z:talk", "org.x.Y:talk", 0),
        ("sockets", "x:see", "x:own", 0),
    ],
)
def test_less_than_was_approved_is_nothing_new(kind: str, asked: str, approved: str, within: int) -> None:
    wish, other = Permission(kind, asked, LIMITED), Permission(kind, approved, LEAVES)
    assert wish.is_within([other]) == bool(within)
    assert not wish.is_within([])
    assert not wish.is_within([Permission("devices", approved, LEAVES)])


def test_the_hash_is_of_the_set_not_of_its_order() -> None:
    one, other = Permission("shared", "network", LEAVES), Permission("devices", "dri", LIMITED)
    assert permissions_hash((one, other)) == permissions_hash((other, one))
    hashes = {permissions_hash(each) for each in ((), (one,), (other,), (one, other))}
    assert len(hashes) == 4


def test_a_permission_comes_back_from_its_record() -> None:
    wish = Permission("shared", "network", LEAVES)
    assert Permission.from_json(wish.to_json()) == wish


@pytest.mark.parametrize(
    "value", [None, "x", [], ["a", "b"], ["a", "b", 1], ["a", "b", "c", "d"], {"kind": "a"}]
)
def test_what_is_no_permission_is_refused(value: Json) -> None:
    with pytest.raises(JsonError):
        Permission.from_json(value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("shared", "network", "shared=network"),
        ("filesystems", "~/", "filesystems=home"),
        ("filesystems", "~/x:rw", "filesystems=~/x"),
        ("filesystems", "/srv/wow!", "filesystems=/srv/wow!"),
        ("session-bus", "org.a.B:own", "session-bus=org.a.B:own"),
        ("system-bus", "org.a.*:see", "system-bus=org.a.*:see"),
    ],
)
def test_one_permission_is_named_by_itself(kind: str, value: str, text: str) -> None:
    permission = parse_permission(kind, value)
    assert permission.text == text
    assert permission.risk


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("shared", ""),
        ("shared", "network;ipc"),
        ("shared", "network;"),
        ("shared", "network;network"),
        ("shared", "ipc;!ipc;network"),
        ("filesystems", "~/a\nb"),
        ("filesystems", "~/a\u202eb"),
        ("filesystems", "!host:reset"),
        ("persistent", ".x"),
        ("session-bus", "org.a.B:none"),
        ("Session Bus Policy", "org.a.B:talk"),
        ("x-bus", "org.a.B:talk"),
    ],
)
def test_what_is_not_one_permission_is_none(kind: str, value: str) -> None:
    with pytest.raises((BadManifest, UnsupportedMediaType)):
        parse_permission(kind, value)


@pytest.mark.parametrize(("value", "has_mode"), [("home", False), ("home:ro", True), ("~/a:create", True)])
def test_a_place_may_have_a_mode(value: str, has_mode: bool) -> None:  # noqa: FBT001
    assert parse_permission("filesystems", value).has_mode is has_mode
    assert not parse_permission("session-bus", "org.a.ro:own").has_mode
