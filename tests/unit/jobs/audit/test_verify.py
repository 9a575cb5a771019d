# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Verify: what it looks at, what it says of signatures, and what is no fault."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.errors import Busy, NotInstalled, RepoCorrupt, UntrustedSigner
from appctld.jobs.audit import kept
from appctld.jobs.audit.survey import SIGNATURE, Problem, Survey
from appctld.jobs.audit.views import verdicts
from appctld.jobs.requests import Install, Repair, Uninstall, Update, Verify
from appctld.jobs.work import work
from appctld.model.image import ImageConfig, parse_config
from appctld.model.jsonvalue import JsonObject, get_objects, get_str
from appctld.state import damaged as state
from appctld.state.damaged import damaged
from appctld.system.worker import Program, Report
from appctld.updates.apps import Apps
from support.publishers.trees import KEY, KEY_TEXT
from support.repositories.damage import DAMAGES, flip
from support.workers.inline import InlineRunner
from support.worlds.neighbours import APP, OTHER, Neighbours, faults


@pytest.fixture
def yard(tmp_path: Path) -> Neighbours:
    return Neighbours(tmp_path)


def test_what_was_just_installed_is_well(yard: Neighbours) -> None:
    result = yard.verify()
    apps = get_objects(result, "apps")
    assert [(app["id"], app["state"], app["signature"], app["current"]) for app in apps] == [
        (APP, "good", "none", True),
        (OTHER, "good", "none", True),
    ]
    assert result["problems-total"] == 0
    files = ("#!/bin/sh", "some text", "data\0", "acme 1.0", "other 1.0")
    assert result["bytes-checked"] == sum(map(len, files))
    assert yard.job.bytes_done == result["bytes-checked"]


