# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A bundle's descriptor reaches the job that it was sent for, and none is left by whatever becomes of it."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from appctld.bus.polkit import Authorizer
from appctld.errors import NotAuthorized
from appctld.jobs.job import Job
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest, bundle
from appctld.workers.protocol import handed
from support.buses.bus import client, program
from support.buses.bus_service import RecordingAuthorizer, served
from support.descriptors import open_descriptors

SENDER = """
import sys
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

with open_dbus_connection(sys.argv[1], enable_fds=True) as connection:
    where = DBusAddress("/org/appctl/Installer1", "org.appctl.Installer1", "org.appctl.Installer1.Manager")
    with open(sys.argv[2]) as some:
        options = {sys.argv[3]: ("h", some), **({"more": ("h", some)} if sys.argv[3] == "bundle" else {})}
        body = (["acme/x"], options) if sys.argv[4] == "Install" else ("acme/x", options)
        signature = {"Install": "asa{sv}", "Resolve": "sa{sv}"}[sys.argv[4]]
        answer = connection.send_and_get_reply(new_method_call(where, sys.argv[4], signature, body))
        print(answer.header.message_type.name, *answer.body)
"""


async def settled(before: int) -> None:
    """Wait until no more are open than before: they are closed in threads."""
    end = time.monotonic() + 30
    while len(open_descriptors()) > before:
        assert time.monotonic() < end, "a descriptor was left"
        await asyncio.sleep(0.01)


def sent(
    address: str,
    file: Path,
    member: str = "Install",
    key: str = "bundle",
    authorizer: Authorizer | None = None,
) -> tuple[str, list[bytes]]:
    """What the caller is told, and what jobs read from their bundles."""
    read: list[bytes] = []

    async def work(request: AnyRequest, _job: Job, _observer: Observer) -> None:
        sent = bundle(request)
        if sent is not None:
            number = handed({"fds": {"bundle": sent.duplicate()}}, "bundle")  # as a worker takes it
            read.append(os.pread(number, 100, 0))
            os.close(number)

    async def scenario() -> str:
        async with served(address, work, authorizer=authorizer) as running, client(address) as caller:
            await caller.call("List", "a{sv}", {})
            before = len(open_descriptors())
            _, told = await program(sys.executable, "-c", SENDER, address, str(file), key, member)
            await settled(before)
            assert running.jobs.active() == []  # who holds a descriptor is active
            return told

    return asyncio.run(scenario()), read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "bundle").write_text("an archive")
    return tmp_path / "bundle"


@pytest.mark.parametrize("member", ["Install", "Resolve"])
def test_the_job_gets_the_file(member: str, address: str, file: Path) -> None:
    told, read = sent(address, file, member)
    assert told.startswith("method_return")
    assert read == [b"an archive"]


def test_a_resolve_with_a_bundle_is_an_install_to_polkit(address: str, file: Path) -> None:
    authorizer = RecordingAuthorizer()
    sent(address, file, "Resolve", authorizer=authorizer)
    assert [action for _, action, _ in authorizer.asked] == ["install"]


def test_who_may_not_install_leaves_nothing(address: str, file: Path) -> None:
    async def refuse() -> None:
        raise NotAuthorized("polkit does not allow install")

    told, read = sent(address, file, authorizer=RecordingAuthorizer(before=refuse))
    assert told.startswith("method_return")
    assert read == []


def test_a_descriptor_that_no_option_names_is_closed(address: str, file: Path) -> None:
    assert sent(address, file, key="nothing")[1] == []
    told, read = sent(address, file, key="remote")
    assert "option 'remote' has type h, not s" in told
    assert read == []
