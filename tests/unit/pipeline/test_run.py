# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The whole sentence, without a process: the real store, a registry in memory that can lie."""

import asyncio
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote, make_remote
from appctld.errors import (
    AlreadyInstalled,
    ArchMismatch,
    BadManifest,
    Conflict,
    ContentMismatch,
    DigestMismatch,
    Failed,
    NeedsApproval,
    NoRemote,
    NotFound,
    NotInstalled,
    PolicyDenied,
    SignatureMissing,
    UnsafeArchive,
)
from appctld.model.jsonvalue import JsonObject, get_object
from appctld.model.login import Login
from appctld.model.manifest import Platform
from appctld.model.reference import parse_reference
from appctld.pipeline.records.papers import DROPPED_BYTES
from appctld.pipeline.run import LAYERS_AT_ONCE
from appctld.pipeline.stages import Source
from appctld.pipeline.tools import ENDPOINT, endpoint, unknown_remote
from appctld.state.layers import held
from appctld.state.paths import layer_ref
from appctld.state.records import installed, installed_app, roots
from appctld.workers.protocol import Report
from appctld.workers.store.__main__ import HANDLERS
from support.layers.ostree_layers import File, Published
from support.layers.tarball import archive, entry
from support.repositories.ostree_store import tar_of
from support.workers.inline import MemoryRegistry, digest_of, fifos, layer_of
from support.worlds.world import BASE, TOP, World, trusting

PATIENCE = 60.0  # seconds, after which what should have begun never will


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_image_of_two_layers_becomes_a_deployment(world: World) -> None:
    world.registry.push("1", [BASE, TOP], Cmd=["/usr/bin/hello"], Labels={"org.appctl.id": "org.acme.Hello"})
    deployed = world.install("acme.example/x/hello:1")
    files = deployed.path
    assert sorted(path.name for path in (files / "usr").iterdir()) == ["bin", "new"]
    assert (files / "usr/bin/hello").read_bytes() == b"#!/bin/sh\n"
    record = installed_app(world.paths, "org.acme.Hello").current
    assert record == deployed.record
    assert record.bytes_downloaded == len(BASE) + len(TOP)
    assert json.loads((files.parent / "run.json").read_bytes())["cmd"] == ["/usr/bin/hello"]


def test_the_same_layers_are_not_downloaded_again(world: World) -> None:
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1")
    world.registry.push("2", [BASE, TOP])
    world.registry.asked.clear()
    deployed = world.install("acme.example/x/hello:2")
    assert digest_of(BASE) not in world.registry.asked
    assert digest_of(TOP) in world.registry.asked
    assert deployed.record.bytes_downloaded == len(TOP)
    assert deployed.record.bytes_reused == len(BASE)
    assert deployed.previous is not None


def test_another_remote_adopts_a_layer_only_after_hashing_it_again(world: World) -> None:
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1")
    deployed = world.install("other.example/x/hello:1", trusting("other"))
    assert deployed.record.bytes_downloaded == 0
    assert world.ops().count("adopt-layer") == 1
    assert held(world.paths, "other", deployed.record.layers[0]) is not None


def test_an_owner_that_stops_sharing_meanwhile_is_obeyed(world: World) -> None:
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1")
    answers = iter([("acme", "other")] * 2)  # for the preview and the plan; then acme shares no more
    world.tools = replace(world.tools, shares=lambda: next(answers, ("other",)))
    deployed = world.install("other.example/x/hello:1", trusting("other"))
    assert world.ops().count("adopt-layer") == 1
    assert deployed.record.bytes_downloaded == len(BASE)


def test_what_another_remote_has_no_more_is_downloaded(world: World) -> None:
    world.registry.push("1", [BASE])
    record = world.install("acme.example/x/hello:1").record
    (world.paths.repo / "refs/heads" / layer_ref("acme", record.layers[0])).unlink()
    deployed = world.install("other.example/x/hello:1", trusting("other"))
    assert deployed.record.bytes_downloaded == len(BASE)


@pytest.mark.parametrize(("first", "second"), [({"share": "no"}, {}), ({}, {"share": "no"})])
def test_a_remote_that_does_not_share_neither_gives_nor_takes(
    world: World, first: dict[str, str], second: dict[str, str]
) -> None:
    acme, other = trusting("acme", **first), trusting("other", **second)
    world.tools = replace(
        world.tools, shares=lambda: [remote.name for remote in (acme, other) if remote.share]
    )
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1", acme)
    assert world.install("other.example/x/hello:1", other).record.bytes_downloaded == len(BASE)


