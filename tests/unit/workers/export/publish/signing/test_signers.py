# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures of what is published: by whom, of what, and where they are found; by the judges' own means."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    Failed,
    InvalidReference,
    LimitExceeded,
    NotFound,
    UnsupportedMediaType,
)
from appctld.model.jsonvalue import Json, JsonObject
from appctld.trust.sigstore import crypto
from appctld.workers.export.publish.publish import publish
from appctld.workers.export.publish.signing import gpg
from appctld.workers.export.publish.signing.placing import SIGNATURES
from appctld.workers.export.publish.signing.sigstore import KEY_BYTES, read_key, sign
from appctld.workers.fetch import lookaside
from support.signatures.cosign import CosignKey
from support.signatures.keys import Keys
from support.workers.publishing import NAME, UNSIGNED, Layout, directory, published, request

REPOSITORY = NAME.partition("/")[2].partition(":")[0]


def signed(tree: Path, to: Path, **sign: Json) -> JsonObject:
    return published(directory(tree), to, sign={**UNSIGNED, "identity": NAME, **sign})


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with Keys() as made:
        yield made


@pytest.fixture
def home(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """The caller's own GnuPG."""
    monkeypatch.setenv("GNUPGHOME", str(keys.home))
    return keys


def verified(keys: Keys, blob: Path) -> tuple[str, dict[str, object]]:
    """Who signed, and what."""
    command = ["gpg", f"--homedir={keys.home}", "--status-fd=2", "--decrypt", str(blob)]
    done = subprocess.run(command, capture_output=True, check=True)
    (line,) = (line for line in done.stderr.decode().splitlines() if "VALIDSIG" in line)
    return line.split()[-1], json.loads(done.stdout)


def test_gpg_signs_the_digest_under_the_name(tree: Path, tmp_path: Path, home: Keys) -> None:
    key = home.make("Publisher")
    answer = signed(tree, tmp_path / "out", gpg=key)
    hexadecimal = str(answer["digest"]).removeprefix("sha256:")
    (blob,) = (tmp_path / "out/lookaside").glob("**/signature-*")
    assert blob.relative_to(tmp_path / "out/lookaside") == Path(
        f"{REPOSITORY}@sha256={hexadecimal}/signature-1"
    )
    signer, said = verified(home, blob)
    assert signer == key
    assert said["critical"] == {
        "type": "atomic container signature",
        "image": {"docker-manifest-digest": answer["digest"]},
        "identity": {"docker-reference": NAME},
    }


@pytest.mark.parametrize("beside", ["web", "out/lookaside"])
def test_signatures_that_are_there_stay(tree: Path, tmp_path: Path, home: Keys, beside: str) -> None:
    first, second = home.make(f"First{len(beside)}"), home.make(f"Second{len(beside)}")
    lookaside = "" if beside.startswith("out") else str(tmp_path / beside)
    for key in (first, second):
        signed(tree, tmp_path / "out", gpg=key, lookaside=lookaside)
    found = sorted((tmp_path / beside).glob("**/signature-*"))
    assert [path.name for path in found] == ["signature-1", "signature-2"]
    assert [verified(home, path)[0] for path in found] == [first, second]
    assert (tmp_path / "out/lookaside").exists() is not bool(lookaside)


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_cosign_key_signs_the_digest_under_the_name(tree: Path, tmp_path: Path, kind: str) -> None:
    key = CosignKey(kind)
    (tmp_path / "key.pem").write_bytes(key.private_pem)
    answer = signed(tree, tmp_path / "out", cosign=str(tmp_path / "key.pem"))
    hexadecimal = str(answer["digest"]).removeprefix("sha256:")
    layout = Layout(tmp_path / "out")
    manifest = layout.manifest(f"{NAME.rpartition(':')[0]}:sha256-{hexadecimal}.sig")
    (layer,) = manifest["layers"]
    assert json.loads(layout.blob(manifest["config"]["digest"]))["rootfs"]["diff_ids"] == [layer["digest"]]
    message = layout.blob(layer["digest"])
    assert json.loads(message)["critical"]["identity"] == {"docker-reference": NAME}
    assert json.loads(message)["critical"]["image"] == {"docker-manifest-digest": answer["digest"]}
    signature = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])
    assert crypto.holds(crypto.load(key.der), signature, message)


