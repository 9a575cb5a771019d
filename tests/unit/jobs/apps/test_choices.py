# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people decide about an app: kept through updates, restarts and failures, gone with the app."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from appctld.config.policy.files import read_policy
from appctld.config.policy.rules import Policy
from appctld.errors import NotInstalled, PolicyDenied, RepoCorrupt
from appctld.jobs.apps import update
from appctld.jobs.apps.choices import Choices, forget_absent
from appctld.jobs.requests import Install, Rollback, Uninstall, Update
from appctld.model.image import METADATA
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.override import parse_overrides
from appctld.state.decisions import decisions
from appctld.state.held import held
from appctld.state.history import read_events
from appctld.state.records import installed
from appctld.updates.apps import Apps
from support.workers.inline import layer_of
from support.worlds.approving import accepting
from support.worlds.world import BASE, TOP, Yard

HELLO, ID = "acme.example/x/hello:h", "org.acme.Hello"
OTHER, OTHER_ID = "acme.example/x/other:o", "org.acme.Other"
NETWORK = f"[Application]\nname={ID}\n[Context]\nshared=network;\n"
ROOT, ALICE = 0, 1000


class Place(Yard):
    """HELLO, which asks for the network, and OTHER are installed, both in version 1."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.publish("1")
        self.do(Install((HELLO, OTHER), accepting("shared=network")))
        self.observer.apps.clear()
        self.choices = Choices(self.tools, lambda: self.observer)
        self.apps_seen = Apps(self.paths, "user", dict)

    def publish(self, version: str) -> None:
        for tag, app_id in (("h", ID), ("o", OTHER_ID)):
            labels = {"org.opencontainers.image.version": version, "org.appctl.id": app_id}
            layers = [BASE, *([TOP] if version != "1" else []), layer_of({"version": version.encode()})]
            if tag == "h":
                labels[METADATA] = NETWORK
                layers.append(layer_of({"app/": None, "app/metadata": NETWORK.encode()}))
            self.registry.push(tag, layers, Labels=labels)

    def hold(self, held: bool = True, app_id: str = ID) -> None:  # noqa: FBT001, FBT002
        asyncio.run(self.choices.hold(app_id, ALICE, held=held))

    def override(self, *rows: Sequence[str], uid: int = ALICE) -> None:
        asyncio.run(self.choices.override(ID, uid, parse_overrides(rows)))

    def permissions(self) -> list[JsonObject]:
        return asyncio.run(self.choices.permissions(ID))

    def versions(self) -> dict[str, str]:
        return {name: app.current.version for name, app in installed(self.paths).items()}

    def events(self) -> list[tuple[Json, Json, Json]]:
        found = read_events(self.paths, lambda _event: True)
        return [(one["event"], one["uid"], one.get("message")) for one in found]

    def fact(self, name: str) -> Json:
        return next(app[name] for app in self.apps_seen.list() if app["id"] == ID)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- held


def test_a_held_app_is_left_alone_by_an_update_of_everything(place: Place) -> None:
    place.hold()
    assert (place.fact("held"), place.observer.apps) == (True, [ID])
    place.publish("2")
    place.registry.asked.clear()
    apps = {str(app["id"]): app for app in place.apps(Update(()))}
    assert place.versions() == {ID: "1", OTHER_ID: "2"}
    assert (apps[ID]["held"], apps[ID]["changed"]) == (True, False)
    assert "held" not in apps[OTHER_ID]


def test_an_app_that_is_held_while_others_are_updated_is_left_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.publish("2")
    update_one = update._update_one

    async def slowly(*words: Any) -> JsonObject:  # noqa: ANN401 - whatever it takes
        done = await update_one(*words)
        later = next(name for name in (ID, OTHER_ID) if name != done["id"])
        await place.choices.hold(later, ALICE, held=True)
        return done

    monkeypatch.setattr(update, "_update_one", slowly)
    place.do(Update(()))
    assert sorted(place.versions().values()) == ["1", "2"]


@pytest.mark.parametrize(("options", "version"), [({"background": True}, "1"), ({}, "2")])
def test_a_held_app_is_updated_by_name_but_not_in_the_background(
    place: Place, options: dict[str, object], version: str
) -> None:
    place.hold()
    place.publish("2")
    place.do(Update((ID,), options))
    assert place.versions()[ID] == version
    assert held(place.paths) == {ID}, "whoever updates it by name did not let it go"


def test_an_app_that_is_held_no_longer_is_updated_with_the_others(place: Place) -> None:
    place.hold()
    place.hold(held=False)
    place.publish("2")
    place.do(Update(()))
    assert place.versions() == {ID: "2", OTHER_ID: "2"}
    assert [event for event in place.events() if "hold" in str(event[0])] == [
        ("unhold", ALICE, None), ("hold", ALICE, None),
    ]  # fmt: skip


def test_to_hold_what_is_held_changes_nothing_and_is_no_history(place: Place) -> None:
    place.hold()
    place.hold()
    assert [event[0] for event in place.events()].count("hold") == 1
    assert place.observer.apps == [ID]


def test_nothing_is_updated_while_nobody_knows_what_is_held(place: Place) -> None:
    place.paths.held.write_bytes(b"{")
    place.publish("2")
    with pytest.raises(RepoCorrupt, match=r"held\.json"):
        place.do(Update(()))
    assert place.versions() == {ID: "1", OTHER_ID: "1"}
    assert place.fact("held") is False, "List goes on"
    place.do(Update((ID,)))
    assert place.versions()[ID] == "2"


def test_what_is_not_installed_cannot_be_held_nor_overridden(place: Place) -> None:
    place.do(Uninstall((ID,)))
    for attempt in (place.hold, place.permissions, place.override):
        with pytest.raises(NotInstalled):
            attempt()
    assert not place.paths.held.exists()


# --- permissions


def test_what_an_image_asks_for_was_approved_by_who_installed_it(place: Place) -> None:
    (row,) = place.permissions()
    assert (row["kind"], row["value"], row["risk"]) == ("shared", "network", "leaves the sandbox")
    assert (row["asked"], row["approved"], row["override"], row["by"]) == (True, True, "", 1)
    assert row["when"]


def test_an_override_stands_beside_what_is_asked_and_says_whose_it_is(place: Place) -> None:
    place.override(("shared", "network", "deny"), ("filesystems", "~/x:ro", "allow"), uid=ROOT)
    rows = {f"{row['kind']}={row['value']}": row for row in place.permissions()}
    assert set(rows) == {"shared=network", "filesystems=~/x:ro"}
    network, files = rows["shared=network"], rows["filesystems=~/x:ro"]
    assert (network["asked"], network["override"], network["by"]) == (True, "deny", ROOT)
    assert (files["asked"], files["approved"], files["override"]) == (False, False, "allow")
    assert place.events()[0] == ("permissions", ROOT, "deny shared=network; allow filesystems=~/x:ro")
    assert place.observer.apps == [ID]


def test_what_the_administrator_denies_cannot_be_allowed(place: Place) -> None:
    text = b"[policy]\ndeny-permissions = filesystems=home\n"
    place.rules = Policy((read_policy(Path("/policy.d/site.conf"), text),), "user")
    with pytest.raises(PolicyDenied, match=r"/policy\.d/site\.conf"):
        place.override(("filesystems", "host:ro", "allow"))
    place.override(("filesystems", "home", "deny"), ("devices", "dri", "allow"))
    assert len(place.permissions()) == 3


def test_overrides_are_replaced_as_a_whole_and_keep_who_made_them(place: Place) -> None:
    place.override(("shared", "network", "deny"), uid=ROOT)
    place.override(("shared", "network", "deny"), ("devices", "dri", "deny"), uid=ALICE)
    found = {one.value: one.by for one in decisions(place.paths, ID, "acme") if one.is_override}
    assert found == {"network": ROOT, "dri": ALICE}
    place.override(("devices", "dri", "deny"))
    assert [one.value for one in decisions(place.paths, ID, "acme") if one.is_override] == ["dri"]
    place.observer.apps.clear()
    place.override(("devices", "dri", "deny"))
    assert place.observer.apps == [], "nothing changed"
    place.override()
    assert [row["override"] for row in place.permissions()] == [""]
    assert place.events()[0] == ("permissions", ALICE, "reset")


def test_no_update_and_no_rollback_resets_an_override(place: Place) -> None:
    place.override(("shared", "network", "deny"))
    place.publish("2")
    place.do(Update(()))
    assert place.versions()[ID] == "2"
    assert place.permissions()[0]["override"] == "deny"
    place.do(Rollback(ID))
    place.do(Install((HELLO,), {**accepting("shared=network"), "reinstall": True}))
    assert place.permissions()[0]["override"] == "deny"


def test_all_that_was_decided_goes_with_the_app(place: Place) -> None:
    place.override(("shared", "network", "deny"))
    place.hold()
    place.do(Uninstall((ID,)))
    place.do(Install((HELLO,), accepting("shared=network")))
    assert (place.fact("held"), place.permissions()[0]["override"]) == (False, "")


def test_what_a_killed_daemon_left_of_an_app_that_is_gone_is_dropped_at_the_start(place: Place) -> None:
    place.override(("shared", "network", "allow"))
    place.hold()
    place.hold(app_id=OTHER_ID)
    (place.paths.app(ID) / "current").unlink()  # an uninstall, up to its commit point
    forget_absent(place.paths)
    assert held(place.paths) == {OTHER_ID}
    assert not place.paths.decisions_about(ID).exists()
    assert not decisions(place.paths, ID, "acme")


def test_overrides_count_for_the_remote_that_they_were_made_for(place: Place) -> None:
    place.override(("shared", "network", "allow"))
    assert decisions(place.paths, ID, "other") == ()


def test_a_broken_file_is_told_and_only_a_reset_replaces_it(place: Place) -> None:
    place.override(("shared", "network", "deny"))
    file = place.paths.decisions_about(ID)
    for content in (b"", b"[]", b'{"remote": "acme", "decisions": [{"kind": "shared"}]}',
                    file.read_bytes().replace(b'"deny"', b'"maybe"')):  # fmt: skip
        file.write_bytes(content)
        with pytest.raises(RepoCorrupt) as caught:
            place.permissions()
        assert str(file) in caught.value.message
        with pytest.raises(RepoCorrupt):
            place.override(("devices", "dri", "deny"))
        place.publish("2")
        place.do(Update((ID,)))  # who approved it is all that is lost
        assert file.read_bytes() == content
    place.override()
    assert place.permissions()[0]["override"] == ""