SUID = archive(entry("su", content=b"x", mode=0o4755))
MADE = Published({"su": File(b"x", 0o4755)})
CHUNKED = [tar_of(MADE.layer(files=False)), tar_of(MADE.files_layer(*MADE.files))]
INSIDE = {"ostree.commit": MADE.commit, "ostree.final-diffid": digest_of(CHUNKED[-1])}
PRIVILEGED = {"plain": ([BASE, SUID], {}), "a commit": (CHUNKED, INSIDE)}


@pytest.mark.parametrize(("layers", "labels"), PRIVILEGED.values(), ids=PRIVILEGED)
@pytest.mark.parametrize("first", ["acme", "other"])
def test_strict_holds_for_what_was_read_without_it(
    world: World, first: str, layers: list[bytes], labels: dict[str, str]
) -> None:
    """Whether the remote itself brought it, before its file said so, or one from which it might adopt."""
    world.registry.push("1", layers, Labels=labels)
    world.install(f"{first}.example/x/a:1", trusting(first))
    world.registry.push("2", layers, Labels=labels, Cmd=["su"])
    with pytest.raises(UnsafeArchive, match="strict=yes"):
        world.install("acme.example/x/b:2", trusting("acme", strict="yes"))
    world.install("acme.example/x/b:2")  # and nothing is lost to who does not ask for that


def test_strict_adopts_nothing_and_reads_once(world: World) -> None:
    """What is ordinary comes anew, once: what was read strictly counts, strictly or not."""
    strict = trusting("acme", strict="yes")
    world.registry.push("1", [BASE])
    world.install("acme.example/x/a:1")
    world.install("other.example/x/a:1", trusting("other"))
    for tag, remote, downloaded in (("2", strict, len(BASE)), ("3", strict, 0), ("4", trusting("acme"), 0)):
        world.registry.push(tag, [BASE], Cmd=[tag])
        assert world.install(f"acme.example/x/a:{tag}", remote).record.bytes_downloaded == downloaded
    assert world.ops().count("adopt-layer") == 1, "other's, which asks for nothing"


def test_a_layer_that_was_fetched_with_a_credential_is_not_shared(world: World) -> None:
    world.registry.push("1", [BASE])
    public = world.tools
    world.tools = replace(public, logins=(Login("acme.example/x", {"username": "u", "password": "p"}),))
    world.install("acme.example/x/hello:1")
    world.tools = public
    assert world.install("other.example/x/hello:1", trusting("other")).record.bytes_downloaded == len(BASE)


def test_no_more_layers_come_at_once_than_are_allowed(world: World) -> None:
    world.registry.push("1", [layer_of({f"file-{number}": b"x"}) for number in range(3 * LAYERS_AT_ONCE)])
    under_way, most = set[int](), 0
    all_there = threading.Barrier(LAYERS_AT_ONCE, timeout=PATIENCE)

    def receive(request: JsonObject, report: Report) -> JsonObject:
        nonlocal most
        under_way.add(threading.get_ident())
        most = max(most, len(under_way))
        all_there.wait()
        time.sleep(0.02)  # in which others would begin
        under_way.discard(threading.get_ident())
        return HANDLERS["receive"](request, report)

    world.runner.instead["receive"] = receive
    world.install("acme.example/x/hello:1")
    assert most == LAYERS_AT_ONCE


def test_the_tools_of_no_job_know_no_remote(world: World) -> None:
    with pytest.raises(NoRemote):
        unknown_remote("acme", parse_reference("acme.example/x/hello:1"))


def test_everything_about_an_endpoint_tells_fetchers_apart() -> None:
    """Else one that was given a login, or a CA, would be asked again for a place that has another."""
    assert set(ENDPOINT) == endpoint(trusting("acme"), parse_reference("acme.example/x/hello:1")).keys()


def test_a_layer_that_stands_twice_in_an_image_is_fetched_once(world: World) -> None:
    world.registry.push("1", [BASE, TOP, BASE])
    deployed = world.install("acme.example/x/hello:1")
    assert world.registry.asked.count(digest_of(BASE)) == 1
    assert (deployed.path / "usr/old").exists()


