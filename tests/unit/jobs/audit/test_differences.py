# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a record, its provenance and its commit must say alike: each difference by itself."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.jobs.audit.differences import differences, expected
from appctld.jobs.audit.kept import Kept, kept
from appctld.jobs.requests import Install, Update
from appctld.model.digest import Digest
from appctld.model.manifest import OCI_INDEX
from appctld.model.permissions import Permission
from appctld.state.provenance import Document, Judged, Provenance, Signed
from appctld.state.records import Record
from support.publishers.trees import KEY, KEY_TEXT
from support.worlds.approving import accepting
from support.worlds.neighbours import APP, Neighbours

OTHER_DIGEST = Digest("0" * 64)
NETWORK = Permission("shared", "network", "")
MALLORY = Signed("E" * 40, "Mallory", 1)
EMPTY_INDEX = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A deployment of an image behind an index."""
    yard = Neighbours(tmp_path_factory.mktemp("differences"))
    yard.publish("acme", "2.0")
    yard.registry.push_index("acme")
    yard.do(Update((APP,)))
    return asyncio.run(kept(yard.scene().deployment, yard.tools))


def record_of(found: Kept) -> Record:
    assert found.record is not None
    return found.record


def provenance_of(found: Kept) -> Provenance:
    assert found.provenance is not None
    return found.provenance


def judged_of(found: Kept) -> Judged:
    return provenance_of(found).judged


Change = Callable[[Kept], Kept]


def recorded(**members: object) -> Change:
    """The record says something else."""
    return lambda found: replace(found, record=replace(record_of(found), **members))  # type: ignore[arg-type]


def preserved(**members: object) -> Change:
    """The provenance does."""
    return lambda found: replace(found, provenance=replace(provenance_of(found), **members))  # type: ignore[arg-type]


def judged(**members: object) -> Change:
    """The verdict in it does."""
    return lambda found: preserved(judged=replace(judged_of(found), **members))(found)  # type: ignore[arg-type]


def evidence(digest: str) -> Change:
    return lambda found: preserved(evidence={**provenance_of(found).evidence, "digest": digest})(found)


def index_that_names_nothing(found: Kept) -> Kept:
    found = preserved(index=Document(EMPTY_INDEX, OCI_INDEX))(found)
    return recorded(index_digest=str(Digest.of(EMPTY_INDEX)))(found)


def commit_of_other_signers(found: Kept) -> Kept:
    assert found.recalled is not None
    return replace(found, recalled=replace(found.recalled, lists={"appctl.signer": ["E" * 40]}))


def no_config(found: Kept) -> Kept:
    assert found.recalled is not None
    return replace(found, recalled=replace(found.recalled, config=b"{"), config=None)


def other_type(found: Kept) -> Kept:
    return preserved(manifest=Document(provenance_of(found).manifest.raw, OCI_INDEX))(found)


CASES: dict[str, tuple[Change, str, str]] = {
    "no record": (lambda found: replace(found, record=None), "record", "cannot be read"),
    "no provenance": (lambda found: replace(found, provenance=None), "provenance", "cannot be read"),
    "a commit of another name": (recorded(commit="0" * 64), "record", "named after"),
    "the manifest": (preserved(manifest=Document(b"{}", "x")), "provenance", "the manifest is not"),
    "the image's digest alone": (recorded(image_digest=OTHER_DIGEST), "record", "the manifest is not"),
    "the manifest's type": (other_type, "provenance", "cannot be read"),
    "the config's digest": (recorded(config_digest=OTHER_DIGEST), "provenance", "does not name the config"),
    "no index": (preserved(index=None), "provenance", "the index is not"),
    "the index's digest": (recorded(index_digest=""), "provenance", "the index is not none"),
    "what the index names": (index_that_names_nothing, "provenance", "the index does not name"),
    "verify": (recorded(verify="gpg"), "provenance", "verdict"),
    "the threshold": (judged(threshold=7), "provenance", "verdict"),
    "the identity": (judged(identity="repository"), "provenance", "verdict"),
    "the tag": (recorded(tag_bound=True), "provenance", "verdict"),
    "when": (recorded(checked_at=1), "provenance", "verdict"),
    "the words": (recorded(verdict="all is well"), "provenance", "verdict"),
    "the signers": (judged(signers=(MALLORY,)), "provenance", "signers"),
    "the first signer": (recorded(signer="E" * 40), "provenance", "signers"),
    "the reference": (preserved(reference="acme.example/x/other:1"), "provenance", "is about"),
    "the remote": (preserved(remote="other"), "provenance", "is about"),
    "the evidence": (evidence(str(OTHER_DIGEST)), "provenance", "are about"),
    "evidence that is none": (evidence("sha256:1"), "provenance", "cannot be read"),
    "the commit's signers": (commit_of_other_signers, "record", "others than the commit's"),
    "the config": (no_config, "record", "no config"),
    "a reference that is none": (recorded(reference="!"), "record", "do not fit together"),
    "the version": (recorded(version="9"), "record", "version"),
    "the title": (recorded(title="Other"), "record", "title"),
    "the architecture": (recorded(arch="s390x"), "record", "architecture"),
    "the time": (recorded(created=7), "record", "time"),
    "the layers": (recorded(layers=()), "record", "layers"),
    "the permissions": (recorded(permissions=(NETWORK,)), "record", "permissions"),
    "what is ignored": (recorded(ignored=("EXPOSE",)), "record", "ignored"),
}


def test_what_was_just_deployed_says_the_same_everywhere(whole: Kept) -> None:
    assert differences(whole) == []
    assert record_of(whole).index_digest


@pytest.mark.parametrize("name", CASES)
def test_a_difference_is_found(whole: Kept, name: str) -> None:
    change, fault, text = CASES[name]
    found = differences(change(whole))
    assert any(kind == fault and text in what for kind, what in found), found


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A deployment of a publisher's own commit that says all that one can say."""
    yard = Neighbours(tmp_path_factory.mktemp("native"))
    label = "[Application]\nname=org.trees.Hello\n[Context]\nshared=network;\n"
    texts = {"xa.metadata": label, "version": "1.0"}
    options = [f"--add-metadata-string={key}={value}" for key, value in texts.items()]
    yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n", "app/metadata": label}, *options)
    asyncio.run(yard.book.modify("trees", {"verify": "ed25519", "ed25519-keys": KEY_TEXT}))
    yard.trees.sign(yard.trees.refs["app/hello"], KEY)
    yard.do(Install(("trees:app/hello",), accepting("shared=network")))
    return asyncio.run(kept(yard.scene("org.trees.Hello").deployment, yard.tools))


