# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where an image may go, as people type it."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from appctl.context import Context
from appctl.failure import Failure
from appctl.programs.destinations import CA_BYTES, certificates, destination, named


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Context(Namespace(no_color=True, scope=None))


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ("oci:images", "directory", "images"),
        ("oci:a/../b", "directory", "b"),
        ("oci:/x/y:z", "directory", "/x/y:z"),
        ("oci-archive:image.tar", "archive", "image.tar"),
    ],
)
def test_directories_and_archives_are_where_the_caller_is(
    context: Context, tmp_path: Path, text: str, kind: str, path: str
) -> None:
    assert destination(context, text) == {"kind": kind, "path": str(tmp_path / path)}


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("docker://quay.io/acme/editor:1", "https://quay.io", "acme/editor", "1"),
        ("docker://quay.io/editor", "https://quay.io", "editor", "latest"),
        ("oci+https://[::1]:5000/a/b:c", "https://[::1]:5000", "a/b", "c"),
        ("oci+http://127.0.0.1:5000/a:b", "http://127.0.0.1:5000", "a", "b"),
    ],
)
def test_registries_are_named_as_remotes_are(
    context: Context, tmp_path: Path, text: str, registry: str, repository: str, tag: str
) -> None:
    to = destination(context, text)
    assert (to["registry"], to["repository"], to["tag"]) == (registry, repository, tag)
    assert to["uploads"] == str(tmp_path / ".local/state/appctl/uploads")
    assert (to["credential"], to["ca"], to["auth_realm"], to["sources"]) == ({}, None, None, [])
    assert named(to) == f"{registry.partition('://')[2]}/{repository}:{tag}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oci:",
        "oci://x/y:1",
        "oci-archive:",
        "docker:x",
        "docker://x",
        "docker://x/",
        "docker://x/y@sha256:0",
        "quay.io/x/y:1",
        "dir:x",
    ],
)
def test_what_is_no_destination_is_refused(context: Context, text: str) -> None:
    with pytest.raises(Failure) as caught:
        destination(context, text)
    assert (caught.value.code, "oci-archive:FILE" in caught.value.hint) == (64, True)


def test_the_callers_login_for_that_repository_goes_along(context: Context, tmp_path: Path) -> None:
    file = tmp_path / ".docker/config.json"
    file.parent.mkdir()
    logins: dict[str, Any] = {
        "quay.io": {"auth": "YWxpY2U6c2VjcmV0"},
        "quay.io/acme": {"identitytoken": "refresh"},
    }
    file.write_text(json.dumps({"auths": logins}))
    assert destination(context, "docker://quay.io/x/y:1")["credential"] == {
        "username": "alice",
        "password": "secret",
    }
    assert destination(context, "docker://quay.io/acme/y:1")["credential"] == {"identity_token": "refresh"}
    assert destination(context, "docker://ghcr.io/acme/y:1")["credential"] == {}


def test_blobs_may_come_from_other_repositories_of_the_same_registry(context: Context) -> None:
    sources = [
        "quay.io/acme/editor:1",
        "quay.io/acme/editor@sha256:0",
        "quay.io/x:1",
        "ghcr.io/acme/y:1",
        "quay.io.evil/z:1",
    ]
    assert destination(context, "docker://quay.io/mine/y:1", sources)["sources"] == ["acme/editor", "x"]


def test_certificates_are_read_by_the_caller(context: Context, tmp_path: Path) -> None:
    context.options.ca_file, context.options.auth_realm = str(tmp_path / "ca.pem"), "https://x/token"
    with pytest.raises(Failure):
        destination(context, "docker://quay.io/x/y:1")
    (tmp_path / "ca.pem").write_text("certificates")
    to = destination(context, "docker://quay.io/x/y:1")
    assert (to["ca"], to["auth_realm"]) == ("certificates", "https://x/token")


def test_certificates_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(b"x" * CA_BYTES)
    assert certificates(str(file)) == "x" * CA_BYTES
    file.write_bytes(b"x" * (CA_BYTES + 1))
    with pytest.raises(Failure, match="larger"):
        certificates(str(file))
