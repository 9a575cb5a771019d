# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that hold a publisher's own commit: installed, updated, verified, repaired, pruned."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, ContentMismatch, DigestMismatch, UnsafeArchive
from appctld.jobs.audit.plan import is_about
from appctld.jobs.requests import Install, Prune, Repair, Rollback, Update, Verify
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_object, get_objects
from appctld.model.manifest import OCI_INDEX
from appctld.model.published import Reading
from appctld.pipeline.stages import Source
from appctld.state.layers import held, recorded_refs
from appctld.state.provenance import Document, Provenance, Signed, read_provenance
from appctld.state.records import Record, installed, installed_app
from appctld.workers.store.ostree.repository import Repository
from support.layers.ostree_layers import File, Published, Tree
from support.repositories.ostree_store import tar_of
from support.workers.inline import digest_of, layer_of
from support.worlds.world import Yard, growing, trusting

APP = "org.acme.Sealed"
REFERENCE = "acme.example/x/sealed:1"
METADATA = "[Application]\nname=org.acme.Sealed\ncommand=hello\n"
ONE: Tree = {
    "app": {"metadata": File(METADATA.encode())},
    "usr": {"bin": {"hello": File(b"#!/bin/sh\n", 0o755)}, "etc": {"conf": File(b"1")}},
}
TWO: Tree = {**ONE, "usr": {"bin": {"hello": File(b"#!/bin/sh\n", 0o755)}, "etc": {"conf": File(b"2")}}}
ABOVE = layer_of({"etc/": None, "etc/local": b"here", "opt/": None, "opt/x": b"nowhere"})


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def chunked(made: Published) -> list[bytes]:
    """Its layers: that of the commit, and one for each file."""
    return [tar_of(made.layer(files=False)), *(tar_of(made.files_layer(name)) for name in made.files)]


def publish(yard: Yard, layers: Sequence[bytes], commit: str, final: int = -1, **labels: str) -> None:
    names = {"last": "ostree.final-diffid", "id": "org.appctl.id", "metadata": "org.appctl.metadata"}
    said = {
        "org.appctl.id": APP,
        "org.appctl.metadata": METADATA,
        "ostree.commit": commit,
        "ostree.final-diffid": digest_of(layers[final]),
        **{names[name]: text for name, text in labels.items()},
    }
    yard.registry.push("1", layers, Labels=said)


def install(yard: Yard) -> JsonObject:
    (app,) = yard.apps(Install((REFERENCE,)))
    return app


def record(yard: Yard) -> Record:
    return installed_app(yard.paths, APP).current


def refused(yard: Yard, expected: type[AppctlError]) -> AppctlError:
    """Nothing is installed, and no ref is left but those of layers of files."""
    with pytest.raises(AppctlError) as raised:
        install(yard)
    assert type(raised.value) is expected, raised.value
    assert not installed(yard.paths)
    refs = Repository.open(yard.paths.repo).refs()
    assert not any(ref.startswith("appctl/app/") for ref in refs)
    return raised.value


def is_well(yard: Yard) -> bool:
    return yard.do(Verify(()))["problems-total"] == 0


# --- the publisher's commit, and nothing above it


def test_what_is_installed_is_the_publishers_commit(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, [tar_of(made.layer())], made.commit)
    app = install(yard)
    assert app["commit"] == made.commit
    files = Path(str(app["deployment"]))
    assert (files / "usr/bin/hello").read_bytes() == b"#!/bin/sh\n"
    assert json.loads((files.parent / "run.json").read_bytes())["entrypoint"] == ["hello"]
    assert is_well(yard)


def test_a_commit_in_chunks_is_the_same_and_an_update_brings_what_is_new(yard: Yard) -> None:
    made, newer = Published(ONE), Published(TWO)
    first, second = chunked(made), chunked(newer)
    publish(yard, first, made.commit)
    assert install(yard)["commit"] == made.commit
    yard.registry.asked.clear()
    publish(yard, second, newer.commit)
    (app,) = yard.apps(Update((APP,)))
    assert app["commit"] == newer.commit
    new = {digest_of(layer) for layer in second} - {digest_of(layer) for layer in first}
    assert len(new) == 2
    assert {digest_of(layer) for layer in first + second} & set(yard.registry.asked) == new
    assert is_well(yard)


