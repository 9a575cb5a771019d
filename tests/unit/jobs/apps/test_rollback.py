# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Rollback over the real store: to what is kept, by any of its names; and what is kept at all."""

import fcntl
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from appctld.errors import InUse, NotFound, NotInstalled, RepoCorrupt
from appctld.jobs.apps.removal import drop_older
from appctld.jobs.requests import Install, Prune, Rollback, Uninstall, Update
from appctld.pipeline.records import papers
from appctld.state.records import Installed, Record, installed
from appctld.state.skipped import skipped
from support.worlds.world import Yard, release

APP = "org.acme.Hello"


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[None]:
    """Each deployment is a second newer than the one before."""
    clock = itertools.count(1_700_000_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "time", SimpleNamespace(time=lambda: next(clock)))
        yield


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, clock: None) -> Yard:
    """Version 2.0 is current and 1.0 is kept."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    release(yard, APP, 1)
    yard.do(Install(("acme.example/x/hello:1",)))
    release(yard, APP, 2)
    yard.do(Update((APP,)))
    return yard


@pytest.fixture
def yard(first: Yard, tmp_path: Path) -> Yard:
    return first.copied_to(tmp_path)


def app_of(yard: Yard) -> Installed:
    return installed(yard.paths)[APP]


def here(yard: Yard) -> tuple[str, list[str]]:
    """The current version, and those beside it, newest first."""
    app = app_of(yard)
    return app.current.version, [record.version for record in app.kept]


@contextmanager
def running(yard: Yard, record: Record) -> Iterator[None]:
    """Hold the deployment as a running app does."""
    descriptor = os.open(yard.paths.app(APP) / record.deployment / "run.json", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _default(_record: Record) -> str:
    return ""


def _version(record: Record) -> str:
    return record.version


def _digest(record: Record) -> str:
    return str(record.image_digest)


def _commit(record: Record) -> str:
    return record.commit


def _deployment(record: Record) -> str:
    return record.deployment


NAMES = [_version, _digest, _commit, _deployment]


@pytest.mark.parametrize("name", [_default, *NAMES])
def test_any_name_of_a_kept_deployment_goes_back_to_it(yard: Yard, name: Callable[[Record], str]) -> None:
    left, (target,) = app_of(yard).current, app_of(yard).kept
    (app,) = yard.apps(Rollback(APP, {"to": name(target)}))
    assert (app["version"], app["previous-version"], app["changed"]) == ("1.0", "2.0", True)
    assert here(yard) == ("1.0", ["2.0"])
    assert (yard.paths.app(APP) / "current/files/version").read_text() == "1"
    assert yard.observer.apps == [APP]
    assert skipped(yard.paths) == {APP: left.image_digest}
    assert '"event": "rollback"' in yard.paths.history.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_going_back_to_what_is_current_changes_nothing(yard: Yard, name: Callable[[Record], str]) -> None:
    (app,) = yard.apps(Rollback(APP, {"to": name(app_of(yard).current)}))
    assert (app["version"], app["changed"]) == ("2.0", False)
    assert "activate" not in yard.ops()
    assert (yard.observer.apps, skipped(yard.paths)) == ([], {})


def test_going_back_twice_is_where_one_was(yard: Yard) -> None:
    yard.do(Rollback(APP))
    yard.do(Rollback(APP))
    assert here(yard) == ("2.0", ["1.0"])


@pytest.mark.parametrize("wanted", ["3.0", "1", "sha256:" + "0" * 64, "../../etc", "x" * 5000])
def test_what_is_not_kept_is_named_beside_what_is(yard: Yard, wanted: str) -> None:
    with pytest.raises(NotFound, match=r"kept: 1\.0") as caught:
        yard.do(Rollback(APP, {"to": wanted}))
    assert len(caught.value.message) < 300
    assert here(yard) == ("2.0", ["1.0"])
    assert yard.observer.apps == []


def test_there_may_be_nothing_to_go_back_to(yard: Yard) -> None:
    yard.do(Uninstall((APP,)))
    yard.do(Install(("acme.example/x/hello:1",)))
    with pytest.raises(NotFound, match="no other version"):
        yard.do(Rollback(APP))
    with pytest.raises(NotFound, match="kept: none"):
        yard.do(Rollback(APP, {"to": "1.0"}))


@pytest.mark.parametrize("name", ["org.acme.None", "../../etc", ""])
def test_what_is_not_installed_goes_nowhere(yard: Yard, name: str) -> None:
    with pytest.raises(NotInstalled):
        yard.do(Rollback(name))


def test_what_is_damaged_does_not_become_current(yard: Yard) -> None:
    (target,) = app_of(yard).kept
    for path in yard.paths.repo.glob(f"objects/{target.commit[:2]}/{target.commit[2:]}.*"):
        path.unlink()
    with pytest.raises(RepoCorrupt):
        yard.do(Rollback(APP))
    assert here(yard) == ("2.0", ["1.0"])
    assert (yard.observer.apps, skipped(yard.paths)) == ([], {})


# --- what is kept


def test_an_update_drops_what_is_older_than_the_one_before(yard: Yard) -> None:
    (oldest,) = app_of(yard).kept
    release(yard, APP, 3)
    yard.do(Update((APP,)))
    assert here(yard) == ("3.0", ["2.0"])
    assert not (yard.paths.app(APP) / oldest.deployment).exists()


def test_one_that_runs_is_not_dropped_until_it_ends(yard: Yard) -> None:
    (oldest,) = app_of(yard).kept
    release(yard, APP, 3)
    with running(yard, oldest):
        (app,) = yard.apps(Update((APP,)))
        assert app["changed"] is True
        assert here(yard) == ("3.0", ["2.0", "1.0"])
        yard.do(Prune())
        assert here(yard) == ("3.0", ["2.0", "1.0"])
        assert (yard.paths.app(APP) / oldest.deployment / "files/version").read_text() == "1"
    yard.do(Prune())
    assert here(yard) == ("3.0", ["2.0"])


def test_one_that_runs_keeps_no_older_one(yard: Yard) -> None:
    with running(yard, app_of(yard).current):
        with running(yard, app_of(yard).kept[0]):
            for number in (3, 4):
                release(yard, APP, number)
                yard.do(Update((APP,)))
            assert here(yard) == ("4.0", ["3.0", "2.0", "1.0"])
        yard.do(Prune())
        assert here(yard) == ("4.0", ["3.0", "2.0"])


def test_an_app_that_runs_is_not_uninstalled(yard: Yard) -> None:
    with running(yard, app_of(yard).kept[0]), pytest.raises(InUse):
        yard.do(Uninstall((APP,)))
    assert here(yard) == ("2.0", ["1.0"])
    yard.do(Rollback(APP))


def test_an_app_that_is_gone_has_nothing_to_drop(yard: Yard) -> None:
    yard.do(Uninstall((APP,)))
    yard.runner.requests.clear()

    async def drop(yard: Yard) -> None:
        await drop_older(APP, yard.shop(Prune()))

    yard.run(drop)
    assert yard.ops() == []
