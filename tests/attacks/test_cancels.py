# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An update that is cancelled in the middle of each stage: nothing is half done, and what is here is used.

A real daemon's real worker is held at one call; Cancel comes over the bus.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appctld.state.paths import Paths
from support.buses.bus import ERROR, JOB, Client, client
from support.layers.layers import tar
from support.machines.held import Hold
from support.machines.machine import Machine
from support.ordeals.deeds import BASE, HELLO
from support.ordeals.house import litter
from support.publishers.stand import Layer, Shown, Stand
from support.signatures.keys import Keys

CANCELLED = {
    "resolving": ("fetch", "resolve", "socket:socket.connect", 1),
    "verifying": ("fetch", "signatures", "socket:socket.connect", 1),
    "downloading": ("store", "receive", "os:replace", 1),  # it is all there, and not verified
    "importing": ("store", "import-layer", "os:rename", 2),  # some objects have their names
    "merging": ("store", "merge", "os:rename", 2),
}
TOO_LATE = {
    "deploying": ("store", "deploy", "os:link", 2),
    "exporting": ("store", "take-caches", "os:rename", 1),
}


class Place:
    """A machine on which one app is installed, and its publisher, who is a version ahead after `publish`."""

    def __init__(self, directory: Path, stand: Stand) -> None:
        self.stand, self.hold, self.version = stand, Hold(directory / "hold"), 0
        program = ("support.machines.held", str(directory / "hold"))
        self.machine = Machine(directory / "machine", measured=False, program=program)
        self._directory = directory

    def install(self) -> None:
        """The first version."""
        key = self._directory / "key.gpg"
        key.write_bytes(self.stand.keyring)
        url = f"oci+http://{self.stand.host}/demo"
        self.machine.add_remote("acme", url, key, self.stand.lookaside)
        self.publish()
        self.install_again()

    def install_again(self) -> None:
        """What its publisher has."""
        self.machine.appctl("install", "-y", f"{self.stand.host}/demo/hello:1")

    def publish(self) -> list[Shown]:
        """The next version, of which one layer is new."""
        self.version += 1
        entry = f"[Desktop Entry]\nType=Application\nName={self.version}\nExec=hello\n"
        own = (
            "usr/",
            "usr/bin/",
            f"usr/bin/hello 0755 = {self.version}",
            "usr/share/",
            "usr/share/applications/",
        )
        shown = f"usr/share/applications/{HELLO}.desktop = {entry}"
        layers: list[Layer] = [BASE, ("gzip", tar((*own, shown)))]
        created = f"2024-01-{self.version:02}T00:00:00Z"
        return self.stand.put("demo/hello:1", layers, app=HELLO, created=created)

    @property
    def current(self) -> int:
        """The version that runs."""
        return int((self.machine.state / "apps" / HELLO / "current/files/usr/bin/hello").read_text())

    def whole(self) -> None:
        """Every object is what its name says, and nothing lies about."""
        self.machine.fsck()
        assert litter(Paths(self.machine.state)) == []

    def here(self, layer: Shown) -> bool:
        """Whether a layer is here, as a blob or as a commit."""
        blobs = {path.name for path in (self.machine.state / "blobs").glob("**/*")}
        refs = {ref.rpartition("/")[2] for ref in self.machine.refs()}
        return layer.hex in blobs or layer.diff_id in refs


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Keys() as keys, Stand(keys) as stand:
        place = Place(tmp_path_factory.mktemp("cancels"), stand)
        with place.machine:
            place.install()
            yield place


async def asked(caller: Client, method: str) -> str:
    """The path of a job."""
    apps = [[HELLO]] if method in {"Update", "Uninstall"} else []
    error, body = await caller.call(method, "asa{sv}" if apps else "a{sv}", *apps, {})
    assert not error, body
    return str(body[0])


async def ended(caller: Client, job: str) -> str:
    """How a job of this caller ends."""
    while True:
        path, state, *_ = await caller.signal("JobFinished")
        if path == job:
            return str(state)