def test_the_layer_of_the_commit_is_read_last(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, chunked(made), made.commit)
    install(yard)
    ops = [op for op in yard.ops() if str(op).startswith("import-")]
    assert ops == [*["import-objects"] * len(made.files), "import-commit-layer"]


def test_reinstalling_downloads_nothing(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, chunked(made), made.commit)
    install(yard)
    (app,) = yard.apps(Install((REFERENCE,), {"reinstall": True}))
    assert (app["commit"], app["bytes-downloaded"]) == (made.commit, 0)


def test_a_prune_keeps_what_an_app_needs_and_nothing_else(yard: Yard) -> None:
    made, newer = Published(ONE), Published(TWO)
    publish(yard, chunked(made), made.commit)
    install(yard)
    publish(yard, chunked(newer), newer.commit)
    yard.do(Update((APP,)))
    yard.do(Prune())
    kept = {ref for one in installed(yard.paths)[APP].records for ref in one.refs()}
    assert set(Repository.open(yard.paths.repo).refs()) == kept
    assert recorded_refs(yard.paths) == {ref for ref in kept if ref.startswith("appctl/ostree/")}
    assert is_well(yard)


def test_a_layer_is_not_shared_with_another_remote(yard: Yard) -> None:
    """R5: in a layer of objects nothing says whose they are."""
    made = Published(ONE)
    publish(yard, chunked(made), made.commit)
    install(yard)
    publish(yard, chunked(made), made.commit, id="org.other.Sealed", metadata="[Application]\n")
    planned = yard.plan("other.example/x/sealed:1", trusting("other"))
    assert {layer.source for layer in planned.layers} == {Source.MISSING}


def test_one_goes_back_to_the_commit_before(yard: Yard) -> None:
    made, newer = Published(ONE), Published(TWO)
    publish(yard, chunked(made), made.commit)
    install(yard)
    publish(yard, chunked(newer), newer.commit)
    yard.do(Update((APP,)))
    yard.registry.asked.clear()
    yard.do(Rollback(APP))
    assert record(yard).commit == made.commit
    assert yard.registry.asked == []
    assert (yard.paths.app(APP) / "current/files/usr/etc/conf").read_bytes() == b"1"
    assert is_well(yard)
    yard.do(Rollback(APP))
    assert record(yard).commit == newer.commit
    assert is_well(yard)


def test_a_layer_of_a_commit_stands_for_no_layer_of_files(yard: Yard) -> None:
    """What is accepted depends on nothing that is here: the last one is refused, as it was before."""
    made, newer = Published(ONE), Published(TWO)
    (first, *_), (commit, *files) = chunked(made), chunked(newer)
    layers = [commit, *files, first]
    publish(yard, layers, newer.commit)
    refused(yard, UnsafeArchive)
    publish(yard, chunked(made), made.commit)
    install(yard)
    publish(yard, layers, newer.commit)
    with pytest.raises(UnsafeArchive):
        yard.do(Update((APP,)))
    assert record(yard).commit == made.commit
    assert is_well(yard)


def test_a_layer_of_files_stands_for_no_layer_of_a_commit(yard: Yard) -> None:
    made = Published(ONE)
    layers = chunked(made)
    publish(yard, layers, made.commit)
    install(yard)
    publish(yard, [layers[1], layers[0], *layers[2:]], made.commit)
    with pytest.raises(UnsafeArchive):
        yard.do(Update((APP,)))
    assert record(yard).commit == made.commit
    assert is_well(yard)


# --- layers above it


def test_what_lies_above_it_is_merged(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, [tar_of(made.layer()), ABOVE], made.commit, final=0)
    app = install(yard)
    assert app["commit"] != made.commit
    files = Path(str(app["deployment"]))
    assert (files / "usr/etc/local").read_bytes() == b"here"
    assert (files / "usr/etc/conf").read_bytes() == b"1"
    assert not (files / "opt").exists()
    assert record(yard).ostree_layers == 1
    assert record(yard).dropped == ("opt/",)
    assert is_well(yard)


def test_one_goes_back_to_what_lay_above_another_commit(yard: Yard) -> None:
    made, newer = Published(ONE), Published(TWO)
    publish(yard, [tar_of(made.layer()), ABOVE], made.commit, final=0)
    before = install(yard)["commit"]
    publish(yard, [tar_of(newer.layer()), ABOVE], newer.commit, final=0)
    yard.do(Update((APP,)))
    assert record(yard).commit != before
    yard.do(Rollback(APP))
    assert record(yard).commit == before
    assert is_well(yard)


