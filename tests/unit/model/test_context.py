# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/context.py: every word of [Context] is granted with a risk, taken away, or refused by name."""

import re
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, UnsupportedMediaType
from appctld.model.context import LEAVES, LIMITED, environment_of
from appctld.model.permissions import Permission, parse_metadata

DOCUMENT = Path(__file__).parents[3] / "docs/permissions.md"


def metadata(context: str, *, more: str = "") -> str:
    return f"[Application]\nname=org.example.App\ncommand=app\n[Context]\n{context}\n{more}"


HOSTILE: list[tuple[str, str, type[AppctlError]]] = [
    ("an unknown kind", metadata("nonsense=devel"), UnsupportedMediaType),
    ("a kind that colours a terminal", metadata("\x1b[31mx=y"), UnsupportedMediaType),
    ("an unknown value", metadata("shared=pids"), UnsupportedMediaType),
    ("a value in upper case", metadata("shared=Network"), UnsupportedMediaType),
    ("a kind in upper case", metadata("Shared=network"), UnsupportedMediaType),
    ("a condition", metadata("sockets=if:x11:!has-wayland"), UnsupportedMediaType),
    ("the session bus itself", metadata("sockets=session-bus"), UnsupportedMediaType),
    ("the system bus itself", metadata("sockets=system-bus"), UnsupportedMediaType),
    ("a connection of the caller's", metadata("sockets=inherit-wayland-socket"), UnsupportedMediaType),
    ("USB", metadata("devices=usb"), UnsupportedMediaType),
    ("the real root", metadata("filesystems=host-root"), UnsupportedMediaType),
    ("sockets of the session", metadata("filesystems=xdg-run"), UnsupportedMediaType),
    ("the bus by its path", metadata("filesystems=xdg-run/bus"), UnsupportedMediaType),
    ("containers", metadata("filesystems=xdg-run/podman/podman.sock"), UnsupportedMediaType),
    ("a directory nobody has", metadata("filesystems=xdg-nowhere"), UnsupportedMediaType),
    ("all but a part", metadata("filesystems=home;!~/.ssh"), UnsupportedMediaType),
    ("an escape", metadata("filesystems=/a\\sb"), BadManifest),
    ("to keep the root", metadata("persistent=/etc"), BadManifest),
    ("to keep a parent", metadata("persistent=a/../.."), BadManifest),
    ("to unset no variable", metadata("unset-environment=A B"), BadManifest),
    ("a variable without a name", metadata("", more="[Environment]\nA-B=1\n"), BadManifest),
    ("a variable with an unknown escape", metadata("", more="[Environment]\nA=\\x\n"), BadManifest),
    ("a variable that ends in an escape", metadata("", more="[Environment]\nA=x\\\n"), BadManifest),
    ("a relative path", metadata("filesystems=a/b"), BadManifest),
    ("a parent", metadata("filesystems=/a/../b"), BadManifest),
    ("a parent at the end", metadata("filesystems=/a/.."), BadManifest),
    ("a parent before the mode", metadata("filesystems=/a/..:ro"), BadManifest),
    ("a parent of home", metadata("filesystems=~/../x:ro"), BadManifest),
    ("a parent of xdg", metadata("filesystems=xdg-music/..:ro"), BadManifest),
    ("another user's home", metadata("filesystems=~root"), BadManifest),
    ("two modes", metadata("filesystems=/a:ro:rw"), BadManifest),
    ("an unknown mode", metadata("filesystems=/a:rx"), BadManifest),
    ("a host below", metadata("filesystems=host/etc"), BadManifest),
    ("a path that colours a terminal", metadata("filesystems=/a\x1b[31m"), BadManifest),
    ("a path with DEL", metadata("filesystems=/a\x7f"), BadManifest),
    ("a path with a C1 control", metadata("filesystems=/a\x9b31m"), BadManifest),
]


