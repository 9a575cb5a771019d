# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`keep-blobs=yes`: blobs stay as they were packed as long as their layers do, and leave so."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import PolicyDenied
from appctld.jobs.requests import Prune, Uninstall
from appctld.model.jsonvalue import JsonObject
from appctld.model.login import Login
from appctld.state.layers import forget_remote
from appctld.system.worker import Report
from appctld.workers.export.image.export import export
from appctld.workers.store.__main__ import HANDLERS as STORE
from support.workers.inline import digest_of
from support.worlds.compressed import push_packed
from support.worlds.world import BASE, TOP, Yard, trusting

REFERENCE = "acme.example/x/hello:1"
APP = "example.acme.x.hello"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path)
    push_packed(made, "1", [BASE, TOP])
    return made


def kept(yard: Yard) -> dict[str, bytes]:
    """What is kept, by its path."""
    root = yard.paths.kept
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("*/*")}


def expected(yard: Yard, shelf: str = "acme") -> dict[str, bytes]:
    layers = json.loads(yard.registry.tags["1"])["layers"]
    return {
        f"{shelf}/{digest_of(tar)[7:]}.{layer['digest'][7:]}": yard.registry.blobs[layer["digest"]]
        for layer, tar in zip(layers, (BASE, TOP), strict=True)
    }


def test_blobs_stay_only_where_the_remote_says_so(yard: Yard) -> None:
    yard.install(REFERENCE)
    assert kept(yard) == {}
    assert list(yard.paths.blobs.glob("*/*")) == []


def test_blobs_stay_as_they_were_packed_and_the_image_leaves_as_it_was(yard: Yard, tmp_path: Path) -> None:
    yard.install(REFERENCE, trusting("acme", **{"keep-blobs": "yes"}))
    assert kept(yard) == expected(yard)
    assert list(yard.paths.blobs.glob("*/*")) == []
    request = {
        "apps": [{"state": str(yard.paths.root), "id": APP}],
        "to": {"kind": "directory", "path": str(tmp_path / "layout")},
    }
    export(json.loads(json.dumps(request)), lambda _: None)
    manifest = tmp_path / "layout/blobs/sha256" / digest_of(yard.registry.tags["1"])[7:]
    assert manifest.read_bytes() == yard.registry.tags["1"]


def test_they_go_with_their_layers(yard: Yard) -> None:
    yard.install(REFERENCE, trusting("acme", **{"keep-blobs": "yes"}))
    yard.do(Prune())
    assert kept(yard) == expected(yard), "as long as the app is here"
    yard.do(Uninstall((APP,)))
    assert kept(yard) == {}


def test_what_a_login_opened_is_for_its_owner_alone(yard: Yard) -> None:
    login = Login("acme.example/x", {"username": "alice", "password": "secret"})
    yard.tools = replace(yard.tools, logins=(login,))
    yard.install(REFERENCE, trusting("acme", **{"keep-blobs": "yes"}))
    assert kept(yard) == expected(yard, "acme.login")
    assert stat.S_IMODE((yard.paths.kept / "acme.login").stat().st_mode) == 0o700


def test_a_remote_that_is_removed_takes_them_along(yard: Yard) -> None:
    yard.install(REFERENCE, trusting("acme", **{"keep-blobs": "yes"}))
    forget_remote(yard.paths, "acme")
    assert kept(yard) == {}


def test_a_remote_that_was_replaced_meanwhile_keeps_nothing(yard: Yard) -> None:
    remote = trusting("acme", **{"keep-blobs": "yes"})
    planned = yard.plan(REFERENCE, remote)

    def imported(request: JsonObject, report: Report) -> JsonObject:
        answer = STORE["import-layer"](request, report)
        yard.remotes["acme"] = trusting("acme", title="Another")
        return answer

    yard.runner.instead["import-layer"] = imported
    with pytest.raises(PolicyDenied):
        yard.go_on(planned)
    assert kept(yard) == {}
