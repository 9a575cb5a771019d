# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the administrator's policy means to jobs: what is here stays, what comes is judged."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.policy.rules import Policy
from appctld.errors import NeedsApproval, PolicyDenied
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.observer import Nobody
from appctld.jobs.requests import CheckUpdates, Install, Resolve, Rollback, Uninstall, Update
from appctld.model.jsonvalue import get_objects, get_str
from appctld.state.records import installed
from support.workers.inline import layer_of
from support.worlds.approving import accepting
from support.worlds.governed import (
    APP,
    FILE,
    NETWORK,
    PLAIN,
    REFERENCE,
    REMOTES,
    broken,
    policy,
    publish,
    refused,
)
from support.worlds.world import BASE, TOP, Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_what_only_a_file_asks_for_is_judged_with_the_tree(yard: Yard) -> None:
    """Nothing of it is known before the layers are here; somebody may have approved it meanwhile."""
    yard.registry.push("1", [BASE, layer_of({"app/": None, "app/metadata": NETWORK.encode()})])
    with pytest.raises(NeedsApproval):
        yard.do(Install((REFERENCE,)))
    approving = accepting("shared=network")
    yard.rules = policy("deny-permissions = shared=network")
    refused("shared=network", lambda: yard.do(Install((REFERENCE,), approving)))
    assert not installed(yard.paths)
    yard.rules = Policy()
    yard.do(Install((REFERENCE,), approving))


# --- what is installed


def test_what_is_installed_stays_and_what_comes_is_judged(yard: Yard) -> None:
    publish(yard, NETWORK)
    yard.do(Install((REFERENCE,), accepting("shared=network")))
    yard.rules = policy("deny-permissions = shared=network")
    (same,) = yard.apps(Update((APP,)))
    assert same["changed"] is False
    refused(APP, lambda: yard.do(Install((REFERENCE,), {**accepting("shared=network"), "reinstall": True})))
    publish(yard, NETWORK, TOP, version="2.0")
    refused(APP, lambda: yard.do(Update((APP,), accepting("shared=network"))))
    assert installed(yard.paths)[APP].current.version == "1.0"
    publish(yard, PLAIN, TOP, version="3.0")
    (changed,) = yard.apps(Update((APP,)))
    assert changed["version"] == "3.0"
    refused(APP, lambda: yard.do(Rollback(APP)))
    assert installed(yard.paths)[APP].current.version == "3.0"
    yard.do(Uninstall((APP,)))


def test_an_update_from_a_place_that_is_allowed_no_more_says_so(yard: Yard) -> None:
    publish(yard)
    yard.do(Install((REFERENCE,)))
    publish(yard, PLAIN, TOP, version="2.0")
    yard.rules = policy("allow-remotes = quay.io")
    refused("remote acme", lambda: yard.do(Update((APP,))))
    (update,) = get_objects(yard.do(CheckUpdates()), "updates")
    assert get_str(update, "error") == "PolicyDenied"
    assert str(FILE) in get_str(update, "message")


def test_a_preview_is_refused_as_the_install_would_be(yard: Yard) -> None:
    publish(yard, NETWORK)
    yard.rules = policy("deny-permissions = shared=network")
    refused(APP, lambda: yard.do(Resolve(REFERENCE)))


@pytest.mark.parametrize(("text", "scope"), REMOTES)
def test_nobody_goes_back_to_what_could_not_come_in_today(yard: Yard, text: str, scope: str) -> None:
    publish(yard)
    yard.do(Install((REFERENCE,)))
    publish(yard, PLAIN, TOP, version="2.0")
    yard.do(Update((APP,)))
    yard.rules = policy(text, scope)
    refused(str(FILE), lambda: yard.do(Rollback(APP)))
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    refused(str(FILE), lambda: yard.do(Rollback(APP)))
    yard.rules = policy("allow-remotes = acme.example")
    assert installed(yard.paths)[APP].current.version == "2.0"
    yard.do(Rollback(APP))
    assert installed(yard.paths)[APP].current.version == "1.0"


def test_where_there_is_a_policy_nobody_goes_back_to_what_no_remote_vouches_for(
    yard: Yard, tmp_path: Path
) -> None:
    publish(yard)
    yard.do(Install((REFERENCE,)))
    publish(yard, PLAIN, TOP, version="2.0")
    yard.do(Update((APP,)))
    (tmp_path / "remotes.d" / "acme.conf").unlink()
    yard.rules = policy("allow-remotes = acme.example")
    with pytest.raises(PolicyDenied, match="remote acme, which"):
        yard.do(Rollback(APP))
    yard.rules = Policy()
    yard.do(Rollback(APP))


# --- remotes


def add(yard: Yard, **settings: str) -> None:
    asyncio.run(yard.book.add("new", {"url": "https://quay.io/new", "verify": "none", **settings}, b""))


@pytest.mark.parametrize(("text", "scope"), REMOTES)
def test_a_remote_that_is_refused_is_not_added(yard: Yard, text: str, scope: str) -> None:
    yard.rules = policy(text, scope)
    refused(str(FILE), lambda: add(yard))
    assert "new" not in {remote.name for remote in yard.book.all()}
    yard.rules = policy("allow-remotes = quay.io")
    add(yard)


def test_a_remote_that_is_refused_can_be_disabled_and_removed_and_not_enabled(yard: Yard) -> None:
    yard.rules = policy("allow-remotes = quay.io")
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    refused(str(FILE), lambda: asyncio.run(yard.book.modify("acme", {"enabled": "yes"})))
    refused(str(FILE), lambda: asyncio.run(yard.book.modify("other", {"title": "Other"})))
    asyncio.run(yard.book.remove("acme"))


def test_with_a_broken_policy_no_remote_is_added(yard: Yard, tmp_path: Path) -> None:
    yard.book = RemoteBook([tmp_path / "remotes.d"], replace(yard.tools, policy=broken), Nobody)
    refused(f"{FILE}:2: ", lambda: add(yard))
