# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One blob, one keyring, the real gpgv in the real sandbox; the verdicts are in test_verdict_table.py."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from appctld.errors import Failed, LimitExceeded, UntrustedSigner
from appctld.system.sandbox import Bubblewrap
from appctld.trust.claim import PAYLOAD_BYTES
from appctld.trust.gpgv import LIMITS, SIGNATURE_BYTES, Opened, open_blob
from support.signatures.keys import Keys

FIXTURES = Path(__file__).parents[2] / "fixtures"
PUBLISHER = "A9224799278A335FAF0F5956CEDCC28E78EBA748"


def opened(blob: bytes, keyring: bytes, sandbox: Bubblewrap) -> Opened:
    return asyncio.run(open_blob(blob, keyring, sandbox))


def test_a_signature_that_skopeo_made(sandbox: Bubblewrap) -> None:
    (blob,) = FIXTURES.glob("lookaside/demo/*/signature-1")
    found = opened(blob.read_bytes(), (FIXTURES / "keys/publisher.gpg").read_bytes(), sandbox)
    assert found.signature.primary == PUBLISHER
    assert found.signature.name == "publisher <publisher@example.org>"
    assert found.signature.created == 1795521011
    assert b'"docker-reference":"registry.example.org/demo/plain:1"' in found.payload


def test_a_signature_by_another_key_names_that_key(sandbox: Bubblewrap) -> None:
    (blob,) = FIXTURES.glob("lookaside/demo/*/signature-2")
    with pytest.raises(UntrustedSigner) as caught:
        opened(blob.read_bytes(), (FIXTURES / "keys/publisher.gpg").read_bytes(), sandbox)
    assert caught.value.data["found"] == "2EDE…5B7A"


def test_a_subkey_is_reported_with_its_primary_key(keys: Keys, sandbox: Bubblewrap) -> None:
    primary = keys.make("with-signing-subkey")
    subkey = keys.add_subkey(primary)
    found = opened(keys.sign(b"text", subkey), keys.export(primary), sandbox)
    assert (found.signature.fingerprint, found.signature.primary) == (subkey, primary)
    assert found.payload == b"text"


def test_a_keyring_on_this_machine_is_not_looked_at(
    keys: Keys, publisher: str, sandbox: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R6: no fall-back to ~/.gnupg/trustedkeys.gpg, gpgv's own default."""
    for name in ("trustedkeys.gpg", "trustedkeys.kbx"):
        (keys.home / name).write_bytes(keys.export(publisher))
    monkeypatch.setenv("GNUPGHOME", str(keys.home))
    with pytest.raises(UntrustedSigner):
        opened(keys.sign(b"text", publisher), b"", sandbox)


def blob_of(size: int, keys: Keys, key: str) -> bytes:
    """A good blob of exactly that many bytes: gpg's own bytes around the text are few, but vary."""
    text, blob = size - 300, b""
    while len(blob) != size:
        blob = keys.sign(b"x" * text, key, options=("--compress-algo", "none"))
        text += size - len(blob)
    return blob


def test_a_blob_may_have_64_kib_and_no_more(keys: Keys, publisher: str, sandbox: Bubblewrap) -> None:
    keyring = keys.export(publisher)
    assert opened(blob_of(SIGNATURE_BYTES, keys, publisher), keyring, sandbox).payload.startswith(b"xxx")
    with pytest.raises(LimitExceeded, match="a signature of more"):
        opened(blob_of(SIGNATURE_BYTES + 1, keys, publisher), keyring, sandbox)


def test_a_payload_of_more_than_64_kib_is_not_read_to_its_end(
    keys: Keys, publisher: str, sandbox: Bubblewrap
) -> None:
    blob = keys.sign(bytes(1 << 20), publisher)
    assert len(blob) < SIGNATURE_BYTES
    with pytest.raises(LimitExceeded):
        opened(blob, keys.export(publisher), sandbox)


def test_it_has_two_seconds_and_room_for_a_payload() -> None:
    told = "import resource as r; print(r.getrlimit(r.RLIMIT_CPU), r.getrlimit(r.RLIMIT_FSIZE))"
    done = subprocess.run([*LIMITS, sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == f"(2, 2) ({PAYLOAD_BYTES}, {PAYLOAD_BYTES})\n"


def test_without_a_sandbox_nothing_is_decided(
    keys: Keys, publisher: str, sandbox: Bubblewrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bubblewrap that cannot start says so and ends with 1."""
    broken = Bubblewrap((), sandbox.python)
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setattr(Bubblewrap, "environment", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    with pytest.raises(Failed, match="did not run"):
        opened(keys.sign(b"text", publisher), keys.export(publisher), broken)
