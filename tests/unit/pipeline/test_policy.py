# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where the sentence asks the administrator's policy: before a remote is, with the plan, under the gate."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.policy.rules import Policy
from appctld.state.records import installed
from support.workers.inline import digest_of, layer_of
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
from support.worlds.world import BASE, World

LARGE = layer_of({"large": b"x" * (64 << 10)})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- images


@pytest.mark.parametrize(("text", "scope"), REMOTES)
def test_a_remote_that_is_refused_is_not_even_asked(world: World, text: str, scope: str) -> None:
    publish(world)
    world.rules = policy(text, scope)
    refused(str(FILE), lambda: world.plan(REFERENCE))
    assert world.registry.asked == []
    refused(str(FILE), lambda: world.plan_commit("app/hello"))
    assert world.ops() == ["recover"]


def test_a_policy_that_cannot_be_read_forbids_everything(world: World) -> None:
    publish(world)
    world.tools = replace(world.tools, policy=broken)
    refused(f"{FILE}:2: ", lambda: world.plan(REFERENCE))
    assert world.registry.asked == []


@pytest.mark.parametrize("text", ["deny-permissions = shared=network", "max-size = 1K"])
def test_what_may_not_be_installed_is_not_downloaded(world: World, text: str) -> None:
    publish(world, NETWORK)
    world.rules = policy(text)
    refused(APP, lambda: world.plan(REFERENCE))
    assert digest_of(BASE) not in world.registry.asked


@pytest.mark.parametrize(
    "text", ["deny-permissions = shared=network", "require-signatures = yes", "allow-remotes = quay.io"]
)
def test_a_policy_that_came_since_the_preview_counts(world: World, text: str) -> None:
    publish(world, NETWORK)
    planned = world.plan(REFERENCE)
    world.rules = policy(text)
    refused(str(FILE), lambda: world.go_on(planned))
    assert not installed(world.paths)
    assert "merge" not in world.ops()


def test_files_that_are_larger_than_their_layers_are_not_put_in_place(world: World) -> None:
    """A layer may stand for more than it has bytes: here its plan was made before there was a policy."""
    publish(world, PLAIN, LARGE)
    planned = world.plan(REFERENCE)
    world.rules = policy("max-size = 64K")
    refused("65[0-9]+ bytes", lambda: world.go_on(planned))
    assert not installed(world.paths)
    world.rules = policy("max-size = 128K")
    assert world.go_on(planned).record.id == APP


def test_no_step_reads_the_policy_on_the_loop(world: World) -> None:
    """A hundred files, that may lie where they are slow to read."""
    asked: list[str] = []

    def noting() -> Policy:
        asked.append(threading.current_thread().name)
        return Policy()

    world.tools = replace(world.tools, policy=noting)
    publish(world)
    world.install(REFERENCE)
    world.trees.commit("app/other", {"file": "x"})
    world.install_commit("app/other")
    steps = 4  # resolve, plan, merge or import, confirm
    assert len(asked) == 2 * steps
    assert all(name.startswith("aside") for name in asked)


# --- native commits


def asking() -> tuple[dict[str, str], str]:
    """A commit's files, and ostree's option with its label."""
    return {"app/metadata": NETWORK}, f"--add-metadata-string=xa.metadata={NETWORK}"


def test_a_commit_whose_permissions_are_denied_is_not_pulled(world: World) -> None:
    world.trees.commit("app/hello", *asking())
    world.rules = policy("deny-permissions = shared=network")
    refused(APP, lambda: world.plan_commit("app/hello"))


def test_a_policy_that_came_since_the_preview_counts_for_a_commit(world: World) -> None:
    world.trees.commit("app/hello", *asking())
    planned = world.plan_commit("app/hello")
    world.rules = policy("deny-permissions = shared=network")
    refused(APP, lambda: world.go_on_with(planned))
    assert not installed(world.paths)


def test_a_commit_has_a_size_too(world: World) -> None:
    world.trees.commit("app/hello", {"large": "x" * (64 << 10)})
    planned = world.plan_commit("app/hello")
    world.rules = policy("max-size = 32K")
    refused("bytes", lambda: world.go_on_with(planned))
    assert not installed(world.paths)
