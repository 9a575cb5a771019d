# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/start.py: whose jobs get the logins that the administrator keeps, and before whose own they stand."""

import asyncio
import base64
import json
import os
from pathlib import Path

import pytest

from appctld.errors import RegistryAuth
from appctld.jobs.job import Job
from appctld.jobs.requests import AnyRequest, Install, Resolve, Uninstall, Update
from appctld.jobs.start import _performer
from appctld.model.jsonvalue import JsonObject
from support.deciders import everything
from support.worlds.world import BASE, Yard

HELLO = "acme.example/x/hello:1"
KEPT = {"username": "kept", "password": "p"}
OWN = {"registry-auth": [{"host": "acme.example", "username": "own", "password": "p"}]}
OTHER = os.geteuid() + 1
BY_ITSELF = Update((), {"background": True})


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE])
    return yard


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "auth.json"
    encoded = base64.b64encode(b"kept:p").decode()
    path.write_text(json.dumps({"auths": {"acme.example": {"auth": encoded}}}))
    path.chmod(0o640)
    return path


def perform(yard: Yard, kept: Path | None, request: AnyRequest, uid: int) -> list[object]:
    """Do it for that user; the credentials that fetchers of images got."""
    yard.runner.requests.clear()
    job = Job(1, request.kind, request.about, uid, background=False, title=request.title)

    async def main() -> None:
        await _performer("system", yard.tools, yard.book, kept, everything)(request, job, yard.observer)

    asyncio.run(main())
    return [asked["credential"] for asked in fetched(yard)]


def fetched(yard: Yard) -> list[JsonObject]:
    """What was asked of registries; catalogues are for everybody, and asked for with nobody's login."""
    asked = [one for one in yard.runner.requests if "registry" in one]
    catalogs = [one for one in asked if str(one["repository"]).endswith("/appctl-catalog")]
    assert [one["credential"] for one in catalogs] == [None] * len(catalogs)
    return [one for one in asked if one not in catalogs]


@pytest.mark.parametrize("uid", [0, os.geteuid()], ids=["root", "the-timers"])
def test_root_and_the_timers_use_what_is_kept(uid: int, yard: Yard, kept: Path) -> None:
    for request in (Resolve(HELLO), Install((HELLO,)), Update(()), BY_ITSELF):
        found = perform(yard, kept, request, uid)
        assert found
        assert found == [KEPT] * len(found)


def test_each_of_several_registries_gets_its_own_in_an_update_by_itself(yard: Yard, kept: Path) -> None:
    logins = json.loads(kept.read_text())
    logins["auths"]["other.example"] = {"auth": base64.b64encode(b"theirs:q").decode()}
    kept.write_text(json.dumps(logins))
    yard.registry.push("2", [BASE], Labels={"org.appctl.id": "org.other.World"})
    perform(yard, kept, Install((HELLO, "other.example/x/world:2")), 0)
    perform(yard, kept, BY_ITSELF, os.geteuid())
    asked = {(one["registry"], str(one["credential"])) for one in fetched(yard)}
    theirs = {"username": "theirs", "password": "q"}
    assert asked == {("https://acme.example", str(KEPT)), ("https://other.example", str(theirs))}


def test_nobody_else_does(yard: Yard, kept: Path) -> None:
    for request in (Resolve(HELLO), Install((HELLO,)), Update(()), BY_ITSELF):
        found = perform(yard, kept, request, OTHER)
        assert found
        assert found == [None] * len(found)


def test_without_a_file_named_nobody_does(yard: Yard) -> None:
    assert set(perform(yard, None, Resolve(HELLO), 0)) == {None}


def test_a_login_of_ones_own_comes_first(yard: Yard, kept: Path) -> None:
    found = perform(yard, kept, Resolve(HELLO, OWN), 0)
    assert found == [{"username": "own", "password": "p"}] * len(found)


def test_a_broken_file_stops_what_might_need_it_and_nothing_else(yard: Yard, kept: Path) -> None:
    perform(yard, kept, Install((HELLO,)), 0)
    kept.write_text("{")
    with pytest.raises(RegistryAuth):
        perform(yard, kept, Update(()), 0)
    perform(yard, kept, Update(()), OTHER)
    perform(yard, kept, Uninstall(("example.acme.x.hello",)), 0)
