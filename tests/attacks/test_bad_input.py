# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bad input, through the CLI and a real daemon: one sentence, a hint, the right exit code, nothing changed.

A good version is installed first. After every attack it must still be current, run, and be all there is.
"""

from collections.abc import Iterator

import pytest
import zstandard

from support.images.greeter import build
from support.layers.tarball import archive, entry
from support.machines.machine import Machine, Ran
from support.publishers.forge import Document, Forgery, digest_of
from support.publishers.publisher import Publisher
from support.signatures.keys import payload

ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
GOOD = archive(entry(b"usr/"), entry(b"usr/new", content=b"new"))


def names_of(ran: Ran) -> list[str]:
    """The names of the errors that --json told."""
    document = ran.json
    errors = document.get("errors") or [document["error"]]
    return [error["name"] for error in errors]


class Victim:
    """A machine that trusts `acme` and `other`, each with a key, and runs acme's app in version 1."""

    def __init__(self, machine: Machine, publisher: Publisher, keys: dict[str, str]) -> None:
        self.machine = machine
        self.publisher = publisher
        self.keys = keys
        self.name = "acme/greeter:stable"
        self.reference = f"{publisher.registry.host}/{self.name}"

    def snapshot(self) -> tuple[object, ...]:
        """Everything that an attack may not change."""
        records = {str(path): path.read_bytes() for path in self.machine.state.glob("apps/*/*/record.json")}
        current = {str(path): path.readlink() for path in self.machine.state.glob("apps/*/current")}
        app_refs = {ref for ref in self.machine.refs() if "/app/" in ref}
        return records, current, app_refs

    def refuses(self, *command: str, code: int, name: str, says: str = "") -> Ran:
        """Run the CLI; the attack fails with that error and exit code, and changes nothing."""
        before = self.snapshot()
        ran = self.machine.appctl(*command, "--json", code=code)
        assert name in names_of(ran), ran
        assert says in ran.err
        assert "error: " in ran.err
        assert "hint: " in ran.err
        assert "Traceback" not in ran.err + ran.out
        assert self.snapshot() == before
        assert "1.0" in self.machine.run_app("greeter").out
        self.machine.fsck()
        return ran

    def push(self, forgery: Forgery, name: str = "acme/forged:1") -> str:
        """Publish a forgery under acme's good signature; its reference."""
        forgery.push(self.publisher, name, self.keys["acme"])
        return f"{self.publisher.registry.host}/{name}"


