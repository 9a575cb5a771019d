# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A directory answers what a registry would, and nothing that its index does not have."""

import json
import shutil
from pathlib import Path

import pytest

from appctld.errors import BadManifest, DigestMismatch, LimitExceeded, NotFound
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import MANIFEST_BYTES, OCI_INDEX
from appctld.workers.fetch.layout.repository import REFERRER_BYTES
from support.signatures.cosign import CosignKey
from support.workers.inline import digest_of
from support.workers.shelves import Shelf, platform

FIXTURES = Path(__file__).parents[4] / "fixtures"
PLAIN = "sha256:33c268a9bbc8042564d50b774fb510185bd029b9e3b54dc70e274ab9ce9c292c"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "images")


def test_a_tag_leads_to_its_manifest(shelf: Shelf) -> None:
    shelf.add("1", b"{1}")
    shelf.add("2", b"{2}")
    assert shelf.resolve("1") == [b"{1}"]
    with pytest.raises(NotFound, match=r"has no quay\.io/acme/tools/editor:3; it has 1, 2"):
        shelf.resolve("3")


def test_the_remotes_prefix_and_host_say_which_names_are_meant(shelf: Shelf) -> None:
    shelf.add("tools/editor:1", b"{below}")
    shelf.add("registry.corp/x:1", b"{full}")
    assert shelf.resolve("1") == [b"{below}"]
    assert shelf.resolve("1", host="registry.corp", repository="x", prefix="") == [b"{full}"]
    with pytest.raises(NotFound):
        shelf.resolve("1", prefix="acme/tools", host="other.example")


def test_an_index_leads_to_the_platforms_manifest(shelf: Shelf) -> None:
    ours, theirs = shelf.blob(b"{ours}"), shelf.blob(b"{theirs}")
    index = shelf.add_index("1", {**theirs, **platform("s390x")}, {**ours, **platform("amd64")})
    raw = shelf.path(index).read_bytes()
    assert shelf.resolve("1") == shelf.resolve(index) == [raw, b"{ours}"]
    assert shelf.resolve(digest_of(b"{theirs}")) == [b"{theirs}"]


def test_a_digest_counts_only_where_the_index_has_it(shelf: Shelf) -> None:
    shelf.blob(b"{hidden}")
    layer = shelf.add("1", b"{1}")
    assert shelf.resolve(layer) == [b"{1}"]
    with pytest.raises(NotFound, match=r"no image sha256:[0-9a-f]+; it has 1$"):
        shelf.resolve(digest_of(b"{hidden}"))


def test_an_index_of_an_index_is_refused(shelf: Shelf) -> None:
    inner = shelf.blob(b"{}", OCI_INDEX)
    shelf.add_index("1", {**inner, **platform("amd64")})
    with pytest.raises(BadManifest, match="holds another index"):
        shelf.resolve("1")
    with pytest.raises(BadManifest, match="holds another index"):
        shelf.resolve(digest_of(b"{}"))


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        ({"size": 4}, DigestMismatch),
        ({"size": 2}, DigestMismatch),
        ({"size": MANIFEST_BYTES + 1}, LimitExceeded),
        ({"digest": digest_of(b"x")}, NotFound),
        ({"digest": "sha256:../../etc/passwd"}, BadManifest),
        ({"digest": "sha512:" + "0" * 128}, BadManifest),
        ({"mediaType": "text/plain"}, NotFound),
    ],
)
def test_what_an_entry_says_must_be_so(lie: dict[str, Json], error: type[Exception], shelf: Shelf) -> None:
    shelf.add("1", b"{1}", **lie)
    with pytest.raises(error):
        shelf.resolve("1")


def test_other_bytes_than_the_index_names_are_told(shelf: Shelf) -> None:
    shelf.path(shelf.add("1", b"{1}")).write_bytes(b"{2}")
    with pytest.raises(DigestMismatch, match="holds other bytes than its index says"):
        shelf.resolve("1")


def test_a_document_that_is_larger_than_it_says_is_not_read(shelf: Shelf) -> None:
    with shelf.path(shelf.add("1", b"{1}")).open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(LimitExceeded):
        shelf.resolve("1")


def test_what_is_looked_into_has_its_limits(shelf: Shelf) -> None:
    image = shelf.add("1", b"{1}")
    large = json.dumps({"layers": [], "subject": {"digest": image}}).encode() + b" " * REFERRER_BYTES
    shelf.add("", large)
    assert shelf.attachments(image)[1][1] == "referrers (404)"
    shelf.add("2", b"{}", mediaType=OCI_INDEX, size=MANIFEST_BYTES + 1)
    with pytest.raises(LimitExceeded):
        shelf.resolve(digest_of(b"{hidden}"))


def test_a_blob_comes_as_it_is_and_never_longer_than_the_manifest_says(shelf: Shelf) -> None:
    data = bytes(range(256)) * 4096
    digest = str(shelf.blob(data)["digest"])
    assert shelf.fetch(digest, len(data)) == data
    with pytest.raises(LimitExceeded):
        shelf.fetch(digest, len(data) - 1)
    assert shelf.fetch(digest, len(data) + 1) == data  # whoever hashes it finds that it is short
    with pytest.raises(NotFound, match="has no blob"):
        shelf.fetch(digest_of(b"x"), 1)


