# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""R9 through the CLI, a real daemon, gpg and a registry: what is older, too old, or judged by a wrong clock.

The table of cases is test_order_matrix.py's; one of each kind stands here, with signatures made by gpg.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.trust.clock import date
from support.layers.tarball import archive, entry
from support.machines.machine import Machine, Ran
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher

NOW = int(time.time())
HOUR, DAY = 3600, 86_400
KEY_MADE = NOW - 400 * DAY


class Shop:
    """A publisher of small apps, each in a repository of its own, and a machine that trusts it."""

    def __init__(self, machine: Machine, publisher: Publisher, work: Path) -> None:
        self.machine = machine
        self.publisher = publisher
        self.key = publisher.keys.make("order", at=KEY_MADE)
        self.file = work / "order.asc"
        self.file.write_bytes(publisher.keys.export(self.key, armor=True))
        self.add_remote("order")

    def add_remote(self, name: str) -> None:
        """Trust the publisher under that name."""
        url = f"oci+http://{self.publisher.registry.host}/order"
        self.machine.add_remote(name, url, self.file, self.publisher.lookaside.url)

    def push(self, app: str, version: str, created: int | None = None, *, signed: int | None = None) -> str:
        """Publish a version of an app under its one tag; its digest."""
        forgery = Forgery([archive(entry(b"version", content=version.encode()))])
        if created is not None:
            forgery.config["created"] = date(created)
        forgery.config["config"]["Labels"] = {"org.opencontainers.image.version": version}
        return forgery.push(self.publisher, f"order/{app}:1", self.key, at=signed)

    def reference(self, app: str) -> str:
        """What people type."""
        return f"{self.publisher.registry.host}/order/{app}:1"

    def install(self, app: str, *options: str, code: int = 0) -> Ran:
        """`appctl install -y`."""
        return self.machine.appctl("install", "-y", *options, self.reference(app), code=code)

    def update(self, app: str, *options: str, code: int | None = 0) -> Ran:
        """`appctl update -y`."""
        return self.machine.appctl("update", "-y", *options, app, code=code)

    def version(self, app: str) -> str:
        """What is installed."""
        return str(self.machine.appctl("info", app, "--json").json["version"])

    def newest_event(self, *options: str) -> dict[str, object]:
        """The last line of history."""
        event: dict[str, object] = self.machine.appctl("history", "--json", *options).json[0]
        return event

    def restart(self, altered: str = "") -> None:
        """A new daemon."""
        self.machine.stop()
        self.machine.altered = altered
        self.machine.start()


@pytest.fixture(scope="module")
def shop(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    work = tmp_path_factory.mktemp("shop")
    with Machine(work / "machine", measured=False) as machine:
        yield Shop(machine, publisher, work)
        machine.fsck()


def refused(ran: Ran, name: str, *says: str) -> None:
    """An error of that name, which says so, and whose hint offers no way around it."""
    for words in says:
        assert words in ran.err
    assert "Traceback" not in ran.err
    assert "downgrade" not in ran.err
    assert name in ran.out or "--json" not in ran.out


def test_an_older_image_under_the_tag(shop: Shop) -> None:
    old = shop.push("older", "1", NOW - 2 * DAY)
    shop.install("older")
    new = shop.push("older", "2", NOW - DAY)
    shop.update("older")
    assert shop.push("older", "1", NOW - 2 * DAY) == old
    ran = shop.update("older", code=5)
    refused(ran, "Rollback", old, date(NOW - 2 * DAY), new, date(NOW - DAY), "2 still runs")
    event = shop.newest_event("--failed")
    assert (event["event"], event["error"], event["uid"] != "", event["remote"]) == (
        "update", "Rollback", True, "order",
    )  # fmt: skip
    document = shop.machine.appctl("install", "-y", "--json", shop.reference("older"), code=5).json
    details = document["errors"][0]["details"]
    assert (details["digest"], details["newer_digest"]) == (old, new)
    assert (details["dated"], details["newer_dated"]) == (date(NOW - 2 * DAY), date(NOW - DAY))
    assert shop.version("older") == "2"
    assert "could not be checked" in shop.machine.appctl("update", "--check", "older", code=5).err


def test_an_old_signature_where_the_image_has_no_date(shop: Shop) -> None:
    shop.push("signed", "2", signed=NOW - DAY)
    shop.install("signed")
    out = shop.machine.appctl("info", "signed").out
    assert "Rollback protection: by the date of the signature" in out
    assert "Freeze protection: none" in out
    shop.push("signed", "1", signed=NOW - 2 * DAY)
    refused(shop.update("signed", code=5), "Rollback", date(NOW - 2 * DAY), date(NOW - DAY))


def test_a_downgrade_is_allowed_by_its_own_word_only(shop: Shop) -> None:
    new = shop.push("allowed", "2", NOW - DAY)
    shop.install("allowed")
    old = shop.push("allowed", "1", NOW - 2 * DAY)
    refused(shop.install("allowed", code=5), "Rollback")
    ran = shop.install("allowed", "--allow-downgrade")
    assert "DOWNGRADE" in ran.out
    event = shop.newest_event()
    assert (event["event"], event["version"], event["previous_version"]) == ("downgrade", "1", "2")
    assert (event["image_digest"], event["previous_digest"]) == (old, new)
    assert event["signer"] == shop.key
    table = shop.machine.appctl("history").out
    assert "downgrade" in table
    assert "2 -> 1" in table


def test_a_signature_that_is_too_old(shop: Shop) -> None:
    shop.push("frozen", "1", NOW - 3 * DAY, signed=NOW - 2 * HOUR)
    shop.install("frozen")
    shop.machine.appctl("remote", "modify", "order", "--set", "max-age=90m")
    try:
        assert (
            "Freeze protection: no signature older than 90 minutes"
            in shop.machine.appctl("info", "frozen").out
        )
        refused(shop.update("frozen", code=5), "Expired", "signed on", date(NOW - 2 * HOUR), "1 still runs")
        shop.push("frozen", "1", NOW - 3 * DAY)
        shop.update("frozen")
    finally:
        shop.machine.appctl("remote", "modify", "order", "--set", "max-age=")


def test_a_clock_from_before_the_release(shop: Shop) -> None:
    shop.push("clock", "1", NOW)
    shop.install("clock")
    shop.restart("early")
    try:
        asked = len(shop.publisher.lookaside.requests)
        ran = shop.install("clock", code=5)
        assert "clock shows" in ran.err
        assert "hint: set the clock (timedatectl)" in ran.err
        assert len(shop.publisher.lookaside.requests) == asked
    finally:
        shop.restart()
    shop.update("clock")


def test_killed_between_what_is_seen_and_what_is_current(shop: Shop) -> None:
    """The record says version 2, the app is version 1: both ways are open, and an older one is not."""
    old = shop.push("killed", "1", NOW - 2 * DAY)
    shop.install("killed")
    shop.push("killed", "2", NOW - DAY)
    shop.restart("killed")
    shop.update("killed", code=None)
    assert shop.machine.daemon is not None
    assert shop.machine.daemon.wait(30) == -9
    shop.restart()
    assert shop.version("killed") == "1"
    assert shop.push("killed", "1", NOW - 2 * DAY) == old
    shop.update("killed")
    shop.install("killed", "--reinstall")
    shop.push("killed", "0", NOW - 3 * DAY)
    refused(shop.update("killed", code=5), "Rollback")
    shop.push("killed", "2", NOW - DAY)
    shop.update("killed")
    assert shop.version("killed") == "2"
