# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sentence for commits, without a process: the real store, a real repository whose puller can lie."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appctld.config.remote import Remote, make_remote
from appctld.errors import (
    AlreadyInstalled,
    AppctlError,
    BadManifest,
    Conflict,
    ContentMismatch,
    DigestMismatch,
    Expired,
    Failed,
    LimitExceeded,
    NeedsApproval,
    NoSpace,
    NotFound,
    PolicyDenied,
    RepoCorrupt,
    Rollback,
    SignatureInvalid,
    SignatureMissing,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.ostreeref import OstreeRef, parse_canonical
from appctld.model.permissions import METADATA_BYTES
from appctld.pipeline.native import resolve
from appctld.pipeline.native.quarantine import quarantine
from appctld.pipeline.native.run import install_commit, preview_commit
from appctld.pipeline.restore import Recorded, restore
from appctld.pipeline.stages import Deployed
from appctld.state.paths import app_ref, commit_ref
from appctld.state.provenance import read_provenance
from appctld.state.records import installed_app
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Report
from appctld.trust.clock import RELEASED
from appctld.trust.evidence import Evidence
from support.publishers.trees import WHEN
from support.signatures.keys import Keys
from support.workers.inline import NoLauncher
from support.worlds.world import BASE, World, growing

HELLO = {"usr/bin/hello": "#!/bin/sh\necho hello\n"}
METADATA = "[Application]\nname=org.acme.Hello\ncommand=hello\n"
ASKING = f"{METADATA}\n[Context]\nshared=network;\n"
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))


