# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Update and CheckUpdates over the real store: each app from its own remote, and one failure is one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from appctld.errors import (
    DigestMismatch,
    NeedsApproval,
    NoRemote,
    NotFound,
    NotInstalled,
    RegistryUnavailable,
)
from appctld.jobs.requests import Approve, CheckUpdates, Install, Prune, Rollback, Uninstall, Update
from appctld.jobs.start import recover
from appctld.model.context import LEAVES
from appctld.model.digest import Digest
from appctld.model.image import METADATA
from appctld.model.jsonvalue import JsonObject, get_object, get_objects
from appctld.state.available import (
    Available,
    last_check,
    remember_check,
    remember_failure,
    waiting_refs,
)
from appctld.state.held import hold
from appctld.state.layers import recorded_refs
from appctld.state.paths import Paths
from appctld.state.records import installed
from appctld.state.skipped import skipped
from appctld.system.aside import Aside
from appctld.updates.apps import Apps
from support.workers.inline import digest_of, layer_of
from support.worlds.approving import accepting, hash_of
from support.worlds.world import BASE, TOP, Yard

HELLO, WORLD = "acme.example/x/hello:h", "other.example/x/world:w"
IDS = {"h": "org.acme.Hello", "w": "org.other.World"}
P = ParamSpec("P")
T = TypeVar("T")
WAITING = Available(IDS["w"], "2.0", 1, Digest("a" * 64), refs=("appctl/layer/other/x",))
NETWORK = "[Application]\nname=org.acme.Hello\n[Context]\nshared=network;\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """HELLO of acme and WORLD of other are installed, both in version 1.0."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    for tag in IDS:
        publish(yard, tag, "1.0")
    yard.do(Install((HELLO, WORLD)))
    assert (yard.observer.apps, yard.job.error) == ([IDS["h"], IDS["w"]], None)
    return yard


@pytest.fixture
def yard(first: Yard, tmp_path: Path) -> Yard:
    return first.copied_to(tmp_path)


def publish(yard: Yard, tag: str, version: str, metadata: str = "") -> str:
    """Push another image of that tag; its digest."""
    labels = {"org.opencontainers.image.version": version, "org.appctl.id": IDS[tag]}
    layers = [BASE] if version == "1.0" else [BASE, TOP, layer_of({"version": version.encode()})]
    if metadata:
        labels[METADATA] = metadata
        layers.append(layer_of({"app/": None, "app/metadata": metadata.encode()}))
    return yard.registry.push(tag, layers, Labels=labels)


def versions(yard: Yard) -> dict[str, str]:
    """The current version of each app, by the reference that it came from."""
    return {app.current.reference: app.current.version for app in installed(yard.paths).values()}


def check(yard: Yard) -> list[JsonObject]:
    return get_objects(yard.do(CheckUpdates()), "updates")


def facts(yard: Yard) -> list[JsonObject]:
    """The apps as callers see them."""
    return Apps(yard.paths, "user", dict).list()


def current_digest(yard: Yard, tag: str) -> Digest:
    return installed(yard.paths)[IDS[tag]].current.image_digest


# --- updates


def test_an_update_of_all_brings_what_is_newer_and_leaves_the_rest(yard: Yard) -> None:
    publish(yard, "h", "2.0")
    apps = yard.apps(Update(()))
    assert {str(app["reference"]): app["changed"] for app in apps} == {HELLO: True, WORLD: False}
    assert versions(yard) == {HELLO: "2.0", WORLD: "1.0"}
    assert yard.observer.apps == [IDS["h"]]
    assert digest_of(BASE) not in yard.registry.asked


def test_an_update_of_one_leaves_the_others(yard: Yard) -> None:
    for tag in IDS:
        publish(yard, tag, "2.0")
    yard.do(Update((IDS["w"],)))
    assert versions(yard) == {HELLO: "1.0", WORLD: "2.0"}


def test_what_is_not_installed_is_not_updated(yard: Yard) -> None:
    with pytest.raises(NotInstalled):
        yard.do(Update(("org.test.None",)))


@pytest.mark.parametrize("names", [(), (IDS["h"], "org.test.None", IDS["w"])])
def test_a_failure_stops_no_other_update(yard: Yard, names: tuple[str, ...]) -> None:
    yard.registry.down.add("https://acme.example")
    publish(yard, "w", "2.0")
    (app,) = yard.apps(Update(names))
    assert (app["version"], app["changed"]) == ("2.0", True)
    assert versions(yard) == {HELLO: "1.0", WORLD: "2.0"}
    states = {item["id"]: (item["state"], item.get("error")) for item in yard.job.items}
    assert states[IDS["h"]] == ("failed", "RegistryUnavailable")
    assert states[IDS["w"]] == ("succeeded", None)
    assert len(states) == (len(names) or 2)
    assert isinstance(yard.job.error, RegistryUnavailable)
    assert yard.job.error.data["note"] == "Nothing changed; 1.0 still runs."


