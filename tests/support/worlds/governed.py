# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An administrator's policy for a world, and an app that it may refuse.

publish(world, NETWORK)
world.rules = policy("deny-permissions = shared=network")
refused(APP, lambda: world.plan(REFERENCE))
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.config.policy.files import read_policy
from appctld.config.policy.rules import Policy
from appctld.errors import PolicyDenied
from appctld.model.image import METADATA
from support.workers.inline import layer_of
from support.worlds.world import BASE, World

REFERENCE = "acme.example/x/hello:1"
APP = "org.acme.Hello"
PLAIN = f"[Application]\nname={APP}\n"
NETWORK = f"{PLAIN}[Context]\nshared=network;\n"
FILE = Path("/etc/appctl/policy.d/site.conf")
REMOTES = [
    ("allow-remotes = registry.corp", "system"),
    ("require-signatures = yes", "system"),
    ("user-scope = no", "user"),
]
"""What refuses the world's remotes, in which scope."""


def policy(text: str, scope: str = "system") -> Policy:
    """What FILE says with these lines."""
    return Policy((read_policy(FILE, f"[policy]\n{text}\n".encode()),), scope)


def broken() -> Policy:
    """What it says when its second line cannot be understood."""
    return Policy((read_policy(FILE, b"[policy]\nmax-size = much\n"),))


def publish(world: World, metadata: str = PLAIN, *more: bytes, version: str = "1.0") -> None:
    """Push REFERENCE anew, with `more` layers."""
    layers = [BASE, layer_of({"app/": None, "app/metadata": metadata.encode()}), *more]
    labels = {METADATA: metadata, "org.opencontainers.image.version": version}
    world.registry.push("1", layers, Labels=labels)


def refused(text: str, act: Callable[[], object]) -> None:
    """What is done is refused by that file, with these words."""
    with pytest.raises(PolicyDenied, match=text) as caught:
        act()
    assert caught.value.data["path"] == str(FILE)
