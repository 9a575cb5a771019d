# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where the administrator's policy is asked: before anything is fetched, with the plan, under the gate."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.policy.files import read_policy
from appctld.config.policy.rules import Policy
from appctld.errors import NeedsApproval, PolicyDenied
from appctld.jobs.observer import Nobody
from appctld.jobs.remotes import RemoteBook
from appctld.jobs.requests import CheckUpdates, Install, Resolve, Rollback, Uninstall, Update
from appctld.model.image import METADATA
from appctld.model.jsonvalue import get_objects, get_str
from appctld.state.records import installed
from support.approving import accepting
from support.inline import digest_of, layer_of
from support.world import BASE, TOP, World, Yard

REFERENCE = "acme.example/x/hello:1"
APP = "org.acme.Hello"
PLAIN = f"[Application]\nname={APP}\n"
NETWORK = f"{PLAIN}[Context]\nshared=network;\n"
LARGE = layer_of({"large": b"x" * (64 << 10)})
FILE = Path("/etc/appctl/policy.d/site.conf")


def policy(text: str, scope: str = "system") -> Policy:
    return Policy((read_policy(FILE, f"[policy]\n{text}\n".encode()),), scope)


def broken() -> Policy:
    read_policy(FILE, b"[policy]\nmax-size = much\n")
    raise AssertionError


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def publish(world: World, metadata: str = PLAIN, *more: bytes, version: str = "1.0") -> None:
    layers = [BASE, layer_of({"app/": None, "app/metadata": metadata.encode()}), *more]
    labels = {METADATA: metadata, "org.opencontainers.image.version": version}
    world.registry.push("1", layers, Labels=labels)


def refused(world: World, text: str, act: object) -> None:
    with pytest.raises(PolicyDenied, match=text) as caught:
        act()  # type: ignore[operator]
    assert caught.value.data["path"] == str(FILE)


# --- images


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("allow-remotes = quay.io", "system"),
        ("require-signatures = yes", "system"),
        ("user-scope = no", "user"),
    ],
)
def test_a_remote_that_is_refused_is_not_even_asked(world: World, text: str, scope: str) -> None:
    publish(world)
    world.rules = policy(text, scope)
    refused(world, str(FILE), lambda: world.plan(REFERENCE))
    assert world.registry.asked == []
    refused(world, str(FILE), lambda: world.plan_commit("app/hello"))
    assert world.ops() == ["recover"]


def test_a_policy_that_cannot_be_read_forbids_everything(world: World) -> None:
    publish(world)
    world.tools = replace(world.tools, policy=broken)
    refused(world, f"{FILE}:2: ", lambda: world.plan(REFERENCE))
    assert world.registry.asked == []


@pytest.mark.parametrize("text", ["deny-permissions = shared=network", "max-size = 1K"])
def test_what_may_not_be_installed_is_not_downloaded(world: World, text: str) -> None:
    publish(world, NETWORK)
    world.rules = policy(text)
    refused(world, APP, lambda: world.plan(REFERENCE))
    assert digest_of(BASE) not in world.registry.asked


@pytest.mark.parametrize(
    "text", ["deny-permissions = shared=network", "require-signatures = yes", "allow-remotes = quay.io"]
)
def test_a_policy_that_came_since_the_preview_counts(world: World, text: str) -> None:
    publish(world, NETWORK)
    planned = world.plan(REFERENCE)
    world.rules = policy(text)
    refused(world, str(FILE), lambda: world.go_on(planned))
    assert not installed(world.paths)
    assert "merge" not in world.ops()


def test_files_that_are_larger_than_their_layers_are_not_put_in_place(world: World) -> None:
    """A layer may stand for more than it has bytes: here its plan was made before there was a policy."""
    publish(world, PLAIN, LARGE)
    planned = world.plan(REFERENCE)
    world.rules = policy("max-size = 64K")
    refused(world, "65[0-9]+ bytes", lambda: world.go_on(planned))
    assert not installed(world.paths)
    world.rules = policy("max-size = 128K")
    assert world.go_on(planned).record.id == APP


def test_what_only_a_file_asks_for_is_judged_with_the_tree(yard: Yard) -> None:
    """Nothing of it is known before the layers are here; somebody may have approved it meanwhile."""
    yard.registry.push("1", [BASE, layer_of({"app/": None, "app/metadata": NETWORK.encode()})])
    with pytest.raises(NeedsApproval):
        yard.do(Install((REFERENCE,)))
    approving = accepting("shared=network")
    yard.rules = policy("deny-permissions = shared=network")
    refused(yard, "shared=network", lambda: yard.do(Install((REFERENCE,), approving)))
    assert not installed(yard.paths)
    yard.rules = Policy()
    yard.do(Install((REFERENCE,), approving))