def test_a_manifest_that_nobody_signed_is_never_read(world: World) -> None:
    world.registry.tags["1"] = b"this is no JSON"
    remote = make_remote(
        "acme",
        {"url": "https://acme.example/x", "lookaside": "https://sigs.example"},
        keyring=None,
        ca=None,
        origin=Path("/x"),
        writable=True,
    )
    with pytest.raises(Exception, match="key") as caught:
        world.install("acme.example/x/hello:1", remote)
    assert caught.type.__name__ in {"UntrustedSigner", "SignatureMissing"}


def test_by_digest_only_that_digest_is_taken(world: World) -> None:
    digest = world.registry.push("1", [BASE])
    remote = trusting("acme", verify="digest")
    assert world.install(f"acme.example/x/hello@{digest}", remote).record.verify == "digest"
    with pytest.raises(SignatureMissing):
        world.install("acme.example/x/hello:1", remote)
    world.registry.tags[digest] = world.registry.tags[digest] + b" "
    with pytest.raises(DigestMismatch):
        world.install(f"acme.example/x/hello@{digest}", remote)


def _config_lies(registry: MemoryRegistry) -> None:
    manifest = json.loads(registry.tags["1"])
    digest = manifest["config"]["digest"]
    registry.blobs[digest] = registry.blobs[digest].replace(b"linux", b"Linux")


def _layer_lies(registry: MemoryRegistry) -> None:
    registry.blobs[digest_of(TOP)] = TOP[:-1] + b"x"


def _layer_is_short(registry: MemoryRegistry) -> None:
    registry.blobs[digest_of(TOP)] = TOP[:-512]


@pytest.mark.parametrize("lie", [_config_lies, _layer_lies, _layer_is_short])
def test_a_registry_that_lies_changes_nothing(world: World, lie: object) -> None:
    world.registry.push("1", [BASE])
    before = world.install("acme.example/x/hello:1").record
    world.registry.push("1", [BASE, TOP])
    assert callable(lie)
    lie(world.registry)
    with pytest.raises(ContentMismatch):
        world.install("acme.example/x/hello:1")
    assert installed_app(world.paths, before.id).current == before
    assert not list(world.paths.blobs.rglob(".unverified-*"))


def test_a_diff_id_that_is_not_the_layers_is_refused(world: World) -> None:
    world.registry.push("1", [TOP])
    manifest = json.loads(world.registry.tags["1"])
    config = json.loads(world.registry.blobs[manifest["config"]["digest"]])
    config["rootfs"]["diff_ids"] = [digest_of(b"something else")]
    raw = json.dumps(config).encode()
    world.registry.blobs[digest_of(raw)] = raw
    manifest["config"].update(digest=digest_of(raw), size=len(raw))
    world.registry.tags["1"] = json.dumps(manifest).encode()
    with pytest.raises(DigestMismatch):
        world.install("acme.example/x/hello:1")
    assert roots(world.paths) == set()


def test_a_layer_that_leaves_its_tree_is_refused(world: World) -> None:
    world.registry.push("1", [layer_of({"../escape": b"x"})])
    with pytest.raises(UnsafeArchive):
        world.install("acme.example/x/hello:1")
    assert not installed(world.paths)


def test_an_image_for_another_machine_is_refused(world: World) -> None:
    world.registry.push("1", [BASE])
    world.tools = replace(world.tools, platform=Platform("linux", "arm64"))
    with pytest.raises(ArchMismatch):
        world.install("acme.example/x/hello:1")


def test_fewer_diff_ids_than_layers_are_refused(world: World) -> None:
    world.registry.push("1", [BASE, TOP])
    manifest = json.loads(world.registry.tags["1"])
    del manifest["layers"][1]
    world.registry.tags["1"] = json.dumps(manifest).encode()
    with pytest.raises(BadManifest):
        world.install("acme.example/x/hello:1")


def test_an_unknown_tag_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.install("acme.example/x/hello:nope")


LABEL = {"org.appctl.id": "org.acme.Hello"}


def test_an_id_belongs_to_the_remote_that_installed_it_first(world: World) -> None:
    world.registry.push("1", [BASE], Labels=LABEL)
    world.install("acme.example/x/hello:1")
    with pytest.raises(Conflict):
        world.install("other.example/x/hello:1", trusting("other"))


def test_an_id_belongs_to_the_repository_that_it_came_from(world: World) -> None:
    world.registry.push("1", [BASE], Labels=LABEL)
    world.install("acme.example/x/hello:1")
    with pytest.raises(Conflict):
        world.install("acme.example/x/hello-evil:1")


