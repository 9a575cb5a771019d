# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the steps refuse: documents, configs and decoders that do not fit, and verdicts that do not hold."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from appctld.errors import (
    AppctlError,
    ArchMismatch,
    BadManifest,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NotFound,
    SignatureInvalid,
    SignatureMissing,
    UnsafeArchive,
    UnsupportedMediaType,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.image import APP_ID, CONFIG_BYTES, METADATA
from appctld.model.jsonvalue import JsonObject, get_object, get_objects, parse_object
from appctld.model.manifest import DOCKER_MANIFEST, MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST, ZSTD_WINDOW
from appctld.model.permissions import METADATA_BYTES
from appctld.model.reference import parse_reference
from appctld.pipeline.images import verify
from appctld.pipeline.run import preview
from appctld.state.records import installed
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Verdict
from support.workers.inline import MemoryRegistry, StockLauncher, digest_of
from support.worlds.world import BASE, World, trusting

REFERENCE = "acme.example/x/hello:1"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An image of one layer is published."""
    world = World(tmp_path)
    world.registry.push("1", [BASE])
    return world


def refuses(world: World, error: type[AppctlError], text: str, reference: str = REFERENCE) -> None:
    """Nothing is brought here, and the error is exactly that."""
    with pytest.raises(error, match=text) as caught:
        world.install(reference)
    assert type(caught.value) is error
    assert not installed(world.paths)
    assert "merge" not in world.ops()


def manifest_of(world: World) -> JsonObject:
    return parse_object(world.registry.tags["1"], 1 << 20)


# --- the config


def _config(world: World, size: int) -> str:
    """Let the manifest say that its config has `size` bytes; the config's digest."""
    config = {**get_object(manifest_of(world), "config"), "size": size}
    world.registry.change("1", config=config)
    return str(config["digest"])


def test_a_config_that_is_too_large_is_not_even_fetched(world: World) -> None:
    digest = _config(world, CONFIG_BYTES + 1)
    refuses(world, BadManifest, "config of")
    assert digest not in world.registry.asked


def test_a_config_of_the_largest_size_is_fetched(world: World) -> None:
    digest = _config(world, CONFIG_BYTES)
    refuses(world, DigestMismatch, "other bytes")
    assert digest in world.registry.asked


def test_a_config_of_another_size_than_promised_is_refused(world: World) -> None:
    config = get_object(manifest_of(world), "config")
    data = world.registry.blobs[str(config["digest"])]
    world.registry.change("1", config={**config, "size": len(data) + 1})
    refuses(world, DigestMismatch, "other bytes")


METADATA_START = "[Application]\nname=org.acme.Hello\n"


def _labelled(world: World, text: str) -> None:
    world.registry.push("1", [BASE], Labels={METADATA: text})