def raw(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def signed(**more: str) -> Remote:
    return growing(verify="ed25519", ed25519_keys=raw(KEY), **more)


def label(text: str) -> str:
    return f"--add-metadata-string=xa.metadata={text}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def leaves_nothing(world: World) -> None:
    """No quarantine, no deployment, no ref of a deployment."""
    assert list(world.paths.quarantine.iterdir()) == []
    assert list(world.paths.apps.iterdir()) == []


def test_a_commit_becomes_a_deployment(world: World) -> None:
    name = world.trees.commit("app/hello", HELLO, "--add-metadata-string=version=1.0")
    deployed = world.install_commit("app/hello")
    assert (deployed.path / "usr/bin/hello").read_text() == HELLO["usr/bin/hello"]
    record = installed_app(world.paths, "local.trees.app.hello").current
    assert record == deployed.record
    assert (record.reference, record.version) == ("trees:app/hello", "1.0")
    assert (record.commit, record.image_digest.hex, record.config_digest.hex) == (name, name, name)
    assert (record.layers, record.created, record.bytes_downloaded) == ((), WHEN + 60, 1000)
    assert list(world.paths.quarantine.iterdir()) == []


def test_the_publishers_own_commit_is_what_is_kept(world: World) -> None:
    name = world.trees.commit("app/hello", HELLO)
    record = world.install_commit("app/hello").record
    ref = world.paths.repo / "refs/heads" / app_ref("trees", record.id, record.deployment)
    assert ref.read_text().strip() == name
    assert record.refs() == {app_ref("trees", record.id, record.deployment)}


def test_why_it_was_believed_is_kept_beside_it(world: World) -> None:
    name = world.trees.commit("app/hello", HELLO)
    world.trees.sign(name, KEY)
    deployed = world.install_commit("app/hello", signed())
    provenance = read_provenance(deployed.path.parent)
    assert provenance.manifest.raw == world.trees.bytes_of(name)
    evidence = Evidence.from_json(provenance.evidence)
    assert (evidence.digest, evidence.ed25519) == (Digest(name), tuple(world.trees.ed25519[name]))
    assert (provenance.reference, provenance.judged.verify) == ("trees:app/hello", "ed25519")
    assert deployed.record.signer == KEY.public_key().public_bytes_raw().hex().upper()
    assert deployed.record.tag_bound


def test_without_a_version_the_commit_names_one(world: World) -> None:
    name = world.trees.commit("app/hello", HELLO)
    assert world.plan_commit("app/hello").version == name[:12]


# --- resolve


def test_a_ref_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        world.plan_commit("app/none")
    leaves_nothing(world)


def test_a_commit_that_was_asked_for_by_name_is_that_one(world: World) -> None:
    """A repair asks so; what the ref leads to by then does not matter."""
    first = Digest(world.trees.commit("app/hello", HELLO))
    second = world.trees.commit("app/hello", {**HELLO, "usr/more": "more"})
    world.remotes["trees"] = remote = growing()
    reference = OstreeRef("trees", "app/hello")
    planned = asyncio.run(preview_commit(reference, remote, world.tools, at=first))
    assert planned.digest == first
    world.trees.raw[first.hex] = world.trees.bytes_of(second)
    world.trees.tell = lambda answer: {**answer, "commit": second}
    with pytest.raises(DigestMismatch, match="other bytes"):
        asyncio.run(preview_commit(reference, remote, world.tools, at=first))


def test_bytes_of_another_name_are_refused(world: World) -> None:
    one, two = world.trees.commit("a", HELLO), world.trees.commit("b", {"x": "y"})
    world.trees.raw[one] = world.trees.bytes_of(two)
    with pytest.raises(DigestMismatch, match="other bytes"):
        world.plan_commit("a")
    leaves_nothing(world)


@pytest.mark.parametrize(
    "lie",
    [{"size": 3}, {"size": -1}, {"openpgp": [1]}, {"ed25519": ["x"]}, {"openpgp": [-5], "ed25519": [5]}],
    ids=str,
)
def test_an_answer_that_does_not_fit_its_bytes_is_refused(world: World, lie: JsonObject) -> None:
    world.trees.commit("a", HELLO)
    world.trees.tell = lambda answer: {**answer, **lie}
    with pytest.raises(Failed):
        world.plan_commit("a")


def test_more_bytes_than_anybody_needs_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.trees.commit("a", HELLO)
    monkeypatch.setattr(resolve, "ANSWER_BYTES", 10)
    with pytest.raises(LimitExceeded):
        world.plan_commit("a")
    leaves_nothing(world)


def test_a_clock_that_cannot_be_right_asks_nobody(world: World) -> None:
    world.trees.commit("a", HELLO)
    world.tools = replace(world.tools, now=lambda: RELEASED - 1)
    world.runner.requests.clear()
    with pytest.raises(Expired):
        world.plan_commit("a")
    assert world.ops() == []


def test_a_directory_that_others_can_change_is_not_asked(world: World, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    world.runner.requests.clear()
    with pytest.raises(PolicyDenied):
        world.plan_commit("a", growing(url=f"ostree:{shared}"))
    assert world.ops() == []


@pytest.mark.parametrize("place", ["x", ["x"], [1, 404], ["x", "404"]])
def test_a_place_that_makes_no_sense_is_no_answer(world: World, place: Json) -> None:
    world.trees.commit("a", HELLO)
    world.trees.tell = lambda answer: {**answer, "looked_at": [place]}
    with pytest.raises(Failed):
        world.plan_commit("a")


# --- verify


def test_nothing_of_a_commit_is_read_before_its_signature_holds(world: World) -> None:
    name = world.trees.commit("a", HELLO)
    world.runner.requests.clear()
    with pytest.raises(SignatureMissing):
        world.plan_commit("a", signed())
    world.trees.sign(name, OTHER)
    with pytest.raises(UntrustedSigner):
        world.plan_commit("a", signed())
    assert "describe-commit" not in world.ops()
    world.trees.sign(name, KEY)
    assert world.plan_commit("a", signed()).verdict.verify == "ed25519"


def test_a_commit_for_another_ref_is_refused(world: World) -> None:
    name = world.trees.commit("old/editor", HELLO)
    world.trees.sign(name, KEY)
    world.trees.refs["app/editor"] = name
    with pytest.raises(SignatureInvalid, match="signed for old/editor, not for app/editor"):
        world.plan_commit("app/editor", signed())


def test_one_for_no_ref_counts_where_the_remote_says_so(world: World) -> None:
    world.trees.sign(world.trees.commit("a", HELLO, "--no-bindings"), KEY)
    with pytest.raises(SignatureInvalid):
        world.plan_commit("a", signed())
    assert not world.plan_commit("a", signed(identity="repository")).verdict.tag_bound


def test_one_of_another_collection_is_refused(world: World) -> None:
    world.trees.ostree("init", "--mode=archive", "--collection-id=org.acme.Apps")
    world.trees.sign(world.trees.commit("a", HELLO), KEY)
    assert world.plan_commit("a", signed(collection="org.acme.Apps")).verdict.tag_bound
    with pytest.raises(SignatureInvalid, match=r"not of org\.other\.Apps"):
        world.plan_commit("a", signed(collection="org.other.Apps"))


def test_signed_bytes_that_are_no_commit_are_refused(world: World) -> None:
    world.trees.commit("a", HELLO)
    junk = b"no commit at all"
    name = Digest.of(junk).hex
    world.trees.refs["a"], world.trees.raw[name] = name, junk
    world.trees.ed25519[name] = [KEY.sign(junk)]
    with pytest.raises(BadManifest):
        world.plan_commit("a", signed())


def test_a_store_that_read_something_else_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.trees.commit("a", HELLO)
    table = world.runner._tables["appctld.workers.store"]

    def other(request: JsonObject, report: Report) -> JsonObject:
        return {**table["describe-commit"](request, report), "digest": f"sha256:{'0' * 64}"}

    lying = {**table, "describe-commit": other}
    monkeypatch.setitem(world.runner._tables, "appctld.workers.store", lying)
    with pytest.raises(Failed, match="another commit"):
        world.plan_commit("a")


# --- plan


def test_the_label_names_the_app_and_what_it_asks_for(world: World) -> None:
    world.trees.commit("a", {**HELLO, "app/metadata": ASKING}, label(ASKING))
    planned = world.plan_commit("a")
    assert planned.id == "org.acme.Hello"
    assert [permission.value for permission in planned.permissions] == ["network"]
    run = json.loads((world.go_on_with(planned).path.parent / "run.json").read_bytes())
    assert (run["entrypoint"], run["permissions"][0][:2]) == (["hello"], ["shared", "network"])
    assert run["env"]["PATH"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nonsense", BadManifest),
        ("[Runtime]\nname=org.acme.Hello\n", BadManifest),
        ("[Application]\nname=hello\n", BadManifest),
        (f"{METADATA}runtime=org.acme.Platform/x86_64/1\n", NotFound),
        (f"{METADATA}#{'x' * METADATA_BYTES}", BadManifest),
    ],
)
def test_a_label_that_cannot_be_is_refused(world: World, text: str, error: type[AppctlError]) -> None:
    world.trees.commit("a", HELLO, label(text))
    with pytest.raises(error):
        world.plan_commit("a")


def test_a_remote_brings_only_the_ids_that_it_may(world: World) -> None:
    world.trees.commit("a", HELLO, label(METADATA))
    with pytest.raises(Conflict, match=r"may not install org\.acme\.Hello"):
        world.plan_commit("a", growing(ids="org.trees.*"))


def test_an_id_belongs_to_the_remote_and_ref_that_brought_it(world: World) -> None:
    files = {**HELLO, "app/metadata": METADATA}
    world.trees.commit("a", files, label(METADATA))
    world.trees.commit("b", files, label(METADATA))
    world.install_commit("a")
    with pytest.raises(Conflict, match="is installed from remote trees"):
        world.plan_commit("a", growing("others"))
    with pytest.raises(Conflict, match="is installed from trees:a"):
        world.plan_commit("b")


def test_an_images_id_is_not_taken_by_a_commit(world: World) -> None:
    world.registry.push("1", [BASE], Labels={"org.appctl.id": "org.acme.Hello"})
    world.install("acme.example/x/hello:1")
    world.trees.commit("a", HELLO, label(METADATA))
    with pytest.raises(Conflict, match="is installed from remote acme"):
        world.plan_commit("a")


def test_an_older_commit_is_a_rollback(world: World) -> None:
    old = world.trees.commit("a", HELLO)
    world.trees.commit("a", {"x": "new"})
    world.install_commit("a")
    world.trees.refs["a"] = old
    with pytest.raises(Rollback):
        world.plan_commit("a")


def test_another_commit_of_the_same_time_is_refused(world: World) -> None:
    world.trees.commit("a", HELLO, when=WHEN)
    world.install_commit("a")
    world.trees.commit("a", {"x": "other"}, when=WHEN)
    with pytest.raises(Rollback):
        world.plan_commit("a")


def test_a_commit_of_the_day_after_tomorrow_is_refused(world: World) -> None:
    world.trees.commit("a", HELLO, when=WHEN + 10**9)
    with pytest.raises(SignatureInvalid, match="future"):
        world.plan_commit("a")


def test_a_signature_may_be_too_old(world: World) -> None:
    with Keys() as keys:
        key = keys.make("acme", at=RELEASED - 10_000)
        name = world.trees.commit("a", HELLO)
        blob = keys.sign(world.trees.bytes_of(name), key, how="--detach-sign", at=RELEASED - 9_000)
        world.trees.openpgp[name] = [blob]
        world.tools = replace(world.tools, launcher=Bubblewrap(()), now=lambda: RELEASED)
        settings = {"url": "ostree+https://trees.example/repo", "max-age": "2h"}
        for age, refused in (("3h", False), ("2h", True)):
            remote = make_remote(
                "trees",
                {**settings, "max-age": age},
                keyring=keys.export(key),
                ca=None,
                origin=Path("/x"),
                writable=True,
            )
            with pytest.raises(Expired) if refused else contextlib.nullcontext():
                assert world.plan_commit("a", remote).verdict.signers[0].fingerprint == key


# --- pull and import


def test_an_object_that_lies_is_refused(world: World) -> None:
    world.trees.commit("a", HELLO)

    def spoil(place: Path) -> None:
        (file,) = place.glob("objects/*/*.file")
        file.chmod(0o644)
        file.write_text("#!/bin/sh\necho evil!\n")

    world.trees.spoil = spoil
    with pytest.raises(DigestMismatch):
        world.install_commit("a")
    leaves_nothing(world)


def test_an_object_that_is_missing_is_refused(world: World) -> None:
    world.trees.commit("a", HELLO)

    def spoil(place: Path) -> None:
        next(place.glob("objects/*/*.file")).unlink()

    world.trees.spoil = spoil
    with pytest.raises(DigestMismatch):
        world.install_commit("a")
    leaves_nothing(world)


def test_only_the_planned_commit_is_pulled(world: World) -> None:
    """The ref may move between plan and pull: what was verified is what comes."""
    name = world.trees.commit("a", HELLO)
    planned = world.plan_commit("a")
    world.trees.commit("a", {"x": "newer"})
    assert world.go_on_with(planned).record.commit == name
    assert world.trees.asked == [name]


def test_the_tree_says_what_its_label_says(world: World) -> None:
    world.trees.commit("a", {**HELLO, "app/metadata": ASKING}, label(METADATA))
    with pytest.raises(ContentMismatch):
        world.install_commit("a")
    leaves_nothing(world)


def test_a_label_without_its_file_is_refused(world: World) -> None:
    world.trees.commit("a", HELLO, label(METADATA))
    with pytest.raises(ContentMismatch):
        world.install_commit("a")


def test_a_file_without_a_label_may_ask_for_nothing(world: World) -> None:
    world.trees.commit("a", {**HELLO, "app/metadata": ASKING})
    with pytest.raises(NeedsApproval):
        world.install_commit("a")
    world.trees.commit("b", {**HELLO, "app/metadata": METADATA})
    deployed = world.install_commit("b")
    assert json.loads((deployed.path.parent / "run.json").read_bytes())["entrypoint"] == ["hello"]
    assert deployed.record.id == "local.trees.b"


def test_the_remote_is_looked_at_again_before_anything_is_put_in_place(world: World) -> None:
    world.trees.commit("a", HELLO)
    planned = world.plan_commit("a")
    world.remotes["trees"] = growing(identity="repository")
    with pytest.raises(PolicyDenied, match="modified meanwhile"):
        world.go_on_with(planned)
    leaves_nothing(world)


def test_what_was_installed_meanwhile_is_not_overwritten(world: World) -> None:
    world.trees.commit("a", HELLO)
    first, second = world.plan_commit("a"), world.plan_commit("a")
    world.go_on_with(first)
    with pytest.raises(AlreadyInstalled):
        world.go_on_with(second)
    assert list(world.paths.quarantine.iterdir()) == []


def test_no_prune_takes_what_a_job_has_just_imported(world: World) -> None:
    name = world.trees.commit("a", HELLO)
    planned = world.plan_commit("a")
    kept: list[set[str]] = []

    async def look() -> None:
        async with world.tools.gate.moving() as refs:
            kept.append(refs)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        world.trees.spoil = lambda _place: asyncio.run_coroutine_threadsafe(look(), loop).result()
        await install_commit(planned, world.tools)

    asyncio.run(work())
    assert kept == [{commit_ref("trees", name)}]


# --- what is here already


def update(world: World) -> Deployed:
    """A second version, of which one file is new."""
    world.trees.commit("a", {**HELLO, "usr/old": "old"})
    world.install_commit("a")
    world.trees.came.clear()
    world.trees.commit("a", {**HELLO, "usr/old": "old", "usr/new": "new"})
    return world.install_commit("a")


def test_an_update_brings_what_is_new(world: World) -> None:
    assert (update(world).path / "usr/old").read_text() == "old"
    assert [len(files) for files in world.trees.came] == [1]
    assert list(world.paths.quarantine.iterdir()) == []


def test_what_is_damaged_here_is_not_built_upon(world: World) -> None:
    world.trees.commit("a", {**HELLO, "usr/old": "old"})
    first = world.install_commit("a").record
    for file in (world.paths.repo / "objects").glob("*/*.file"):
        if file.read_bytes() == b"old":
            damage(file)
    world.trees.commit("a", {**HELLO, "usr/old": "old", "usr/new": "new"})
    with pytest.raises(RepoCorrupt):
        world.install_commit("a")
    assert installed_app(world.paths, first.id).current == first


def test_what_is_gone_meanwhile_comes_again(world: World) -> None:
    world.trees.commit("a", {**HELLO, "usr/old": "old"})
    world.install_commit("a")

    def spoil(_place: Path) -> None:
        for kind in ("app", "commit"):
            shutil.rmtree(world.paths.repo / f"refs/heads/appctl/{kind}/trees", ignore_errors=True)

    world.trees.spoil = spoil
    world.trees.came.clear()
    world.trees.commit("a", {**HELLO, "usr/old": "old", "usr/new": "new"})
    world.install_commit("a")
    assert [len(files) for files in world.trees.came] == [1, 3]


def damage(file: Path) -> None:
    """The same inode, size and times, other bytes."""
    times = file.stat()
    file.chmod(0o644)
    file.write_bytes(b"OLD")
    file.chmod(0o444)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_where_nothing_can_be_lent_everything_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_request: JsonObject, _report: Report) -> JsonObject:
        raise RepoCorrupt("broken")

    table = {**world.runner._tables["appctld.workers.store"], "lend": broken}
    monkeypatch.setitem(world.runner._tables, "appctld.workers.store", table)
    update(world)
    assert [len(files) for files in world.trees.came] == [3]


