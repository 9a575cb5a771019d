# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An update that nobody asked for, over the real store: as far as it may, each app by itself."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import NeedsApproval, PolicyDenied, RepoCorrupt
from appctld.jobs.automatic import update as automatic
from appctld.jobs.requests import Install, Prune, Rollback, Uninstall, Update
from appctld.jobs.start import recover
from appctld.jobs.work import work
from appctld.jobs.workshop import Workshop
from appctld.jobs.workshop import each as one_after_the_other
from appctld.model.automatic import Decision, Extent, Why
from appctld.model.image import METADATA
from appctld.model.jsonvalue import Json, JsonObject, get_objects
from appctld.state.automatic import LastAutomatic, last_automatic
from appctld.state.available import last_check, waiting_refs
from appctld.state.held import hold
from appctld.state.history import read_events
from appctld.state.records import installed
from support.images.catalogs import LABELS, component, document, tree
from support.workers.inline import digest_of, layer_of
from support.worlds.world import BASE, TOP, Yard

HELLO, WORLD = "acme.example/x/hello:h", "other.example/x/world:w"
IDS = {"h": "org.acme.Hello", "w": "org.other.World"}
NETWORK = "[Application]\nname=org.acme.Hello\n[Context]\nshared=network;\n"
LISTS = ("acme", "other")  # who is asked for a catalogue as well
BY_ITSELF = Update((), {"background": True})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """HELLO of acme and WORLD of other are installed, both in version 1.0, and 2.0 is there."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    for tag in IDS:
        publish(yard, tag, "1.0")
    yard.do(Install((HELLO, WORLD)))
    for tag in IDS:
        publish(yard, tag, "2.0")
    return yard


@pytest.fixture
def yard(first: Yard, tmp_path: Path) -> Yard:
    return first.copied_to(tmp_path)


def publish(yard: Yard, tag: str, version: str, metadata: str = "") -> None:
    """Push another image of that tag."""
    labels = {"org.opencontainers.image.version": version, "org.appctl.id": IDS[tag]}
    layers = [BASE] if version == "1.0" else [BASE, TOP, layer_of({"version": (tag + version).encode()})]
    if metadata:
        labels[METADATA] = metadata
        layers.append(layer_of({"app/": None, "app/metadata": metadata.encode()}))
    yard.registry.push(tag, layers, Labels=labels)


def update(yard: Yard, extent: Extent = Extent.INSTALL, *why: Why) -> JsonObject:
    """One that goes so far; its result."""

    async def decide() -> Decision:
        return Decision(extent, why)

    return asyncio.run(work(BY_ITSELF, replace(yard.shop(BY_ITSELF), decide=decide)))


def versions(yard: Yard) -> list[str]:
    """The current version of each app, by its ID."""
    return [app.current.version for _, app in sorted(installed(yard.paths).items())]


def changed(result: JsonObject) -> list[object]:
    return [app["changed"] for app in get_objects(result, "apps")]


def waiting(yard: Yard) -> set[str]:
    """The apps of which something waits here."""
    return {one.id for one in last_check(yard.paths).updates if one.refs}


def test_with_none_no_registry_is_asked(yard: Yard) -> None:
    before, told = len(yard.ops()), yard.observer.updates
    assert update(yard, Extent.NONE, Why.CLOCK) == {"apps": [], "automatic": "none", "because": ["clock"]}
    assert yard.ops()[before:] == []
    assert yard.observer.updates == told + 1, "how the last one went is other than before"


@pytest.mark.parametrize(
    ("extent", "why", "asked"),
    [
        (Extent.INSTALL, (), True),
        (Extent.CHECK, (Why.POLICY,), True),
        (Extent.CHECK, (Why.METERED,), False),
        (Extent.NONE, (Why.POLICY,), False),
    ],
)
def test_what_publishers_list_is_asked_for_where_that_costs_nothing(
    extent: Extent, why: tuple[Why, ...], *, asked: bool, yard: Yard
) -> None:
    listed = component("org.acme.Hello", "acme.example/x/hello:h", "Hello")
    yard.registry.push("latest", [layer_of(tree(document(listed)))], Labels=LABELS)
    update(yard, extent, *why)
    assert (yard.paths.catalogs / "acme/current/index.json").exists() is asked


def test_a_list_that_cannot_be_had_fails_no_update(yard: Yard) -> None:
    yard.registry.push("latest", [layer_of(tree(b"nonsense"))], Labels=LABELS)
    assert changed(update(yard)) == [True, True]


def test_with_check_updates_are_found_and_nothing_is_fetched(yard: Yard) -> None:
    yard.registry.asked.clear()
    result = update(yard, Extent.CHECK, Why.METERED, Why.POLICY)
    assert {one["id"] for one in get_objects(result, "updates")} == {*IDS.values()}
    assert (result["automatic"], result["because"]) == ("check", ["metered", "policy"])
    assert (versions(yard), changed(result)) == (["1.0", "1.0"], [False, False])
    assert digest_of(TOP) not in yard.registry.asked
    assert last_check(yard.paths).time
    assert yard.observer.updates


def test_with_download_they_are_here_and_stay_until_they_are_installed_without_a_byte_more(
    yard: Yard,
) -> None:
    update(yard, Extent.DOWNLOAD, Why.POLICY)
    assert (versions(yard), waiting(yard)) == (["1.0", "1.0"], {*IDS.values()})
    update(yard, Extent.CHECK, Why.METERED)
    yard.do(Prune())
    asyncio.run(recover(yard.tools))
    yard.registry.asked.clear()
    update(yard)
    assert versions(yard) == ["2.0", "2.0"]
    assert digest_of(TOP) not in yard.registry.asked
    assert waiting_refs(yard.paths) == set()


def test_what_was_fetched_and_replaced_goes_with_the_next_prune(yard: Yard) -> None:
    update(yard, Extent.DOWNLOAD)
    old = waiting_refs(yard.paths)
    publish(yard, "h", "3.0")
    publish(yard, "w", "3.0")
    update(yard, Extent.DOWNLOAD)
    new = waiting_refs(yard.paths)
    yard.do(Prune())
    there = {ref for ref in old | new if yard.paths.ref(ref).exists()}
    assert (old - new, there) == (old - new, new)
    assert old - new


def test_with_install_all_are_updated_and_asked_about_once(yard: Yard) -> None:
    before = len(yard.ops())
    result = update(yard)
    assert (versions(yard), changed(result)) == (["2.0", "2.0"], [True, True])
    assert (result["automatic"], result["because"]) == ("install", [])
    assert yard.ops()[before:].count("resolve") == len(IDS) + len(LISTS)
    assert changed(update(yard)) == [False, False]
    assert last_check(yard.paths).errors == {}


def test_what_asks_for_more_is_fetched_and_waits_and_the_others_are_updated(yard: Yard) -> None:
    publish(yard, "h", "3.0", NETWORK)
    update(yard)
    assert versions(yard) == ["1.0", "2.0"]
    assert yard.job.error is not None
    assert (yard.job.error.name, waiting(yard)) == ("NeedsApproval", {IDS["h"]})
    last = last_automatic(yard.paths)
    assert (last.error, last.success, last.failure) == ("", last.time, 0)


@pytest.mark.parametrize("extent", [Extent.DOWNLOAD, Extent.INSTALL])
def test_what_is_held_is_found_and_left_alone(yard: Yard, extent: Extent) -> None:
    hold(yard.paths, IDS["h"], wanted=True)
    result = update(yard, extent)
    held = {one["id"]: one.get("held", False) for one in get_objects(result, "apps")}
    assert held == {IDS["h"]: True, IDS["w"]: False}
    assert versions(yard)[0] == "1.0"
    assert IDS["h"] in {one["id"] for one in get_objects(result, "updates")}
    assert IDS["h"] not in waiting(yard)


@pytest.mark.parametrize("extent", [Extent.DOWNLOAD, Extent.INSTALL])
def test_what_somebody_went_back_from_is_left_alone_until_another_is_there(
    yard: Yard, extent: Extent
) -> None:
    update(yard)
    yard.do(Rollback(IDS["h"]))
    update(yard, extent)
    assert (versions(yard), waiting(yard)) == (["1.0", "2.0"], set())
    publish(yard, "h", "3.0")
    update(yard)
    assert versions(yard) == ["3.0", "2.0"]


@pytest.mark.parametrize("extent", [Extent.CHECK, Extent.DOWNLOAD, Extent.INSTALL])
def test_one_that_fails_keeps_no_other_from_its_update_and_is_told(yard: Yard, extent: Extent) -> None:
    yard.registry.tags.pop("h")
    update(yard, extent)
    assert yard.job.error is not None
    assert last_check(yard.paths).errors == {IDS["h"]: yard.job.error.name}
    assert versions(yard) == ["1.0", "2.0" if extent is Extent.INSTALL else "1.0"]
    last = last_automatic(yard.paths)
    assert (last.error, last.failure, last.success) == (yard.job.error.name, last.time, 0)


def test_of_one_that_waits_and_one_that_fails_the_failure_is_told(yard: Yard) -> None:
    publish(yard, "h", "3.0", NETWORK)
    yard.registry.tags.pop("w")
    update(yard)
    assert yard.job.error is not None
    assert yard.job.error.name == "NeedsApproval"
    errors = last_check(yard.paths).errors
    assert last_automatic(yard.paths).error == errors[IDS["w"]] != "NeedsApproval"


def test_the_only_app_waits_and_that_is_no_failure(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    publish(yard, "h", "1.0")
    yard.do(Install((HELLO,)))
    publish(yard, "h", "2.0", NETWORK)
    with pytest.raises(NeedsApproval):
        update(yard)
    assert last_automatic(yard.paths).error == ""


def test_what_is_held_and_cannot_be_read_lets_nothing_be_done(yard: Yard) -> None:
    yard.paths.held.write_bytes(b"{")
    before = len(yard.ops())
    with pytest.raises(RepoCorrupt):
        update(yard)
    assert (versions(yard), yard.ops()[before:]) == (["1.0", "1.0"], [])
    assert last_automatic(yard.paths).error == "RepoCorrupt"


def test_what_was_refused_before_it_began_is_told(yard: Yard) -> None:
    async def decide() -> Decision:
        raise PolicyDenied("a slip of the pen")

    with pytest.raises(PolicyDenied):
        asyncio.run(work(BY_ITSELF, replace(yard.shop(BY_ITSELF), decide=decide)))
    last = last_automatic(yard.paths)
    assert (last.extent, last.error, versions(yard)) == (Extent.NONE, "PolicyDenied", ["1.0", "1.0"])


@pytest.mark.parametrize(
    ("end", "told"),
    [(asyncio.CancelledError, "Cancelled"), (ZeroDivisionError, "Failed"), (OSError, "Failed")],
)
def test_one_that_comes_to_no_end_is_told_and_the_next_goes_on(
    yard: Yard, end: type[BaseException], told: str
) -> None:
    async def decide() -> Decision:
        raise end

    with pytest.raises(end):
        asyncio.run(work(BY_ITSELF, replace(yard.shop(BY_ITSELF), decide=decide)))
    assert last_automatic(yard.paths).error == told
    update(yard)
    assert (last_automatic(yard.paths).error, versions(yard)) == ("", ["2.0", "2.0"])


def test_how_the_last_ones_went_is_kept_over_one_another(yard: Yard) -> None:
    yard.tools = replace(yard.tools, now=lambda: 100)
    update(yard, Extent.NONE, Why.GOING_DOWN)
    first = last_automatic(yard.paths)
    assert first == LastAutomatic(100, Extent.NONE, (Why.GOING_DOWN,), 100, 0, "")
    yard.tools = replace(yard.tools, now=lambda: 200)
    yard.paths.held.write_bytes(b"{")
    with pytest.raises(RepoCorrupt):
        update(yard)
    assert last_automatic(yard.paths) == LastAutomatic(200, Extent.INSTALL, (), 100, 200, "RepoCorrupt")


def test_an_update_is_done_though_how_it_went_cannot_be_written(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = last_automatic(yard.paths)
    monkeypatch.setattr(automatic, "remember_automatic", full)
    told = yard.observer.updates
    update(yard)
    assert versions(yard) == ["2.0", "2.0"]
    assert last_automatic(yard.paths) == before
    assert yard.observer.updates > told


@pytest.mark.parametrize("request_", [Update((IDS["h"],), {"background": True}), Update(())], ids=str)
def test_what_somebody_asked_for_goes_all_the_way(yard: Yard, request_: Update) -> None:
    async def decide() -> Decision:
        raise AssertionError("nobody is asked how far it goes")

    asyncio.run(work(request_, replace(yard.shop(request_), decide=decide)))
    assert versions(yard)[0] == "2.0"


def test_whoever_was_faster_is_left_alone(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the first app's turn somebody brings one of them even further."""
    theirs = Update((IDS["w"],))

    async def each(
        shop: Workshop, names: Iterable[str], turn: Callable[[str], Awaitable[JsonObject]]
    ) -> list[Json]:
        publish(yard, "w", "3.0")
        await work(theirs, yard.shop(theirs))
        return await one_after_the_other(shop, names, turn)

    monkeypatch.setattr("appctld.jobs.automatic.update.each", each)
    assert changed(update(yard)) == [True, False]
    assert versions(yard) == ["2.0", "3.0"]


