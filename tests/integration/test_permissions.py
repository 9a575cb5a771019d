# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An update that asks for more than was approved is not deployed until somebody grants what was shown."""

from datetime import timedelta
from pathlib import Path

from support.greeter import build
from support.images import CREATED, Settings
from support.machine import Machine
from support.publisher import Publisher

PLAIN = "[Application]\nname=org.appctl.Greeter\ncommand=/usr/bin/greet\n"
NETWORK = PLAIN + "[Context]\nshared=network;\n"
BUS = NETWORK + "[Session Bus Policy]\norg.freedesktop.secrets=talk\n"
ESCAPE = NETWORK + "[Session Bus Policy]\norg.freedesktop.systemd1=talk\n"


def _publish(publisher: Publisher, work: Path, tag: str, metadata: str, key: str, day: int) -> None:
    layer = work / tag
    (layer / "app").mkdir(parents=True)
    (layer / "app/metadata").write_text(metadata)
    version = {"org.appctl.metadata": metadata, "org.opencontainers.image.version": tag}
    settings = Settings(labels=version, created=CREATED + timedelta(days=day))
    publisher.layout.build(tag, [layer], settings, base="v1")
    publisher.push(tag, "wishes/greeter:1", key)


def test_new_permissions_wait_for_a_person(machine: Machine, publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    build(publisher.layout, tmp_path / "layers", 1)
    key = publisher.keys.make("wishes")
    file = tmp_path / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    url = f"oci+http://{publisher.registry.host}/wishes"
    machine.add_remote("wishes", url, file, publisher.lookaside.url)

    _publish(publisher, tmp_path, "plain", PLAIN, key, 2)
    machine.appctl("install", "-y", "wishes/greeter:1")
    _publish(publisher, tmp_path, "network", NETWORK, key, 3)
    refused = machine.appctl("update", "-y", code=6)
    assert "shared=network" in refused.err
    assert machine.appctl("info", "greeter", "--json").json["version"] == "plain"

    machine.appctl("update", "-y", "--accept-permissions")
    info = machine.appctl("info", "greeter", "--json").json
    assert info["version"] == "network"
    assert info["permissions"] == [["shared", "network", "leaves the sandbox"]]
    assert "Hello" in machine.run_app("greeter").out

    _publish(publisher, tmp_path, "bus", BUS, key, 4)
    refused = machine.appctl("update", "-y", code=6)
    assert "session-bus=org.freedesktop.secrets:talk" in refused.err
    assert "shared=network" not in refused.err
    _publish(publisher, tmp_path, "escape", ESCAPE, key, 5)
    assert "org.freedesktop.systemd1" in machine.appctl("update", "-y", "--accept-permissions", code=1).err
    assert machine.appctl("info", "greeter", "--json").json["version"] == "network"