def test_that_an_attachment_takes_the_place_of_another_is_told(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(CosignKey().private_pem)
    told = [signed(tree, tmp_path / "out", cosign=str(tmp_path / "key.pem"))["signatures"] for _ in range(2)]
    assert ["in the place of" in str(places) for places in told] == [False, True]


def test_an_image_is_the_same_whether_it_is_signed_or_not(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(CosignKey().private_pem)
    with_signature = signed(tree, tmp_path / "a", cosign=str(tmp_path / "key.pem"))
    assert published(directory(tree), tmp_path / "b")["digest"] == with_signature["digest"]


@pytest.mark.parametrize("identity", ["", "no-registry", f"{NAME.partition(':')[0]}@sha256:{'0' * 64}"])
def test_without_a_name_and_a_tag_nothing_is_signed(tree: Path, tmp_path: Path, identity: str) -> None:
    (tmp_path / "key.pem").write_bytes(CosignKey().private_pem)
    with pytest.raises(InvalidReference) as caught:
        signed(tree, tmp_path / "out", cosign=str(tmp_path / "key.pem"), identity=identity)
    assert identity or "--as HOST" in caught.value.advice
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["nobody@nowhere.example", "--output=/tmp/x", " "])
def test_a_key_that_gpg_does_not_have_leaves_nothing(
    tree: Path, tmp_path: Path, home: Keys, key: str
) -> None:
    with pytest.raises(InvalidReference) as caught:
        signed(tree, tmp_path / "out", gpg=key)
    assert "gpg --list-secret-keys" in caught.value.advice
    assert not (tmp_path / "out").exists()


SEALED = (
    b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
)


@pytest.mark.parametrize(("data", "leaf"), [
    (b"", InvalidReference),
    (b"garbage", InvalidReference),
    (CosignKey().pem, InvalidReference),
    (CosignKey("rsa2048").private_pem, InvalidReference),
    (CosignKey("p384").private_pem, InvalidReference),
    (CosignKey("p521").private_pem, InvalidReference),
    (SEALED, UnsupportedMediaType),
    (bytes(KEY_BYTES + 1), LimitExceeded),
    (None, NotFound),
])  # fmt: skip
def test_a_file_that_holds_no_key_to_sign_with_is_refused_before_anything_else(
    data: bytes | None, leaf: type[AppctlError], tree: Path, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(leaf) as caught:
        signed(tree, tmp_path / "out", cosign=str(file))
    assert caught.value.advice or leaf is LimitExceeded
    assert not (tmp_path / "out").exists()


def test_a_key_in_the_other_forms_of_pem_is_read(tmp_path: Path) -> None:
    made = tmp_path / "sec1.pem"
    command = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    assert sign(b"message", read_key(made))


def test_a_registry_has_no_place_for_what_gnupg_signs(tree: Path, tmp_path: Path) -> None:
    asked = request(directory(tree), tmp_path, sign={**UNSIGNED, "identity": NAME, "gpg": "x"})
    asked["to"] = {"kind": "registry", "registry": "https://nowhere.invalid", "repository": "x", "tag": "1"}
    with pytest.raises(InvalidReference) as caught:
        publish(asked, lambda _: None)
    assert "--lookaside" in caught.value.advice


def test_of_one_digest_a_lookaside_has_not_endlessly_many(tree: Path, tmp_path: Path, home: Keys) -> None:
    key = home.make("Many")
    answer = published(directory(tree), tmp_path / "out")
    assert lookaside.SIGNATURES == SIGNATURES  # what is not read need not be written
    there = tmp_path / f"web/{REPOSITORY}@{str(answer['digest']).replace(':', '=')}"
    there.mkdir(parents=True)
    for number in range(1, SIGNATURES + 1):
        (there / f"signature-{number}").symlink_to("nowhere")
    with pytest.raises(Failed, match="signatures of sha256"):
        signed(tree, tmp_path / "out", gpg=key, lookaside=str(tmp_path / "web"))


@pytest.mark.parametrize(("program", "leaf", "why"), [
    ("echo signed; echo no key >&2; exit 2", InvalidReference, "no key"),
    ("exit 0", InvalidReference, "no word why"),
    ("exec sleep 60", Failed, "signed nothing"),
    (None, Failed, "not installed"),
])  # fmt: skip
def test_what_gpg_does_not_do_is_said(
    program: str | None, leaf: type[AppctlError], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program:
        (tmp_path / "gpg").write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{program}\n")
        (tmp_path / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpg, "_SECONDS", 0.1 if program and "sleep" in program else 60)
    with pytest.raises(leaf, match=why):
        gpg.sign(b"message", "key")