def claimed(**members: object) -> Change:
    """The commit says something else."""

    def change(found: Kept) -> Kept:
        assert found.facts is not None
        return replace(found, facts=replace(found.facts, **members))  # type: ignore[arg-type]

    return change


NATIVE_CASES: dict[str, tuple[Change, str]] = {
    "another ID": (claimed(metadata="[Application]\nname=org.trees.Other\n"), "ID"),
    "the ID of its ref": (claimed(metadata=None), "ID"),
    "a label that is none": (claimed(metadata="["), "do not fit together"),
    "the version": (recorded(version="9"), "version"),
    "the version, which is its name": (claimed(version=""), "version"),
    "the time": (recorded(created=7), "time"),
    "the permissions": (recorded(permissions=()), "permissions"),
    "another ref": (recorded(reference="trees:app/other"), "ref"),
    "refs that the commit names": (claimed(refs=("app/other",)), "ref"),
    "a commit that names none": (claimed(refs=None), "ref"),
    "that it names its ref": (recorded(tag_bound=False), "ref"),
    "a reference of an image": (recorded(reference="trees.example/x:1"), "cannot be held"),
    "a commit that cannot be read": (lambda found: replace(found, facts=None), "cannot be held"),
    "the config's digest": (recorded(config_digest=OTHER_DIGEST), "config"),
    "a title": (recorded(title="Hello"), "title"),
    "an architecture": (recorded(arch="s390x"), "architecture"),
    "layers": (recorded(layers=(OTHER_DIGEST,)), "layers"),
    "ignored instructions": (recorded(ignored=("EXPOSE",)), "ignored"),
}


def test_of_a_native_app_the_record_says_what_the_commit_says(native: Kept) -> None:
    assert differences(native) == []
    assert record_of(native).version == "1.0"
    assert [(each.kind, each.value) for each in record_of(native).permissions] == [("shared", "network")]
    assert record_of(native).tag_bound


@pytest.mark.parametrize("name", NATIVE_CASES)
def test_a_difference_from_a_native_commit_is_found(native: Kept, name: str) -> None:
    change, text = NATIVE_CASES[name]
    found = differences(change(native))
    assert any(kind == "record" and text in what for kind, what in found), found


def test_bytes_of_another_name_say_nothing_of_a_native_commit(tmp_path: Path) -> None:
    yard = Neighbours(tmp_path)
    yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n"})
    yard.do(Install(("trees:app/hello",)))
    scene = yard.scene("local.trees.app.hello")
    assert asyncio.run(kept(scene.deployment, yard.tools)).facts is not None
    yard.runner.requests.clear()
    scene.edit("provenance", lambda found: found["manifest"].update(raw="e30="))
    assert asyncio.run(kept(scene.deployment, yard.tools)).facts is None
    assert "describe-commit" not in yard.ops()


def test_the_store_is_told_what_the_commit_must_carry(whole: Kept) -> None:
    asked = expected(whole, record_of(whole))
    assert asked["metadata"] == {
        "appctl.remote": "acme",
        "appctl.reference": "acme.example/x/hello:acme",
        "ostree.manifest-digest": str(record_of(whole).image_digest),
    }
    assert asked["digests"] == {
        "ostree.manifest": str(record_of(whole).image_digest),
        "ostree.container.image-config": str(record_of(whole).config_digest),
    }
    assert asked["run"] == json.loads((whole.path / "run.json").read_text())


def test_a_remote_whose_name_is_none_names_no_ref(tmp_path: Path) -> None:
    yard = Neighbours(tmp_path)
    yard.scene().edit("record", lambda found: found.update(remote="../x"))
    assert asyncio.run(kept(yard.scene().deployment, yard.tools)).record is None
    assert yard.faults()["record"] == {APP}
