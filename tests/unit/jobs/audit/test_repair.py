# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Repair: from where things come back, and what it never does."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from appctld.config.remote import Remote
from appctld.errors import Busy, Conflict, DigestMismatch, RepoCorrupt
from appctld.jobs.audit.plan import is_made_here
from appctld.jobs.audit.repair import _mend
from appctld.jobs.audit.survey import Survey
from appctld.jobs.requests import Install, Prune, Repair, Rollback, Update
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import JsonObject, get_objects
from appctld.model.ostreeref import parse_canonical
from appctld.pipeline.gate import Gate
from appctld.pipeline.recall import Recalled
from appctld.pipeline.restore import Recorded, redeploy, restore
from appctld.pipeline.tools import Tools
from appctld.state.provenance import read_provenance
from appctld.state.records import installed_app
from support.repositories.damage import Scene, cut, flip, lost, point_elsewhere, rewrite, stale_ref
from support.workers.inline import digest_of
from support.worlds.neighbours import APP, OTHER, Neighbours
from support.worlds.world import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Neighbours:
    return Neighbours(tmp_path)


def actions(result: JsonObject) -> list[tuple[object, ...]]:
    return [(each["id"], each["action"], each["done"]) for each in get_objects(result, "actions")]


def repaired(yard: Neighbours) -> list[tuple[object, ...]]:
    """Repair, which must leave nothing; what was done."""
    result = yard.do(Repair())
    assert result["left"] == 0, result
    assert yard.verify()["problems"] == []
    yard.fsck()
    return actions(result)


def test_where_nothing_is_damaged_nothing_is_done(yard: Neighbours) -> None:
    yard.runner.requests.clear()
    assert repaired(yard) == []
    assert set(yard.ops()) == {"recall", "audit"}


def test_a_damaged_checkout_comes_back_without_the_network(yard: Neighbours) -> None:
    yard.registry.down |= {"https://acme.example", "https://other.example"}
    (yard.scene().files / "usr/data").unlink()
    yard.scene(OTHER).edit("run", lambda found: found.update(cmd=["/bin/evil"]))
    before = installed_app(yard.paths, APP).current
    assert repaired(yard) == [(APP, "redeploy", True), (OTHER, "redeploy", True)]
    after = installed_app(yard.paths, APP).current
    assert after == replace(before, deployment=after.deployment)
    assert after.deployment != before.deployment
    assert yard.observer.apps[-2:] == [APP, OTHER]


def test_refs_and_modes_are_mended_in_place(yard: Neighbours) -> None:
    yard.registry.down |= {"https://acme.example"}
    yard.scene().app_ref().unlink()
    yard.scene().file_object("usr/top").chmod(0o600)
    deployment = yard.scene().deployment
    assert repaired(yard) == [(APP, "mend", True)]
    assert yard.scene().deployment == deployment


def test_a_kept_deployment_that_is_damaged_is_dropped(yard: Neighbours) -> None:
    kept = yard.scene().deployment
    yard.publish("acme", "2.0")
    yard.do(Update((APP,)))
    (kept / "run.json").write_text("{}")
    assert repaired(yard) == [(APP, "drop", True)]
    assert not kept.exists()
    assert yard.top() == "acme 2.0"


def test_what_comes_back_is_what_was_installed_not_what_the_tag_leads_to(yard: Neighbours) -> None:
    yard.publish("acme", "2.0")
    flip(yard.scene().file_object("usr/top"))
    assert repaired(yard) == [(APP, "restore", True)]
    assert yard.top() == "acme 1.0"


def test_a_record_that_is_lost_after_a_rollback_comes_back_as_what_was_gone_back_to(yard: Neighbours) -> None:
    """R9 does not judge the digest that is installed, as its commit says."""
    yard.publish("acme", "2.0")
    yard.do(Update((APP,)))
    yard.do(Rollback(APP))
    cut("record")(yard.scene())
    assert (APP, "restore", True) in repaired(yard)
    assert yard.top() == "acme 1.0"


def test_only_the_layer_that_is_wrong_is_fetched_again(yard: Neighbours) -> None:
    yard.registry.asked.clear()
    flip(yard.scene().file_object("usr/top"))
    repaired(yard)
    config, *layers = yard.registry.asked
    assert len(layers) == 1
    assert config != layers[0]


