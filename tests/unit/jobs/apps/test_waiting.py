# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An update that waits for approval, and what comes with it: looked for once, kept, no reason to fail."""

import json
from pathlib import Path

import pytest

from appctld.errors import NeedsApproval, NoSpace
from appctld.jobs.apps import room
from appctld.jobs.requests import Approve, Install, Prune, Update
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.image import METADATA
from appctld.model.jsonvalue import get_object, get_objects
from appctld.state.available import last_check, waiting_refs
from appctld.state.records import installed
from support.workers.inline import layer_of
from support.worlds.approving import accepting
from support.worlds.flatpaks import EDITOR, PLATFORM, entry, listed, metadata, publish, reference, tag_of
from support.worlds.world import BASE, TOP, Yard

NEXT = parse_ref("runtime/org.acme.Platform/x86_64/46")
NETWORK = "[Context]\nshared=network;\n"
HELLO, OWN = "acme.example/x/hello:1", "org.acme.Hello"
PETABYTE = 10**15


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """The editor is installed on its platform; a newer one asks for the network, on the next platform."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    publish(yard.registry, EDITOR)
    offer(yard, PLATFORM)
    yard.do(Install((reference(EDITOR),)))
    offer(yard, NEXT)
    publish(yard.registry, EDITOR, metadata(EDITOR, NETWORK, NEXT), version="2")
    return yard


@pytest.fixture
def yard(first: Yard, tmp_path: Path) -> Yard:
    yard = first.copied_to(tmp_path)
    yard.runner.requests.clear()
    return yard


def offer(yard: Yard, ref: FlatpakRef) -> None:
    """Publish a platform, and list it alone."""
    yard.registry.listed = listed(entry(ref, publish(yard.registry, ref, version=ref.branch)))


def layer(yard: Yard, ref: FlatpakRef) -> str:
    """The digest of the one layer that an image has now."""
    (only,) = json.loads(yard.registry.tags[tag_of(ref)])["layers"]
    return str(only["digest"])


def hello(yard: Yard, layers: list[bytes], **labels: str) -> None:
    """Publish an app that stands on nothing."""
    yard.registry.push("1", layers, Labels={"org.appctl.id": OWN, **labels})


def waits(yard: Yard, request: Update | Install | Approve) -> None:
    with pytest.raises(NeedsApproval):
        yard.do(request)


def test_what_comes_with_it_is_looked_for_once(yard: Yard) -> None:
    waits(yard, Update((EDITOR.id,)))
    (also,) = get_objects(get_object(yard.job.result, "preview"), "also")
    assert also["id"] == NEXT.id
    assert (yard.ops().count("index"), yard.ops().count("resolve")) == (1, 2)


def test_what_comes_with_it_stays_here_until_it_is_approved(yard: Yard) -> None:
    waits(yard, Update((EDITOR.id,)))
    yard.do(Prune())
    assert {ref.rpartition("/")[2] for ref in waiting_refs(yard.paths)} == {
        layer(yard, ref).removeprefix("sha256:") for ref in (EDITOR, NEXT)
    }
    yard.registry.asked.clear()
    yard.do(Approve(EDITOR.id, accepting("shared=network")))
    assert NEXT.id in installed(yard.paths)
    assert not {layer(yard, EDITOR), layer(yard, NEXT)} & {*yard.registry.asked}


@pytest.mark.parametrize(
    "request_",
    [Update((EDITOR.id,)), Update(()), Approve(EDITOR.id, {}), Install((reference(EDITOR),))],
    ids=["update", "all", "approve", "install"],
)
def test_it_waits_although_what_comes_with_it_is_nowhere(
    yard: Yard, request_: Update | Approve | Install
) -> None:
    if isinstance(request_, Approve):
        waits(yard, Update((EDITOR.id,)))
    yard.registry.listed = None
    if request_.about:
        waits(yard, request_)
        preview = get_object(yard.job.result, "preview")
        assert (preview["runtime"], preview["runtime-installed"], preview["also"]) == (str(NEXT), False, [])
        assert preview["permissions"]
    else:
        yard.do(request_)
        (item,) = (item for item in yard.job.items if item["id"] == EDITOR.id)
        assert item["state"] == "needs-approval"
    if not isinstance(request_, Install):
        assert last_check(yard.paths).errors[EDITOR.id] == "NeedsApproval"
        assert layer(yard, EDITOR).removeprefix("sha256:") in str(waiting_refs(yard.paths))
        assert layer(yard, EDITOR) in yard.registry.asked


# --- room


def test_it_is_downloaded_only_where_there_is_room(yard: Yard) -> None:
    hello(yard, [BASE])
    yard.do(Install((HELLO,)))
    text = f"[Application]\nname={OWN}\n{NETWORK}"
    layers = [layer_of({"app/": None, "app/metadata": text.encode()})]
    hello(yard, layers, **{METADATA: text, "org.flatpak.installed-size": str(PETABYTE)})
    yard.runner.requests.clear()
    with pytest.raises(NoSpace):
        yard.do(Update((OWN,)))
    assert "receive" not in yard.ops()
    waiting = last_check(yard.paths).about(OWN)
    assert waiting is not None
    assert [one.value for one in waiting.asks] == ["network"]


def test_what_is_here_by_then_needs_no_room_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a file of it asks for more is known when all of it is here."""
    hello(yard, [BASE])
    yard.do(Install((HELLO,)))
    text = f"[Application]\nname={OWN}\n{NETWORK}"
    hello(yard, [BASE, TOP, layer_of({"app/": None, "app/metadata": text.encode()})])
    monkeypatch.setattr(room, "NEAR", 100)
    yard.runner.requests.clear()
    waits(yard, Update((OWN,)))
    assert yard.ops().count("room") == 1
