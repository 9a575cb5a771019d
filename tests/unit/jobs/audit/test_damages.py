# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every kind of damage is found, named, and repaired, with nothing but the registry and the store."""

import subprocess
from pathlib import Path

import pytest

from appctld.jobs.requests import Install, Prune, Repair, Verify
from appctld.model.jsonvalue import JsonObject, get_objects, get_strings
from support.damage import DAMAGES, SHARED_LAYER, Scene
from support.inline import layer_of
from support.world import Yard

APP, OTHER = "org.acme.Hello", "org.other.Hello"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """Two remotes' apps, whose lowest layer is the same."""
    yard = Yard(tmp_path)
    for remote, app_id in (("acme", APP), ("other", OTHER)):
        top = layer_of({"usr/": None, "usr/top": remote.encode()})
        yard.registry.push(
            remote, [SHARED_LAYER, top], Labels={"org.appctl.id": app_id}, Cmd=["/usr/bin/hello"]
        )
        yard.do(Install((f"{remote}.example/x/hello:{remote}",)))
    return yard


def verify(yard: Yard, *ids: str) -> JsonObject:
    result = yard.do(Verify(ids))
    wrong = bool(result["problems"])
    assert (yard.job.error is not None) == wrong
    return result


def faults(result: JsonObject) -> dict[str, set[str]]:
    """The faults, and the apps that each touches."""
    found: dict[str, set[str]] = {}
    for problem in get_objects(result, "problems"):
        found.setdefault(str(problem["fault"]), set()).update(get_strings(problem, "apps"))
    return found


def fsck(yard: Yard) -> None:
    done = subprocess.run(
        ["ostree", "fsck", f"--repo={yard.paths.repo}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_was_just_installed_is_well(yard: Yard) -> None:
    result = verify(yard)
    assert result["problems"] == []
    apps = {str(app["id"]): app for app in get_objects(result, "apps")}
    assert {app_id: (app["state"], app["signature"]) for app_id, app in apps.items()} == {
        APP: ("good", "none"),
        OTHER: ("good", "none"),
    }
    assert result["bytes-checked"] == len("#!/bin/sh") + len("some text") + len("data\0") + len("acmeother")


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_named_and_repaired(yard: Yard, name: str) -> None:
    fault, harm = DAMAGES[name]
    scene = Scene(yard.paths.root, APP)
    before = scene.files
    harm(scene)
    found = faults(verify(yard))
    assert fault in found
    if name != "a ref that nothing needs":
        assert APP in found[fault]
    told = yard.do(Repair())
    assert told["left"] == 0, (told, yard.job.items)
    assert yard.job.error is None
    assert verify(yard)["problems"] == []
    fsck(yard)
    assert yard.do(Prune({"dry-run": True}))["objects"] == 0
    for app_id, text in ((APP, "acme"), (OTHER, "other")):
        files = Scene(yard.paths.root, app_id).files
        assert (files / "usr/top").read_text() == text
        assert (files / "usr/data").read_text() == "some text"
    assert len(list(before.parent.parent.iterdir())) == 2, "one deployment, and current"
