# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Logins: which file wins, which entry, which helper; a broken one is an error and never "no login"."""

import base64
import json
from pathlib import Path
from unittest.mock import ANY

import pytest

from appctl.commandline.parser import parse
from appctl.context import Context
from appctl.failure import Failure
from appctl.logins import credentials
from appctl.logins.credentials import logins, lookup
from appctl.talk.wire import Json


def auth(user: str, password: str = "secret") -> Json:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


FIRST: Json = {"auths": {"quay.io": auth("first")}}
SECOND: Json = {"auths": {"quay.io": auth("second")}}


@pytest.mark.parametrize(
    ("entries", "location", "user"),
    [
        ({"quay.io": auth("a")}, "quay.io/acme/editor", "a"),
        ({"quay.io": auth("a"), "quay.io/acme": auth("b")}, "quay.io/acme/editor", "b"),
        ({"quay.io/acme": auth("b")}, "quay.io/acme-evil/editor", None),
        ({"quay.io/acme/editor": auth("c"), "quay.io": auth("a")}, "quay.io/acme/editor", "c"),
        ({"https://quay.io/v2/": auth("a")}, "quay.io/x", "a"),
        ({"https://index.docker.io/v1/": auth("hub")}, "docker.io/library/x", "hub"),
        ({"127.0.0.1:5000": auth("a")}, "127.0.0.1:5000/x", "a"),
        ({"127.0.0.1": auth("a")}, "127.0.0.1:5000/x", None),
        ({"quay.io.evil.example": auth("a")}, "quay.io/x", None),
        ({"quay.io": {}}, "quay.io/x", None),
    ],
)
def test_the_entry_of_that_host_or_path_and_no_other(entries: Json, location: str, user: str | None) -> None:
    found = lookup([{"auths": entries}], location)
    assert found == ({} if user is None else {"username": user, "password": "secret"})


def test_the_first_file_wins() -> None:
    assert lookup([FIRST, SECOND], "quay.io/x")["username"] == "first"
    assert lookup([{}, SECOND], "quay.io/x")["username"] == "second"


def test_an_identity_token_is_no_password() -> None:
    entry = {"identitytoken": "tok", "auth": auth("x")["auth"]}
    assert lookup([{"auths": {"quay.io": entry}}], "quay.io/x") == {"identity-token": "tok"}


def test_a_password_may_hold_colons() -> None:
    assert lookup([{"auths": {"quay.io": auth("u", "a:b:c")}}], "quay.io/x")["password"] == "a:b:c"


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        base64.b64encode(b"nocolon").decode(),
        base64.b64encode(b":x").decode(),
        base64.b64encode(b"\xff:\xff").decode(),
    ],
)
def test_a_broken_entry_is_an_error(text: str) -> None:
    with pytest.raises(Failure, match=r"quay\.io"):
        lookup([{"auths": {"quay.io": {"auth": text}}}], "quay.io/x")


@pytest.mark.parametrize("name", ["../../tmp/x", "A", "", "a/b", "a\0b", "x y"])
def test_a_helper_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(Failure, match="a name is of"):
        lookup([{"credHelpers": {"quay.io": name}}], "quay.io/x")


def test_a_helper_outside_usr_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-credential-mine"
    program.write_text('#!/bin/sh\necho \'{"Username":"u","Secret":"s"}\'\n')
    program.chmod(0o755)
    monkeypatch.setattr(credentials, "HELPER_DIRECTORIES", (tmp_path,))
    with pytest.raises(Failure, match="below /usr"):
        lookup([{"credHelpers": {"quay.io": "mine"}}], "quay.io/x")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            'read host; echo "{\\"Username\\":\\"$host\\",\\"Secret\\":\\"s\\"}"',
            {"username": "quay.io", "password": "s"},
        ),
        ('echo \'{"Username":"<token>","Secret":"t"}\'', {"identity-token": "t"}),
        ("echo credentials not found in native keychain; exit 1", {}),
    ],
)
def test_a_helper_is_asked_for_the_host(
    script: str, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "helper"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(credentials, "_helper", lambda _name: str(program))
    assert lookup([{"credHelpers": {"quay.io": "mine"}}], "quay.io/x") == expected


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", "echo '[]'"])
def test_a_helper_that_fails_is_an_error(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "helper"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(credentials, "_helper", lambda _name: str(program))
    with pytest.raises(Failure):
        lookup([{"credHelpers": {"quay.io": "mine"}}], "quay.io/x")


def test_files_count_before_helpers() -> None:
    files: list[Json] = [{"credHelpers": {"quay.io": "not-asked"}}, FIRST]
    assert lookup(files, "quay.io/x")["username"] == "first"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    for name, place in (("HOME", "home"), ("XDG_CONFIG_HOME", "config"), ("XDG_RUNTIME_DIR", "run")):
        monkeypatch.setenv(name, str(tmp_path / place))
    return Context(parse(["--user", "list"]))


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_files_are_read_in_their_order(context: Context, tmp_path: Path) -> None:
    assert logins(context, ["quay.io/acme/x:1"]) == []
    for place, user in (("home/.docker/config.json", "3"), ("config/containers/auth.json", "2"),
                        ("run/containers/auth.json", "1")):  # fmt: skip
        write(tmp_path / place, {"auths": {"quay.io": auth(user)}})
        (login,) = logins(context, ["quay.io/acme/x:1", "quay.io/acme/x:2", "other.io/x"])
        assert login == {"host": "quay.io/acme/x", "username": user, "password": ANY}


@pytest.mark.parametrize("content", ["{", "[]", "x" * (credentials.FILE_BYTES + 1)])
def test_a_broken_file_is_an_error(content: str, context: Context, tmp_path: Path) -> None:
    write(tmp_path / "run/containers/auth.json", content)
    with pytest.raises(Failure, match="cannot be used"):
        logins(context, ["quay.io/x"])


def test_a_ref_of_an_ostree_repository_has_no_login(context: Context, tmp_path: Path) -> None:
    write(tmp_path / "run/containers/auth.json", {"auths": {"trees:app": auth("u"), "quay.io": auth("q")}})
    (login,) = logins(context, ["trees:app/editor", "quay.io/x:1"])
    assert login == {"host": "quay.io/x", "username": "q", "password": ANY}
