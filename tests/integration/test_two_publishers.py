# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Two publishers with keys of their own and the same layers share bytes and nothing else."""

from pathlib import Path

import pytest

from support.images.greeter import build
from support.images.images import Settings
from support.machines.machine import Machine
from support.publishers.publisher import Publisher


def _trust(machine: Machine, publisher: Publisher, name: str, repository: str, tmp_path: Path) -> str:
    key = publisher.keys.make(name)
    file = tmp_path / f"{name}.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    machine.add_remote(
        name, f"oci+http://{publisher.registry.host}/{repository}", file, publisher.lookaside.url
    )
    return key


@pytest.fixture
def both(machine: Machine, publisher: Publisher, tmp_path: Path) -> tuple[str, str]:
    """The same layers, published by two under IDs of their own; their references."""
    (tmp_path / "layers").mkdir()
    build(publisher.layout, tmp_path / "layers", 1)
    host = publisher.registry.host
    for name in ("acme", "other"):
        key = _trust(machine, publisher, name, name, tmp_path)
        publisher.layout.build(
            f"{name}-1", [], Settings(labels={"org.appctl.id": f"org.{name}.Greeter"}), base="v1"
        )
        publisher.push(f"{name}-1", f"{name}/greeter:1", key)
    return f"{host}/acme/greeter:1", f"{host}/other/greeter:1"


def test_the_second_downloads_no_layer_and_either_survives_the_other(
    machine: Machine, both: tuple[str, str]
) -> None:
    first, second = (machine.appctl("install", "-y", "--json", name).json["apps"][0] for name in both)
    assert first["bytes_downloaded"] > 0
    assert second["bytes_downloaded"] == 0
    assert second["bytes_reused"] == first["bytes_downloaded"]
    assert first["signer"] != second["signer"]

    machine.appctl("uninstall", "-y", "org.acme.Greeter")
    machine.appctl("prune", "-y")
    machine.fsck()
    assert not [ref for ref in machine.refs() if "/acme/" in ref]
    assert "Hello" in machine.run_app("org.other.Greeter").out

    third = machine.appctl("install", "-y", "--json", both[0]).json["apps"][0]
    assert third["bytes_downloaded"] == 0
    machine.appctl("uninstall", "-y", "org.other.Greeter")
    assert "Hello" in machine.run_app("org.acme.Greeter").out

    machine.appctl("uninstall", "-y", "org.acme.Greeter")
    assert machine.refs() == set()
    assert machine.objects() == set()
