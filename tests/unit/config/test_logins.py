# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""config/logins.py: what an administrator keeps is read whole, or is an error."""

import base64
import json
import os
from pathlib import Path

import pytest

from appctld.config.logins import FILE_BYTES, kept_logins
from appctld.errors import RegistryAuth
from appctld.model.login import Login


def auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def file(directory: Path, content: object, mode: int = 0o640) -> Path:
    path = directory / "auth.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def test_where_there_is_no_file_there_is_no_login(tmp_path: Path) -> None:
    assert kept_logins(tmp_path / "auth.json") == ()
    assert kept_logins(file(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("registry.example", "registry.example"),
        ("registry.example:5000/team", "registry.example:5000/team"),
        ("https://registry.example/v2/", "registry.example"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_an_entry_is_for_its_place(key: str, place: str, tmp_path: Path) -> None:
    (login,) = kept_logins(file(tmp_path, {"auths": {key: auth("u:p:q")}}))
    assert (login.place, login.secret) == (place, {"username": "u", "password": "p:q"})
    assert "p:q" not in repr(login)


def test_an_identity_token_counts_and_an_empty_entry_does_not(tmp_path: Path) -> None:
    entries = {"a.example": {"identitytoken": "t", **auth("<token>:")}, "b.example": {}}
    content = {"auths": entries, "credHelpers": {"c.example": "x"}}
    assert kept_logins(file(tmp_path, content)) == (Login("a.example", {"identity_token": "t"}),)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{broken", "no JSON"),
        ("[]", "no JSON object"),
        ({"auths": []}, "auths"),
        ({"auths": {"a": "x"}}, "'a'"),
        ({"auths": {"a": {"auth": "%"}}}, "no base64"),
        ({"auths": {"a": {"auth": 5}}}, "auth"),
        ({"auths": {"a": auth("nocolon")}}, "no user and password"),
        ({"auths": {"a": auth(":p")}}, "no user and password"),
        ("x" * (FILE_BYTES + 1), "bytes of JSON"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_no_login(
    content: object, why: str, tmp_path: Path
) -> None:
    with pytest.raises(RegistryAuth, match=why) as caught:
        kept_logins(file(tmp_path, content))
    assert "login --system" in caught.value.advice


@pytest.mark.parametrize("mode", [0o644, 0o642, 0o641])
def test_a_file_that_is_open_to_others_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(RegistryAuth, match="every user") as caught:
        kept_logins(file(tmp_path, {}, mode))
    assert caught.value.advice.startswith("chmod 640 ")


def test_what_is_no_plain_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    real = file(tmp_path, {})
    link = tmp_path / "link"
    link.symlink_to(real)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (link, fifo, tmp_path):
        with pytest.raises(RegistryAuth):
            kept_logins(path)