@pytest.mark.parametrize(("text", "error"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_what_cannot_be_granted_is_refused(text: str, error: type[AppctlError]) -> None:
    with pytest.raises(AppctlError) as caught:
        parse_metadata(text)
    assert type(caught.value) is error
    assert caught.value.message.isprintable()


GRANTED = """
    shared network,leaves ipc,leaves
    sockets wayland,limited x11,leaves fallback-x11,leaves pulseaudio,leaves ssh-auth,leaves
    sockets gpg-agent,leaves pcsc,leaves cups,limited
    devices dri,limited kvm,limited shm,leaves input,leaves all,leaves
    features devel,limited multiarch,limited bluetooth,leaves canbus,leaves per-app-dev-shm,limited
"""


@pytest.mark.parametrize("line", GRANTED.strip().splitlines())
def test_every_word_of_flatpaks_that_is_granted_has_a_risk(line: str) -> None:
    kind, *words = line.split()
    for word, risk in (item.split(",") for item in words):
        expected = (Permission(kind, word, {"leaves": LEAVES, "limited": LIMITED}[risk]),)
        assert parse_metadata(metadata(f"{kind}={word};")).permissions == expected


def test_the_documentation_has_every_word_with_its_risk() -> None:
    rows = (line.split("|")[1:4] for line in DOCUMENT.read_text().splitlines() if line.count("|") == 5)
    kind, documented = "", set()
    for first, words, risk in rows:
        kind = first.strip(" `") or kind
        documented |= {(kind, word, risk.strip()) for word in re.findall(r"`([a-z0-9-]+)`", words)}
    granted = {
        (kind, *item.split(","))
        for kind, *items in (line.split() for line in GRANTED.strip().splitlines())
        for item in items
    }
    assert granted == {word for word in documented if word[0] in {kind for kind, _, _ in granted}}


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("shared=network;ipc;!network", ["ipc"]),
        ("shared=!network;network", ["network"]),
        ("shared=!network", []),
        ("features=!devel", []),
        ("sockets=!session-bus", []),
        ("filesystems=home;!home", []),
        ("filesystems=home:ro;/srv;!~", ["/srv"]),
        ("filesystems=home;/srv;!host:reset;/opt", ["/opt"]),
        ("filesystems=!~/.ssh", []),
        ("filesystems=home;home:ro", ["home:ro"]),
    ],
)
def test_what_a_later_word_takes_away_is_not_asked_for(words: str, left: list[str]) -> None:
    assert [wish.value for wish in parse_metadata(metadata(words)).permissions] == left


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("host", "host"), ("host:ro", "host:ro"), ("host-os", "host-os"), ("host-etc:rw", "host-etc"),
        ("~", "home"), ("home:rw", "home"), ("home/a", "~/a"), ("~/a:create", "~/a:create"),
        ("host:create", "host"), ("xdg-public-share", "xdg-public-share"),
        ("xdg-run/pipewire-0", "xdg-run/pipewire-0"),
        ("xdg-run/app/org.x.Y:create", "xdg-run/app/org.x.Y:create"), ("/a b", "/a b"),
        ("/a//b/./c/:ro", "/a/b/c:ro"), ("//", "/"), ("~/.", "home"), ("home//a", "~/a"),
        ("xdg-music/", "xdg-music"),
    ],
)  # fmt: skip
def test_a_file_system_has_one_name(word: str, value: str) -> None:
    assert parse_metadata(metadata(f"filesystems={word}")).permissions == (
        Permission("filesystems", value, LEAVES),
    )


def test_what_is_set_unset_or_kept_is_no_permission() -> None:
    found = parse_metadata(
        metadata(
            "unset-environment=B;A;\npersistent=.mozilla;",
            more="[Environment]\nTEXT=a\\sb\\\\s\\n\nEMPTY=\n",
        )
    )
    assert found.permissions == ()
    assert found.unset == ("A", "B")
    assert found.environment == (("EMPTY", ""), ("TEXT", "a b\\s\n"))


def test_a_variable_holds_no_end_of_a_string() -> None:
    with pytest.raises(BadManifest):
        environment_of({"A": "x\0y"})
