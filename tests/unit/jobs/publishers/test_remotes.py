# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The remotes as jobs and callers see them, with a keyring worker that only answers."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import Conflict, InUse, InvalidReference, NoRemote, PolicyDenied, RepoCorrupt
from appctld.jobs.publishers import remotes
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.observer import Nobody
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_object
from appctld.model.manifest import Platform
from appctld.model.order import Moment, Place, Teller
from appctld.model.reference import parse_reference
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state import seen
from appctld.state.layers import LayerRecord, held, remember
from appctld.state.paths import Paths
from appctld.system.worker import Program, Report
from appctld.trust.order import advance
from support.buses.records import deploy
from support.workers.inline import NoLauncher

FIRST, SECOND = "A" * 40, "B" * 40
SETTINGS = {"url": "https://quay.io/acme"}
LAYER = LayerRecord("acme", Digest("7" * 64), "8" * 64, anonymous=False)


class Keyring:
    """Takes any bytes for two keys, and tells nobody of an app."""

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        if request["op"] == "keep-catalogs":
            return {}
        assert get_object({"fds": dict(fds)}, "fds").keys() == {"in", "out"}
        os.close(fds["in"])
        os.write(fds["out"], b"keyring")
        os.close(fds["out"])
        return {"keys": [{"fingerprint": FIRST}, {"fingerprint": SECOND}]}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path / "state")
    found.create()
    return found


@pytest.fixture
def book(tmp_path: Path, paths: Paths) -> RemoteBook:
    tools = Tools(Keyring(), NoLauncher(), paths, Platform("linux", "amd64"), Gate())
    return RemoteBook([tmp_path / "remotes.d"], tools, Nobody)


