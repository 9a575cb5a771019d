# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What jobs write into the history: what was done, with why it was believed, and what failed, by whom."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Busy, Failed, NoRemote, NotFound, PolicyDenied, RepoCorrupt, Rollback
from appctld.jobs.reporting.chronicle import failure_facts
from appctld.jobs.requests import (
    AnyRequest,
    CheckUpdates,
    Install,
    Prune,
    Repair,
    Resolve,
    Uninstall,
    Update,
    Verify,
)
from appctld.jobs.requests import Rollback as GoBack
from appctld.jobs.work import work
from appctld.model.jsonvalue import JsonObject
from appctld.state.history import read_events
from appctld.state.records import installed
from appctld.state.skipped import skipped
from support.workers.inline import layer_of
from support.worlds.world import BASE, Yard

APP = "org.acme.Hello"
NAME = "acme.example/x/hello:1"
DOWNGRADE = {"allow-downgrade": True}


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """Version 2 is installed, and the registry has gone back to version 1."""
    yard = Yard(tmp_path)
    publish(yard, 2)
    yard.do(Install((NAME,)))
    publish(yard, 1)
    return yard


def publish(yard: Yard, day: int) -> str:
    labels = {"org.opencontainers.image.version": f"{day}.0", "org.appctl.id": APP}
    tree = layer_of({"version": b"%d" % day})
    return yard.registry.push("1", [BASE, tree], created=f"2026-11-0{day}T00:00:00Z", Labels=labels)


def history(yard: Yard) -> list[JsonObject]:
    """Newest first."""
    return read_events(yard.paths, lambda _event: True)


def newest(yard: Yard, *keys: str) -> tuple[object, ...]:
    event = history(yard)[0]
    return tuple(event.get(key, "") for key in ("event", *keys))


def fails(yard: Yard, request: AnyRequest, error: type[BaseException]) -> None:
    with pytest.raises(error):
        yard.do(request)


def test_an_install_says_what_and_why_it_was_believed(yard: Yard) -> None:
    record = installed(yard.paths)[APP].current
    (event,) = history(yard)
    assert event == {
        "time": event["time"],
        "event": "install",
        "uid": 1,
        "background": False,
        "id": APP,
        "version": "2.0",
        "previous-version": "",
        "previous-digest": "",
        "reference": NAME,
        "image-digest": str(record.image_digest),
        "remote": "acme",
        "verify": "none",
        "signer": "",
        "signer-name": "",
        "signed-at": 0,
        "checked-at": record.checked_at,
        "commit": record.commit,
    }


def test_what_failed_says_how(yard: Yard) -> None:
    fails(yard, Install((NAME,)), Rollback)
    assert newest(yard, "reference", "remote", "error") == ("install", NAME, "acme", "Rollback")
    assert "is older than" in str(history(yard)[0]["message"])
    fails(yard, Update((APP,)), Rollback)
    assert newest(yard, "id", "reference", "error") == ("update", APP, NAME, "Rollback")
    fails(yard, GoBack(APP, {"to": "7"}), NotFound)
    assert newest(yard, "id", "error") == ("rollback", APP, "NotFound")


def test_of_several_each_failure_is_written(yard: Yard) -> None:
    yard.do(Install((NAME, "acme.example/x/hello:7")))
    assert [event.get("error", "") for event in history(yard)] == ["NotFound", "Rollback", ""]
    assert history(yard)[0]["reference"] == "acme.example/x/hello:7"


def test_what_only_looks_is_no_history(yard: Yard) -> None:
    yard.do(CheckUpdates())
    fails(yard, Resolve(NAME), Rollback)
    assert len(history(yard)) == 1


@pytest.mark.parametrize(
    ("raised", "arrives", "error", "message"),
    [
        (asyncio.CancelledError(), asyncio.CancelledError, "Cancelled", "the job was cancelled"),
        (ValueError("secret"), Failed, "Failed", "unexpected ValueError"),
    ],
)
def test_a_job_that_is_cut_off_is_history_too(
    yard: Yard,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    arrives: type[BaseException],
    error: str,
    message: str,
) -> None:
    async def run(*_arguments: object, fds: Mapping[str, int]) -> JsonObject:
        for descriptor in fds.values():
            os.close(descriptor)
        raise raised

    monkeypatch.setattr(yard.runner, "run", run)
    fails(yard, Update((APP,)), arrives)
    assert newest(yard, "id", "error", "message") == ("update", APP, error, message)