# --- native commits


def asking() -> tuple[dict[str, str], str]:
    """A commit's files, and ostree's option with its label."""
    return {"app/metadata": NETWORK}, f"--add-metadata-string=xa.metadata={NETWORK}"


def test_a_commit_whose_permissions_are_denied_is_not_pulled(world: World) -> None:
    world.trees.commit("app/hello", *asking())
    world.rules = policy("deny-permissions = shared=network")
    refused(world, APP, lambda: world.plan_commit("app/hello"))


def test_a_policy_that_came_since_the_preview_counts_for_a_commit(world: World) -> None:
    world.trees.commit("app/hello", *asking())
    planned = world.plan_commit("app/hello")
    world.rules = policy("deny-permissions = shared=network")
    refused(world, APP, lambda: world.go_on_with(planned))
    assert not installed(world.paths)


def test_a_commit_has_a_size_too(world: World) -> None:
    world.trees.commit("app/hello", {"large": "x" * (64 << 10)})
    planned = world.plan_commit("app/hello")
    world.rules = policy("max-size = 32K")
    refused(world, "bytes", lambda: world.go_on_with(planned))
    assert not installed(world.paths)


# --- what is installed


def test_what_is_installed_stays_and_what_comes_is_judged(yard: Yard) -> None:
    publish(yard, NETWORK)
    yard.do(Install((REFERENCE,), accepting("shared=network")))
    yard.rules = policy("deny-permissions = shared=network")
    (same,) = yard.apps(Update((APP,)))
    assert same["changed"] is False
    refused(
        yard, APP, lambda: yard.do(Install((REFERENCE,), {**accepting("shared=network"), "reinstall": True}))
    )
    publish(yard, NETWORK, TOP, version="2.0")
    refused(yard, APP, lambda: yard.do(Update((APP,), accepting("shared=network"))))
    assert installed(yard.paths)[APP].current.version == "1.0"
    publish(yard, PLAIN, TOP, version="3.0")
    (changed,) = yard.apps(Update((APP,)))
    assert changed["version"] == "3.0"
    refused(yard, APP, lambda: yard.do(Rollback(APP)))
    assert installed(yard.paths)[APP].current.version == "3.0"
    yard.do(Uninstall((APP,)))


def test_an_update_from_a_place_that_is_allowed_no_more_says_so(yard: Yard) -> None:
    publish(yard)
    yard.do(Install((REFERENCE,)))
    publish(yard, PLAIN, TOP, version="2.0")
    yard.rules = policy("allow-remotes = quay.io")
    refused(yard, "remote acme", lambda: yard.do(Update((APP,))))
    (update,) = get_objects(yard.do(CheckUpdates()), "updates")
    assert get_str(update, "error") == "PolicyDenied"
    assert str(FILE) in get_str(update, "message")


def test_a_preview_is_refused_as_the_install_would_be(yard: Yard) -> None:
    publish(yard, NETWORK)
    yard.rules = policy("deny-permissions = shared=network")
    refused(yard, APP, lambda: yard.do(Resolve(REFERENCE)))


# --- remotes


def add(yard: Yard, **settings: str) -> None:
    asyncio.run(yard.book.add("new", {"url": "https://quay.io/new", "verify": "none", **settings}, b""))


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("allow-remotes = quay.io/acme", "system"),
        ("require-signatures = yes", "system"),
        ("user-scope = no", "user"),
    ],
)
def test_a_remote_that_is_refused_is_not_added(yard: Yard, text: str, scope: str) -> None:
    yard.rules = policy(text, scope)
    refused(yard, str(FILE), lambda: add(yard))
    assert "new" not in {remote.name for remote in yard.book.all()}
    yard.rules = policy("allow-remotes = quay.io")
    add(yard)


def test_a_remote_that_is_refused_can_be_disabled_and_removed_and_not_enabled(yard: Yard) -> None:
    yard.rules = policy("allow-remotes = quay.io")
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    refused(yard, str(FILE), lambda: asyncio.run(yard.book.modify("acme", {"enabled": "yes"})))
    refused(yard, str(FILE), lambda: asyncio.run(yard.book.modify("other", {"title": "Other"})))
    asyncio.run(yard.book.remove("acme"))


def test_with_a_broken_policy_no_remote_is_added(yard: Yard, tmp_path: Path) -> None:
    yard.book = RemoteBook([tmp_path / "remotes.d"], replace(yard.tools, policy=broken), Nobody)
    refused(yard, f"{FILE}:2: ", lambda: add(yard))