def test_the_fingerprints_of_the_keys_that_were_given_are_pinned(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    remote = book.get("acme")
    assert remote.fingerprints == {FIRST, SECOND}
    assert remote.keyring == b"keyring"


def test_only_some_of_them_may_be_pinned(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", {**SETTINGS, "fingerprints": SECOND.lower()}, b"keys"))
    assert book.get("acme").fingerprints == {SECOND}


def test_what_is_pinned_must_be_among_them(book: RemoteBook) -> None:
    with pytest.raises(InvalidReference):
        asyncio.run(book.add("acme", {**SETTINGS, "fingerprints": "0" * 40}, b"keys"))
    assert book.all() == []


def test_new_keys_are_pinned_anew(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", {**SETTINGS, "fingerprints": FIRST}, b"keys"))
    asyncio.run(book.modify("acme", {}, b"other keys"))
    assert book.get("acme").fingerprints == {FIRST, SECOND}
    asyncio.run(book.modify("acme", {"title": "Acme"}))
    assert book.get("acme").fingerprints == {FIRST, SECOND}


def test_a_reference_is_found_under_its_remote_and_no_other(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    asyncio.run(book.add("wide", {"url": "https://quay.io"}, b"keys"))
    remote, reference = book.find("acme/editor:1")
    assert (remote.name, str(reference)) == ("acme", "quay.io/acme/editor:1")
    assert book.find("quay.io/acme/editor", "acme")[0].name == "acme"
    with pytest.raises(InvalidReference):
        book.find("quay.io/acme/editor", "wide")


def test_a_disabled_remote_is_not_asked(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", {**SETTINGS, "enabled": "no"}, b"keys"))
    with pytest.raises(PolicyDenied):
        book.get("acme")
    with pytest.raises(NoRemote):
        book.get("nobody")


def test_a_remote_stays_while_its_apps_are_installed(book: RemoteBook, paths: Paths) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    deploy(paths)
    with pytest.raises(InUse):
        asyncio.run(book.remove("acme"))
    assert book.get("acme").enabled


def test_a_later_remote_of_that_name_inherits_no_layer(book: RemoteBook, paths: Paths) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    remember(paths, LAYER)
    for private in (False, True):
        paths.blobs_of("acme", private=private).mkdir()
        (paths.blobs_of("acme", private=private) / "blob").touch()
    asyncio.run(book.remove("acme"))
    assert held(paths, "acme", LAYER.diff_id) is None
    assert not list(paths.blobs.iterdir())


def test_a_remote_that_moves_leaves_its_layers_behind(book: RemoteBook, paths: Paths) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    remember(paths, LAYER)
    asyncio.run(book.modify("acme", {"title": "Acme"}))
    assert held(paths, "acme", LAYER.diff_id) is not None
    asyncio.run(book.modify("acme", {"url": "https://evil.example/acme"}))
    assert held(paths, "acme", LAYER.diff_id) is None


PLACE = Place("quay.io/acme", "quay.io/acme/app:1", "linux/amd64", "org.acme.App")
OLD = Moment(Digest("1" * 64), Digest("2" * 64), 600_000_000, Teller.CREATED)
NEW = Moment(Digest("3" * 64), Digest("4" * 64), 700_000_000, Teller.CREATED)


def test_a_remote_that_moves_takes_along_what_was_seen(book: RemoteBook, paths: Paths) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    seen.remember(paths, PLACE, lambda _before: advance(None, OLD))
    target = replace(PLACE, prefix="ghcr.io/acme")
    seen.remember(paths, target, lambda _before: advance(None, NEW))
    asyncio.run(book.modify("acme", {"title": "Acme"}))
    asyncio.run(book.modify("acme", {"url": "https://ghcr.io/acme"}))
    for known in seen.recall(paths, target):
        assert known.newest == NEW
        assert set(known.installed) == {OLD.digest, OLD.content, NEW.digest, NEW.content}
    assert [known.newest for known in seen.recall(paths, PLACE)] == [OLD, OLD]


def test_a_remote_that_may_not_move_takes_nothing_along(book: RemoteBook, paths: Paths) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    asyncio.run(book.add("other", {"url": "https://ghcr.io/acme"}, b"keys"))
    seen.remember(paths, PLACE, lambda _before: advance(None, OLD))
    with pytest.raises(Conflict):
        asyncio.run(book.modify("acme", {"url": "https://ghcr.io/acme"}))
    assert seen.recall(paths, replace(PLACE, prefix="ghcr.io/acme")) == ()


def test_a_remote_does_not_move_away_from_what_cannot_be_read(book: RemoteBook, paths: Paths) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    seen.remember(paths, PLACE, lambda _before: advance(None, OLD))
    for path in paths.seen_below(PLACE.prefix).iterdir():
        path.write_bytes(b"")
    with pytest.raises(RepoCorrupt):
        asyncio.run(book.modify("acme", {"url": "https://ghcr.io/acme"}))
    assert book.get("acme").url == SETTINGS["url"]


def test_the_age_of_signatures_is_shown_where_a_remote_has_one(book: RemoteBook, tmp_path: Path) -> None:
    asyncio.run(book.add("acme", {**SETTINGS, "max-age": "12h"}, b"keys"))
    asyncio.run(book.add("other", {"url": "https://other.example"}, b"keys"))
    assert book.max_ages() == {"acme": 43_200}
    (tmp_path / "remotes.d" / "broken.conf").write_text("?")
    assert book.max_ages() == {}


def test_only_remotes_that_share_are_shared_names(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    asyncio.run(book.add("closed", {"url": "https://closed.example", "share": "no"}, b"keys"))
    assert book.shared_names() == ("acme",)


def test_a_remote_vouches_only_for_what_it_covers_now(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    reference = parse_reference("quay.io/acme/x/editor:1")
    assert book.vouching("acme", reference).name == "acme"
    asyncio.run(book.add("narrow", {"url": "https://quay.io/acme/x", "enabled": "no"}, b"keys"))
    with pytest.raises(PolicyDenied):
        book.vouching("acme", reference)
    asyncio.run(book.modify("narrow", {"enabled": "yes"}))
    with pytest.raises(PolicyDenied, match="narrow"):
        book.vouching("acme", reference)
    asyncio.run(book.modify("acme", {"url": "https://elsewhere.example"}))
    with pytest.raises(NoRemote):
        book.vouching("acme", parse_reference("quay.io/acme/editor:1"))


@pytest.mark.parametrize("change", ["remove", "modify"])
def test_a_remote_changes_only_when_nothing_is_being_put_in_place(
    book: RemoteBook, paths: Paths, change: str
) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))

    async def scenario() -> None:
        async with book._tools.gate.moving():
            changing = asyncio.create_task(
                book.remove("acme") if change == "remove" else book.modify("acme", {"enabled": "no"})
            )
            await asyncio.sleep(0)
            assert not changing.done()
            assert book.get("acme").enabled
            deploy(paths)
        if change == "remove":
            with pytest.raises(InUse):
                await changing
        else:
            await changing

    asyncio.run(scenario())


@pytest.mark.parametrize("change", ["modify", "remove"])
def test_nobody_reads_a_remote_until_what_its_predecessor_had_is_forgotten(
    change: str, book: RemoteBook, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    forgotten: list[bool] = []

    def forget(_paths: Paths, _name: str) -> None:
        forgotten.append(book._store.whole._is_owned())  # type: ignore[attr-defined]

    monkeypatch.setattr(remotes, "forget_remote", forget)
    acts = {"modify": book.modify("acme", {"url": "https://quay.io/other"}), "remove": book.remove("acme")}
    for name, act in acts.items():
        if name == change:
            asyncio.run(act)
        act.close()
    assert forgotten == [True]


def test_nobody_reads_a_remote_while_its_keys_are_rotated(
    book: RemoteBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(book.add("acme", SETTINGS, b"keys"))
    applied: list[bool] = []

    async def judged(*_args: object) -> None:
        pass

    monkeypatch.setattr(remotes, "judge_update", judged)
    monkeypatch.setattr(
        remotes,
        "apply_rotation",
        lambda *_args: applied.append(book._store.whole._is_owned()),  # type: ignore[attr-defined]
    )
    asyncio.run(book.rotate("acme", b"update"))
    assert applied == [True]