def test_what_another_remote_has_comes_all_the_same(world: World) -> None:
    """R5: of what is another's nobody learns whether it is here."""
    world.trees.commit("a", HELLO)
    world.install_commit("a")
    world.trees.came.clear()
    world.install_commit("a", growing("others"))
    assert [len(files) for files in world.trees.came] == [1]


# --- quarantines


def test_a_quarantine_goes_when_its_work_is_cancelled(world: World) -> None:
    async def cancelled() -> None:
        entered = asyncio.Event()

        async def work() -> None:
            async with quarantine(world.tools) as place:
                (place / "objects").mkdir()
                entered.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert list(world.paths.quarantine.iterdir()) == []


def test_what_cannot_be_discarded_hides_no_other_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_request: JsonObject, _report: Report) -> JsonObject:
        raise RepoCorrupt("broken")

    table = {**world.runner._tables["appctld.workers.store"], "discard": broken}
    monkeypatch.setitem(world.runner._tables, "appctld.workers.store", table)
    with pytest.raises(NotFound):
        world.plan_commit("none")


def test_without_room_for_a_quarantine_nothing_begins(world: World) -> None:
    world.trees.commit("a", HELLO)
    world.paths.quarantine.rmdir()
    with pytest.raises(NoSpace):
        world.plan_commit("a")