def test_one_tar_may_be_read_in_both_ways(yard: Yard) -> None:
    """A plain image of the same layers is another thing, and neither stands for the other."""
    made = Published(ONE)
    layer = tar_of(made.layer())
    publish(yard, [layer], made.commit)
    install(yard)
    yard.registry.push("plain", [layer], Labels={"org.appctl.id": "org.acme.Plain"})
    (app,) = yard.apps(Install(("acme.example/x/plain:plain",)))
    assert (Path(str(app["deployment"])) / "sysroot/ostree/repo/config").exists()
    diff_id = Digest.parse(digest_of(layer))
    sealed, plain = (
        held(yard.paths, "acme", diff_id, reading) for reading in (Reading.OSTREE, Reading.PLAIN)
    )
    assert sealed is not None
    assert plain is not None
    assert sealed.commit == made.commit != plain.commit
    assert is_well(yard)


def test_a_layer_that_one_image_reads_in_both_ways_is_read_in_one_after_the_other(yard: Yard) -> None:
    """They have one blob, and who is done with it removes it."""
    made = Published({"app": ONE["app"], "usr": {"one": File(b"1")}})
    commits, twice, last = chunked(made)
    publish(yard, [commits, twice, last, twice], made.commit, final=2)
    install(yard)
    digest = digest_of(twice)
    asked = [request for request in yard.runner.requests if digest in {*map(str, request.values())}]
    ops = [str(request["op"]) for request in asked if request["op"] != "blob"]
    assert ops in (
        ["receive", "import-objects", "receive", "import-layer"],
        ["receive", "import-layer", "receive", "import-objects"],
    )
    assert is_well(yard)


# --- images that lie


def test_a_label_that_names_another_commit_is_refused(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, [tar_of(made.layer())], "c" * 64)
    error = refused(yard, UnsafeArchive)
    assert "another commit" in error.message
    assert not recorded_refs(yard.paths)


def test_a_label_that_lies_about_what_is_here_is_refused(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, [tar_of(made.layer())], made.commit)
    install(yard)
    publish(yard, [tar_of(made.layer())], "c" * 64)
    with pytest.raises(BadManifest, match="as its label says"):
        yard.do(Update((APP,)))
    assert record(yard).commit == made.commit


def test_an_image_without_its_last_layer_is_refused(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, [tar_of(made.layer())], made.commit, last="sha256:" + "0" * 64)
    refused(yard, BadManifest)


def test_a_missing_chunk_is_missed(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, chunked(made)[:-1], made.commit)
    refused(yard, DigestMismatch)


def test_a_metadata_file_unlike_its_label_is_refused(yard: Yard) -> None:
    made = Published({**ONE, "app": {"metadata": File(b"[Application]\nname=org.acme.Sealed\n")}})
    publish(yard, [tar_of(made.layer())], made.commit)
    refused(yard, ContentMismatch)


# --- damage


@pytest.mark.parametrize("above", [[], [ABOVE]], ids=["alone", "derived"])
def test_a_damaged_object_is_found_and_brought_back(yard: Yard, above: list[bytes]) -> None:
    made = Published(ONE)
    layers = chunked(made)
    publish(yard, [*layers, *above], made.commit, final=len(layers) - 1)
    commit = install(yard)["commit"]
    (path,) = [path for path in yard.paths.repo.glob("objects/??/*.file") if path.read_bytes() == b"1"]
    path.chmod(0o644)
    path.write_bytes(b"2")
    faults = get_objects(yard.do(Verify(())), "problems")
    assert {str(problem["fault"]) for problem in faults} >= {"object"}
    assert yard.do(Repair())["left"] == 0
    assert record(yard).commit == commit
    assert is_well(yard)


def test_a_record_that_was_edited_is_found(yard: Yard) -> None:
    """Its config stands beside the publisher's commit, for that says nothing of the image."""
    made = Published(ONE)
    publish(yard, [tar_of(made.layer())], made.commit)
    files = Path(str(install(yard)["deployment"]))
    told = json.loads((files.parent / "record.json").read_bytes())
    (files.parent / "record.json").write_text(json.dumps({**told, "version": "9"}))
    problems = get_objects(yard.do(Verify(())), "problems")
    assert ("record", "the record and the image differ about the version") in {
        (problem["fault"], problem["what"]) for problem in problems
    }


