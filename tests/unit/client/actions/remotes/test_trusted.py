# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom a remote trusts, as its files say: real keyrings, read by gpg."""

import time
from pathlib import Path
from typing import Any

import pytest

from appctl.actions.remotes import trusted as module
from appctl.actions.remotes.trusted import told, trusted
from appctl.failure import Failure
from appctl.programs.keyrings import Key
from appctl.terminal.show import date
from support.signatures.cosign import CosignKey
from support.signatures.keys import Keys

DAY = 86_400
STRANGE = "Acme: back\\slash \x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}é"


def remote(place: Path, verify: str = "gpg", *pinned: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    """What the daemon says of a remote whose file is there."""
    file = place / "acme.conf"
    file.write_text("[remote]\nurl = quay.io/acme\n")
    return {"Origin": str(file), "Verify": verify, "Fingerprints": [*pinned], "Settings": settings}


def shown(found: dict[str, Any]) -> list[str]:
    return told(found, trusted(found))


def test_each_key_stands_with_its_owner_and_its_end(keys: Keys, tmp_path: Path) -> None:
    never, soon = keys.make(STRANGE), keys.make("soon", expire="10d")
    late = keys.make("late", expire="seconds=86400", at=int(time.time()) - 10 * DAY)
    gone = keys.make("gone")
    keys.revoke(gone)
    (tmp_path / "acme.gpg").write_bytes(keys.export(never, soon, late, gone))
    found = trusted(remote(tmp_path))
    assert found is not None
    by_print = {one.key.fingerprint: one for one in found}
    assert by_print[never].key == Key(never, 0, "", (f"{STRANGE} <{STRANGE}@example.org>",))
    ends = by_print[soon].key.expires
    assert 9 * DAY < ends - time.time() < 11 * DAY
    assert [(by_print[one].key.lost, by_print[one].to_json()["counts"]) for one in (soon, late, gone)] == [
        ("", True), ("expired", False), ("revoked", False)
    ]  # fmt: skip
    lines = shown(remote(tmp_path))
    assert f'{never} "{STRANGE} <{STRANGE}@example.org>", does not expire' in lines
    assert f'{soon} "soon <soon@example.org>", expires on {date(ends)}' in lines
    assert f'{late} "late <late@example.org>", has expired' in lines
    assert f'{gone} "gone <gone@example.org>", was revoked' in lines


def test_a_name_that_was_revoked_is_no_owner(keys: Keys, tmp_path: Path) -> None:
    key = keys.make("before")
    keys.gpg("--quick-add-uid", key, "after <after@example.org>")
    keys.gpg("--quick-revoke-uid", key, "before <before@example.org>")
    (tmp_path / "acme.gpg").write_bytes(keys.export(key))
    assert shown(remote(tmp_path)) == [f'{key} "after <after@example.org>", does not expire']


def test_a_name_says_nothing_of_the_key_and_does_not_fill_the_terminal(keys: Keys, tmp_path: Path) -> None:
    key = keys.make("a")
    names = ['Acme", does not expire', "x" * 300, *"bcd"]
    for name in names:
        keys.gpg("--quick-add-uid", key, f"{name} <a@example.org>")
    (tmp_path / "acme.gpg").write_bytes(keys.export(key))
    found = trusted(remote(tmp_path)) or []
    assert len(found[0].key.names) == len(names) + 1
    (line,) = shown(remote(tmp_path))
    assert line.endswith(f'", and {len(names) + 1 - module.NAMES} more names, does not expire')
    assert len(line) < 800
    says = module._line(found[0]._replace(key=Key(key, DAY, "", (names[0], "x" * 300))))
    assert says == f'{key} "Acme\', does not expire", "{"x" * module.NAME_LENGTH}…", expires on {date(DAY)}'


def test_only_keys_that_count_are_trusted(keys: Keys, acme: str, tmp_path: Path) -> None:
    other, absent = keys.make("other"), "A" * 40
    (tmp_path / "acme.gpg").write_bytes(keys.export(acme, other))
    assert [line[:40] for line in shown(remote(tmp_path))] == [acme, other]
    assert [line[:40] for line in shown(remote(tmp_path, "gpg", other))] == [other]
    denying = remote(tmp_path, "gpg", acme, other, absent, **{"deny-keys": [other]})
    assert shown(denying)[1:] == [f"{absent} (its key is not here)"]
    assert shown(denying)[0].startswith(acme)
    assert [one.counts for one in trusted(denying) or []] == [True, False]
    assert shown(remote(tmp_path, "gpg", other, **{"deny-keys": [other]})) == ["nobody"]


def test_cosign_keys_are_told_by_the_daemons_fingerprints(keys: Keys, acme: str, tmp_path: Path) -> None:
    one, two = CosignKey(), CosignKey("rsa2048")
    (tmp_path / "acme.cosign.pub").write_bytes(one.pem + two.pem)
    (tmp_path / "acme.gpg").write_bytes(keys.export(acme))
    says = "(cosign: names no owner, does not expire)"
    assert shown(remote(tmp_path, "cosign")) == [f"{one.fingerprint} {says}", f"{two.fingerprint} {says}"]
    assert shown(remote(tmp_path, "cosign", two.fingerprint)) == [f"{two.fingerprint} {says}"]
    kinds = [found.kind for found in trusted(remote(tmp_path, "gpg+cosign")) or []]
    assert kinds == ["gpg", "cosign", "cosign"]
    assert len(trusted(remote(tmp_path, "cosign", **{"verify-commit": "gpg"})) or []) == 3


def test_ed25519_keys_count_though_others_are_pinned(tmp_path: Path) -> None:
    found = remote(tmp_path, "gpg+ed25519", "A" * 40, **{"ed25519-keys": ["0" * 64]})
    says = "(ed25519: names no owner, does not expire)"
    assert shown(found) == [f"{'0' * 64} {says}", f"{'A' * 40} (its key is not here)"]


def test_keys_of_what_is_shipped_and_switched_off_here_are_the_shipped_ones(
    keys: Keys, acme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "remotes.d"
    shipped.mkdir()
    (shipped / "acme.gpg").write_bytes(keys.export(acme))
    monkeypatch.setattr(module, "SHIPPED_CONFIG", tmp_path)
    found = remote(tmp_path)
    assert shown(found) == ["nobody"]
    Path(found["Origin"]).write_text("[remote]\nenabled = no\n")
    assert [line[:40] for line in shown(found)] == [acme]


@pytest.mark.parametrize(
    ("verify", "says"), [("digest", "the digest that you name"), ("none", "nobody: UNSIGNED")]
)
def test_without_keys_it_is_said_who_decides(verify: str, says: str, tmp_path: Path) -> None:
    assert shown(remote(tmp_path, verify)) == [says]


def test_a_remote_that_is_gone_trusts_nobody() -> None:
    assert (trusted({}), shown({})) == ([], ["nobody"])


def test_a_keyring_in_which_gpg_sees_nothing_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "acme.gpg").write_bytes(b"no keyring")
    assert trusted(remote(tmp_path)) is None


@pytest.mark.parametrize("error", [Failure("Failed", "no bubblewrap"), PermissionError()])
def test_keys_that_cannot_be_read_are_not_called_absent(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(_ring: Path) -> list[Key]:
        raise error

    monkeypatch.setattr(module, "read", cannot)
    (tmp_path / "acme.gpg").write_bytes(b"x")
    assert shown(remote(tmp_path, "gpg", "A" * 40)) == ["A" * 40]
    assert shown(remote(tmp_path)) == ["keys that cannot be read here: appctl doctor says why"]