def test_what_comes_back_is_what_was_recorded(world: World) -> None:
    world.trees.commit("app/hello", HELLO)
    record = world.install_commit("app/hello").record
    was = Recorded(
        id=record.id,
        deployment=record.deployment,
        remote=record.remote,
        reference=parse_canonical(record.reference),
        digest=record.image_digest,
        index=None,
        commit=record.commit,
        signed=(),
    )
    with pytest.raises(DigestMismatch, match="instead of"):
        asyncio.run(restore(replace(was, id="org.acme.Other"), world.tools))
    assert asyncio.run(restore(was, world.tools)).record.commit == record.commit


class Watching(NoLauncher):
    """A launcher that writes down what was shown to workers."""

    def __init__(self) -> None:
        self.shown: list[Path] = []

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.worker`."""
        self.shown += readable
        return super().worker(module)


def test_a_puller_with_a_network_is_shown_what_was_lent_and_nothing_else(world: World) -> None:
    watching = Watching()
    world.tools = replace(world.tools, launcher=watching)
    world.trees.commit("app/hello", HELLO)
    world.install_commit("app/hello")
    assert watching.shown == []
    world.trees.commit("app/hello", {**HELLO, "more": "x"})
    world.install_commit("app/hello")
    assert all(isinstance(path, Path) for path in watching.shown)