@pytest.fixture(scope="module")
def victim(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    work = tmp_path_factory.mktemp("victim")
    keys = {name: publisher.keys.make(name) for name in ("acme", "other", "stranger")}
    (work / "layers").mkdir()
    build(publisher.layout, work / "layers", 1)
    with Machine(work / "machine", measured=False) as machine:
        for name in ("acme", "other"):
            key = work / f"{name}.asc"
            key.write_bytes(publisher.keys.export(keys[name], armor=True))
            machine.add_remote(
                name, f"oci+http://{publisher.registry.host}/{name}", key, publisher.lookaside.url
            )
        victim = Victim(machine, publisher, keys)
        publisher.push("v1", victim.name, keys["acme"])
        machine.appctl("install", "-y", victim.reference)
        yield victim


def test_no_remote_covers_the_host(victim: Victim) -> None:
    ran = victim.refuses(
        "install", "-y", "quay.example.org/other/x:1", code=3, name="NoRemote", says="no remote covers"
    )
    assert "hint: appctl remote add" in ran.err


def test_a_prefix_ends_where_a_path_component_ends(victim: Victim) -> None:
    host = victim.publisher.registry.host
    victim.refuses("install", "-y", f"{host}/acme-evil/x:1", code=3, name="NoRemote", says="no remote covers")


def test_a_remote_without_a_key_is_not_added(victim: Victim) -> None:
    ran = victim.machine.appctl("remote", "add", "nokey", "https://nokey.example.org", code=64)
    assert "key" in ran.err
    assert "hint: " in ran.err
    assert "nokey" not in victim.machine.appctl("remote", "list").out


def test_a_remote_whose_key_is_gone_trusts_nobody(victim: Victim) -> None:
    key = victim.machine.configuration / "acme.gpg"
    kept = key.read_bytes()
    key.unlink()
    try:
        victim.refuses("update", "-y", "greeter", code=5, name="UntrustedSigner", says="key")
    finally:
        key.write_bytes(kept)


def test_an_unsigned_image(victim: Victim) -> None:
    source = victim.publisher.layout.source("v1")
    victim.publisher.registry.push(source, "acme/unsigned:1")
    reference = f"{victim.publisher.registry.host}/acme/unsigned:1"
    ran = victim.refuses("install", "-y", reference, code=5, name="SignatureMissing", says="has no signature")
    assert victim.publisher.lookaside.url in ran.err
    assert "hint: appctl help unsigned" in ran.err


@pytest.mark.parametrize("signer", ["other", "stranger"])
def test_an_image_that_another_key_signed(victim: Victim, signer: str) -> None:
    victim.publisher.push("v1", f"acme/{signer}:1", victim.keys[signer])
    reference = f"{victim.publisher.registry.host}/acme/{signer}:1"
    ran = victim.refuses(
        "install", "-y", reference, code=5, name="UntrustedSigner", says="which remote acme does not trust"
    )
    for word in ("trust this key", "--verify none", "--allow-downgrade"):
        assert word not in ran.err


@pytest.mark.parametrize(
    ("what", "identity"),
    [
        ("tag", "{host}/acme/swapped-tag:2"),
        ("repository", "{host}/acme/other:1"),
        ("host", "evil.example.org/acme/swapped-host:1"),
        ("tagless", "{host}/acme/swapped-tagless"),
    ],
)
def test_a_good_signature_for_something_else(victim: Victim, what: str, identity: str) -> None:
    publisher = victim.publisher
    repository = f"acme/swapped-{what}"
    digest = publisher.registry.push(publisher.layout.source("v1"), f"{repository}:1")
    claimed = identity.format(host=publisher.registry.host)
    publisher.lookaside.place(
        repository, digest, publisher.keys.sign(payload(digest, claimed), victim.keys["acme"])
    )
    victim.refuses(
        "install",
        "-y",
        f"{publisher.registry.host}/{repository}:1",
        code=5,
        name="SignatureInvalid",
        says=claimed,
    )


def test_a_good_signature_of_another_digest(victim: Victim) -> None:
    publisher = victim.publisher
    digest = publisher.registry.push(publisher.layout.source("v1"), "acme/mixed:1")
    reference = f"{publisher.registry.host}/acme/mixed:1"
    signature = publisher.keys.sign(payload(digest_of(b"other"), reference), victim.keys["acme"])
    publisher.lookaside.place("acme/mixed", digest, signature)
    victim.refuses("install", "-y", reference, code=5, name="SignatureInvalid", says="signed")


def test_a_blob_that_was_tampered_with_in_the_registry(victim: Victim) -> None:
    forgery = Forgery([GOOD])
    reference = victim.push(forgery, "acme/tampered:1")
    stored = victim.publisher.registry.blob(digest_of(forgery.blobs[0]))
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 1
    stored.write_bytes(data)
    victim.refuses("install", "-y", reference, code=5, name="DigestMismatch")


def test_a_manifest_that_was_tampered_with_in_the_registry(victim: Victim) -> None:
    """What it serves then is bytes that nobody signed."""
    forgery = Forgery([archive(entry(b"x", content=b"manifest"))])
    reference = victim.push(forgery, "acme/tampered-manifest:1")
    digest = forgery.push(victim.publisher, "acme/tampered-manifest:1", victim.keys["acme"])
    stored = victim.publisher.registry.blob(digest)
    stored.write_bytes(stored.read_bytes().replace(b"schemaVersion", b"schemaVersioN"))
    victim.refuses("install", "-y", reference, code=5, name="SignatureMissing")


def _layer(manifest: Document) -> Document:
    layer: Document = manifest["layers"][0]
    return layer


@pytest.mark.parametrize("difference", [1, -1, 4096])
def test_a_size_that_does_not_match(victim: Victim, difference: int) -> None:
    forgery = Forgery([archive(entry(b"size", content=b"%d" % difference))])
    forgery.change_manifest = lambda manifest: _layer(manifest).update(
        size=_layer(manifest)["size"] + difference
    )
    reference = victim.push(forgery, f"acme/size-{difference % 10000}:1")
    name = "DigestMismatch" if difference > 0 else "LimitExceeded"
    victim.refuses("install", "-y", reference, code=5 if difference > 0 else 1, name=name)


def test_a_diff_id_that_does_not_match(victim: Victim) -> None:
    forgery = Forgery([archive(entry(b"x", content=b"diffid"))])
    forgery.config["rootfs"]["diff_ids"] = [digest_of(b"something else")]
    victim.refuses("install", "-y", victim.push(forgery, "acme/diffid:1"), code=5, name="DigestMismatch")


HOSTILE = {
    "parent": archive(entry(b"../escape", content=b"x")),
    "absolute-parent": archive(entry(b"/../escape", content=b"x")),
    "inside-parent": archive(entry(b"usr/../../escape", content=b"x")),
    "link-to-nothing": archive(entry(b"link", kind=b"1", link=b"nothing")),
    "link-outside": archive(entry(b"link", kind=b"1", link=b"../../etc/passwd")),
    "root-symlink": archive(entry(b"./", kind=b"2", link=b"/etc")),
    "through-symlink": archive(entry(b"out", kind=b"2", link=b"../.."), entry(b"out/escape", content=b"x")),
    "bare-whiteout": archive(entry(b".wh.", content=b"")),
    "ends-early": GOOD[:600],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_layer_that_is_no_honest_archive(victim: Victim, name: str) -> None:
    reference = victim.push(Forgery([HOSTILE[name]]), f"acme/hostile-{name}:1")
    victim.refuses("install", "-y", reference, code=5, name="UnsafeArchive")
    assert not (victim.machine.directory / "escape").exists()
    assert not list(victim.machine.state.glob("**/escape"))


def test_a_truncated_gzip(victim: Victim) -> None:
    forgery = Forgery([archive(entry(b"x", content=b"gzip" * 1000))])
    forgery.blobs[0] = forgery.blobs[0][:-12]
    victim.refuses("install", "-y", victim.push(forgery, "acme/truncated:1"), code=5, name="UnsafeArchive")


def test_a_zstd_window_that_no_writer_uses(victim: Victim) -> None:
    """Twice the largest; zstd itself would take it (ADR 31)."""
    forgery = Forgery([archive(entry(b"x", content=b"zstd" * 1000))])
    parameters = zstandard.ZstdCompressionParameters(window_log=26)
    whole = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    forgery.blobs[0] = whole.compress(forgery.tars[0]) + whole.flush()
    assert zstandard.get_frame_parameters(forgery.blobs[0]).window_size == 64 << 20
    forgery.change_manifest = lambda manifest: manifest["layers"][0].update(mediaType=ZSTD)
    victim.refuses("install", "-y", victim.push(forgery, "acme/window:1"), code=1, name="LimitExceeded")


def test_an_id_of_another_remote(victim: Victim) -> None:
    victim.publisher.push("v1", "other/greeter:1", victim.keys["other"])
    reference = f"{victim.publisher.registry.host}/other/greeter:1"
    victim.refuses("install", "-y", reference, code=1, name="Conflict", says="installed from remote acme")


def test_the_registry_is_down(victim: Victim) -> None:
    victim.publisher.registry.stop()
    try:
        victim.refuses("update", "-y", "greeter", code=75, name="RegistryUnavailable")
    finally:
        victim.publisher.registry.start()


def test_the_registry_does_not_know_the_tag(victim: Victim) -> None:
    reference = f"{victim.publisher.registry.host}/acme/greeter:nope"
    victim.refuses("install", "-y", reference, code=3, name="NotFound", says="nope")


@pytest.mark.parametrize(
    ("reference", "code"),
    [("UPPER.example/x", 64), ("host.example/a@sha256:123", 64), ("just-a-word", 64), ("quay.io/../x:1", 64)],
)
def test_what_is_no_reference(victim: Victim, reference: str, code: int) -> None:
    victim.refuses("install", "-y", reference, code=code, name="InvalidReference")


def test_an_app_that_is_not_installed(victim: Victim) -> None:
    for command in (["uninstall", "-y"], ["update", "-y"], ["rollback", "-y"], ["info"]):
        victim.refuses(
            *command, "org.example.Nothing", code=3, name="NotInstalled", says="org.example.Nothing"
        )


def test_nothing_to_roll_back_to(victim: Victim) -> None:
    victim.refuses("rollback", "-y", "greeter", code=3, name="NotFound", says="no other version")


def test_a_mistyped_command_gets_a_suggestion(victim: Victim) -> None:
    ran = victim.machine.appctl("instal", "x", code=64)
    assert "install" in ran.err


def test_no_terminal_and_no_yes_is_no_hang(victim: Victim) -> None:
    ran = victim.machine.appctl("uninstall", "greeter", code=64)
    assert "\nerror: " in ran.err
    assert "hint: -y" in ran.err
    assert "1.0" in victim.machine.run_app("greeter").out


def test_a_damaged_object_is_found_before_it_is_deployed(victim: Victim) -> None:
    machine = victim.machine
    reference = victim.push(
        Forgery([archive(entry(b"precious", content=b"precious" * 100))]), "acme/precious:1"
    )
    machine.appctl("install", "-y", reference)
    files = machine.state.glob("repo/objects/*/*.file")
    (stored,) = [path for path in files if path.read_bytes() == b"precious" * 100]
    honest = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(honest.replace(b"p", b"P"))
    deployed = victim.snapshot()
    ran = machine.appctl("install", "-y", "--reinstall", reference, code=1)
    assert stored.stem in ran.err
    assert victim.snapshot() == deployed
    stored.write_bytes(honest)
    stored.chmod(0o444)
