# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures beside an image: what is found where, what is passed over, and how much of it."""

import base64
import datetime as dt
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from appctld.errors import LimitExceeded, RateLimited, RegistryAuth, RegistryUnavailable
from appctld.model.jsonvalue import Json, JsonObject, get_bool, get_list, get_objects, get_str, get_strings
from appctld.model.manifest import MANIFEST_BYTES
from appctld.trust.evidence import Attachment, Bundle
from appctld.workers.fetch.attachments import DOCUMENT_BYTES, REQUESTS, SIGNATURE_BYTES, SIGNATURES
from appctld.workers.fetch.http import session as session_module
from support.publishers.attachments import (
    EMPTY,
    INDEX,
    MANIFEST,
    SIMPLE,
    bundle_manifest,
    entry,
    index,
    layer,
    manifest,
    push,
    simple_layer,
)
from support.publishers.forge import digest_of
from support.servers.fake_registry import FakeServer, Reply
from support.servers.registry import Registry
from support.signatures.cosign import BUNDLE, CosignKey, cosign_payload, statement
from support.workers.fetching import Fetch, endpoint

IMAGES = Path(__file__).parents[3] / "fixtures/images"
GOLDEN = "sha256:33c268a9bbc8042564d50b774fb510185bd029b9e3b54dc70e274ab9ce9c292c"
DIGEST = digest_of(b"the manifest")
HEX = DIGEST[7:]
SIG, REFERRERS, FALLBACK = f"manifests/sha256-{HEX}.sig", f"referrers/{DIGEST}", f"manifests/sha256-{HEX}"
NOTHING = [f"tag sha256-{HEX[:4]}….sig (404)", "referrers (404)", f"tag sha256-{HEX[:4]}… (404)"]
KEY = CosignKey()
Signature = tuple[bool, bytes, bytes, str]
"""Whether a bundle, what is signed, what signs it, whom a certificate names."""

ONE = KEY.attach(DIGEST, "quay.io/acme/editor")
SEALED = KEY.bundle(statement(DIGEST))