@pytest.mark.parametrize(
    ("extent", "during"),
    [
        (Extent.CHECK, "look_at"),
        (Extent.DOWNLOAD, "look_at"),
        (Extent.INSTALL, "look_at"),
        (Extent.DOWNLOAD, "bring_here"),
        (Extent.INSTALL, "deploy_newer"),
    ],
)
def test_what_somebody_uninstalls_meanwhile_stays_so_and_is_no_failure(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, extent: Extent, during: str
) -> None:
    theirs, step = Uninstall((IDS["w"],)), getattr(automatic, during)

    async def meanwhile(*given: object) -> object:
        if during == "look_at":
            looked = await step(*given)
            await work(theirs, yard.shop(theirs))
            return looked
        if getattr(given[0], "id", "") == IDS["w"]:
            await work(theirs, yard.shop(theirs))
        return await step(*given)

    monkeypatch.setattr(automatic, during, meanwhile)
    update(yard, extent)
    assert (last_automatic(yard.paths).error, IDS["w"] in installed(yard.paths)) == ("", False)
    assert last_check(yard.paths).about(IDS["w"]) is None
    assert read_events(yard.paths, lambda event: bool(event.get("error"))) == []


def test_what_cannot_fit_is_not_begun(yard: Yard) -> None:
    labels = {"org.opencontainers.image.version": "3.0", "org.appctl.id": IDS["h"]}
    size = {"org.flatpak.installed-size": str(10**15)}
    yard.registry.push("h", [layer_of({"other": b"other"})], Labels=labels | size)
    update(yard, Extent.DOWNLOAD)
    assert yard.job.error is not None
    assert (yard.job.error.name, waiting(yard)) == ("NoSpace", {IDS["w"]})
    assert last_check(yard.paths).errors == {IDS["h"]: "NoSpace"}