@pytest.mark.parametrize("letter", ["x", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_metadata_label_has_a_size_in_bytes(world: World, letter: str) -> None:
    comment = letter * ((METADATA_BYTES - len(METADATA_START)) // len(letter.encode()))
    _labelled(world, METADATA_START + "#" + comment)
    refuses(world, BadManifest, "64 KiB")
    _labelled(world, METADATA_START + "#" + comment[2:])
    assert world.plan(REFERENCE).id == "org.acme.Hello"


@pytest.mark.parametrize("name", ["../../etc", "org.acme.Hello/x", "hello", "org.acme." + "x" * 300])
def test_a_label_names_an_id_or_the_image_is_refused(world: World, name: str) -> None:
    world.registry.push("1", [BASE], Labels={APP_ID: name})
    refuses(world, BadManifest, "no application ID")


def test_an_app_on_a_runtime_does_not_install_without_it(world: World) -> None:
    _labelled(world, METADATA_START + "runtime=org.gnome.Platform/x86_64/50\n")
    refuses(world, NotFound, "org.gnome.Platform/x86_64/50")


# --- what the fetcher says about documents


def _document(**members: object) -> dict[str, object]:
    return {"media_type": OCI_MANIFEST, "size": 1, **members}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"documents": "1"},
        {"documents": [{"media_type": OCI_MANIFEST}]},
        {"documents": [_document(size="1")]},
        {"documents": [_document(media_type=1)]},
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failure(world: World, answer: JsonObject) -> None:
    world.registry.tell = lambda _answer: answer
    refuses(world, Failed, "makes no sense")


def _no_documents(_size: int) -> list[object]:
    return []


def _one_byte_is_left(size: int) -> list[object]:
    return [_document(size=size - 1)]


def _three_documents(size: int) -> list[object]:
    return [_document(size=0), _document(size=0), _document(size=size)]


@pytest.mark.parametrize("told", [_no_documents, _one_byte_is_left, _three_documents])
def test_sizes_that_do_not_fit_the_documents_are_a_failure(
    world: World, told: Callable[[int], list[object]]
) -> None:
    documents = told(len(world.registry.tags["1"]))
    world.registry.tell = lambda _answer: json.loads(json.dumps({"documents": documents}))
    refuses(world, Failed, "do not fit together")


def test_an_index_and_a_manifest_have_a_size_together(world: World) -> None:
    world.registry.tags["1"] = b"x" * (2 * MANIFEST_BYTES + 1)
    refuses(world, LimitExceeded, "where a small document was expected")


def test_one_type_for_one_document(world: World) -> None:
    world.registry.types["1"] = DOCKER_MANIFEST
    refuses(world, BadManifest, "calls itself")
    world.registry.types["1"] = "text/html"
    world.registry.change("1", mediaType="text/html")
    refuses(world, UnsupportedMediaType, "text/html")


# --- indexes


def test_a_manifest_behind_its_index_installs(world: World) -> None:
    manifest = world.registry.tags["1"]
    world.registry.push_index("1")
    record = world.install(REFERENCE).record
    assert record.image_digest == Digest.of(manifest)


def test_an_index_of_an_index_is_refused(world: World) -> None:
    world.registry.push_index("1")
    world.registry.tags["1"] = world.registry.indexes.pop("1")
    world.registry.types["1"] = OCI_INDEX
    refuses(world, BadManifest, "index of an index")


def test_an_index_that_names_an_index_is_refused(world: World) -> None:
    world.registry.push_index("1", mediaType=OCI_INDEX)
    refuses(world, BadManifest, "another index")


def test_a_manifest_that_stands_for_an_index_is_refused(world: World) -> None:
    manifest = world.registry.tags["1"]
    world.registry.indexes["1"] = manifest
    world.registry.tell = lambda answer: {
        "documents": [{**item, "media_type": OCI_MANIFEST} for item in get_objects(answer, "documents")]
    }
    refuses(world, BadManifest, "index that is a manifest")


@pytest.mark.parametrize("lie", [{"digest": digest_of(b"another")}, {"size": 1}])
def test_a_manifest_must_be_the_one_that_its_index_names(world: World, lie: Mapping[str, object]) -> None:
    world.registry.push_index("1", **lie)
    refuses(world, DigestMismatch, "not the one that its index names")


def test_an_index_without_our_platform_offers_what_it_has(world: World) -> None:
    world.registry.push_index("1", platform={"os": "linux", "architecture": "riscv64"})
    refuses(world, ArchMismatch, "riscv64")


def test_by_the_digest_of_the_index_no_other_index_is_taken(world: World) -> None:
    digest = world.registry.push_index("1")
    world.registry.push("2", [BASE], Cmd=["/usr/bin/hello"])
    world.registry.push_index("2")
    world.registry.indexes[digest] = world.registry.indexes["2"]
    world.registry.tags[digest] = world.registry.tags["2"]
    refuses(world, DigestMismatch, "answered", f"acme.example/x/hello@{digest}")


async def _good(**_question: object) -> Verdict:
    return Verdict("gpg", (), tag_bound=True, checked_at=0)


def test_an_index_in_the_place_of_a_signed_manifest_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a fetcher get an index through as the platform's own document, it is no image either."""
    world.registry.push_index("1")
    index = world.registry.indexes["1"]
    world.registry.tags["1"], world.registry.types["1"] = index, OCI_INDEX
    entry = {"digest": digest_of(index), "size": len(index), "mediaType": OCI_MANIFEST}
    world.registry.push_index("1", **entry)
    monkeypatch.setattr(verify, "judge", _good)
    refuses(world, BadManifest, "an index where")


# --- a signature on the index


def test_the_digest_of_the_index_is_as_good_as_the_manifests(world: World) -> None:
    digest = world.registry.push_index("1")
    remote = trusting("acme", verify="digest")
    deployed = world.install(f"acme.example/x/hello@{digest}", remote)
    assert deployed.record.verify == "digest"
    assert str(deployed.record.image_digest) != digest


def test_without_an_index_there_is_nothing_to_fall_back_to(world: World) -> None:
    with pytest.raises(SignatureMissing):
        world.install(REFERENCE, trusting("acme", verify="digest"))


Judge = Callable[..., Awaitable[Verdict]]


def _judging(world: World, first: AppctlError | None, second: AppctlError | None) -> tuple[Judge, list[str]]:
    """A judge that ends so for the manifest and so for the index; and which it was asked about."""
    asked: list[str] = []
    ends = {digest_of(world.registry.tags["1"]): ("manifest", first)}
    if "1" in world.registry.indexes:
        ends[digest_of(world.registry.indexes["1"])] = ("index", second)

    async def judge(evidence: Evidence, **question: object) -> Verdict:
        name, error = ends[str(evidence.digest)]
        asked.append(name)
        if error:
            raise error
        return await _good(**question)

    return judge, asked


@pytest.mark.parametrize(
    ("first", "second", "asked", "raised"),
    [
        (None, UntrustedSigner("second"), ["manifest"], ""),
        (SignatureMissing("first"), None, ["manifest", "index"], ""),
        (UntrustedSigner("first"), None, ["manifest", "index"], ""),
        (UntrustedSigner("first"), SignatureMissing("second"), ["manifest", "index"], "first"),
        (SignatureInvalid("first"), SignatureMissing("second"), ["manifest", "index"], "first"),
        (SignatureMissing("first"), UntrustedSigner("second"), ["manifest", "index"], "second"),
        (SignatureMissing("first"), Failed("second"), ["manifest", "index"], "second"),
        (Failed("first"), None, ["manifest"], "first"),
    ],
)
def test_the_index_is_asked_about_and_the_error_that_tells_more_is_kept(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    first: AppctlError | None,
    second: AppctlError | None,
    asked: list[str],
    raised: str,
) -> None:
    world.registry.push_index("1")
    judge, found = _judging(world, first, second)
    monkeypatch.setattr(verify, "judge", judge)
    if raised:
        with pytest.raises(AppctlError) as caught:
            world.plan(REFERENCE)
        assert caught.value is (first if raised == "first" else second)
    else:
        assert world.plan(REFERENCE).verified.verdict.verify == "gpg"
    assert found == asked


# --- decoders


def _compressed(registry: MemoryRegistry, media_type: str, blob: bytes) -> None:
    """Let the image's layer be that blob, whose tar is BASE."""
    registry.blobs[digest_of(blob)] = blob
    layer = {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}
    registry.change("1", layers=[layer])


def _program(directory: Path, status: int) -> str:
    """A decoder that inflates well, and ends with `status`."""
    path = directory / "decoder"
    path.write_text(f"#!/bin/sh\ngzip -dcq || :\nexit {status}\n")
    path.chmod(0o755)
    return str(path)


PACKED = gzip.compress(BASE, mtime=0)
WRONG_CHECKSUM = PACKED[:-8] + bytes(byte ^ 0xFF for byte in PACKED[-8:-4]) + PACKED[-4:]


@pytest.mark.parametrize("blob", [PACKED, PACKED + b"\0\0garbage"])
def test_bytes_behind_the_stream_are_no_fault(world: World, blob: bytes) -> None:
    """gzip(1) warns of them with status 2; they are part of what was signed."""
    world.tools = replace(world.tools, launcher=StockLauncher())
    _compressed(world.registry, GZIP, blob)
    assert (world.install(REFERENCE).path / "usr/old").exists()


def test_a_stream_with_a_wrong_checksum_is_refused(world: World) -> None:
    """Although the tar that comes out of it is the right one."""
    world.tools = replace(world.tools, launcher=StockLauncher())
    _compressed(world.registry, GZIP, WRONG_CHECKSUM)
    refuses(world, DigestMismatch, "cannot be inflated whole")


@pytest.mark.parametrize(("status", "good"), [(0, True), (1, False), (2, False)])
def test_of_another_decoder_only_success_is_believed(
    world: World, tmp_path: Path, status: int, *, good: bool
) -> None:
    world.tools = replace(world.tools, launcher=StockLauncher(), gunzip=_program(tmp_path, status))
    _compressed(world.registry, GZIP, PACKED)
    if good:
        world.install(REFERENCE)
    else:
        refuses(world, DigestMismatch, "cannot be inflated whole")


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("kill -9 $$", "was killed by signal 9"),
        ("kill -TERM $$", "was killed by signal 15"),
        ("exit 137", "was killed by signal 9"),  # bubblewrap's word for it
        ("exit 126", "did not run"),
        ("exit 127", "is missing"),  # said by what should have started it
    ],
)
def test_a_decoder_that_did_not_come_to_its_end_is_no_fault_of_the_layer(
    world: World, tmp_path: Path, end: str, how: str
) -> None:
    program = tmp_path / "decoder"
    program.write_text(f"#!/bin/sh\nhead -c 9 >/dev/null\n{end}\n")
    program.chmod(0o755)
    world.tools = replace(world.tools, launcher=StockLauncher(), gunzip=str(program))
    _compressed(world.registry, GZIP, PACKED)
    refuses(world, Failed, how)


