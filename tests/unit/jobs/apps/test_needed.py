# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a prune keeps: the one that counts says what the one that removes frees, and none forgets in vain."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appctld.errors import Busy, NoSpace
from appctld.jobs.requests import Install, Prune, Resolve, Update
from appctld.model.jsonvalue import JsonObject, get_int
from appctld.state.pulled import pulled_refs
from appctld.state.records import installed
from appctld.workers.protocol import Report
from appctld.workers.store import prune
from appctld.workers.store.ostree import repository
from appctld.workers.store.ostree.repository import Repository
from support.workers.inline import layer_of
from support.worlds.world import BASE, Yard, release

APP, HELLO, OTHER = "org.acme.Hello", "acme.example/x/hello:1", "acme.example/x/hello:2"
BRING, HERE, COUNT = {"no-deploy": True}, {"no-pull": True}, {"dry-run": True}
LARGE = layer_of({"large": b"x" * 3_000_000})


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """An image waits to be installed."""
    yard = Yard(tmp_path)
    yard.registry.push("2", [BASE, LARGE])
    yard.do(Install((OTHER,), BRING))
    return yard


@contextmanager
def running(yard: Yard) -> Iterator[None]:
    """For the length of the block the oldest version runs."""
    oldest = installed(yard.paths)[APP].records[-1]
    with (yard.paths.app(APP) / oldest.deployment / "run.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def versions(yard: Yard) -> list[str]:
    return [record.version for record in installed(yard.paths)[APP].records]


def told(yard: Yard, **options: object) -> tuple[int, int]:
    result = yard.do(Prune(options))
    return get_int(result, "freed-bytes"), get_int(result, "objects")


def test_what_would_go_is_what_goes(yard: Yard) -> None:
    """With what waits, and a version older than the one before; what runs stays, with what it needs."""
    for number in (1, 2, 3):
        release(yard, APP, number)
        if number == 1:
            yard.do(Install((HELLO,)))
            continue
        with running(yard):
            yard.do(Update((APP,)))
    with running(yard):
        said = told(yard, **COUNT)
        assert said == told(yard)
        assert said[0] > len(LARGE) // 2
    assert versions(yard) == ["3.0", "2.0", "1.0"]
    said = told(yard, **COUNT)
    yard.runner.requests.clear()
    assert said == told(yard) > (0, 0)
    assert yard.ops().count("prune") == 1
    assert versions(yard) == ["3.0", "2.0"]
    release(yard, APP, 4)
    yard.do(Update((APP,)))
    assert versions(yard) == ["4.0", "3.0"]
    assert yard.ops().count("prune") == 2
    assert told(yard, **COUNT) == (0, 0)


def test_who_has_no_room_is_told_all_that_can_go(yard: Yard) -> None:
    yard.registry.push("3", [layer_of({"x": b"x"})], Labels={"org.flatpak.installed-size": str(10**15)})
    with pytest.raises(NoSpace) as caught:
        yard.do(Resolve("acme.example/x/hello:3"))
    assert caught.value.advice == "appctl prune --dry-run    (4 MB can go)"
    assert told(yard, **COUNT)[0] > 3_000_000


def test_what_was_brought_here_stays_when_nothing_was_pruned(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LOCK_SECONDS", 0)
    with Repository.open(yard.paths.repo).shared(), pytest.raises(Busy):
        yard.do(Prune())
    (app,) = yard.apps(Install((OTHER,), HERE))
    assert app["changed"] is True


def test_nor_when_somebody_was_faster(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look whether anybody is in the way, and the prune itself."""
    monkeypatch.setattr("appctld.jobs.quiet.PATIENCE", 0)

    def busy(_request: JsonObject, _report: Report) -> JsonObject:
        raise Busy

    yard.runner.instead["prune"] = busy
    with pytest.raises(Busy):
        yard.do(Prune())
    assert pulled_refs(yard.paths)


def test_what_is_brought_anew_meanwhile_is_not_forgotten(yard: Yard) -> None:
    def meanwhile(request: JsonObject, report: Report) -> JsonObject:
        (path,) = yard.paths.remotes.glob("acme/pulled/*.json")
        path.with_suffix(".new").write_bytes(path.read_bytes())
        path.with_suffix(".new").replace(path)
        return prune.prune(request, report)

    yard.runner.instead["prune"] = meanwhile
    yard.do(Prune())
    assert pulled_refs(yard.paths)