def test_an_app_of_a_digest_never_changes(yard: Yard) -> None:
    digest = publish(yard, "h", "1.0")
    yard.do(Uninstall((IDS["h"],)))
    yard.do(Install((f"acme.example/x/hello@{digest}",)))
    publish(yard, "h", "2.0")
    yard.runner.requests.clear()
    (app,) = yard.apps(Update((IDS["h"],)))
    assert (app["changed"], yard.ops()) == (False, [])


def test_an_app_whose_remote_is_gone_is_asked_of_nobody_else(yard: Yard) -> None:
    yard.book.get("acme").origin.unlink()
    publish(yard, "h", "2.0")
    with pytest.raises(NoRemote):
        yard.do(Update((IDS["h"],)))
    assert versions(yard)[HELLO] == "1.0"


# --- permissions


def test_an_update_that_asks_for_more_waits_and_says_for_what(yard: Yard) -> None:
    publish(yard, "h", "2.0", NETWORK)
    publish(yard, "w", "2.0")
    yard.do(Update(()))
    assert versions(yard) == {HELLO: "1.0", WORLD: "2.0"}
    assert isinstance(yard.job.error, NeedsApproval)
    shown = hash_of("shared=network")
    data = yard.job.error.data
    assert (data["permissions"], data["permissions_hash"]) == (["shared=network"], shown)
    assert (data["app"], data["update_version"]) == (IDS["h"], "2.0")
    assert [item["state"] for item in yard.job.items] == ["needs-approval", "succeeded"]
    yard.do(Update((IDS["h"],), {"accept-permissions": [shown]}))
    assert versions(yard)[HELLO] == "2.0"


def test_what_waits_was_brought_here_and_is_deployed_without_another_download(yard: Yard) -> None:
    publish(yard, "h", "2.0", NETWORK)
    yard.do(Update(()))
    (app,) = (app for app in facts(yard) if app["id"] == IDS["h"])
    assert (app["last-error"], app["update-permissions"]) == (
        "NeedsApproval", [["shared", "network", LEAVES]],
    )  # fmt: skip
    assert app["update-permissions-hash"] == hash_of("shared=network")
    yard.do(Prune())
    asyncio.run(recover(yard.tools))
    yard.registry.asked.clear()
    (done,) = yard.apps(Approve(IDS["h"], accepting("shared=network")))
    assert (done["version"], done["bytes-downloaded"]) == ("2.0", 0)
    assert digest_of(TOP) not in yard.registry.asked
    (app,) = (app for app in facts(yard) if app["id"] == IDS["h"])
    assert (app["last-error"], app["update-permissions"]) == ("", [])


def test_what_waited_and_is_gone_keeps_nothing_here(yard: Yard) -> None:
    publish(yard, "h", "2.0", NETWORK)
    yard.do(Update(()))
    assert waiting_refs(yard.paths)
    yard.do(Uninstall((IDS["h"],)))
    assert waiting_refs(yard.paths) == set()
    refs = {ref.split("/")[2] for ref in recorded_refs(yard.paths)}
    assert refs == {"other"}