def test_without_the_network_what_needs_it_stays_and_is_named(yard: Neighbours) -> None:
    yard.registry.down |= {"https://acme.example"}
    flip(yard.scene().file_object("usr/top"))
    deployment = yard.scene().deployment
    result = yard.do(Repair())
    assert actions(result)[0] == (APP, "restore", False)
    assert "RegistryUnavailable" in str(get_objects(result, "actions")[0]["words"])
    assert result["left"] != 0
    assert isinstance(yard.job.error, RepoCorrupt)
    assert yard.scene().deployment == deployment
    yard.registry.down.clear()
    repaired(yard)


def test_a_registry_that_has_something_else_at_that_digest_brings_nothing(yard: Neighbours) -> None:
    record = installed_app(yard.paths, APP).current
    yard.publish("acme", "6.6")
    yard.registry.tags[str(record.image_digest)] = yard.registry.tags["acme"]
    flip(yard.scene().file_object("usr/top"))
    result = yard.do(Repair())
    assert "DigestMismatch" in str(get_objects(result, "actions")[0]["words"])
    assert "6.6" not in yard.top()


def test_where_nothing_says_what_it_was_it_stays_and_is_named(yard: Neighbours) -> None:
    yard.scene().commit_object().unlink()
    lost("record")(yard.scene())
    deployment = yard.scene().deployment
    result = yard.do(Repair())
    assert "nothing here says what" in str(get_objects(result, "actions")[0]["words"])
    assert deployment.is_dir()
    assert yard.job.error is not None


def test_a_ref_that_names_another_commit_says_nothing_about_a_lost_record(yard: Neighbours) -> None:
    scene = yard.scene()
    ref, other = scene.app_ref(), yard.scene(OTHER).record["commit"]
    lost("record")(scene)
    ref.write_text(f"{other}\n")
    result = yard.do(Repair())
    assert "nothing here says what" in str(get_objects(result, "actions")[0]["words"])
    assert yard.top() == "acme 1.0"


def test_a_record_in_doubt_gets_no_ref(yard: Neighbours) -> None:
    yard.scene().edit("record", lambda found: found.update(remote="mallory"))
    repaired(yard)
    asked = [json.dumps(request["refs"]) for request in yard.runner.requests if request["op"] == "mend"]
    assert asked
    assert "mallory" not in "".join(asked)


def test_only_one_repair_runs(yard: Neighbours) -> None:
    with yard.tools.gate.checking(), pytest.raises(Busy):
        yard.do(Repair())


def test_what_a_wrong_directory_hid_is_found_when_it_is_back(yard: Neighbours) -> None:
    """The file's object looks right to who only looks at its inode, and nothing leads to it at first."""
    scene = yard.scene()
    flip(scene.file_object())
    for path in yard.paths.repo.glob("objects/??/*.dirtree"):
        flip(path)
    result = yard.do(Repair())
    assert result["left"] == 0
    assert len(get_objects(result, "actions")) > 2
    yard.fsck()
    assert (yard.scene().files / "usr/data").read_text() == "some text"


def test_a_wrong_object_is_replaced_by_a_fresh_inode(yard: Neighbours) -> None:
    """R4: a program that holds the old one does not see it change."""
    path = yard.scene().file_object()
    flip(path)
    inode = path.stat().st_ino
    wrong = path.read_bytes()
    with path.open("rb") as held:
        repaired(yard)
        assert path.stat().st_ino != inode
        assert held.read() == wrong


@pytest.mark.parametrize("telling", [True, False])
def test_an_evil_object_that_waits_for_an_honest_install(tmp_path: Path, *, telling: bool) -> None:
    """One that shows (by its size) is replaced by the install; one that does not is found by Verify."""
    other = Neighbours(tmp_path / "other")
    name = other.scene().file_object("usr/top").relative_to(other.paths.root)
    attributes = os.getxattr(other.paths.root / name, "user.ostreemeta")
    evil = Yard(tmp_path / "victim").paths.root / name
    evil.parent.mkdir(exist_ok=True)
    evil.write_bytes(b"EVIL EVIL" if telling else b"EVIL 1.0")
    os.setxattr(evil, "user.ostreemeta", attributes)
    evil.chmod(0o444)
    os.utime(evil, ns=(0, 0))
    yard = Neighbours(tmp_path / "victim", copied=False)
    if telling:
        assert yard.faults() == {}
    else:
        assert yard.faults() == {"object": {APP}}
        repaired(yard)
    assert yard.top() == "acme 1.0"