def test_the_config_of_each_deployment_is_parsed_once(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the daemon's loop, and it may have a megabyte."""
    parsed: list[bytes] = []

    def counted(raw: bytes) -> ImageConfig:
        parsed.append(raw)
        return parse_config(raw)

    monkeypatch.setattr(kept, "parse_config", counted)
    yard.verify()
    assert len(parsed) == len((APP, OTHER))


def test_only_the_apps_that_are_named_are_looked_at(yard: Neighbours) -> None:
    yard.scene(OTHER).edit("run", lambda found: found.update(cmd=[]))
    assert yard.faults(APP) == {}
    assert yard.faults(OTHER) == {"run": {OTHER}}
    assert yard.faults(APP, OTHER) == {"run": {OTHER}}


@pytest.mark.parametrize("name", ["org.acme.Nothing", "../..", ""])
def test_what_is_not_installed(yard: Neighbours, name: str) -> None:
    with pytest.raises(NotInstalled):
        yard.do(Verify((name,)))


def test_a_second_check_is_told_that_one_runs(yard: Neighbours) -> None:
    with yard.tools.gate.checking(), pytest.raises(Busy):
        yard.do(Verify(()))


def test_damage_is_the_jobs_error_though_all_is_told(yard: Neighbours) -> None:
    flip(yard.scene().file_object("usr/top"))
    assert yard.faults() == {"object": {APP}}
    assert isinstance(yard.job.error, RepoCorrupt)
    assert yard.job.error.advice == "appctl repair"
    assert [(item["id"], item["state"]) for item in yard.job.items] == [(APP, "failed"), (OTHER, "succeeded")]


def test_a_kept_deployment_is_looked_at_and_named(yard: Neighbours) -> None:
    kept = yard.scene().deployment
    yard.publish("acme", "2.0")
    yard.do(Update((APP,)))
    (kept / "run.json").write_text("{}")
    (problem,) = get_objects(yard.verify(), "problems")
    assert problem["deployments"] == [f"{APP}/{kept.name}"]
    apps = get_objects(yard.verify(), "apps")
    assert [(app["version"], app["state"]) for app in apps] == [
        ("2.0", "good"),
        ("1.0", "good"),
        ("1.0", "damaged"),
    ]
    assert [app["current"] for app in apps] == [True, True, False]


class Meanwhile(InlineRunner):
    """A runner behind whose back something happens after the audit."""

    def __init__(self, runner: InlineRunner, act: Callable[[], object]) -> None:
        self._runner, self._act = runner, act
        self.requests = runner.requests

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `Runner.run`."""
        answer = await self._runner.run(program, request, report, fds=fds)
        if request["op"] == "audit":
            self._act()
        return answer


def test_an_app_that_is_removed_meanwhile_is_no_fault(yard: Neighbours) -> None:
    yard.scene().edit("run", lambda found: found.update(cmd=[]))
    gone = yard.scene().deployment
    object.__setattr__(yard.tools, "runner", Meanwhile(yard.runner, lambda: shutil.rmtree(gone)))
    assert faults(yard.do(Verify(()))) == {}


def test_what_an_interrupted_install_left_is_no_fault(yard: Neighbours) -> None:
    ref = yard.paths.repo / "refs/heads/appctl/layer/acme" / ("7" * 64)
    ref.write_text(yard.scene().layer_ref().read_text())
    assert yard.faults() == {}
    ref.write_text("garbage")
    assert yard.faults() == {"ref": set()}


def test_a_ref_that_a_job_needs_is_no_fault(yard: Neighbours) -> None:
    ref = yard.scene().app_ref()
    new = ref.with_name(f"{ref.name.partition('.')[0]}.77")
    new.write_text(ref.read_text())
    assert yard.faults() == {"ref": set()}

    async def while_it_is_needed() -> None:
        async with yard.tools.gate.keeping({str(new.relative_to(yard.paths.repo / "refs/heads"))}):
            request = Verify(())
            assert (await work(request, yard.shop(request)))["problems"] == []

    asyncio.run(while_it_is_needed())


def test_the_ref_of_a_deploy_that_is_under_way_is_no_fault(yard: Neighbours) -> None:
    """The ref is written first; Verify waits for the rest of it before it says that nothing needs it."""
    app, hidden = yard.paths.app(APP), yard.paths.root / "hidden"
    app.rename(hidden)
    assert yard.faults() == {"ref": set()}, "no deploy is under way"

    async def while_it_deploys() -> None:
        request, audited = Verify(()), asyncio.Event()
        object.__setattr__(yard.tools, "runner", Meanwhile(yard.runner, audited.set))
        async with asyncio.timeout(60), yard.tools.gate.moving():
            verifying = asyncio.create_task(work(request, yard.shop(request)))
            await audited.wait()
            for _ in range(10):  # let it go on as far as it can
                await asyncio.sleep(0)
            hidden.rename(app)
        assert (await verifying)["problems"] == []

    asyncio.run(while_it_deploys())


def test_a_ref_that_went_meanwhile_is_no_fault(yard: Neighbours) -> None:
    """As when an app comes and goes while everything is hashed."""
    ref = yard.scene().app_ref()
    new = ref.with_name(f"{ref.name.partition('.')[0]}.77")
    new.write_text(ref.read_text())
    object.__setattr__(yard.tools, "runner", Meanwhile(yard.runner, new.unlink))
    assert faults(yard.do(Verify(()))) == {}


def test_a_stale_ref_that_is_no_file_is_named(yard: Neighbours) -> None:
    yard.scene().app_ref().with_name("7" * 12 + ".0").symlink_to("nowhere")
    assert yard.faults() == {"ref": set()}


def test_a_remote_that_is_gone_is_said_and_takes_nothing_away(yard: Neighbours) -> None:
    (yard.paths.root.parent / "remotes.d/acme.conf").unlink()
    assert yard.faults() == {"signature": {APP}}
    assert isinstance(yard.job.error, UntrustedSigner)
    assert "remote acme is gone" in str(yard.job.error)
    (app, _) = get_objects(yard.verify(), "apps")
    assert (app["state"], app["signature"]) == ("no-longer-trusted", "no-remote")


def test_a_remote_that_covers_it_no_more_is_as_good_as_gone(yard: Neighbours) -> None:
    file = yard.paths.root.parent / "remotes.d/acme.conf"
    file.write_text(file.read_text().replace("acme.example/x", "acme.example/y"))
    (app, _) = get_objects(yard.verify(), "apps")
    assert app["signature"] == "no-remote"


@pytest.mark.parametrize(
    ("verify", "standing", "words"),
    [
        ("gpg", "no-longer", "with verify=none; the remote asks for verify=gpg now"),
        ("none", "none", "verify=none"),
    ],
)
def test_what_the_remote_asks_for_now_is_what_counts(
    yard: Neighbours, verify: str, standing: str, words: str
) -> None:
    file = yard.paths.root.parent / "remotes.d/acme.conf"
    file.write_text(file.read_text().replace("verify = none", f"verify = {verify}"))
    (app, _) = get_objects(yard.verify(), "apps")
    assert app["signature"] == standing
    assert words in str(app["words"])


def test_damage_comes_before_signatures(yard: Neighbours) -> None:
    (yard.paths.root.parent / "remotes.d/acme.conf").unlink()
    yard.scene(OTHER).edit("run", lambda found: found.update(cmd=[]))
    yard.verify()
    assert isinstance(yard.job.error, RepoCorrupt)


def test_a_native_app_is_checked_with_its_commit_alone(yard: Neighbours) -> None:
    yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n", "usr/data": "tree"})
    yard.do(Install(("trees:app/hello",)))
    assert yard.faults() == {}
    native = "local.trees.app.hello"
    flip(yard.scene(native).file_object())
    assert yard.faults() == {"object": {native}}


@pytest.fixture
def grove(yard: Neighbours) -> Neighbours:
    """A native app whose commit is signed, and bound to its ref and its collection."""
    settings = {"verify": "ed25519", "ed25519-keys": KEY_TEXT, "collection": "org.trees.Apps"}
    asyncio.run(yard.book.modify("trees", settings))
    binding = "--add-metadata-string=ostree.collection-binding=org.trees.Apps"
    yard.trees.sign(yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n"}, binding), KEY)
    yard.do(Install(("trees:app/hello",)))
    assert yard.faults() == {}
    return yard


NATIVE = "local.trees.app.hello"


def words(yard: Neighbours, app_id: str = NATIVE) -> str:
    """What is said of an app's signatures."""
    (said,) = [str(app["words"]) for app in get_objects(yard.verify(), "apps") if app["id"] == app_id]
    return said


def test_a_native_commit_must_be_of_the_collection_that_the_remote_names_now(grove: Neighbours) -> None:
    asyncio.run(grove.book.modify("trees", {"collection": "org.trees.Others"}))
    assert grove.faults() == {"signature": {NATIVE}}
    assert "is of 'org.trees.Apps', not of org.trees.Others" in words(grove)
    asyncio.run(grove.book.modify("trees", {"collection": ""}))
    assert grove.faults() == {}


def test_a_native_commit_must_be_for_the_ref_of_the_record(grove: Neighbours) -> None:
    """Changed in record and provenance alike, by somebody who cannot sign."""
    for name in ("record", "provenance"):
        grove.scene(NATIVE).edit(name, lambda found: found.update(reference="trees:app/other"))
    assert grove.faults() == {"record": {NATIVE}, "signature": {NATIVE}}
    assert "was signed for app/hello, not for app/other" in words(grove)


def test_a_native_commit_that_names_no_ref_counts_as_long_as_the_remote_says_so(yard: Neighbours) -> None:
    keys = {"verify": "ed25519", "ed25519-keys": KEY_TEXT}
    asyncio.run(yard.book.modify("trees", {**keys, "identity": "repository"}))
    yard.trees.sign(yard.trees.commit("app/hello", {"usr/bin/hello": "#!/bin/sh\n"}, "--no-bindings"), KEY)
    yard.do(Install(("trees:app/hello",)))
    assert yard.faults() == {}
    asyncio.run(yard.book.modify("trees", {"identity": ""}))
    assert yard.faults() == {"signature": {NATIVE}}
    assert "does not say which refs it is for" in words(yard)


def test_permissions_of_a_native_app_that_are_changed_everywhere_are_found(grove: Neighbours) -> None:
    """In record and run.json alike: only the commit itself tells."""
    for name in ("record", "run"):
        grove.scene(NATIVE).edit(
            name, lambda found: found.update(permissions=[["filesystems", "home", "all your files"]])
        )
    assert "record" in grove.faults()


def test_every_damage_has_a_fault_of_the_interface() -> None:
    text = (Path(__file__).parents[4] / "data/dbus/org.appctl.Installer1.Job.xml").read_text()
    (line,) = [each for each in text.splitlines() if "Key.problems/fault" in each]
    assert {fault for fault, _ in DAMAGES.values()} < set(line.replace(",", " ").split())


def told(yard: Neighbours) -> dict[str, str]:
    """What everybody is told of each app."""
    apps = Apps(yard.paths, "user", dict).some({"id", "last-error"})
    return {get_str(app, "id"): get_str(app, "last-error") for app in apps}


def test_everybody_learns_of_damage_and_that_it_is_mended(yard: Neighbours) -> None:
    run = yard.scene().deployment / "run.json"
    was = run.read_text()
    run.write_text("{}")
    yard.observer.apps.clear()
    yard.verify()
    yard.verify()
    assert yard.observer.apps == [APP], "once: what is known is no news"
    assert told(yard) == {APP: "RepoCorrupt", OTHER: ""}
    yard.verify(OTHER)
    assert told(yard)[APP] == "RepoCorrupt", "nobody has looked at it again"
    run.write_text(was)
    yard.verify(APP)
    assert (told(yard)[APP], yard.observer.apps) == ("", [APP, APP])


def test_what_is_repaired_is_told_to_be_well(yard: Neighbours) -> None:
    (yard.scene().deployment / "run.json").write_text("{}")
    yard.verify()
    yard.observer.apps.clear()
    yard.do(Repair())
    assert (told(yard), damaged(yard.paths)) == ({APP: "", OTHER: ""}, {})
    assert APP in yard.observer.apps


def test_damage_is_told_of_what_is_current_alone_and_goes_with_the_app(yard: Neighbours) -> None:
    (yard.scene().deployment / "run.json").write_text("{}")
    yard.verify()
    yard.publish("acme", "2.0")
    yard.do(Update((APP,)))
    assert told(yard)[APP] == ""
    assert damaged(yard.paths)
    yard.do(Uninstall((APP,)))
    assert damaged(yard.paths) == {}


def test_a_check_whose_findings_cannot_be_written_tells_them_all_the_same(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_arguments: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    (yard.scene().deployment / "run.json").write_text("{}")
    monkeypatch.setattr(state, "write_file", read_only)
    assert yard.faults() == {"run": {APP}}
    assert isinstance(yard.job.error, RepoCorrupt)


def test_a_signature_that_counts_no_longer_is_told_as_that() -> None:
    problem = Problem(SIGNATURE, "the key was denied", (f"{APP}/1",))
    survey = SimpleNamespace(
        kept=[SimpleNamespace(name=f"{APP}/1"), SimpleNamespace(name=f"{OTHER}/1")],
        of=lambda name: [problem] if name == f"{APP}/1" else [],
    )
    assert verdicts(cast("Survey", survey)) == {f"{APP}/1": "UntrustedSigner", f"{OTHER}/1": ""}
