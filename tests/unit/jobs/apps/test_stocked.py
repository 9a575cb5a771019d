# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""no-deploy brings an image here, no-pull installs it: nothing is fetched then, and all is judged anew."""

import asyncio
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appctld.errors import (
    AppctlError,
    InvalidReference,
    LimitExceeded,
    NotFound,
    Offline,
    PolicyDenied,
    Rollback,
)
from appctld.jobs.apps.removal import prune_if_free
from appctld.jobs.requests import Install, Prune, Resolve, Uninstall, Update
from appctld.jobs.work import work
from appctld.model.image import METADATA
from appctld.model.jsonvalue import get_object
from appctld.state import pulled
from appctld.state.layers import recorded_refs
from support.workers.inline import layer_of
from support.worlds.flatpaks import EDITOR, PLATFORM, entry, listed, publish, reference, tag_of
from support.worlds.world import BASE, TOP, Yard

HELLO, OWN = "acme.example/x/hello:1", "example.acme.x.hello"
BRING, HERE, SHOW = {"no-deploy": True}, {"no-pull": True}, {"cached-only": True}
LOGIN = {"host": "acme.example", "username": "u", "password": "p"}
NEWER = layer_of({"usr/": None, "usr/newer": b"x"})


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE, TOP], created="2021-01-01T00:00:00Z")
    return yard


def fetched(yard: Yard) -> list[object]:
    """What fetchers were asked since this was last asked."""
    found: list[object] = [asked["op"] for asked in yard.runner.requests if "registry" in asked]
    yard.runner.requests.clear()
    return found


def test_what_was_brought_here_is_installed_without_fetching(yard: Yard) -> None:
    (app,) = yard.apps(Install((HELLO,), BRING))
    assert (app["id"], app["changed"], app["pulled"]) == (OWN, False, True)
    assert yard.current() == {}
    assert fetched(yard)
    yard.registry.down.add("https://acme.example")
    preview = get_object(yard.do(Resolve(HELLO, SHOW)), "preview")
    assert (preview["download-size"], preview["change"]) == (0, "install")
    (app,) = yard.apps(Install((HELLO,), HERE))
    assert (app["id"], app["changed"], app["bytes-downloaded"]) == (OWN, True, 0)
    assert fetched(yard) == []
    assert pulled.pulled_refs(yard.paths) == set()


def test_no_permission_is_granted_by_bringing(yard: Yard) -> None:
    text = "[Application]\nname=org.acme.Hello\n[Context]\nshared=network;\n"
    layer = layer_of({"app/": None, "app/metadata": text.encode()})
    yard.registry.push("1", [BASE, layer], Labels={METADATA: text})
    yard.do(Install((HELLO,), BRING))
    with pytest.raises(AppctlError, match="network"):
        yard.do(Install((HELLO,), HERE))
    assert yard.current() == {}