def test_a_native_app_comes_back_at_its_commit(yard: Neighbours) -> None:
    yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n", "usr/data": "first"})
    yard.do(Install(("trees:app/hello",)))
    yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n", "usr/data": "second"})
    native = "local.trees.app.hello"
    flip(yard.scene(native).file_object())
    assert repaired(yard) == [(native, "restore", True)]
    assert (yard.scene(native).files / "usr/data").read_text() == "first"


def test_a_native_commit_that_claims_to_be_an_image_is_not_believed(yard: Neighbours) -> None:
    """Its metadata is its publisher's: with the record lost, it leads to no other remote's image."""
    digest = yard.publish("other", "6.6")
    claims = {
        "ostree.manifest": "{}",
        "ostree.manifest-digest": digest,
        "appctl.remote": "other",
        "appctl.reference": "other.example/x/hello:other",
        "xa.metadata": f"[Application]\nname={OTHER}2\n",
    }
    options = [f"--add-metadata-string={key}={value}" for key, value in claims.items()]
    yard.trees.commit(
        "app/hello", {"usr/bin/hello": "#!/bin/sh\n", "app/metadata": claims["xa.metadata"]}, *options
    )
    yard.do(Install(("trees:app/hello",)))
    cut("record")(yard.scene(f"{OTHER}2"))
    yard.runner.requests.clear()
    result = yard.do(Repair())
    assert "nothing here says what" in str(get_objects(result, "actions")[0]["words"])
    assert "resolve" not in yard.ops()


@pytest.mark.parametrize(
    ("named", "kind", "made_here"),
    [
        ({"acme"}, "oci", True),
        ({"acme"}, "ostree", False),
        ({"other"}, "oci", False),
        ({"acme", "other"}, "oci", False),
        (set[str](), "oci", False),
    ],
)
def test_whose_word_a_commit_is(named: set[str], kind: str, *, made_here: bool) -> None:
    recalled = Recalled({"appctl.remote": "acme"}, {}, b"{}", b"", {})
    remotes = [cast("Remote", SimpleNamespace(name=name, kind=kind)) for name in ("acme", "other")]
    assert is_made_here(recalled, named, remotes) == made_here


def test_an_image_behind_an_index_comes_back_by_its_index(yard: Neighbours) -> None:
    yard.publish("acme", "2.0")
    index = yard.registry.push_index("acme")
    yard.do(Update((APP,)))
    flip(yard.scene().file_object("usr/top"))
    yard.runner.requests.clear()
    repaired(yard)
    (request,) = [each for each in yard.runner.requests if each["op"] == "resolve"]
    assert request["reference"] == index
    assert installed_app(yard.paths, APP).current.index_digest == index


def test_what_was_done_stands_in_the_history(yard: Neighbours) -> None:
    (yard.scene().files / "usr/data").unlink()
    deployment = yard.scene().deployment.name
    repaired(yard)
    event = json.loads(yard.paths.history.read_text().splitlines()[-1])
    assert (event["event"], event["id"], event["action"], event["deployment"]) == (
        "repair",
        APP,
        "redeploy",
        deployment,
    )


# --- apps that come and go while everything is looked at ------------------------------------------------


def before_mending(monkeypatch: pytest.MonkeyPatch, act: Callable[[Gate], object]) -> list[JsonObject]:
    """Let something happen once, between the survey and the mending; the requests to mend."""
    real, asked = Tools.store, list[JsonObject]()

    async def mending(found: Survey, shop: Workshop) -> None:
        if not asked:
            act(shop.tools.gate)
        await _mend(found, shop)

    async def store(self: Tools, request: JsonObject, **options: Any) -> JsonObject:  # noqa: ANN401 - passed on
        asked.extend([request] if request["op"] == "mend" else [])
        return await real(self, request, **options)

    monkeypatch.setattr("appctld.jobs.audit.repair._mend", mending)
    monkeypatch.setattr(Tools, "store", store)
    return asked