def test_a_remote_uses_no_id_outside_its_patterns(world: World) -> None:
    world.registry.push("1", [BASE], Labels=LABEL)
    with pytest.raises(Conflict):
        world.install("acme.example/x/hello:1", trusting("acme", ids="com.acme.*"))


METADATA = "[Application]\nname=org.acme.Hello\n\n[Context]\nshared=network;\n"


def _with_metadata(text: str) -> bytes:
    return layer_of({"app/": None, "app/metadata": text.encode()})


def test_a_label_shows_what_the_tree_asks_for(world: World) -> None:
    world.registry.push("1", [_with_metadata(METADATA)], Labels={"org.appctl.metadata": METADATA})
    record = world.install("acme.example/x/hello:1").record
    assert [(wish.kind, wish.value) for wish in record.permissions] == [("shared", "network")]


def test_a_label_that_a_shell_read_from_the_file_is_the_file(world: World) -> None:
    label = {"org.appctl.metadata": METADATA.rstrip("\n")}  # "$(cat metadata)"
    world.registry.push("1", [_with_metadata(METADATA)], Labels=label)
    assert world.install("acme.example/x/hello:1").record.permissions


@pytest.mark.parametrize("more", ["#", " \n", "\n#", "\r"])
def test_a_tree_unlike_its_label_is_refused(more: str, world: World) -> None:
    world.registry.push("1", [_with_metadata(METADATA + more)], Labels={"org.appctl.metadata": METADATA})
    with pytest.raises(ContentMismatch):
        world.install("acme.example/x/hello:1")


def test_a_label_without_its_file_is_refused(world: World) -> None:
    world.registry.push("1", [BASE], Labels={"org.appctl.metadata": METADATA})
    with pytest.raises(ContentMismatch):
        world.install("acme.example/x/hello:1")


def test_a_file_without_a_label_may_ask_for_nothing(world: World) -> None:
    world.registry.push("1", [_with_metadata(METADATA)])
    with pytest.raises(NeedsApproval):
        world.install("acme.example/x/hello:1")
    assert not installed(world.paths)


def test_the_preview_says_where_each_layer_comes_from(world: World) -> None:
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1")
    world.registry.push("2", [BASE, TOP])
    planned = world.plan("acme.example/x/hello:2")
    assert [layer.source for layer in planned.layers] == [Source.HELD, Source.MISSING]
    assert (planned.bytes_to_download, planned.bytes_here) == (len(TOP), len(BASE))


def test_a_blob_that_an_earlier_job_left_is_hashed_before_it_counts(world: World) -> None:
    world.registry.push("1", [BASE])
    _leave_blob(world, b"rotten")
    assert world.install("acme.example/x/hello:1").record.bytes_downloaded == len(BASE)


def test_a_blob_of_which_the_store_says_something_else_is_downloaded(world: World) -> None:
    world.registry.push("1", [BASE])
    _leave_blob(world, BASE)
    world.runner.instead["recheck"] = lambda _request, _report: {"size": len(BASE) - 1}
    assert world.install("acme.example/x/hello:1").record.bytes_downloaded == len(BASE)


def test_a_store_that_does_not_say_what_it_received_is_not_believed(world: World) -> None:
    world.registry.push("1", [BASE])
    world.runner.instead["receive"] = _takes_everything_and_says_nothing
    with pytest.raises(Failed, match="makes no sense"):
        world.install("acme.example/x/hello:1")


def test_a_store_that_does_not_say_what_it_adopted_is_not_believed(world: World) -> None:
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1")
    world.runner.instead["adopt-layer"] = _takes_everything_and_says_nothing
    with pytest.raises(Failed, match="makes no sense"):
        world.install("other.example/x/hello:1", trusting("other"))


def _takes_everything_and_says_nothing(request: JsonObject, _report: Report) -> JsonObject:
    for number in get_object(request, "fds").values():
        assert isinstance(number, int)
        with os.fdopen(number, "rb") as file:
            file.read()
    return {}


def test_a_blob_is_read_at_its_own_place_only(world: World, tmp_path: Path) -> None:
    """Between the look and the reading somebody who can write there could have put a link."""
    world.registry.push("1", [BASE])
    _leave_blob(world, b"")
    (tmp_path / "elsewhere").write_bytes(BASE)
    [blob] = [path for path in world.paths.blobs.rglob("*") if path.is_file()]
    blob.unlink()
    blob.symlink_to(tmp_path / "elsewhere")
    world.runner.instead["recheck"] = lambda _request, _report: {"size": len(BASE)}
    with pytest.raises(Failed, match="symbolic link"):
        world.install("acme.example/x/hello:1")


