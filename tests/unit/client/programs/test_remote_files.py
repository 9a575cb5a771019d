# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote as its files say: where it is, whom it believes, and nothing that is secret."""

import base64
import json
import os
from pathlib import Path

import pytest

from appctl.places import Places
from appctl.programs import remote_files
from appctl.programs.remote_files import FILE_BYTES, KEY_BYTES, RemoteFile, remote_file
from appctl.scope import Scope
from appctld.config.settings import read_settings as daemons_settings
from appctld.errors import InvalidReference

REFERENCE = "quay.io/acme/editor:1"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setattr(remote_files, "SHIPPED_CONFIG", tmp_path / "shipped")
    monkeypatch.setattr("appctl.places.SYSTEM_CONFIG", tmp_path / "etc")
    for name in ("etc", "shipped", "config/appctl"):
        (tmp_path / name / "remotes.d").mkdir(parents=True)
    return Places(tmp_path, tmp_path / "data", tmp_path / "config", None)


def write(directory: Path, *lines: str, section: str = "[remote]") -> Path:
    path = directory / "remotes.d/acme.conf"
    path.write_text("\n".join([section, *lines, ""]))
    return path


def found(places: Places, scope: Scope = Scope.USER) -> RemoteFile:
    file = remote_file(places, scope, "acme")
    assert file is not None
    return file


def test_the_administrators_file_wins_over_a_shipped_one(places: Places, tmp_path: Path) -> None:
    write(tmp_path / "shipped", "url = https://shipped.example/x")
    assert found(places, Scope.SYSTEM).url == "https://shipped.example/x"
    assert remote_file(places, Scope.USER, "acme") is None, "which is for the system alone"
    write(tmp_path / "etc", "url = https://etc.example/x")
    assert found(places, Scope.SYSTEM).url == "https://etc.example/x"


@pytest.mark.parametrize(
    ("url", "scheme", "directory"),
    [
        ("quay.io/acme", "https", ""),
        ("docker://quay.io/acme", "https", ""),
        ("oci+https://quay.io/acme", "https", ""),
        ("oci+http://127.0.0.1:5000/acme", "http", ""),
        ("oci:/srv/images", "https", "/srv/images"),
    ],
)
def test_where_it_is(places: Places, tmp_path: Path, url: str, scheme: str, directory: str) -> None:
    write(tmp_path / "config/appctl", f"url = {url}")
    file = found(places)
    assert file.directory == directory
    assert file.endpoint(REFERENCE, places)["registry"] == f"{scheme}://quay.io"


def test_what_a_fetch_needs_is_told(places: Places, tmp_path: Path) -> None:
    lines = ("url = quay.io/acme", "insecure = yes", "auth-realm = https://auth.example/token")
    path = write(tmp_path / "config/appctl", *lines)
    path.with_name("acme.ca.pem").write_bytes(b"certificates")
    (tmp_path / ".docker").mkdir()
    login = {"auths": {"quay.io": {"auth": base64.b64encode(b"alice:secret").decode()}}}
    (tmp_path / ".docker/config.json").write_text(json.dumps(login))
    assert found(places).endpoint("quay.io/acme/editor@sha256:" + "0" * 64, places) == {
        "registry": "https://quay.io",
        "repository": "acme/editor",
        "insecure": True,
        "auth_realm": "https://auth.example/token",
        "ca": "certificates",
        "proxy": {},
        "credential": {"username": "alice", "password": "secret"},
    }
    write(tmp_path / "config/appctl", "url = quay.io/acme", f"ca-file = {tmp_path / 'named'}")
    (tmp_path / "named").write_bytes(b"others")
    assert found(places).endpoint(REFERENCE, places)["ca"] == "others"


def test_what_is_masked_is_where_it_was(places: Places, tmp_path: Path) -> None:
    write(tmp_path / "etc", "enabled = no")
    assert remote_file(places, Scope.SYSTEM, "acme") is None
    shipped = write(tmp_path / "shipped", "url = quay.io/acme")
    assert found(places, Scope.SYSTEM).path == shipped