def test_an_app_whose_deploy_ends_before_the_mending_stays(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy writes the ref first, and the record later."""
    app, hidden = yard.paths.app(APP), yard.paths.root / "hidden"
    ref = yard.scene().app_ref()
    app.rename(hidden)
    asked = before_mending(monkeypatch, lambda _: hidden.exists() and hidden.rename(app))
    result = yard.do(Repair())
    assert (asked[0]["drop_refs"], result["left"]) == ([], 0)
    assert ref.is_file()
    yard.registry.down |= {"https://acme.example"}
    assert repaired(yard) == []


def test_what_a_job_needs_by_then_is_not_dropped(yard: Neighbours, monkeypatch: pytest.MonkeyPatch) -> None:
    stale_ref(yard.scene())
    (stale,) = (each.name for each in yard.scene().app_ref().parent.glob("*.77"))
    held = f"appctl/app/acme/{APP}/{stale}"
    asked = before_mending(monkeypatch, lambda gate: gate._kept.update([held]))
    yard.do(Repair())
    assert asked[0]["drop_refs"] == []


def test_the_ref_of_an_app_that_went_meanwhile_is_not_written_again(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, app = yard.scene().app_ref(), yard.paths.app(APP)
    stale_ref(yard.scene(OTHER))

    def uninstall(_gate: Gate) -> None:
        if app.exists():
            shutil.rmtree(app)
            ref.unlink()

    before_mending(monkeypatch, uninstall)
    yard.do(Repair())
    assert not ref.exists()


def in_doubt(yard: Neighbours) -> Scene:
    """An app whose layers do not make it up."""
    point_elsewhere(yard.scene())
    assert yard.faults()["union"] == {APP}
    return yard.scene()


def layers_of(scene: Scene) -> set[str]:
    return {f"appctl/layer/acme/{digest.removeprefix('sha256:')}" for digest in scene.record["layers"]}


def test_a_layer_in_doubt_goes(yard: Neighbours, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = in_doubt(yard)
    asked = before_mending(monkeypatch, lambda _: None)
    yard.do(Repair())
    assert set(cast("list[str]", asked[0]["drop_refs"])) == layers_of(scene)


def test_a_layer_in_doubt_that_a_job_needs_by_then_stays(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = in_doubt(yard)
    ref, record = scene.layer_ref(), scene.layer_record()
    name = str(ref.relative_to(yard.paths.repo / "refs/heads"))
    asked = before_mending(monkeypatch, lambda gate: gate._kept.update([name]))
    yard.do(Repair())
    assert set(cast("list[str]", asked[0]["drop_refs"])) == layers_of(scene) - {name}
    assert ref.is_file()
    assert record.is_file()


def test_layers_of_which_one_was_brought_anew_by_then_are_in_doubt_no_more(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = yard.scene().layer_record().read_bytes()
    scene = in_doubt(yard)
    stale_ref(yard.scene(OTHER))
    asked = before_mending(monkeypatch, lambda _: scene.layer_record().write_bytes(right))
    yard.registry.down |= {"https://acme.example"}
    assert yard.do(Repair())["left"] == 0
    assert layers_of(scene).isdisjoint(cast("list[str]", asked[0]["drop_refs"]))


def test_layers_of_an_app_that_was_installed_anew_by_then_are_in_doubt_no_more(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = in_doubt(yard)
    asked = before_mending(
        monkeypatch, lambda _: scene.edit("record", lambda found: found.update(install_time=7))
    )
    yard.do(Repair())
    assert asked[0]["drop_refs"] == []


def test_a_layer_that_is_imported_again_while_it_is_dropped_keeps_its_record(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import waited for the store's lock, and its answer came first."""
    scene = yard.scene()
    ref, commit = scene.layer_ref(), scene.layer_ref().read_text()
    flip(scene.file_object())
    real = Tools.store

    async def store(self: Tools, request: JsonObject, **options: Any) -> JsonObject:  # noqa: ANN401 - passed on
        answer = await real(self, request, **options)
        if request["op"] == "mend":
            assert not ref.exists()
            ref.write_text(commit)
        return answer

    monkeypatch.setattr(Tools, "store", store)
    yard.registry.down |= {"https://acme.example", "https://other.example"}
    yard.do(Repair())
    assert scene.layer_record().is_file()


def test_what_was_installed_in_the_place_of_a_damaged_deployment_is_not_dropped(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names of deployments come from their commits, so that the same image gets the same name."""
    kept = yard.scene().deployment
    yard.publish("acme", "2.0")
    yard.do(Update((APP,)))
    run = (kept / "run.json").read_text()
    (kept / "run.json").write_text("{}")

    async def install_anew(*given: Any) -> None:  # noqa: ANN401 - passed on
        await _mend(*given)
        record = json.loads((kept / "record.json").read_text())
        (kept / "record.json").write_text(json.dumps({**record, "install_time": record["install_time"] + 1}))
        (kept / "run.json").write_text(run)

    monkeypatch.setattr("appctld.jobs.audit.repair._mend", install_anew)
    result = yard.do(Repair())
    assert kept.is_dir()
    assert "another took its place" in str(get_objects(result, "actions")[0]["words"])
    assert yard.faults() == {}


# --- restore's own guards -------------------------------------------------------------------------------


def recorded(yard: Neighbours) -> Recorded:
    record = installed_app(yard.paths, APP).current
    reference = parse_canonical(record.reference)
    digest, name = record.image_digest, record.deployment
    return Recorded(APP, name, "acme", reference, digest, None, record.commit, ())


def bring(yard: Neighbours, wanted: Recorded) -> None:
    asyncio.run(restore(wanted, yard.shop(Repair()).tools))


def test_restoring_brings_the_same(yard: Neighbours) -> None:
    bring(yard, recorded(yard))
    assert installed_app(yard.paths, APP).current.commit == recorded(yard).commit


def test_another_commit_of_the_same_signatures_is_refused(yard: Neighbours) -> None:
    before = yard.scene().deployment
    with pytest.raises(RepoCorrupt, match="another commit"):
        bring(yard, replace(recorded(yard), commit="0" * 64))
    assert yard.scene().deployment == before


def test_an_image_that_was_signed_anew_may_be_another_commit(yard: Neighbours) -> None:
    bring(yard, replace(recorded(yard), commit="0" * 64, signed=(("A" * 40, 7),)))
    assert yard.top() == "acme 1.0"


def test_another_app_or_image_is_refused(yard: Neighbours) -> None:
    with pytest.raises(DigestMismatch, match="instead of"):
        bring(yard, replace(recorded(yard), id=OTHER))
    other = yard.publish("acme", "6.6")
    wanted = replace(recorded(yard), index=type(recorded(yard).digest).parse(other))
    with pytest.raises(DigestMismatch, match="instead of"):
        bring(yard, wanted)
    assert yard.top() == "acme 1.0"


def test_what_is_not_current_any_more_is_not_replaced(yard: Neighbours) -> None:
    with pytest.raises(Conflict, match="meanwhile"):
        bring(yard, replace(recorded(yard), deployment="0" * 12 + ".0"))


def test_what_was_uninstalled_meanwhile_does_not_come_back(yard: Neighbours) -> None:
    wanted = recorded(yard)
    shutil.rmtree(yard.paths.app(APP))
    with pytest.raises(Conflict, match="meanwhile"):
        bring(yard, wanted)
    assert not yard.paths.app(APP).exists()


def test_a_checkout_is_not_renewed_in_the_place_of_something_newer(yard: Neighbours) -> None:
    old = installed_app(yard.paths, APP).current
    kept = read_provenance(yard.scene().deployment)
    yard.publish("acme", "2.0")
    yard.do(Update((APP,)))
    with pytest.raises(Conflict, match="meanwhile"):
        asyncio.run(redeploy(old, {"format": 1}, kept, yard.tools))
    assert yard.top() == "acme 2.0"


def test_prune_works_again(yard: Neighbours) -> None:
    cut("record")(yard.scene())
    with pytest.raises(RepoCorrupt):
        yard.do(Prune())
    repaired(yard)
    yard.do(Prune())


def test_the_table_keeps_sizes_and_times(yard: Neighbours) -> None:
    """Damage that shows in an inode would be found by less than hashing."""
    path = yard.scene().file_object()
    before = path.stat()
    flip(path)
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_mode) == (before.st_size, 0, before.st_mode)
    rewrite(path, b"x")
    assert digest_of(path.read_bytes()) == digest_of(b"x")
