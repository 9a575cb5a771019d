# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Makers of GPG signature blobs of every kind, good and bad, by a real gpg: one and a keyring each."""

import time
from collections.abc import Callable

from appctld.model.digest import Digest
from appctld.model.reference import parse_reference
from support.signatures.keys import Keys, payload

DAY = 24 * 3600
NOW = int(time.time())
DIGEST = Digest.of(b"the manifest")
REFERENCE = parse_reference("quay.io/acme/editor:1")
PAYLOAD = payload(str(DIGEST), str(REFERENCE))
OTHER = payload(str(Digest.of(b"another manifest")), str(REFERENCE))
BOMB_BYTES = 16 << 20  # hundreds of times what is allowed, and compressed in a moment

Made = tuple[bytes, bytes | None]  # a signature blob, and the remote's keyring
Case = Callable[[Keys], Made]


def good(keys: Keys) -> Made:
    key = keys.make("good")
    return keys.sign(PAYLOAD, key), keys.export(key)


def good_rsa_with_subkey(keys: Keys) -> Made:
    key = keys.make("rsa", "rsa2048")
    return keys.sign(PAYLOAD, keys.add_subkey(key)), keys.export(key)


def good_sha512(keys: Keys) -> Made:
    key = keys.make("sha512")
    return keys.sign(PAYLOAD, key, options=("--digest-algo", "SHA512")), keys.export(key)


def good_sha384(keys: Keys) -> Made:
    key = keys.make("sha384")
    return keys.sign(PAYLOAD, key, options=("--digest-algo", "SHA384")), keys.export(key)


def good_dated_in_an_hour(keys: Keys) -> Made:
    key = keys.make("hour")
    return keys.sign(PAYLOAD, key, at=NOW + 3600), keys.export(key)


def good_then_garbage(keys: Keys) -> Made:
    blob, keyring = good(keys)
    return blob + b"garbage", keyring


def good_then_another_message(keys: Keys) -> Made:
    key = keys.make("twice")
    return keys.sign(PAYLOAD, key) + keys.sign(OTHER, key), keys.export(key)


def key_expired_after_signing(keys: Keys) -> Made:
    key = keys.make("expired", expire="1d", at=NOW - 10 * DAY)
    return keys.sign(PAYLOAD, key, at=NOW - 10 * DAY + 60), keys.export(key)


def subkey_expired_after_signing(keys: Keys) -> Made:
    key = keys.make("expired-subkey", at=NOW - 10 * DAY)
    subkey = keys.add_subkey(key, expire="1d", at=NOW - 10 * DAY)
    return keys.sign(PAYLOAD, subkey, at=NOW - 10 * DAY + 60), keys.export(key)


def key_revoked(keys: Keys) -> Made:
    key = keys.make("revoked")
    blob = keys.sign(PAYLOAD, key)
    keys.revoke(key)
    return blob, keys.export(key)


def key_superseded(keys: Keys) -> Made:
    key = keys.make("superseded")
    blob = keys.sign(PAYLOAD, key)
    keys.revoke(key, reason=1)
    return blob, keys.export(key)


def subkey_revoked(keys: Keys) -> Made:
    key = keys.make("revoked-subkey")
    blob = keys.sign(PAYLOAD, keys.add_subkey(key))
    keys.revoke_subkey(key)
    return blob, keys.export(key)


def signature_expired(keys: Keys) -> Made:
    key = keys.make("short-lived", at=NOW - 10 * DAY)
    options = ("--default-sig-expire", "1d")
    return keys.sign(PAYLOAD, key, options=options, at=NOW - 9 * DAY), keys.export(key)


def sha1(keys: Keys) -> Made:
    key = keys.make("sha1", "rsa2048")
    return keys.sign(PAYLOAD, key, options=("--digest-algo", "SHA1")), keys.export(key)


def ripemd160(keys: Keys) -> Made:
    key = keys.make("ripemd", "rsa2048")
    return keys.sign(PAYLOAD, key, options=("--digest-algo", "RIPEMD160")), keys.export(key)