def test_a_layer_that_its_own_registry_does_not_have_is_asked_for_once(world: World) -> None:
    world.registry.push("1", [BASE])
    del world.registry.blobs[digest_of(BASE)]
    with pytest.raises(NotFound):
        world.install("acme.example/x/hello:1")
    assert world.registry.asked.count(digest_of(BASE)) == 1


def test_a_whole_blob_that_an_earlier_job_left_is_not_downloaded_again(world: World) -> None:
    world.registry.push("1", [BASE])
    _leave_blob(world, BASE)
    assert world.install("acme.example/x/hello:1").record.bytes_downloaded == 0
    assert not [path for path in world.paths.blobs.rglob("*") if path.is_file()]


def _leave_blob(world: World, data: bytes, *, private: bool = False) -> None:
    """What an interrupted job of acme left where BASE's blob belongs."""
    directory = world.paths.blobs_of("acme", private=private)
    directory.mkdir()
    (directory / digest_of(BASE).removeprefix("sha256:")).write_bytes(data)


def test_a_blob_that_a_login_opened_serves_nobody_without_it(world: World) -> None:
    world.registry.push("1", [BASE])
    _leave_blob(world, BASE, private=True)
    assert world.install("acme.example/x/hello:1").record.bytes_downloaded == len(BASE)


def test_a_blob_of_another_remote_is_not_taken(world: World) -> None:
    world.registry.push("1", [BASE])
    _leave_blob(world, BASE)
    assert world.install("other.example/x/hello:1", trusting("other")).record.bytes_downloaded == len(BASE)


# --- what changed between the plan and the deploy


def test_an_id_that_was_installed_from_elsewhere_meanwhile_is_not_taken_over(world: World) -> None:
    world.registry.push("1", [BASE, TOP], Labels=LABEL)
    evil = world.plan("other.example/x/hello:1", trusting("other"))
    world.registry.push("1", [BASE], Labels=LABEL)
    honest = world.install("acme.example/x/hello:1")
    with pytest.raises(Conflict):
        world.go_on(evil)
    assert installed_app(world.paths, "org.acme.Hello").current == honest.record


def test_an_update_that_was_overtaken_does_not_bring_an_older_version_back(world: World) -> None:
    world.registry.push("1", [BASE])
    world.install("acme.example/x/hello:1")
    world.registry.push("1", [BASE, TOP])
    older = world.plan("acme.example/x/hello:1")
    world.registry.push("1", [TOP])
    newest = world.install("acme.example/x/hello:1")
    with pytest.raises(Conflict):
        world.go_on(older)
    assert installed_app(world.paths, newest.record.id).current == newest.record


def test_the_same_image_installed_meanwhile_is_installed_already(world: World) -> None:
    world.registry.push("1", [BASE])
    second = world.plan("acme.example/x/hello:1")
    world.install("acme.example/x/hello:1")
    with pytest.raises(AlreadyInstalled):
        world.go_on(second)


def test_an_app_that_was_uninstalled_meanwhile_does_not_come_back(world: World) -> None:
    world.registry.push("1", [BASE])
    record = world.install("acme.example/x/hello:1").record
    world.registry.push("1", [BASE, TOP])
    update = world.plan("acme.example/x/hello:1")
    request: JsonObject = {"op": "remove", "id": record.id, "deployments": None, "refs": []}
    asyncio.run(world.tools.store(request))
    with pytest.raises(NotInstalled):
        world.go_on(update)
    assert not installed(world.paths)


@pytest.mark.parametrize("now", [None, trusting("acme", share="no")])
def test_nothing_is_deployed_from_a_remote_that_is_another_by_now(world: World, now: Remote | None) -> None:
    world.registry.push("1", [BASE])
    planned = world.plan("acme.example/x/hello:1")
    world.remotes = {"acme": now} if now else {}
    with pytest.raises(PolicyDenied):
        world.go_on(planned)
    assert not installed(world.paths)
    assert held(world.paths, "acme", planned.order[0]) is None, "its successor inherits nothing"


def test_a_record_carries_only_so_many_names_of_what_was_dropped(world: World) -> None:
    layers = [fifos(f"{number}" * 90, 90) for number in range(4)]
    world.registry.push("1", layers)
    record = world.install("acme.example/x/hello:1").record
    assert 0 < sum(map(len, record.dropped)) <= DROPPED_BYTES
