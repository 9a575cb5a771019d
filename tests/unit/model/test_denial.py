# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which wishes give what an administrator denies, and what is no denial."""

import pytest

from appctld.errors import InvalidReference
from appctld.model.denial import KINDS, Denial, parse_denial
from appctld.model.permissions import Permission, parse_metadata

REFUSED = [
    ("shared=network", "shared=network"),
    ("sockets=x11", "sockets=x11"),
    ("sockets=x11", "sockets=fallback-x11"),
    ("sockets=fallback-x11", "sockets=x11"),
    ("devices=kvm", "devices=kvm"),
    ("devices=kvm", "devices=all"),
    ("devices=*", "devices=dri"),
    ("filesystems=home", "filesystems=home"),
    ("filesystems=home", "filesystems=home:ro"),
    ("filesystems=home", "filesystems=home:create"),
    ("filesystems=home", "filesystems=host"),
    ("filesystems=home", "filesystems=host:ro"),
    ("filesystems=home", "filesystems=/"),
    ("filesystems=home", "filesystems=/home"),
    ("filesystems=home", "filesystems=/home/alice:ro"),
    ("filesystems=home", "filesystems=/var"),
    ("filesystems=~/Work", "filesystems=home"),
    ("filesystems=home/Work", "filesystems=~/Work"),
    ("filesystems=~/Work/secret", "filesystems=~/Work"),
    ("filesystems=xdg-documents", "filesystems=home"),
    ("filesystems=/home/alice", "filesystems=home"),
    ("filesystems=~/.config", "filesystems=xdg-config"),
    ("filesystems=~/.config/secret", "filesystems=xdg-config:ro"),
    ("filesystems=xdg-config", "filesystems=~/.config"),
    ("filesystems=xdg-data/secret", "filesystems=~/.local"),
    ("filesystems=xdg-documents", "filesystems=~/Documents"),
    ("filesystems=/home/alice/.config", "filesystems=xdg-config"),
    ("filesystems=/var/home/alice/.ssh", "filesystems=~/.ssh"),
    ("filesystems=/root/.ssh", "filesystems=~/.ssh"),
    ("filesystems=/srv/data", "filesystems=/srv"),
    ("filesystems=/srv/data", "filesystems=/srv/data"),
    ("filesystems=/srv/data", "filesystems=/"),
    ("filesystems=host-etc", "filesystems=host"),
    ("filesystems=xdg-run/gvfs", "filesystems=host"),
    ("filesystems=*", "filesystems=xdg-run/gvfs"),
    ("session-bus=org.acme.Keys", "session-bus=org.acme.Keys:see"),
    ("session-bus=org.acme.Keys:talk", "session-bus=org.acme.Keys:own"),
    ("session-bus=org.acme.Keys:talk", "session-bus=org.acme.*:talk"),
    ("session-bus=org.acme.*:talk", "session-bus=org.acme.Keys:talk"),
    ("session-bus=org.acme.*:talk", "session-bus=org.acme.inner.*:talk"),
    ("session-bus=org.acme.*:talk", "session-bus=org.acme.deep.Keys:own"),
    ("system-bus=*", "system-bus=org.acme.Keys:see"),
]
NOT_REFUSED = [
    ("shared=network", "shared=ipc"),
    ("sockets=x11", "sockets=wayland"),
    ("devices=kvm", "devices=dri"),
    ("filesystems=host", "filesystems=home"),
    ("filesystems=home", "filesystems=xdg-documents"),
    ("filesystems=home", "filesystems=~/Work"),
    ("filesystems=home", "filesystems=/srv"),
    ("filesystems=home", "filesystems=/homes"),
    ("filesystems=home", "filesystems=xdg-run/gvfs"),
    ("filesystems=~/Work/secret", "filesystems=~/Work/other"),
    ("filesystems=~/Work", "filesystems=~/Workshop"),
    ("filesystems=xdg-config/secret", "filesystems=~/.config/other"),
    ("filesystems=/srv/home/alice/.ssh", "filesystems=~/.ssh"),
    ("filesystems=xdg-run/gvfs", "filesystems=home"),
    ("filesystems=/srv/data", "filesystems=home"),
    ("filesystems=/srv/data", "filesystems=/srv/database"),
    ("session-bus=org.acme.Keys:talk", "session-bus=org.acme.Keys:see"),
    ("session-bus=org.acme.Keys:talk", "system-bus=org.acme.Keys:talk"),
    ("session-bus=org.acme.Keys", "session-bus=org.acme.Keyring:talk"),
    ("session-bus=org.acme.*", "session-bus=org.acmes.Keys:talk"),
    ("sockets=*", "shared=network"),
]
WRONG = [
    "", "network", "shared", "shared=", "shared=net", "shared=network;ipc", "shared=!network", "shared=*x",
    "shared=network=yes", "Shared=network", "persistent=.x", "filesystems=home:ro", "filesystems=~/x:create",
    "filesystems=Home", "filesystems=../x", "session-bus=keys", "session-bus=org.acme.Keys:none",
    "session-bus=org.acme.Keys:any", "session-bus=org.freedesktop.systemd1",
]  # fmt: skip


