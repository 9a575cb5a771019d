# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A machine that one test after the other has to itself: a daemon's start is most of what a small test takes.

    with emptied(machine):
        machine.appctl("install", "-y", "acme/editor")

What outlives apps and remotes stays: the history, and what was seen of a prefix (R9). Tests have prefixes of
their own, because their registries or repositories have.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from support.machines.called import called
from support.machines.machine import Machine


@contextmanager
def emptied(machine: Machine) -> Iterator[None]:
    """At the end every stored object is what its name says, and then there is none, and no app or remote."""
    yield
    machine.fsck()
    apps = [app["id"] for app in called(machine, "list", "--json").json]
    if apps:
        _must(machine, "uninstall", "-y", *apps)
    for remote in called(machine, "remote", "list", "--json").json:
        _must(machine, "remote", "remove", "-y", remote["name"])
    _must(machine, "prune", "-y")
    assert (machine.objects(), machine.refs()) == (set(), set())


def _must(machine: Machine, *words: str) -> None:
    ran = called(machine, *words)
    assert ran.code == 0, (words, ran)