def test_what_waits_outlives_a_prune_by_the_way_and_no_prune_that_somebody_wants(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    asyncio.run(prune_if_free(yard.shop(Prune())))
    assert recorded_refs(yard.paths)
    yard.do(Prune({"dry-run": True}))
    assert recorded_refs(yard.paths)
    yard.do(Prune())
    assert not recorded_refs(yard.paths)
    with pytest.raises(NotFound, match="was not brought here"):
        yard.do(Install((HELLO,), HERE))


def test_an_app_that_is_here_is_installed_anew_without_fetching(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    fetched(yard)
    (app,) = yard.apps(Install((HELLO,), {**HERE, "reinstall": True}))
    assert app["changed"] is True
    (app,) = yard.apps(Install((HELLO,), HERE))
    assert app["changed"] is False
    assert fetched(yard) == []


def test_a_runtime_that_is_missing_is_brought_too_and_stays(yard: Yard) -> None:
    on_a_platform(yard)
    (app,) = yard.apps(Install((reference(EDITOR),), BRING))
    assert app["pulled"]
    asyncio.run(prune_if_free(yard.shop(Prune())))
    yard.registry.asked.clear()
    yard.do(Install((reference(EDITOR),)))
    assert not layers_of_a_platform(yard) & {*yard.registry.asked}
    assert {*yard.current()} == {EDITOR.id, PLATFORM.id}


def test_a_runtime_must_be_installed_before_an_app_is_without_fetching(yard: Yard) -> None:
    """Nothing here says which image is the runtime that the app's label names."""
    on_a_platform(yard)
    yard.do(Install((reference(EDITOR),), BRING))
    yard.do(Install((reference(PLATFORM),), BRING))
    fetched(yard)
    with pytest.raises(Offline):
        yard.do(Install((reference(EDITOR),), HERE))
    for ref in (PLATFORM, EDITOR):
        yard.do(Install((reference(ref),), HERE))
    assert {*yard.current()} == {EDITOR.id, PLATFORM.id}
    assert fetched(yard) == []


def on_a_platform(yard: Yard) -> None:
    """Publish an app, and the runtime that it stands on."""
    publish(yard.registry, EDITOR)
    yard.registry.listed = listed(entry(PLATFORM, publish(yard.registry, PLATFORM)))


def layers_of_a_platform(yard: Yard) -> set[str]:
    return {layer["digest"] for layer in json.loads(yard.registry.tags[tag_of(PLATFORM)])["layers"]}


def test_where_nothing_is_here_nothing_is_found(yard: Yard) -> None:
    for request in (Install((HELLO,), HERE), Resolve(HELLO, SHOW)):
        with pytest.raises(NotFound, match="nothing is fetched") as caught:
            yard.do(request)
        assert caught.value.advice == f"appctl install {HELLO}"
    assert fetched(yard) == []


@pytest.mark.parametrize("what", ["acme.example/x/hello:2", "other.example/x/hello:1"])
def test_what_was_brought_for_one_name_is_for_no_other(yard: Yard, what: str) -> None:
    yard.do(Install((HELLO,), BRING))
    with pytest.raises(NotFound):
        yard.do(Install((what,), HERE))


def test_what_was_brought_for_one_architecture_is_for_no_other(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    with pytest.raises(NotFound):
        yard.do(Install((HELLO,), {**HERE, "arch": "arm64"}))


def test_a_layer_that_is_gone_is_not_fetched(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    for path in yard.paths.remotes.glob("acme/layers/*.json"):
        path.unlink()
    fetched(yard)
    with pytest.raises(Offline, match="nothing is fetched"):
        yard.do(Install((HELLO,), HERE))
    assert fetched(yard) == []
    assert yard.current() == {}


def test_it_is_judged_by_the_keys_of_today(yard: Yard) -> None:
    """The remote asks for a key now; what was kept has no signature."""
    yard.do(Install((HELLO,), BRING))
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    asyncio.run(yard.book.modify("acme", {"verify": "cosign"}, cosign_keys=pem))
    with pytest.raises(AppctlError) as caught:
        yard.do(Install((HELLO,), HERE))
    assert caught.value.name in {"SignatureMissing", "UntrustedSigner"}


def test_a_remote_that_is_disabled_installs_nothing_of_what_is_here(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    asyncio.run(yard.book.modify("acme", {"enabled": "no"}))
    with pytest.raises(PolicyDenied):
        yard.do(Install((HELLO,), HERE))


def test_what_waits_is_older_once_something_newer_was_installed(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    waiting = {path: path.read_bytes() for path in yard.paths.remotes.glob("acme/pulled/*.json")}
    yard.registry.push("1", [BASE, NEWER], created="2022-01-01T00:00:00Z")
    yard.do(Install((HELLO,)))
    assert not list(yard.paths.remotes.glob("acme/pulled/*.json")), "it is of no use any more"
    for path, data in waiting.items():
        path.write_bytes(data)
    with pytest.raises(Rollback):
        yard.do(Install((HELLO,), HERE))


def test_a_file_that_was_changed_is_of_no_use(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    (path,) = yard.paths.remotes.glob("acme/pulled/*.json")
    whole = path.read_bytes()
    for broken in (b"", b"{", whole.replace(b'"raw": "', b'"raw": "!')):
        path.write_bytes(broken)
        with pytest.raises(NotFound):
            yard.do(Install((HELLO,), HERE))
        assert pulled.pulled_refs(yard.paths) == set()


@pytest.mark.parametrize("request_", [Install((HELLO,), HERE), Resolve(HELLO, SHOW)], ids=["install", "show"])
def test_what_somebodys_login_opened_is_for_that_user_and_root(
    yard: Yard, request_: Install | Resolve
) -> None:
    yard.do(Install((HELLO,), {**BRING, "registry-auth": (LOGIN,)}))
    with pytest.raises(NotFound, match="was not brought here"):
        ask_as(2, request_, yard)
    assert yard.current() == {}
    for uid in (1, 0):
        ask_as(uid, request_, yard)


def test_what_waits_is_nothing_that_users_read_in_the_state_directory(yard: Yard) -> None:
    yard.do(Install((HELLO,), {**BRING, "registry-auth": (LOGIN,)}))
    (path,) = yard.paths.remotes.glob("acme/pulled/*.json")
    assert path.stat().st_mode & 0o077 == 0


def test_what_no_login_was_needed_for_is_for_everybody(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    ask_as(2, Install((HELLO,), HERE), yard)
    assert [*yard.current()] == [OWN]


def ask_as(uid: int, request: Install | Resolve, yard: Yard) -> None:
    shop = yard.shop(request)
    shop.job.uid = uid
    asyncio.run(work(request, shop))


def test_a_remote_that_is_removed_takes_it_along(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    asyncio.run(yard.book.remove("acme"))
    assert pulled.pulled_refs(yard.paths) == set()


def test_many_are_too_many(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulled, "PULLED", 1)
    yard.do(Install((HELLO,), BRING))
    yard.do(Install((HELLO,), BRING))
    yard.registry.push("2", [BASE])
    with pytest.raises(LimitExceeded, match="nobody installed"):
        yard.do(Install(("acme.example/x/hello:2",), BRING))


@pytest.mark.parametrize("options", [BRING, HERE])
def test_a_repository_of_commits_knows_neither(options: dict[str, object], yard: Yard) -> None:
    yard.trees.commit("app/hello", {"x": "x"})
    with pytest.raises(InvalidReference):
        yard.do(Install(("trees:app/hello",), options))


def test_an_update_goes_on_from_what_was_installed_so(yard: Yard) -> None:
    yard.do(Install((HELLO,), BRING))
    yard.do(Install((HELLO,), HERE))
    yard.registry.push("1", [BASE, NEWER], created="2022-01-01T00:00:00Z")
    assert yard.apps(Update(()))[0]["changed"] is True
    yard.do(Uninstall((OWN,)))
