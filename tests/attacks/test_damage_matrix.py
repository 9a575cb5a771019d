# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Damage through the CLI, a real daemon, registry and gpg: named by `verify`, brought back by `repair`.

Two publishers' apps share their lowest layer. The whole table is in tests/unit/jobs/audit; here stands one of
each fault, and what becomes of an app whose key is given up.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.layers.layers import tar
from support.machines.machine import Machine
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher
from support.repositories.damage import DAMAGES, SHARED_LAYER, Scene

APPS = {"acme": "org.acme.Hello", "other": "org.other.Hello"}
APP, OTHER = APPS.values()
CLI = {
    "a byte of a file object": "the record's digest",
    "a file object's mode": "a file replaced",
    "a layer's record missing": "the provenance missing",
    "the app's ref missing": "run.json's arguments",
}
"""What happens to one app, and to the other at the same time: each fault once, and none hides another."""


@dataclass
class Street:
    """A machine, and the publishers whose apps it runs."""

    machine: Machine
    publisher: Publisher
    keys: dict[str, str]

    def scene(self, app_id: str = APP) -> Scene:
        return Scene(self.machine.state, app_id)

    def verify(self, code: int = 0) -> Any:  # noqa: ANN401 - the document
        return self.machine.appctl("verify", "--json", code=code).json

    def key_file(self, name: str, *names: str) -> Path:
        """These publishers' public keys as a file."""
        path = self.machine.directory / f"{name}.asc"
        path.write_bytes(self.publisher.keys.export(*(self.keys[each] for each in names), armor=True))
        return path


@pytest.fixture(scope="module")
def street(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    keys = {name: publisher.keys.make(name) for name in (*APPS, "third")}
    with Machine(tmp_path_factory.mktemp("street") / "machine", measured=False) as machine:
        street = Street(machine, publisher, keys)
        host = publisher.registry.host
        for name, app_id in APPS.items():
            image = Forgery([SHARED_LAYER, tar(("usr/", f"usr/top = {name}"))])
            image.config["config"] |= {"Labels": {"org.appctl.id": app_id}, "Cmd": ["/usr/bin/hello"]}
            image.push(publisher, f"{name}/hello:1", keys[name])
            url = f"oci+http://{host}/{name}"
            machine.add_remote(name, url, street.key_file(name, name), publisher.lookaside.url)
            machine.appctl("install", "-y", f"{host}/{name}/hello:1")
        yield street


def test_two_apps_that_are_well(street: Street) -> None:
    document = street.verify()
    assert document["problems"] == []
    assert [app["signature"] for app in document["apps"]] == ["good", "good"]
    assert "valid" not in street.machine.appctl("verify").out
    assert street.machine.appctl("repair").out == "Nothing is damaged.\n"


@pytest.mark.parametrize("name", CLI)
def test_damage_is_named_and_repaired(street: Street, name: str) -> None:
    harmed = {APP: DAMAGES[name], OTHER: DAMAGES[CLI[name]]}
    assert len({fault for fault, _ in harmed.values()}) == len(harmed)
    for app_id, (_, harm) in harmed.items():
        harm(street.scene(app_id))
    document = street.verify(code=1)
    for app_id, (fault, _) in harmed.items():
        assert any(app_id in each["apps"] for each in document["problems"] if each["fault"] == fault)
    assert document["errors"][0]["name"] == "RepoCorrupt"
    assert document["errors"][0]["hint"] == "appctl repair"
    assert street.machine.appctl("repair", "--json").json["left"] == 0
    assert street.verify()["problems"] == []
    street.machine.fsck()
    for app_id, name_of in ((APP, "acme"), (OTHER, "other")):
        assert (street.scene(app_id).files / "usr/top").read_text() == name_of
        assert (street.scene(app_id).files / "usr/data").read_text() == "some text"


def test_a_dry_run_says_what_would_be_done_and_prune_works_again_after_a_repair(street: Street) -> None:
    (street.scene().deployment / "record.json").unlink()
    street.machine.appctl("prune", code=1)
    planned = street.machine.appctl("repair", "--dry-run", "--json", code=1).json
    assert not planned["changed"]
    assert [action["action"] for action in planned["actions"]] == ["restore"]
    street.machine.appctl("prune", code=1)
    street.machine.appctl("repair")
    street.machine.appctl("prune")


def test_what_runs_keeps_its_files(street: Street) -> None:
    scene = street.scene()
    deployment = scene.deployment
    scene.edit("run", lambda found: found.update(entrypoint=["/bin/evil"]))
    running = os.open(deployment / "run.json", os.O_RDONLY)
    try:
        fcntl.flock(running, fcntl.LOCK_SH)
        ran = street.machine.appctl("repair", code=1)
        assert "until it is closed" in ran.out
        assert deployment.is_dir()
        assert scene.deployment != deployment
    finally:
        os.close(running)
    street.machine.appctl("repair")
    assert not deployment.exists()
    assert street.verify()["problems"] == []


@pytest.fixture
def kept_remotes(street: Street, tmp_path: Path) -> Iterator[None]:
    """The remotes' files are afterwards as they were, so that no case depends on another."""
    saved = shutil.copytree(street.machine.configuration, tmp_path / "remotes.d")
    yield
    shutil.rmtree(street.machine.configuration)
    shutil.copytree(saved, street.machine.configuration)


def deny(street: Street) -> None:
    street.machine.appctl("remote", "modify", "acme", "--set", f"deny-keys={street.keys['acme']}")


def replace_key(street: Street) -> None:
    path = street.key_file("new", "third")
    street.machine.appctl("remote", "modify", "acme", "--gpg-import", str(path))


def revoke(street: Street) -> None:
    street.publisher.keys.revoke(street.keys["acme"])
    path = street.key_file("revoked", "acme")
    street.machine.appctl("remote", "modify", "acme", "--gpg-import", str(path))


def forget_remote(street: Street) -> None:
    for path in street.machine.configuration.glob("acme.*"):
        path.unlink()


@pytest.mark.usefixtures("kept_remotes")
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (deny, "was denied"),
        (replace_key, "was removed from the remote's keys"),
        (revoke, "was revoked"),
        (forget_remote, "remote acme is gone"),
    ],
)
def test_a_signature_that_counts_no_longer_is_told_and_takes_nothing_away(
    street: Street, harm: Callable[[Street], None], words: str
) -> None:
    harm(street)
    document = street.verify(code=5)
    said = {app["id"]: app["words"] for app in document["apps"] if app["state"] == "no-longer-trusted"}
    assert set(said) == {APP}
    assert "valid when checked on 20" in said[APP]
    assert words in said[APP]
    assert [error["name"] for error in document["errors"]] == ["UntrustedSigner"]
    assert (street.scene().files / "usr/top").read_text() == "acme"
    if harm is deny:
        street.machine.appctl("repair", code=5)
        street.machine.appctl("remote", "modify", "acme", "--set", "deny-keys=")
        street.verify()