def test_a_failed_download_says_which_image_it_was(yard: Yard) -> None:
    digest = publish(yard, 3)
    request = Update((APP,))
    yard.registry.tell = _without(yard)
    fails(yard, request, AppctlError)
    assert newest(yard, "id", "image-digest") == ("update", APP, digest)


def _without(yard: Yard) -> Callable[[JsonObject], JsonObject]:
    """A registry whose layers are other bytes, once it has been asked for documents."""

    def tell(answer: JsonObject) -> JsonObject:
        for digest in list(yard.registry.blobs):
            if yard.registry.blobs[digest][:1] != b"{":
                yard.registry.blobs[digest] += b"x"
        return answer

    return tell


def test_a_downgrade_is_an_event_of_its_own_and_background_updates_keep_off(yard: Yard) -> None:
    before = installed(yard.paths)[APP].current
    (app,) = yard.apps(Update((APP,), DOWNGRADE))
    assert (app["version"], app["previous-version"]) == ("1.0", "2.0")
    assert newest(yard, "version", "previous-version", "previous-digest") == (
        "downgrade", "1.0", "2.0", str(before.image_digest),
    )  # fmt: skip
    assert skipped(yard.paths) == {APP: before.image_digest}
    publish(yard, 2)
    assert not yard.apps(Update((APP,), {"background": True}))[0]["changed"]
    assert yard.apps(Update((APP,)))[0]["version"] == "2.0"
    assert skipped(yard.paths) == {}


def test_a_downgrade_of_what_is_not_installed_leaves_nothing_behind(yard: Yard) -> None:
    yard.do(Uninstall((APP,)))
    assert newest(yard, "id", "version") == ("uninstall", APP, "2.0")
    fails(yard, Install((NAME,)), Rollback)
    yard.do(Install((NAME,), DOWNGRADE))
    assert newest(yard, "version", "previous-version") == ("downgrade", "1.0", "")
    assert skipped(yard.paths) == {}


def test_where_a_downgrade_is_allowed_and_none_an_update_is_one(yard: Yard) -> None:
    publish(yard, 3)
    yard.do(Update((APP,), DOWNGRADE))
    assert newest(yard, "version") == ("update", "3.0")
    assert skipped(yard.paths) == {}


def test_a_rollback_to_what_is_kept_is_no_downgrade_and_replaces_nothing(yard: Yard) -> None:
    publish(yard, 3)
    yard.do(Update((APP,)))
    yard.do(GoBack(APP))
    assert newest(yard, "version", "previous-version") == ("rollback", "2.0", "3.0")
    assert not yard.apps(Update((APP,), {"background": True}))[0]["changed"]
    assert yard.apps(Update((APP,)))[0]["version"] == "3.0"


def test_a_background_job_says_so(yard: Yard) -> None:
    request = Update((APP,), {"background": True})
    shop = yard.shop(request)
    shop.job.background = True
    with pytest.raises(Rollback):
        asyncio.run(work(request, shop))
    assert newest(yard, "background") == ("update", True)


def test_only_texts_of_an_error_are_told() -> None:
    facts = failure_facts("acme/x", NotFound("gone", reference="quay.io/acme/x:latest", remote=7))
    assert facts == {
        "id": "", "reference": "quay.io/acme/x:latest", "error": "NotFound", "message": "gone",
    }  # fmt: skip


def test_a_failure_before_the_work_began_says_what_it_was_about(yard: Yard) -> None:
    """Of which remote and which reference, where the error itself does not say it."""
    fails(yard, GoBack(APP, {"to": "7"}), NotFound)
    assert newest(yard, "id", "reference", "remote", "error", "uid") == (
        "rollback",
        APP,
        NAME,
        "acme",
        "NotFound",
        1,
    )
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    fails(yard, Install(("acme/hello:1",)), PolicyDenied)
    assert newest(yard, "id", "error") == ("install", "", "PolicyDenied")
    fails(yard, Install(("nobody.example/x:1",)), NoRemote)
    assert newest(yard, "reference", "remote", "error") == ("install", "nobody.example/x:1", "", "NoRemote")


def test_work_on_everything_that_fails_is_history_too(yard: Yard) -> None:
    (yard.paths.apps / APP / "current" / "record.json").unlink()
    fails(yard, Prune(), RepoCorrupt)
    assert newest(yard, "error", "uid") == ("prune", "RepoCorrupt", 1)
    with yard.tools.gate.checking():
        fails(yard, Repair(), Busy)
        assert newest(yard, "error") == ("repair", "Busy")
        told = len(history(yard))
        fails(yard, Verify(()), Busy)
        fails(yard, Repair({"dry-run": True}), Busy)
    assert len(history(yard)) == told, "they change nothing, the history neither"