class Beside:
    """The repository demo/plain of a fake registry."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.members = endpoint(server.url)

    def on(self, path: str, *replies: Reply) -> None:
        self.server.on(f"/v2/demo/plain/{path}", *replies)

    def blob(self, data: bytes) -> None:
        self.on(f"blobs/{digest_of(data)}", Reply(body=data))

    def document(self, path: str, data: bytes) -> None:
        self.on(path, Reply(200, {"Content-Type": MANIFEST}, data))

    def refer(self, *documents: bytes, place: str = REFERRERS) -> None:
        for document in documents:
            self.document(f"manifests/{digest_of(document)}", document)
        self.on(place, Reply(200, {"Content-Type": INDEX}, index(*map(entry, documents))))

    def look(self) -> tuple[list[Signature], list[str]]:
        return look(self.members)

    @property
    def asked(self) -> list[str]:
        return [seen.path.removeprefix("/v2/demo/plain/") for seen in self.server.seen]


def look(members: JsonObject, digest: str = DIGEST) -> tuple[list[Signature], list[str]]:
    """What was found, and where it was looked for."""
    fetch = Fetch()
    answer = fetch.run("attachments", {**members, "digest": digest})
    written = io.BytesIO(fetch.written)
    found = []
    for item in get_objects(answer, "attached"):
        first, second = (written.read(size) for size in get_list(item, "sizes") if isinstance(size, int))
        found.append((get_bool(item, "bundle"), first, second, get_str(item, "identity")))
    assert written.read() == b""
    return found, get_strings(answer, "looked_at")


def simple(found: Attachment, identity: str = "") -> Signature:
    return (False, found.payload, found.signature, identity)


def bundled(found: Bundle, identity: str = "") -> Signature:
    return (True, found.payload, found.document, identity)


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)
    with FakeServer() as server:
        yield Beside(server)


# --- a real registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def test_what_cosign_attached_is_found(registry: Registry) -> None:
    tag = f"{GOLDEN.replace(':', '-')}.sig"
    registry.push(f"oci:{IMAGES}:cosign-{tag}", f"demo/plain:{tag}")
    [(bundle, signed, signature, identity)], places = look(endpoint(registry.url), GOLDEN)
    assert (bundle, identity) == (False, "")
    assert json.loads(signed)["critical"]["image"] == {"docker-manifest-digest": GOLDEN}
    assert signature.startswith(b"\x30")
    assert places == ["tag sha256-33c2….sig (200)", "referrers (404)", "tag sha256-33c2… (404)"]


def test_attachments_and_bundles_of_a_real_registry(registry: Registry) -> None:
    message = KEY.message_bundle(cosign_payload(DIGEST, "quay.io/acme/editor"))
    push(registry.host, "demo/plain", DIGEST, ONE, SEALED, message)
    found, places = look(endpoint(registry.url))
    assert found == [simple(ONE), bundled(SEALED), bundled(message)]
    assert places == [
        f"tag sha256-{HEX[:4]}….sig (200)",
        "referrers (404)",
        f"tag sha256-{HEX[:4]}… (2)",
    ]


def test_the_jobs_login_is_used(tmp_path: Path) -> None:
    with Registry(tmp_path, users={"user": "password"}) as private:
        members = endpoint(private.url, credential={"username": "user", "password": "password"})
        assert look(members)[1] == NOTHING
        with pytest.raises(RegistryAuth):
            look(endpoint(private.url))


# --- where


def test_no_signature_tells_where_we_looked(beside: Beside) -> None:
    found, places = beside.look()
    assert (found, places) == ([], NOTHING)
    assert beside.asked == [SIG, REFERRERS, FALLBACK]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 410, 501])
def test_where_referrers_are_not_offered_their_tag_is_asked(beside: Beside, status: int) -> None:
    beside.on(REFERRERS, Reply(status))
    beside.blob(SEALED.document)
    beside.refer(bundle_manifest(SEALED, DIGEST), place=FALLBACK)
    assert beside.look()[0] == [bundled(SEALED)]


def test_where_they_are_offered_it_is_not(beside: Beside) -> None:
    beside.refer()
    found, places = beside.look()
    assert (found, places) == ([], [NOTHING[0], "referrers (0)"])
    assert beside.asked == [SIG, REFERRERS]


def test_what_both_places_name_counts_once(beside: Beside) -> None:
    document = manifest(simple_layer(ONE))
    beside.blob(ONE.payload)
    beside.document(SIG, document)
    beside.refer(document)
    assert beside.look()[0] == [simple(ONE)]


@pytest.mark.parametrize("path", [SIG, REFERRERS])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_registry_in_trouble_is_not_the_same_as_no_signature(
    beside: Beside, status: int, path: str
) -> None:
    beside.on(path, Reply(status))
    with pytest.raises((RegistryUnavailable, RateLimited)):
        beside.look()


def test_a_tag_that_needs_another_login_is_no_missing_tag(beside: Beside) -> None:
    beside.on(SIG, Reply(403))
    with pytest.raises(RegistryAuth):
        beside.look()


# --- what


def test_what_is_no_signature_is_passed_over(beside: Beside) -> None:
    blob = b"other"
    layers = [
        layer(blob, "application/vnd.oci.image.layer.v1.tar"),
        layer(ONE.payload, SIMPLE),
        simple_layer(ONE, **{"dev.cosignproject.cosign/signature": "%"}),
        {**simple_layer(ONE), "size": 0},
        {**simple_layer(ONE), "size": SIGNATURE_BYTES + 1},
        layer(blob, "application/vnd.dev.sigstore.bundle+json;version=0.1"),
        simple_layer(ONE),
    ]
    beside.blob(ONE.payload)
    beside.document(SIG, manifest(*layers))
    assert beside.look()[0] == [simple(ONE)]
    assert beside.asked == [SIG, f"blobs/{digest_of(ONE.payload)}", REFERRERS, FALLBACK]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"layers": 1}',
        b'{"layers": [1]}',
        b'{"layers": [{"mediaType": "x", "size": 1, "digest": "sha512:x"}]}',
        manifest(simple_layer(ONE), annotations={"dev.sigstore.bundle.predicateType": "x"}),
        manifest(simple_layer(ONE), artifactType="application/spdx+json"),
        manifest({**simple_layer(ONE), "annotations": {"x": 1}}),
    ],
)
def test_documents_that_hold_no_signatures(beside: Beside, data: bytes) -> None:
    beside.blob(ONE.payload)
    beside.document(SIG, data)
    beside.document(REFERRERS, data)
    assert beside.look()[0] == []


def test_only_referrers_that_may_be_signatures_are_asked_for(beside: Beside) -> None:
    document = bundle_manifest(SEALED, DIGEST)
    other = manifest()
    beside.blob(SEALED.document)
    beside.document(f"manifests/{digest_of(document)}", document)
    attests = {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}
    beside.document(
        REFERRERS,
        index(
            entry(other, "application/spdx+json"),
            {**entry(other), "mediaType": INDEX},
            {**entry(other), "annotations": attests},
            entry(document, EMPTY),
        ),
    )
    assert beside.look()[0] == [bundled(SEALED)]
    assert f"manifests/{digest_of(other)}" not in beside.asked


def test_a_blob_is_what_its_document_says(beside: Beside) -> None:
    document = bundle_manifest(SEALED, DIGEST)
    beside.document(SIG, manifest(simple_layer(ONE)))
    beside.on(f"blobs/{digest_of(ONE.payload)}", Reply(body=b"x" * len(ONE.payload)))
    beside.refer(document)
    found, places = beside.look()
    assert found == []
    assert f"{digest_of(ONE.payload)[7:11]}… (other bytes)" in places
    assert f"{digest_of(SEALED.document)[7:11]}… (404)" in places
    beside.document(f"manifests/{digest_of(document)}", bundle_manifest(SEALED, "sha256:" + "0" * 64))
    beside.blob(SEALED.document)
    assert beside.look()[0] == []


def test_what_a_bundle_signs_lies_beside_it_and_nowhere_else(beside: Beside) -> None:
    message = KEY.message_bundle(cosign_payload(DIGEST, "quay.io/acme/editor"))
    for blob in (message.document, message.payload):
        beside.blob(blob)
    beside.refer(manifest(layer(message.document, BUNDLE), artifactType=BUNDLE))
    assert beside.look()[0] == [(True, b"", message.document, "")]
    other = layer(message.payload, "application/octet-stream")
    beside.refer(manifest(layer(message.document, BUNDLE), other, artifactType=BUNDLE))
    assert beside.look()[0] == [(True, b"", message.document, "")]
    beside.refer(bundle_manifest(message, DIGEST))
    assert beside.look()[0] == [bundled(message)]


# --- how much


def test_there_is_an_end_to_signatures(beside: Beside) -> None:
    many = [Attachment(b"%d" % number, b"x") for number in range(SIGNATURES + 5)]
    for one in many:
        beside.blob(one.payload)
    beside.document(SIG, manifest(*map(simple_layer, many)))
    beside.refer(manifest(simple_layer(ONE)))
    assert beside.look()[0] == [simple(one) for one in many[:SIGNATURES]]
    assert len(beside.asked) == SIGNATURES + 2


def test_there_is_an_end_to_requests(beside: Beside) -> None:
    many = [Attachment(b"%d" % number, b"x") for number in range(REQUESTS + 5)]
    beside.document(SIG, manifest(*map(simple_layer, many)))
    beside.refer(manifest(simple_layer(ONE)))
    assert beside.look()[0] == []
    assert len(beside.asked) == REQUESTS + 2


@pytest.mark.parametrize(
    ("path", "size"),
    [
        (SIG, DOCUMENT_BYTES),
        (REFERRERS, MANIFEST_BYTES),
        (f"manifests/{digest_of(manifest())}", DOCUMENT_BYTES),
        (f"blobs/{digest_of(ONE.payload)}", SIGNATURE_BYTES),
    ],
)
def test_everything_has_a_largest_size(beside: Beside, path: str, size: int) -> None:
    beside.document(SIG, manifest(simple_layer(ONE)))
    beside.refer(manifest())
    for reply in (Reply(body=b" " * (size + 1)), Reply(endless=True)):
        beside.on(path, reply)
        with pytest.raises(LimitExceeded):
            beside.look()
    beside.on(path, Reply(body=b" " * size))
    beside.look()


# --- without a key


def certificate(*names: x509.GeneralName) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    nobody = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(nobody)
        .issuer_name(nobody)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(minutes=10))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


WORKFLOW = "https://github.com/acme/editor/.github/workflows/release.yaml@refs/heads/main"
IDENTITIES = [
    (certificate(x509.RFC822Name("rel@acme.example")), "rel@acme.example"),
    (certificate(x509.UniformResourceIdentifier(WORKFLOW)), WORKFLOW),
    (certificate(x509.UniformResourceIdentifier("a\x1b[31m@b")), "a\N{REPLACEMENT CHARACTER}[31m@b"),
    (certificate(x509.UniformResourceIdentifier("x" * 300)), "x" * 256),
    (certificate(), "?"),
    (b"rubbish", "?"),
    (b"", "?"),
]


@pytest.mark.parametrize(("pem", "identity"), IDENTITIES, ids=range(len(IDENTITIES)))
def test_whom_a_certificate_beside_a_signature_names(beside: Beside, pem: bytes, identity: str) -> None:
    beside.blob(ONE.payload)
    beside.document(SIG, manifest(simple_layer(ONE, **{"dev.sigstore.cosign/certificate": pem.decode()})))
    assert beside.look()[0] == [simple(ONE, identity)]


def _der(pem: bytes) -> str:
    return base64.b64encode(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize(
    ("material", "identity"),
    [
        ({"certificate": {"rawBytes": _der(IDENTITIES[0][0])}}, "rel@acme.example"),
        ({"x509CertificateChain": {"certificates": [{"rawBytes": _der(IDENTITIES[1][0])}]}}, WORKFLOW),
        ({"x509CertificateChain": {"certificates": []}}, "?"),
        ({"certificate": {"rawBytes": "%"}}, "?"),
        ({"certificate": {"rawBytes": f"%{_der(IDENTITIES[0][0])}"}}, "?"),
        ({"certificate": None}, "?"),
        ({"publicKey": {"hint": "x"}}, ""),
    ],
)
def test_whom_the_certificate_of_a_bundle_names(
    beside: Beside, material: dict[str, Json], identity: str
) -> None:
    document = {**json.loads(SEALED.document), "verificationMaterial": material}
    found = Bundle(json.dumps(document).encode())
    beside.blob(found.document)
    beside.refer(bundle_manifest(found, DIGEST))
    assert beside.look()[0] == [bundled(found, identity)]