def test_nothing_is_approved_but_what_was_shown(yard: Yard) -> None:
    digest = publish(yard, "h", "2.0", NETWORK)
    with pytest.raises(NotFound, match="no update"):
        yard.do(Approve(IDS["h"], accepting("shared=network")))
    check(yard)
    wrong: list[dict[str, object]] = [
        {}, accepting(), accepting("shared=network", "sockets=x11"), {"accept-permissions": True},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(NeedsApproval):
            yard.do(Approve(IDS["h"], options))
        assert get_object(yard.job.result, "preview")["image-digest"] == digest
    for other in ("sha256:" + "0" * 64, str(current_digest(yard, "w"))):
        with pytest.raises(DigestMismatch):
            yard.do(Approve(IDS["h"], {**accepting("shared=network"), "expected-digest": other}))
    assert versions(yard)[HELLO] == "1.0"
    publish(yard, "h", "3.0", NETWORK)
    with pytest.raises(DigestMismatch):
        yard.do(Approve(IDS["h"], accepting("shared=network")))
    assert versions(yard)[HELLO] == "1.0"
    with pytest.raises(NotInstalled):
        yard.do(Approve("org.test.None", accepting("shared=network")))


def test_an_image_that_was_shown_is_approved_by_its_digest(yard: Yard) -> None:
    digest = publish(yard, "h", "2.0", NETWORK)
    options = {**accepting("shared=network"), "expected-digest": digest}
    for changed in (True, False):
        (app,) = yard.apps(Approve(IDS["h"], options))
        assert (app["version"], app["changed"]) == ("2.0", changed)


def test_a_held_app_is_approved_by_name(yard: Yard) -> None:
    digest = publish(yard, "h", "2.0", NETWORK)
    hold(yard.paths, IDS["h"], wanted=True)
    yard.do(Approve(IDS["h"], {**accepting("shared=network"), "expected-digest": digest}))
    assert versions(yard)[HELLO] == "2.0"


def test_why_an_update_failed_is_known_until_one_goes_well(yard: Yard) -> None:
    yard.registry.down.add("https://acme.example")
    yard.do(Update(()))
    errors = {str(app["id"]): app["last-error"] for app in facts(yard)}
    assert errors == {IDS["h"]: "RegistryUnavailable", IDS["w"]: ""}
    assert yard.observer.apps == [IDS["h"]]
    yard.do(Update((IDS["w"],)))
    check(yard)
    assert last_check(yard.paths).errors == {IDS["h"]: "RegistryUnavailable"}
    yard.registry.down.clear()
    yard.do(Update(()))
    assert last_check(yard.paths).errors == {}
    assert yard.observer.apps == [IDS["h"]] * 2


def test_what_was_granted_once_is_not_asked_again(yard: Yard) -> None:
    publish(yard, "h", "2.0", NETWORK)
    yard.do(Update((), accepting("shared=network")))
    publish(yard, "h", "3.0", NETWORK)
    yard.do(Update(()))
    assert versions(yard)[HELLO] == "3.0"


# --- in the background


def _gone_back(yard: Yard) -> str:
    """Somebody updated HELLO to 2.0, and went back; its ID."""
    app_id = IDS["h"]
    publish(yard, "h", "2.0")
    yard.do(Update((app_id,)))
    yard.do(Rollback(app_id))
    assert versions(yard)[HELLO] == "1.0"
    return app_id


def test_a_background_update_leaves_alone_what_somebody_went_back_from(yard: Yard) -> None:
    app_id = _gone_back(yard)
    (app,) = yard.apps(Update((app_id,), {"background": True}))
    assert app["changed"] is False
    assert versions(yard)[HELLO] == "1.0"
    publish(yard, "h", "3.0")
    yard.do(Update((app_id,), {"background": True}))
    assert versions(yard)[HELLO] == "3.0"


def test_who_asks_for_it_gets_what_was_skipped(yard: Yard) -> None:
    app_id = _gone_back(yard)
    yard.do(Update((app_id,)))
    assert versions(yard)[HELLO] == "2.0"
    assert skipped(yard.paths) == {}


def test_an_uninstall_forgets_what_was_skipped(yard: Yard) -> None:
    app_id = _gone_back(yard)
    assert set(skipped(yard.paths)) == {app_id}
    yard.do(Uninstall((app_id,)))
    assert skipped(yard.paths) == {}


# --- looking for updates


def test_a_check_of_some_leaves_what_is_known_of_others(yard: Yard) -> None:
    for tag in IDS:
        publish(yard, tag, "2.0", NETWORK if tag == "h" else "")
    check(yard)
    yard.registry.down.add("https://other.example")
    yard.registry.asked.clear()
    (found,) = get_objects(yard.do(CheckUpdates({"ids": (IDS["h"],)})), "updates")
    assert (found["id"], found["new-permissions"]) == (IDS["h"], [["shared", "network", LEAVES]])
    assert found["permissions-hash"] == hash_of("shared=network")
    assert {one.id for one in last_check(yard.paths).updates} == set(IDS.values())
    assert last_check(yard.paths).errors == {}


def test_what_is_only_looked_at_is_not_about_to_be_fetched(yard: Yard) -> None:
    for tag in IDS:
        publish(yard, tag, "2.0")
    yard.do(CheckUpdates())
    assert (yard.job.bytes_total, yard.job.percent) == (0, -1)
    hold(yard.paths, IDS["h"], wanted=True)
    yard.do(Update((), {"background": True}))
    assert yard.job.bytes_total == yard.job.bytes_done > 0


def test_a_layer_of_two_updates_is_to_be_fetched_once(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, where all is looked at first: neither app has the layer then."""
    for tag in IDS:
        publish(yard, tag, "2.0")
    percents: list[int] = []
    monkeypatch.setattr(yard.observer, "job_changed", lambda job: percents.append(job.percent))
    yard.do(Update((), {"background": True}))
    assert yard.job.bytes_total == yard.job.bytes_done == len(TOP) + len(layer_of({"version": b"2.0"}))
    assert percents == sorted(percents)


def test_what_an_interrupted_job_left_whole_is_not_to_be_fetched(yard: Yard) -> None:
    publish(yard, "h", "2.0")
    blob = yard.paths.blobs_of("acme", private=False) / digest_of(TOP).removeprefix("sha256:")
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(TOP)
    yard.do(Update((IDS["h"],)))
    assert yard.job.bytes_total == yard.job.bytes_done == len(layer_of({"version": b"2.0"}))
    assert yard.job.bytes_reused == len(BASE) + len(TOP)


def test_who_asks_about_what_is_not_installed_is_told_so(yard: Yard) -> None:
    publish(yard, "h", "2.0")
    found = get_objects(yard.do(CheckUpdates({"ids": ("a.b.Gone", IDS["h"], "a.b.Gone", "../x")})), "updates")
    assert [(one["id"], one["error"]) for one in found] == [
        (IDS["h"], ""),
        ("a.b.Gone", "NotInstalled"),
        ("../x", "NotInstalled"),
    ]
    assert found[0].keys() | {"message", "hint"} == found[1].keys()
    assert found[1]["message"] == "a.b.Gone is not installed"
    assert last_check(yard.paths).errors == {}


class Overtaken(Aside):
    """Before a check writes down what it found, another job's update of WORLD comes to wait."""

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        self._paths = paths

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Aside`."""
        if work is remember_check:
            await super().__call__(remember_failure, self._paths, IDS["w"], "NeedsApproval", WAITING)
        return await super().__call__(work, *args, **kwargs)


def test_a_check_loses_nothing_that_another_job_wrote_meanwhile(yard: Yard) -> None:
    publish(yard, "h", "2.0")
    yard.tools = replace(yard.tools, aside=Overtaken(yard.paths))
    yard.do(CheckUpdates({"ids": (IDS["h"],)}))
    known = last_check(yard.paths)
    assert {one.id for one in known.updates} == set(IDS.values())
    assert known.errors == {IDS["w"]: "NeedsApproval"}
    assert waiting_refs(yard.paths) == {*WAITING.refs}


def test_nothing_is_newer(yard: Yard) -> None:
    assert check(yard) == []
    assert last_check(yard.paths).time > 0
    assert yard.observer.updates == 0


def test_a_check_finds_what_an_update_would_bring_and_brings_nothing(yard: Yard) -> None:
    digest = publish(yard, "h", "2.0")
    (found,) = check(yard)
    assert found == {
        "id": IDS["h"],
        "version": "1.0",
        "remote": "acme",
        "update-version": "2.0",
        "update-size": len(TOP) + len(layer_of({"version": b"2.0"})),
        "image-digest": digest,
        "new-permissions": [],
        "permissions-hash": hash_of(),
        "held": False,
        "error": "",
    }
    assert versions(yard)[HELLO] == "1.0"
    assert digest_of(TOP) not in yard.registry.asked
    (known,) = last_check(yard.paths).updates
    assert (known.id, known.version, str(known.digest)) == (IDS["h"], "2.0", digest)


def test_a_check_looks_at_what_is_held_and_says_so(yard: Yard) -> None:
    publish(yard, "h", "2.0")
    hold(yard.paths, IDS["h"], wanted=True)
    (found,) = check(yard)
    assert (found["id"], found["held"]) == (IDS["h"], True)
    yard.paths.held.write_bytes(b"{")
    (found,) = check(yard)
    assert found["held"] is False


def test_updates_have_changed_only_when_they_have(yard: Yard) -> None:
    publish(yard, "h", "2.0")
    check(yard)
    assert yard.observer.updates == 1
    check(yard)
    assert yard.observer.updates == 1
    publish(yard, "h", "3.0")
    check(yard)
    assert yard.observer.updates == 2
    yard.do(Update(()))
    check(yard)
    assert yard.observer.updates == 3, "there are none any more"


@pytest.mark.parametrize(("down", "hidden"), [("acme", IDS["h"]), ("other", IDS["w"])])
def test_a_remote_that_fails_hides_no_other(yard: Yard, down: str, hidden: str) -> None:
    yard.registry.down.add(f"https://{down}.example")
    for tag in IDS:
        publish(yard, tag, "2.0")
    found = {entry["id"]: entry for entry in check(yard)}
    failed = found.pop(hidden)
    assert (failed["error"], failed["update-version"]) == ("RegistryUnavailable", "")
    assert failed["message"]
    (other,) = found.values()
    assert (other["error"], other["update-version"]) == ("", "2.0")
    assert [update.id for update in last_check(yard.paths).updates] == [other["id"]]
    assert yard.job.error is None


def test_a_tag_that_is_gone_is_said(yard: Yard) -> None:
    del yard.registry.tags["h"]
    (found,) = check(yard)
    assert (found["id"], found["error"]) == (IDS["h"], NotFound.__name__)