def test_simple_signatures_lie_beside(shelf: Shelf) -> None:
    digest = digest_of(b"{1}")
    place = shelf.sign(digest, b"first", b"second")
    assert shelf.signatures(digest) == (
        b"firstsecond",
        [[f"{place}/signature-1", 200], [f"{place}/signature-2", 200], [f"{place}/signature-3", 404]],
    )
    assert shelf.signatures(digest, repository="acme/other")[0] == b""
    (place / "signature-2").write_bytes(bytes((64 << 10) + 1))
    with pytest.raises(LimitExceeded):
        shelf.signatures(digest)


def test_as_many_simple_signatures_as_from_a_server(shelf: Shelf) -> None:
    shelf.sign(digest_of(b"{1}"), *[b"x"] * 40)
    assert shelf.signatures(digest_of(b"{1}"))[0] == b"x" * 32


@pytest.fixture
def golden(tmp_path: Path) -> Shelf:
    """The golden images, by the names that cosign gives to signatures."""
    shelf = Shelf(tmp_path / "golden")
    shutil.copytree(FIXTURES / "images/blobs", shelf.directory / "blobs", dirs_exist_ok=True)
    text = (FIXTURES / "images/index.json").read_text()
    (shelf.directory / "index.json").write_text(text.replace('"cosign-sha256', '"sha256'))
    return shelf


def test_sigstore_signatures_are_entries_of_their_own(golden: Shelf) -> None:
    found, places = golden.attachments(PLAIN, repository="cosign/plain", prefix="cosign")
    assert [(one["bundle"], one["identity"]) for one in found] == [(False, "")]
    assert places == ["tag sha256-33c2….sig (200)", "referrers (404)", "tag sha256-33c2… (404)"]
    assert golden.attachments(digest_of(b"x"))[0] == []


def test_what_belongs_to_an_image_is_no_image(golden: Shelf, shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        golden.resolve(f"sha256-{PLAIN.removeprefix('sha256:')}.sig")
    shelf.add("", b"{1}")
    shelf.add(f"sha256-{'0' * 64}.sig", b"{2}")
    shelf.add("", b"{3}", artifactType=BUNDLE)
    assert shelf.resolve("1") == [b"{1}"]


def referrer(shelf: Shelf, subject: str, **members: Json) -> bytes:
    """A manifest like cosign 3's, of a bundle that says nothing."""
    layer = shelf.blob(json.dumps({"mediaType": BUNDLE, "of": subject}).encode(), BUNDLE)
    about: JsonObject = {"mediaType": "x", "digest": subject, "size": 3}
    document: JsonObject = {
        "schemaVersion": 2,
        "artifactType": BUNDLE,
        "config": shelf.blob(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [layer],
        "subject": about,
        **members,
    }
    return json.dumps(document).encode()


def test_referrers_are_entries_that_say_what_they_belong_to(shelf: Shelf) -> None:
    image, other = shelf.add("1", b"{1}"), shelf.add("2", b"{2}")
    shelf.add("", referrer(shelf, image), artifactType=BUNDLE)
    shelf.add("", referrer(shelf, other), artifactType=BUNDLE)
    shelf.add("", referrer(shelf, image, artifactType="application/spdx+json"))
    shelf.add("", b"no JSON")
    found, places = shelf.attachments(image)
    assert [one["bundle"] for one in found] == [True]
    assert places[1] == "referrers (1)"  # of those that may sign


def test_a_referrer_may_have_a_name(shelf: Shelf) -> None:
    image = shelf.add("1", b"{1}")
    shelf.add("signature", referrer(shelf, image), artifactType=BUNDLE)
    assert len(shelf.attachments(image)[0]) == 1


def test_the_tag_of_registries_without_referrers_is_read_too(shelf: Shelf) -> None:
    image = shelf.add("1", b"{1}")
    entry = shelf.blob(referrer(shelf, image))
    shelf.add_index(image.replace(":", "-"), {**entry, "artifactType": BUNDLE})
    assert len(shelf.attachments(image)[0]) == 1


def test_the_images_of_a_large_layout_leave_room_for_referrers(shelf: Shelf) -> None:
    for number in range(300):
        shelf.entries.append({**shelf.blob(b"%d" % number), "annotations": {"x": "y"}})
        shelf.entries[-1]["annotations"] = {"org.opencontainers.image.ref.name": str(number)}
    image = shelf.add("x", b"{1}")
    shelf.add("", referrer(shelf, image))
    assert len(shelf.attachments(image)[0]) == 1


def test_a_signature_is_taken_under_the_name_of_its_image_alone(shelf: Shelf) -> None:
    """Two publishers' signatures of one digest may lie in one layout."""
    image, key = shelf.add("1", b"{1}"), CosignKey()
    tag = f"{image.replace(':', '-')}.sig"
    for repository in ("tools/editor", "tools/other"):
        attached = key.attach(image, f"quay.io/acme/{repository}")
        layer = {
            **shelf.blob(attached.payload, SIMPLE),
            "annotations": {"dev.cosignproject.cosign/signature": "AAAA"},
        }
        shelf.add(f"{repository}:{tag}", json.dumps({"layers": [layer]}).encode())
    found, _ = shelf.attachments(image)
    assert len(found) == 1