def edit(yard: Yard, name: str, **members: object) -> None:
    """Change a file beside the deployment."""
    path = yard.paths.app(APP) / "current" / name
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **members}))


@pytest.mark.parametrize(
    "lie",
    [
        {"image_digest": f"sha256:{'0' * 64}"},
        {"version": "9"},
        {"title": "x", "reference": "acme.example/x/other:1"},
        {"commit": "!"},
    ],
)
def test_a_record_that_was_edited_is_brought_back(yard: Yard, lie: dict[str, str]) -> None:
    """What was kept beside the commit says which image it was."""
    made = Published(ONE)
    publish(yard, chunked(made), made.commit)
    install(yard)
    before = record(yard)
    edit(yard, "record.json", **lie)
    assert not is_well(yard)
    assert yard.do(Repair())["left"] == 0
    again = record(yard)
    assert (again.commit, again.version) == (made.commit, before.version)
    assert (again.reference, again.image_digest) == (before.reference, before.image_digest)
    assert is_well(yard)


def beside(yard: Yard) -> Provenance:
    return read_provenance(yard.paths.app(APP) / "current")


def with_config(found: Provenance, **members: object) -> Provenance:
    """Another config, which the manifest names."""
    assert found.config is not None
    raw = json.dumps({**json.loads(found.config.raw), **members}).encode()
    told = json.loads(found.manifest.raw)
    told["config"] |= {"digest": digest_of(raw), "size": len(raw)}
    manifest = replace(found.manifest, raw=json.dumps(told).encode())
    return replace(found, config=replace(found.config, raw=raw), manifest=manifest)


def test_what_was_kept_counts_only_where_it_is_about_that_commit(yard: Yard) -> None:
    made, remotes = Published(ONE), [trusting("acme"), trusting("other")]
    publish(yard, [tar_of(made.layer())], made.commit)
    install(yard)
    found, commit, named = beside(yard), made.commit, {"acme"}
    assert found.config is not None
    assert is_about(found, commit, named, remotes)
    assert is_about(with_config(found), commit, named, remotes)
    layers = json.loads(found.config.raw)["rootfs"]["diff_ids"]
    above = {"type": "layers", "diff_ids": [*layers, digest_of(ABOVE)]}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    for other in (
        replace(found, config=None),
        replace(found, config=replace(found.config, raw=found.config.raw + b" ")),
        replace(found, config=replace(found.config, raw=b"{")),
        replace(found, manifest=Document(b"{", found.manifest.media_type)),
        replace(found, manifest=Document(json.dumps(index).encode(), OCI_INDEX)),
        replace(found, remote="other"),
        with_config(found, rootfs=above),
        with_config(found, config={}),
    ):
        assert not is_about(other, commit, named, remotes)
    assert not is_about(found, "c" * 64, named, remotes)
    for refs in (set[str](), {"acme", "other"}, {"other"}):
        assert not is_about(found, commit, refs, remotes)
    assert not is_about(found, commit, named, [growing("acme")])


def test_what_was_kept_beside_another_commit_brings_nothing_back(yard: Yard) -> None:
    """An older image of the publisher's is one, too; it would come back without a look at the order (R9).

    Who signed stands there as well, and what was signed anew may be another commit (restore.py).
    """
    made, other = Published(ONE), Published(TWO)
    publish(yard, chunked(other), other.commit)
    install(yard)
    older = beside(yard).to_json()
    get_object(older, "judged")["signers"] = [Signed("A" * 40, "", 7).to_json()]
    publish(yard, chunked(made), made.commit)
    yard.do(Update((APP,)))
    edit(yard, "record.json", version="9")
    edit(yard, "provenance.json", **older)
    assert yard.do(Repair())["left"]
    assert record(yard).commit == made.commit


def test_a_config_that_was_edited_is_found(yard: Yard) -> None:
    made = Published(ONE)
    publish(yard, [tar_of(made.layer())], made.commit)
    files = Path(str(install(yard)["deployment"]))
    told = json.loads((files.parent / "provenance.json").read_bytes())
    told["config"]["raw"] = "e30="
    (files.parent / "provenance.json").write_text(json.dumps(told))
    assert not is_well(yard)
