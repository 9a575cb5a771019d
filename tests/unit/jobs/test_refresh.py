# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Refresh: a remote is asked about its own apps, and it is known when."""

import asyncio
import time
from pathlib import Path

import pytest

from appctld.config.policy.files import read_policy
from appctld.config.policy.rules import Policy
from appctld.config.remote import Remote
from appctld.errors import Failed, NoRemote, PolicyDenied, RegistryUnavailable
from appctld.jobs.requests import Install, Refresh
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import get_objects, get_str
from appctld.state.available import last_check
from appctld.state.refreshed import refreshed
from support.workers.inline import layer_of
from support.worlds.world import BASE, Yard

HELLO, MINE = "acme.example/x/hello:1", "other.example/x/mine:1"
GONE = "acme.example/x/gone:2"
NEWER = layer_of({"usr/": None, "usr/newer": b"x"})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """An app of each of two remotes, and an update for both."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    yard.registry.push("1", [BASE], created="2021-01-01T00:00:00Z")
    yard.do(Install((HELLO,)))
    yard.do(Install((MINE,)))
    yard.registry.push("1", [BASE, NEWER], created="2022-01-01T00:00:00Z")
    return yard


@pytest.fixture
def yard(first: Yard, tmp_path: Path) -> Yard:
    yard = first.copied_to(tmp_path)
    yard.runner.requests.clear()
    return yard


def asked(yard: Yard) -> set[str]:
    found = {get_str(request, "registry") for request in yard.runner.requests if "registry" in request}
    yard.runner.requests.clear()
    return found


def test_the_remote_that_is_named_is_asked_and_no_other(yard: Yard) -> None:
    before = int(time.time())
    result = yard.do(Refresh(("acme",)))
    assert [update["id"] for update in get_objects(result, "updates")] == ["example.acme.x.hello"]
    (remote,) = get_objects(result, "remotes")
    assert remote["name"] == "acme"
    assert yard.book.refreshed("acme") == remote["last-refreshed"]
    assert yard.book.refreshed("acme") >= before
    assert yard.book.refreshed("other") == 0
    assert asked(yard) == {"https://acme.example"}
    assert [update.id for update in last_check(yard.paths).updates] == ["example.acme.x.hello"]


def test_all_are_asked_where_none_is_named_but_those_that_are_disabled(yard: Yard) -> None:
    asyncio.run(yard.book.modify("trees", {"enabled": "no"}))
    result = yard.do(Refresh(()))
    assert [remote["name"] for remote in get_objects(result, "remotes")] == ["acme", "other"]
    assert len(get_objects(result, "updates")) == 2
    assert asked(yard) == {"https://acme.example", "https://other.example"}


def test_a_remote_without_apps_is_asked_nothing(yard: Yard) -> None:
    result = yard.do(Refresh(("trees",)))
    assert get_objects(result, "updates") == []
    assert asked(yard) == set()


def test_one_that_does_not_answer_hides_no_other_and_was_not_asked_in_vain(yard: Yard) -> None:
    yard.registry.down.add("https://acme.example")
    result = yard.do(Refresh(("acme", "other")))
    assert [remote["name"] for remote in get_objects(result, "remotes")] == ["other"]
    assert isinstance(yard.job.error, RegistryUnavailable)
    assert [item["state"] for item in yard.job.items] == ["failed", "succeeded"]
    assert refreshed(yard.paths).keys() == {"other"}
    with pytest.raises(RegistryUnavailable):
        yard.do(Refresh(("acme",)))
    assert '"refresh"' not in yard.paths.history.read_text()


def test_an_app_that_is_gone_from_its_registry_hides_nothing_else(yard: Yard) -> None:
    """Its publisher deleted the tag: the others' updates are told, and the remote was asked."""
    yard.registry.push("2", [BASE])
    yard.do(Install((GONE,)))
    del yard.registry.tags["2"]
    result = yard.do(Refresh(("acme",)))
    found = {str(update["id"]): update["error"] for update in get_objects(result, "updates")}
    assert found == {"example.acme.x.gone": "NotFound", "example.acme.x.hello": ""}
    assert refreshed(yard.paths).keys() == {"acme"}
    assert yard.job.error is None
    assert last_check(yard.paths).errors == {"example.acme.x.gone": "NotFound"}


def test_a_remote_whose_image_the_policy_refuses_was_asked(yard: Yard) -> None:
    yard.rules = Policy((read_policy(Path("/policy.d/site.conf"), b"[policy]\nmax-size = 1K\n"),), "user")
    result = yard.do(Refresh(("acme",)))
    assert [update["error"] for update in get_objects(result, "updates")] == ["PolicyDenied"]
    assert refreshed(yard.paths).keys() == {"acme"}


def test_its_catalogue_is_asked_for_though_no_app_is_there_any_more(yard: Yard) -> None:
    del yard.registry.tags["1"]
    result = yard.do(Refresh(("acme",)))
    assert [update["error"] for update in get_objects(result, "updates")] == ["NotFound"]
    assert [remote["name"] for remote in get_objects(result, "remotes")] == ["acme"]
    assert "x/appctl-catalog" in {request.get("repository") for request in yard.runner.requests}


def test_what_nobody_foresaw_hides_no_other_remote(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(remote: Remote, _shop: Workshop) -> None:
        if remote.name == "acme":
            raise KeyError("secret")

    monkeypatch.setattr("appctld.jobs.refresh.renew", failing)
    result = yard.do(Refresh(("acme", "other")))
    assert [remote["name"] for remote in get_objects(result, "remotes")] == ["other"]
    assert isinstance(yard.job.error, Failed)
    assert yard.job.error.message == "unexpected KeyError"


def test_who_is_not_there_or_disabled_is_not_asked(yard: Yard) -> None:
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    with pytest.raises(PolicyDenied):
        yard.do(Refresh(("acme",)))
    with pytest.raises(NoRemote):
        yard.do(Refresh(("nobody",)))
    assert asked(yard) == set()


def test_when_it_was_is_known_after_a_restart_and_goes_with_the_remote(yard: Yard) -> None:
    yard.do(Refresh(("trees",)))
    assert refreshed(yard.paths)["trees"]
    asyncio.run(yard.book.remove("trees"))
    assert refreshed(yard.paths) == {}
    (yard.paths.root / "refreshed.json").write_text("{")
    assert refreshed(yard.paths) == {}
