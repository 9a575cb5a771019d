# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An update that asks for more waits for a person; what a person denied, or holds, stays so."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.buses.bus import client
from support.images.greeter import build
from support.machines.machine import Machine
from support.publishers.publisher import Publisher

PLAIN = "[Application]\nname=org.appctl.Greeter\ncommand=/usr/bin/greet\n"
NETWORK = PLAIN + "[Context]\nshared=network;\n"
BUS = NETWORK + "[Session Bus Policy]\norg.freedesktop.secrets=talk\n"
ESCAPE = NETWORK + "[Session Bus Policy]\norg.freedesktop.systemd1=talk\n"


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


@pytest.fixture(scope="module")
def key(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Who signs all of it; version 1 of the app is built."""
    build(publisher.layout, tmp_path_factory.mktemp("layers"), 1)
    return publisher.keys.make("wishes")


def trust(machine: Machine, publisher: Publisher, name: str, key: str, tmp_path: Path) -> str:
    """Add a remote of that name for a repository of that name; the app in it."""
    file = tmp_path / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    machine.add_remote(name, f"oci+http://{publisher.registry.host}/{name}", file, publisher.lookaside.url)
    return f"{name}/greeter:1"


def test_new_permissions_wait_for_a_person(
    machine: Machine, publisher: Publisher, key: str, tmp_path: Path
) -> None:
    app = trust(machine, publisher, "wishes", key, tmp_path)

    publisher.push_version("plain", app, PLAIN, key, 2)
    machine.appctl("install", "-y", "wishes/greeter:1")
    publisher.push_version("network", app, NETWORK, key, 3)
    refused = machine.appctl("update", "-y", code=6)
    assert "shared=network" in refused.err
    assert machine.appctl("info", "greeter", "--json").json["version"] == "plain"

    machine.appctl("update", "-y", "--accept-permissions")
    info = machine.appctl("info", "greeter", "--json").json
    assert info["version"] == "network"
    assert info["permissions"] == [["shared", "network", "leaves the sandbox"]]
    assert "Hello" in machine.run_app("greeter").out

    publisher.push_version("bus", app, BUS, key, 4)
    refused = machine.appctl("update", "-y", code=6)
    assert "session-bus=org.freedesktop.secrets:talk" in refused.err
    assert "shared=network" not in refused.err
    publisher.push_version("escape", app, ESCAPE, key, 5)
    assert "org.freedesktop.systemd1" in machine.appctl("update", "-y", "--accept-permissions", code=1).err
    assert machine.appctl("info", "greeter", "--json").json["version"] == "network"


def test_on_the_bus_a_job_that_needs_approval_ends_with_what_must_be_shown(
    machine: Machine, publisher: Publisher, key: str, tmp_path: Path
) -> None:
    app = trust(machine, publisher, "shown", key, tmp_path)
    publisher.push_version("shown1", app, NETWORK, key, 2)

    async def ask(member: str, signature: str, *body: object) -> tuple[str, str, Any]:
        async with client(machine.environment["DBUS_SESSION_BUS_ADDRESS"]) as caller:
            error, _ = await caller.call(member, signature, *body)
            assert not error
            _, state, name, _, result = await caller.signal("JobFinished")
            return state, name.rpartition(".")[2], result

    def done(member: str, signature: str, *body: object) -> tuple[str, str, Any]:
        return asyncio.run(ask(member, signature, *body))

    state, name, result = done("Install", "asa{sv}", ["shown/greeter:1"], {})
    assert (state, name) == ("needs-approval", "NeedsApproval")
    preview = result["preview"][1]
    assert preview["permissions"][1] == [("shared", "network", "leaves the sandbox")]
    given = {"accept-permissions": ("s", preview["permissions-hash"][1])}
    assert done("Install", "asa{sv}", ["shown/greeter:1"], given)[0] == "succeeded"

    publisher.push_version("shown2", app, BUS, key, 3)
    assert done("Update", "asa{sv}", [], {})[:2] == ("needs-approval", "NeedsApproval")
    assert done("Approve", "sa{sv}", "org.appctl.Greeter", given)[:2] == ("needs-approval", "NeedsApproval")
    info = machine.appctl("info", "greeter", "--json").json
    assert (info["version"], info["last_error"]) == ("shown1", "NeedsApproval")
    assert [word for _, word, _ in info["update_permissions"]] == ["org.freedesktop.secrets:talk"]
    given = {
        "accept-permissions": ("s", info["update_permissions_hash"]),
        "expected-digest": ("s", info["latest_digest"]),
    }
    assert done("Approve", "sa{sv}", "org.appctl.Greeter", given)[0] == "succeeded"
    assert machine.appctl("info", "greeter", "--json").json["version"] == "shown2"


@pytest.fixture
def music() -> Iterator[Path]:
    """A directory that an app can be shown, wherever the other files of this test are."""
    with tempfile.TemporaryDirectory(prefix="appctl-music.", dir="/tmp") as made:
        Path(made, "song").write_text("la\n")
        yield Path(made)


def test_what_was_decided_outlives_updates_and_daemons(
    machine: Machine, publisher: Publisher, key: str, tmp_path: Path, music: Path
) -> None:
    app = trust(machine, publisher, "decided", key, tmp_path)
    port = int(publisher.registry.host.rpartition(":")[2])

    def has_network() -> bool:
        """Whether the app sees the registry listen on this machine."""
        return f":{port:04X} " in machine.run_app("--command=/usr/bin/cat", "greeter", "/proc/net/tcp").out

    def version() -> str:
        found: str = machine.appctl("info", "greeter", "--json").json["version"]
        return found

    publisher.push_version("first", app, NETWORK, key, 2)
    machine.appctl("install", "-y", "decided/greeter:1")
    assert has_network()
    machine.appctl("permissions", "greeter", "--deny", "network", "--allow", f"{music}:ro")
    assert not has_network()
    assert machine.run_app("--command=/usr/bin/cat", "greeter", str(music / "song")).out == "la\n"
    refused = machine.run_app("--share=network", "greeter", code=125)
    assert "shared=network is denied" in refused.err

    publisher.push_version("second", app, NETWORK, key, 3)
    machine.appctl("hold", "greeter")
    machine.appctl("update", "--check", code=2)
    for _ in range(2):
        assert "is held" in machine.appctl("update").out
        assert version() == "first"
        machine.stop(kill=True)
        machine.start()
    assert not has_network()
    machine.appctl("update", "greeter")
    machine.appctl("unhold", "greeter")
    assert version() == "second"
    assert not has_network()
    rows = machine.appctl("permissions", "greeter", "--json").json["permissions"]
    assert {(row["value"], row["override"]) for row in rows} == {
        ("network", "deny"), (f"{music}:ro", "allow"),
    }  # fmt: skip
    events = [entry["event"] for entry in machine.appctl("history", "--json").json]
    assert events[:5] == ["unhold", "update", "hold", "permissions", "install"]

    machine.appctl("permissions", "greeter", "--reset")
    assert has_network()
    machine.appctl("permissions", "greeter", "--deny", "network")
    machine.appctl("uninstall", "-y", "greeter")
    machine.appctl("install", "-y", "decided/greeter:1")
    assert has_network(), "what was decided about an app went with it"
    broken = machine.directory / "config/appctl/overrides/org.appctl.Greeter"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("deny everything\n")
    assert str(broken) in machine.run_app("greeter", code=125).err
    broken.unlink()