def test_a_decoder_without_a_reader_leaves_the_word_to_the_reader(world: World, tmp_path: Path) -> None:
    program = tmp_path / "decoder"
    program.write_text("#!/bin/sh\ncat >/dev/null\nhead -c 600 /dev/zero | tr '\\0' x\nkill -PIPE $$\n")
    program.chmod(0o755)
    world.tools = replace(world.tools, launcher=StockLauncher(), gunzip=str(program))
    _compressed(world.registry, GZIP, PACKED)
    refuses(world, UnsafeArchive, "archive|header|block|checksum|tar")


@pytest.mark.parametrize(("status", "good"), [(0, True), (1, False), (2, False)])
def test_of_zstd_only_success_is_believed(world: World, tmp_path: Path, status: int, *, good: bool) -> None:
    world.tools = replace(world.tools, launcher=StockLauncher(zstd=_program(tmp_path, status)))
    _compressed(world.registry, ZSTD, PACKED)
    if good:
        world.install(REFERENCE)
    else:
        refuses(world, DigestMismatch, "cannot be inflated whole")


def _framed(data: bytes, window_log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=window_log)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(data) + stream.flush()


def test_a_window_of_a_later_frame_is_the_decoders_to_refuse(world: World) -> None:
    world.tools = replace(world.tools, launcher=StockLauncher())
    _compressed(world.registry, ZSTD, _framed(BASE[:-512], 25) + _framed(BASE[-512:], 26))
    refuses(world, DigestMismatch, "cannot be inflated whole")


@pytest.mark.parametrize("window_log", [25, 26])
def test_a_window_that_is_too_large_is_said_before_the_decoder_starts(world: World, window_log: int) -> None:
    world.tools = replace(world.tools, launcher=StockLauncher())
    _compressed(world.registry, ZSTD, _framed(BASE, window_log))
    if 1 << window_log <= ZSTD_WINDOW:
        world.install(REFERENCE)
    else:
        refuses(world, LimitExceeded, "a window of 67108864 bytes, and may have 33554432")


def test_bytes_that_were_asked_for_by_a_recorded_digest_have_it(world: World) -> None:
    """A repair asks so: what the tag leads to by then does not matter, and nothing else is taken for it."""
    first = world.registry.tags["1"]
    second = world.registry.push("1", [BASE], Cmd=["/bin/other"])
    world.remotes["acme"] = remote = trusting("acme")
    reference, at = parse_reference(REFERENCE), Digest.of(first)
    planned = asyncio.run(preview(reference, remote, world.tools, at))
    assert planned.digest == at
    world.registry.tags[str(at)] = world.registry.tags[second]
    with pytest.raises(DigestMismatch, match="other bytes"):
        asyncio.run(preview(reference, remote, world.tools, at))