def asked(text: str) -> Permission:
    kind, _, value = text.partition("=")
    return Permission(kind, value, "")


@pytest.mark.parametrize(("denied", "wish"), REFUSED)
def test_what_gives_it_is_refused(denied: str, wish: str) -> None:
    assert parse_denial(denied).refuses(asked(wish))


@pytest.mark.parametrize(
    ("denied", "wish"),
    [
        ("home", "~/."), ("home", "~//"), ("home", "home/./"), ("home", "//home"), ("home", "/./home/alice"),
        ("home", "/."), ("home", "//"), ("home", "/var/./home/"), ("/srv/data", "/srv/data/"),
        ("/srv/data", "/srv//data:ro"), ("/srv/data", "//srv/./data"), ("/srv/data/", "/srv/data"),
        ("~/.config", "~/./.config/"), ("~/.config", "xdg-config/."),
    ],
)  # fmt: skip
def test_no_other_spelling_of_a_path_gets_around_it(denied: str, wish: str) -> None:
    (permission,) = parse_metadata(f"[Application]\nname=a\n[Context]\nfilesystems={wish}\n").permissions
    assert parse_denial(f"filesystems={denied}").refuses(permission)


@pytest.mark.parametrize(("denied", "wish"), NOT_REFUSED)
def test_what_gives_something_else_is_not(denied: str, wish: str) -> None:
    assert not parse_denial(denied).refuses(asked(wish))


@pytest.mark.parametrize("text", WRONG)
def test_what_could_never_match_is_no_denial(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_denial(text)


def test_a_kind_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(InvalidReference, match="with a kind of shared, sockets, devices"):
        parse_denial("persistent=.x")


def test_a_denial_is_written_as_it_is_read() -> None:
    for text in ("shared=network", "filesystems=~/Work", "session-bus=org.acme.Keys:talk", "devices=*"):
        found = parse_denial(text)
        assert (found.kind, found.value) == tuple(text.split("=", 1))
    assert parse_denial("session-bus=org.acme.Keys") == Denial("session-bus", "org.acme.Keys:see")


def test_every_kind_that_metadata_can_ask_for_can_be_denied() -> None:
    text = (
        "[Application]\nname=org.acme.X\n[Context]\nshared=network;\nsockets=x11;\ndevices=dri;\n"
        "features=devel;\nfilesystems=home;\n[Session Bus Policy]\norg.acme.Y=talk\n"
        "[System Bus Policy]\norg.acme.Y=talk\n"
    )
    permissions = parse_metadata(text).permissions
    assert {one.kind for one in permissions} == set(KINDS)
    for one in permissions:
        assert parse_denial(f"{one.kind}={one.value}").refuses(one)
