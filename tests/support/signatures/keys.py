# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Publishers' keys and signatures, made by the real gpg in a home directory of their own.

The home lies directly under /tmp, because gpg-agent's socket is there and its path may have 107 bytes only.
Times are given to gpg with `--faked-system-time`, as unix seconds; its clock stands still there.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

QUIET = ("--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "")


def payload(digest: str, identity: str, optional: Mapping[str, object] | None = None) -> bytes:
    """A simple-signing payload as skopeo writes it; `digest` is `sha256:<hex>`."""
    critical = {
        "identity": {"docker-reference": identity},
        "image": {"docker-manifest-digest": digest},
        "type": "atomic container signature",
    }
    return json.dumps({"critical": critical, "optional": optional or {}}, separators=(",", ":")).encode()


class Keys:
    """`with Keys() as keys:` then make keys, sign and export; the agent and the home are gone at the end."""

    def __init__(self) -> None:
        self.home = Path()

    def __enter__(self) -> Self:
        self.home = Path(tempfile.mkdtemp(prefix="keys-", dir="/tmp"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def gpg(self, *arguments: str, stdin: bytes = b"", at: int | None = None) -> bytes:
        """Run gpg on this home and return its output; it must succeed."""
        clock = () if at is None else ("--faked-system-time", f"{at}!")  # "!": it stands still
        argv = ("gpg", "--homedir", str(self.home), *QUIET, *clock, *arguments)
        return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, check=True, timeout=60).stdout

    def make(
        self,
        name: str,
        algorithm: str = "ed25519",
        *,
        address: str = "",
        expire: str = "never",
        at: int | None = None,
    ) -> str:
        """A new primary key that can sign: `NAME <NAME@example.org>`, or that address. Its fingerprint."""
        user = f"{name} <{address or f'{name}@example.org'}>"
        self.gpg("--quick-generate-key", user, algorithm, "sign", expire, at=at)
        return self._newest(f"={user}")

    def add_subkey(self, primary: str, *, expire: str = "never", at: int | None = None) -> str:
        """A signing subkey. Returns its fingerprint."""
        self.gpg("--quick-add-key", primary, "ed25519", "sign", expire, at=at)
        return self._newest(primary)

    def _newest(self, wanted: str) -> str:
        lines = self.gpg("--with-colons", "--with-subkey-fingerprint", "--list-keys", wanted).decode()
        return [line.split(":")[9] for line in lines.splitlines() if line.startswith("fpr:")][-1]

    def sign(
        self,
        data: bytes,
        *signers: str,
        how: str = "--sign",
        options: Sequence[str] = (),
        at: int | None = None,
    ) -> bytes:
        """An OpenPGP signed message, or what `how` says; a subkey's fingerprint means that very subkey."""
        users = [part for signer in signers for part in ("--local-user", signer + "!")]
        return self.gpg(*options, *users, how, stdin=data, at=at)

    def export(self, *fingerprints: str, armor: bool = False) -> bytes:
        """The public keys, as publishers give them away (armored) or as gpgv reads them."""
        return self.gpg(*(("--armor",) if armor else ()), "--export", *fingerprints)

    def export_secret(self, fingerprint: str) -> bytes:
        """A secret key, which nobody should ever send to anybody."""
        return self.gpg("--export-secret-keys", fingerprint)

    def revoke(self, fingerprint: str, reason: int = 0) -> None:
        """Revoke a primary key; reasons as in RFC 4880, 5.2.3.23 (1 superseded, 2 compromised, 3 retired)."""
        menu = {0: "0", 1: "2", 2: "1", 3: "3"}[reason]
        certificate = self._dialogue(f"y\n{menu}\n\ny\n", "--gen-revoke", fingerprint)
        self.gpg("--import", stdin=certificate)

    def revoke_subkey(self, primary: str) -> None:
        """Revoke the first subkey."""
        self._dialogue("key 1\nrevkey\ny\n0\n\ny\nsave\n", "--edit-key", primary)

    def _dialogue(self, answers: str, *arguments: str) -> bytes:
        """A command that gpg has no batch mode for."""
        argv = ("gpg", "--homedir", str(self.home), "--quiet", "--no-tty", "--pinentry-mode", "loopback")
        words = (*argv, "--passphrase", "", "--command-fd", "0", "--status-fd", "2", *arguments)
        run = subprocess.run(words, input=answers.encode(), capture_output=True, check=True, timeout=60)
        return run.stdout