def dated_2040(keys: Keys) -> Made:
    key = keys.make("future")
    return keys.sign(PAYLOAD, key, at=2208988800), keys.export(key)


def good_and_unknown_in_one(keys: Keys) -> Made:
    key, unknown = keys.make("both"), keys.make("both-unknown")
    return keys.sign(PAYLOAD, key, unknown), keys.export(key)


def unknown_and_good_in_one(keys: Keys) -> Made:
    unknown, key = keys.make("first-unknown"), keys.make("then-known")
    return keys.sign(PAYLOAD, unknown, key), keys.export(key)


def good_and_revoked_in_one(keys: Keys) -> Made:
    key, revoked = keys.make("beside"), keys.make("beside-revoked")
    blob = keys.sign(PAYLOAD, key, revoked)
    keys.revoke(revoked)
    return blob, keys.export(key, revoked)


def two_good_in_one(keys: Keys) -> Made:
    pair = keys.make("pair-1"), keys.make("pair-2")
    return keys.sign(PAYLOAD, *pair), keys.export(*pair)


def unsigned_literal(keys: Keys) -> Made:
    return keys.gpg("--store", stdin=PAYLOAD), keys.export(keys.make("unused"))


def unsigned_literal_then_good(keys: Keys) -> Made:
    blob, keyring = good(keys)
    return keys.gpg("--store", stdin=PAYLOAD) + blob, keyring


def cleartext(keys: Keys) -> Made:
    key = keys.make("cleartext")
    return keys.sign(PAYLOAD, key, how="--clearsign"), keys.export(key)


def text_mode(keys: Keys) -> Made:
    key = keys.make("text")
    return keys.sign(PAYLOAD, key, options=("--textmode",)), keys.export(key)


def detached(keys: Keys) -> Made:
    key = keys.make("detached")
    return keys.sign(PAYLOAD, key, how="--detach-sign"), keys.export(key)


def armored_keyring(keys: Keys) -> Made:
    key = keys.make("armored")
    return keys.sign(PAYLOAD, key), keys.export(key, armor=True)


def empty_keyring(keys: Keys) -> Made:
    return good(keys)[0], b""


def missing_keyring(keys: Keys) -> Made:
    return good(keys)[0], None


def unknown_key(keys: Keys) -> Made:
    return good(keys)[0], keys.export(keys.make("somebody-else"))


def tampered(keys: Keys) -> Made:
    key = keys.make("tampered")
    blob = keys.sign(PAYLOAD, key, options=("--compress-algo", "none"))
    assert str(DIGEST).encode() in blob
    return blob.replace(str(DIGEST).encode(), str(Digest.of(b"evil")).encode()), keys.export(key)


def truncated(keys: Keys) -> Made:
    blob, keyring = good(keys)
    return blob[:-10], keyring


def bomb(keys: Keys) -> Made:
    key = keys.make("bomb")
    options = ("--compress-algo", "bzip2")
    return keys.sign(bytes(BOMB_BYTES), key, options=options), keys.export(keys.make("not-the-bomber"))


def bomb_by_a_known_key(keys: Keys) -> Made:
    key = keys.make("known-bomber")
    return keys.sign(bytes(BOMB_BYTES), key, options=("--compress-algo", "bzip2")), keys.export(key)


def more_than_64_kib(keys: Keys) -> Made:
    key = keys.make("large")
    padded = payload(str(DIGEST), str(REFERENCE), {"creator": "x" * 65000})
    blob = keys.sign(padded, key, options=("--compress-algo", "none"))
    return blob + bytes(max(0, 65537 - len(blob))), keys.export(key)


def garbage(keys: Keys) -> Made:
    return b"<html>404 not found</html>", keys.export(keys.make("patient"))


def nothing(keys: Keys) -> Made:
    return b"", keys.export(keys.make("waiting"))
