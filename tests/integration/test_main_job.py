# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The main job on a machine whose every part is real, sandboxes included; and what survives a daemon."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import APP_ID, build
from support.machines.machine import Machine
from support.publishers.publisher import Publisher

PROMISED = {
    "id",
    "remote",
    "reference",
    "image_digest",
    "commit",
    "layers",
    "signer",
    "signed_at",
    "version",
    "deployment",
    "installed_size",
    "bytes_downloaded",
    "bytes_reused",
    "changed",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("main") / "machine", measured=False) as running:
        yield running
        running.fsck()


@pytest.fixture(scope="module")
def key(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A publisher's key; versions 1, 2 and 3 of the app are built."""
    work = tmp_path_factory.mktemp("layers")
    for version in (1, 2, 3):
        (work / str(version)).mkdir()
        build(publisher.layout, work / str(version), version)
    key = publisher.keys.make("acme")
    (publisher.directory / "key.asc").write_bytes(publisher.keys.export(key, armor=True))
    return key


@pytest.fixture
def reference(publisher: Publisher, key: str, machine: Machine, tmp_path: Path) -> Iterator[str]:
    """Version 1 in a repository of this test's own, which the machine trusts; at the end it is gone."""
    repository = tmp_path.name.lower().replace("_", "-").strip("-")
    host, file = publisher.registry.host, publisher.directory / "key.asc"
    publisher.push("v1", f"{repository}/greeter:stable", key)
    machine.add_remote("acme", f"oci+http://{host}/{repository}", file, publisher.lookaside.url)
    yield f"{host}/{repository}/greeter:stable"
    machine.appctl("uninstall", "-y", "--ignore", APP_ID)
    assert machine.objects() == set()
    machine.appctl("remote", "remove", "acme", "-y", code=None)


def _push(publisher: Publisher, tag: str, reference: str, key: str) -> None:
    publisher.push(tag, reference.partition("/")[2], key)


def test_install_update_rollback_uninstall(
    machine: Machine, publisher: Publisher, key: str, reference: str
) -> None:
    installed = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    assert set(installed) >= PROMISED
    assert (installed["signer"], installed["changed"]) == (key, True)
    assert machine.appctl("install", "-y", "--json", reference).json["apps"][0]["changed"] is False
    assert machine.appctl("update", "-y", "--json", code=0).json["apps"][0]["changed"] is False
    assert machine.appctl("update", "--check", code=2).out.strip() == ""

    _push(publisher, "v2", reference, key)
    assert "2.0" in machine.appctl("update", "--check").out
    updated = machine.appctl("update", "-y", "--json").json["apps"][0]
    assert (updated["version"], updated["changed"]) == ("2.0", True)
    assert 0 < updated["bytes_downloaded"] < installed["bytes_downloaded"] / 100
    assert "2.0" in machine.run_app("greeter").out

    machine.appctl("rollback", "-y", "greeter")
    assert "1.0" in machine.run_app("greeter").out
    info = machine.appctl("info", "greeter", "--json").json
    assert set(info) >= PROMISED
    assert info["version"] == "1.0"

    assert machine.appctl("remote", "remove", "-y", "acme", code=1).err.startswith("error:"), "it is in use"
    assert "acme" in machine.appctl("remote", "list").out

    machine.appctl("uninstall", "-y", "greeter")
    assert machine.objects() == set()
    machine.appctl("info", "greeter", code=3)
    machine.appctl("remote", "remove", "acme", "-y")
    machine.appctl("install", "-y", reference, code=3)


def test_the_current_version_and_the_one_before_are_kept_also_by_a_reinstall(
    machine: Machine, publisher: Publisher, key: str, reference: str
) -> None:
    machine.appctl("install", "-y", reference)
    for tag in ("v2", "v3"):
        _push(publisher, tag, reference, key)
        machine.appctl("update", "-y")
    machine.appctl("install", "-y", "--reinstall", reference)
    (app,) = (machine.state / "apps").iterdir()
    deployments = [path for path in app.iterdir() if not path.is_symlink()]
    assert len(deployments) == 2
    machine.appctl("rollback", "-y", "greeter")
    assert "2.0" in machine.run_app("greeter").out


def test_a_background_update_leaves_alone_what_somebody_went_back_from(
    machine: Machine, publisher: Publisher, key: str, reference: str
) -> None:
    machine.appctl("install", "-y", reference)
    _push(publisher, "v2", reference, key)
    machine.appctl("update", "-y")
    machine.appctl("rollback", "-y", "greeter")
    machine.appctl("update", "-y", "--background")
    assert "1.0" in machine.run_app("greeter").out
    _push(publisher, "v3", reference, key)
    machine.appctl("update", "-y", "--background")
    assert "3.0" in machine.run_app("greeter").out
    machine.appctl("rollback", "-y", "greeter")
    assert "1.0" in machine.run_app("greeter").out, "the version that was current before"


def test_a_daemon_that_ends_loses_nothing_and_what_no_record_names_is_swept_up(
    machine: Machine, reference: str
) -> None:
    machine.appctl("install", "-y", reference)
    (app,) = (machine.state / "apps").iterdir()
    for kill in (True, False):
        machine.stop(kill=kill)
        assert "1.0" in machine.run_app("greeter").out
        (machine.state / "blobs" / ".unverified-left").write_bytes(b"x")
        (app / ".staging-left").mkdir()
        (app / "abcdef012345.0").mkdir()
        machine.start()
        assert "1.0" in machine.appctl("list").out
        assert not (machine.state / "blobs" / ".unverified-left").exists()
        assert [path.name for path in app.iterdir() if not path.is_symlink()] == [
            (app / "current").readlink().name
        ]
    machine.appctl("uninstall", "-y", "greeter")
    assert machine.objects() == set()


def test_a_second_daemon_does_not_work_on_the_same_state(machine: Machine) -> None:
    command = [sys.executable, "-m", "support.machines.altered", "hasty"]
    second = subprocess.run(command, env=machine.environment, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another daemon" in second.stderr
    machine.appctl("list")