async def cancelled(
    place: Place, moment: tuple[str, str, str, int], method: str = "Update"
) -> tuple[dict[str, Any], str, str]:
    """A job that is cancelled at that moment: as it was then, what Cancel said, and how the job ended."""
    place.hold.arm(*moment)
    try:
        async with client(place.machine.environment["DBUS_SESSION_BUS_ADDRESS"]) as caller:
            job = await asked(caller, method)
            await asyncio.to_thread(place.hold.wait)
            held = await caller.get_all(job, JOB)
            refusal, _ = await caller.call("Cancel", "a{sv}", {}, path=job, interface=JOB)
            if refusal:
                place.hold.let_go()
            return held, refusal, await ended(caller, job)
    finally:
        place.hold.let_go()


async def done(place: Place, method: str) -> str:
    """How a job ends that nobody holds."""
    async with client(place.machine.environment["DBUS_SESSION_BUS_ADDRESS"]) as caller:
        return await ended(caller, await asked(caller, method))


@pytest.mark.timeout(300)  # six jobs
def test_a_cancel_leaves_nothing_half_done_and_the_next_update_uses_what_is_here(place: Place) -> None:
    """One update, tried again and again: each time it comes one stage further."""
    before, (_, layer) = place.current, place.publish()
    fetched = 0
    for moment, call in CANCELLED.items():
        held, refusal, state = asyncio.run(cancelled(place, call))
        assert (held["State"], held["Stage"], held["Cancelable"]) == ("running", moment, True)
        assert (refusal, state) == ("", "cancelled"), moment
        place.whole()
        assert place.current == before, moment
        assert place.here(layer) is (moment in {"importing", "merging"}), moment
        fetched += moment in {"downloading", "importing"}
        assert len(place.stand.asked(layer.path)) == fetched, moment
    assert asyncio.run(done(place, "Update")) == "succeeded"
    assert place.current == place.version
    assert len(place.stand.asked(layer.path)) == fetched, "it was here"
    place.whole()


@pytest.mark.parametrize("moment", TOO_LATE)
def test_a_cancel_that_comes_too_late_is_refused_and_the_new_version_is_whole(
    moment: str, place: Place
) -> None:
    place.publish()
    held, refusal, state = asyncio.run(cancelled(place, TOO_LATE[moment]))
    assert (held["State"], held["Stage"], held["Cancelable"]) == ("running", moment, False)
    assert (refusal, state) == (f"{ERROR}Busy", "succeeded")
    assert place.current == place.version
    place.whole()


def test_a_cancel_of_an_uninstall_that_has_begun_is_refused_and_the_app_is_gone_whole(place: Place) -> None:
    """It is no longer current, and still there."""
    held, refusal, state = asyncio.run(cancelled(place, ("store", "remove", "os:rename", 1), "Uninstall"))
    gone = not (place.machine.state / "apps" / HELLO).exists()
    try:
        place.whole()
    finally:
        place.install_again()
    assert (held["State"], held["Stage"], held["Cancelable"]) == ("running", "removing", False)
    assert (refusal, state, gone) == (f"{ERROR}Busy", "succeeded", True)


def test_a_prune_that_is_cancelled_leaves_the_rest_to_the_next_one(place: Place) -> None:
    """What it forgot first is a layer that nothing needs; its ref is there still, or no more."""
    before, (_, layer) = place.current, place.publish()
    asyncio.run(cancelled(place, CANCELLED["merging"]))
    for call in ("os:unlink", "os:fsync"):
        held, refusal, state = asyncio.run(cancelled(place, ("store", "prune", call, 1), "Prune"))
        assert (held["State"], held["Stage"], held["Cancelable"]) == ("running", "cleanup", True)
        assert (refusal, state) == ("", "cancelled")
        place.machine.fsck()
        assert place.current == before
    assert asyncio.run(done(place, "Prune")) == "succeeded"
    place.whole()
    assert not place.here(layer)
    assert asyncio.run(done(place, "Update")) == "succeeded"
    assert place.current == place.version
    place.whole()