def test_what_others_need_to_trust_it_is_told_and_nothing_else(places: Places, tmp_path: Path) -> None:
    lines = (
        "url = quay.io/acme",
        "verify = gpg+cosign",
        "title = Acme",
        "lookaside = https://sigs.example",
        "ids = org.acme.*",
        "catalog = list",
        "share = no",
    )
    path = write(tmp_path / "config/appctl", *lines)
    path.with_name("acme.gpg").write_bytes(b"keyring")
    path.with_name("acme.cosign.pub").write_bytes(b"-----BEGIN PUBLIC KEY-----\n")
    assert found(places).exported().splitlines() == [
        "[Appctl Remote]",
        "Version=1",
        "Name=acme",
        "Title=Acme",
        "Url=https://quay.io/acme",
        "Lookaside=https://sigs.example",
        f"GPGKey={base64.b64encode(b'keyring').decode()}",
        f"CosignKey={base64.b64encode(b'-----BEGIN PUBLIC KEY-----' + bytes([10])).decode()}",
        "Ids=org.acme.*",
        "Catalog=list",
    ]
    path.with_name("acme.gpg").write_bytes(b"k" * (KEY_BYTES + 1))
    assert "GPGKey" not in found(places).exported()


@pytest.mark.parametrize(
    "text",
    [
        "no ini",
        "[other]\nurl = x",
        "[remote]\nurl = x\n[more]",
        "[remote] more\nurl = x",
        "[remote]\nurl = x\nurl = y",
        "[remote]\nurl = x\n\n  y",
        "\xff",
        " " * (FILE_BYTES + 1),
    ],
)
def test_a_file_that_cannot_be_read_is_none(places: Places, tmp_path: Path, text: str) -> None:
    (tmp_path / "config/appctl/remotes.d/acme.conf").write_text(text, encoding="latin-1")
    assert remote_file(places, Scope.USER, "acme") is None
    with pytest.raises(InvalidReference):
        daemons_settings(text.encode("latin-1"))


def test_one_that_cannot_be_read_is_not_replaced_by_a_shipped_one(places: Places, tmp_path: Path) -> None:
    """Nor does the daemon: it would be another publisher, or other keys."""
    write(tmp_path / "shipped", "url = https://shipped.example/x")
    (tmp_path / "etc/remotes.d/acme.conf").write_text("")
    assert remote_file(places, Scope.SYSTEM, "acme") is None


def test_a_file_that_nobody_writes_is_not_waited_for(places: Places, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config/appctl/remotes.d/acme.conf")
    assert remote_file(places, Scope.USER, "acme") is None


def test_a_key_that_nobody_writes_is_not_waited_for(places: Places, tmp_path: Path) -> None:
    path = write(tmp_path / "config/appctl", "url = quay.io/acme")
    os.mkfifo(path.with_name("acme.gpg"))
    assert "GPGKey" not in found(places).exported()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("url = quay.io/acme",), ""),
        (("url = docker://quay.io/acme",), ""),
        (("url = oci+http://127.0.0.1:5000/acme",), "https"),
        (("url = oci:/srv/images",), "https"),
        (("url = quay.io/acme", f"deny-keys = {'A' * 40}"), "appctl remote export acme"),
        (("url = quay.io/acme", f"fingerprints = {'A' * 40}"), "appctl remote export acme"),
    ],
)
def test_keys_that_do_not_count_here_are_given_to_nobody(
    places: Places, tmp_path: Path, lines: tuple[str, ...], why: str
) -> None:
    write(tmp_path / "config/appctl", *lines)
    file = found(places)
    assert (why in file.stays_here, bool(file.stays_here)) == (True, bool(why))
    assert (file.signs, file.file_name) == (True, "acme.appctlremote")


@pytest.mark.parametrize("verify", ["none", "digest"])
def test_a_remote_of_which_nothing_is_signed_signs_nothing(
    places: Places, tmp_path: Path, verify: str
) -> None:
    write(tmp_path / "config/appctl", "url = quay.io/acme", f"verify = {verify}")
    assert not found(places).signs
