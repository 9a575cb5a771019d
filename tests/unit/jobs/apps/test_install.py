# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Install and Resolve over the real store: what was shown is what is installed; one failure is one."""

import json
from pathlib import Path
from typing import cast

import pytest

from appctld.errors import (
    AppctlError,
    DigestMismatch,
    InvalidReference,
    NeedsApproval,
    NoRemote,
    NotFound,
    PolicyDenied,
)
from appctld.jobs.requests import Approve, Install, Resolve, Update, Verify
from appctld.model.context import LEAVES
from appctld.model.image import METADATA
from appctld.model.jsonvalue import JsonObject, get_list, get_object
from appctld.state.available import last_check
from appctld.state.history import record_event
from support.workers.inline import digest_of, layer_of
from support.worlds.approving import accepting, hash_of
from support.worlds.world import BASE, TOP, Yard

HELLO = "acme.example/x/hello:1"
WORLD = "other.example/x/world:1"
PLAIN = "[Application]\nname=org.acme.Hello\n"
NETWORK = PLAIN + "[Context]\nshared=network;\n"
NETWORK_HASH = hash_of("shared=network")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """An image is published, and nothing is installed."""
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE])
    return yard


def refuses(
    yard: Yard, error: type[AppctlError], options: dict[str, object], text: str | None = None
) -> AppctlError:
    """An install of HELLO with these options fails, and changes nothing."""
    before, objects = yard.current(), sorted(yard.paths.repo.glob("objects/*/*"))
    with pytest.raises(error, match=text) as caught:
        yard.do(Install((HELLO,), options))
    assert yard.current() == before
    assert sorted(yard.paths.repo.glob("objects/*/*")) == objects
    assert yard.observer.apps == list(before)
    return caught.value


def wishing(yard: Yard, metadata: str) -> None:
    """Publish HELLO with that metadata file."""
    layer = layer_of({"app/": None, "app/metadata": metadata.encode()})
    yard.registry.push("1", [BASE, layer], Labels={METADATA: metadata})


def test_what_was_installed_is_told_and_written_down(yard: Yard) -> None:
    (app,) = yard.apps(Install((HELLO,)))
    (record,) = yard.current().values()
    assert (app["id"], app["changed"], app["previous-version"]) == (record.id, True, "")
    assert app["bytes-downloaded"] == len(BASE)
    assert yard.observer.apps == [record.id]
    history = yard.paths.history.read_text()
    assert '"event": "install"' in history
    assert str(record.image_digest) in history


def test_a_history_that_cannot_be_written_ends_no_install(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    yard.paths.history.mkdir()
    assert yard.apps(Install((HELLO,)))[0]["changed"] is True
    assert "history" in caplog.text
    with pytest.raises(OSError, match="directory"):
        record_event(yard.paths, {})


# --- what was shown


def test_another_digest_than_was_shown_is_refused(yard: Yard) -> None:
    error = refuses(yard, DigestMismatch, {"expected-digest": digest_of(b"what was shown")}, "is now")
    assert digest_of(yard.registry.tags["1"]) in error.message


def test_another_digest_than_was_shown_is_no_update_either(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    shown = digest_of(yard.registry.tags["1"])
    yard.registry.push("1", [TOP])
    refuses(yard, DigestMismatch, {"expected-digest": shown})


def test_the_digest_that_was_shown_is_installed(yard: Yard) -> None:
    preview = get_object(yard.do(Resolve(HELLO)), "preview")
    (app,) = yard.apps(Install((HELLO,), {"expected-digest": preview["image-digest"]}))
    assert app["image-digest"] == preview["image-digest"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        accepting(),
        accepting("sockets=x11"),
        accepting("shared=network", "sockets=x11"),
        {"accept-permissions": True},
        {"accept-permissions": "yes"},
        {"accept-permissions": ""},
    ],
)
def test_permissions_that_were_not_shown_are_not_granted(yard: Yard, options: dict[str, object]) -> None:
    wishing(yard, NETWORK)
    refuses(yard, NeedsApproval, options)


def test_what_asks_for_nothing_needs_no_approval(yard: Yard) -> None:
    wishing(yard, PLAIN)
    (app,) = yard.apps(Install((HELLO,), accepting("shared=network")))
    assert app["permissions"] == []


def test_permissions_that_were_shown_are_granted(yard: Yard) -> None:
    wishing(yard, NETWORK)
    (app,) = yard.apps(Install((HELLO,), accepting("shared=network")))
    assert app["permissions"] == [["shared", "network", LEAVES]]


def test_a_job_that_needs_approval_ends_with_the_preview(yard: Yard) -> None:
    wishing(yard, NETWORK)
    error = refuses(yard, NeedsApproval, accepting("sockets=x11"), "other permissions")
    preview = get_object(yard.job.result, "preview")
    assert preview["permissions"] == [["shared", "network", LEAVES]]
    assert preview["permissions-hash"] == NETWORK_HASH == error.data["permissions_hash"]
    assert preview["image-digest"] == error.data["digest"]
    yard.do(Install((HELLO,), {"accept-permissions": preview["permissions-hash"]}))
    yard.do(Install((HELLO,)))
    assert yard.job.error is None, "what is installed already is approved"
    yard.do(Install((HELLO,), {"reinstall": True}))


def hiding(yard: Yard, metadata: str) -> None:
    """Publish HELLO with that metadata file, and without a label."""
    yard.registry.push("1", [BASE, layer_of({"app/": None, "app/metadata": metadata.encode()})])


def test_what_only_a_file_asks_for_is_shown_and_then_granted(yard: Yard) -> None:
    hiding(yard, NETWORK)
    assert get_object(yard.do(Resolve(HELLO)), "preview")["permissions"] == []
    with pytest.raises(NeedsApproval, match="no label showed") as caught:
        yard.do(Install((HELLO,), accepting()))
    assert not yard.current()
    error = caught.value
    preview = get_object(yard.job.result, "preview")
    assert preview["permissions"] == [["shared", "network", LEAVES]]
    assert preview["permissions-hash"] == error.data["permissions_hash"] == NETWORK_HASH
    assert preview["image-digest"] == error.data["digest"]
    yard.registry.asked.clear()
    (app,) = yard.apps(Install((HELLO,), accepting("shared=network")))
    assert (app["permissions"], app["bytes-downloaded"]) == ([["shared", "network", LEAVES]], 0)
    run = json.loads((Path(str(app["deployment"])).parent / "run.json").read_bytes())
    assert run["permissions"] == app["permissions"]
    assert get_list(yard.do(Verify(())), "problems") == []


def test_an_update_whose_file_asks_for_more_waits_like_any_other(yard: Yard) -> None:
    hiding(yard, PLAIN)
    (app,) = yard.apps(Install((HELLO,)))
    hiding(yard, NETWORK)
    with pytest.raises(NeedsApproval):
        yard.do(Update(()))
    (waiting,) = last_check(yard.paths).updates
    assert ([one.value for one in waiting.asks], waiting.permissions_hash) == (["network"], NETWORK_HASH)
    with pytest.raises(NeedsApproval):
        yard.do(Approve(str(app["id"]), accepting()))
    yard.do(Approve(str(app["id"]), accepting("shared=network")))
    yard.registry.push("1", [BASE, TOP, layer_of({"app/": None, "app/metadata": NETWORK.encode()})])
    (app,) = yard.apps(Update(()))
    assert (app["changed"], app["permissions"]) == (True, [["shared", "network", LEAVES]])


def test_of_several_images_each_error_says_what_to_give_back(yard: Yard) -> None:
    wishing(yard, NETWORK)
    yard.do(Install((HELLO, f"{HELLO}0")))
    assert "preview" not in yard.job.result
    assert get_object(yard.job.items[0], "error-details")["permissions-hash"] == NETWORK_HASH


def test_a_preview_installs_nothing(yard: Yard) -> None:
    wishing(yard, NETWORK)
    preview = get_object(yard.do(Resolve(HELLO)), "preview")
    assert (preview["change"], preview["permissions-hash"]) == ("install", NETWORK_HASH)
    assert not yard.current()
    assert digest_of(BASE) not in yard.registry.asked


# --- once more


def test_the_same_digest_again_changes_nothing(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    (before,) = yard.current().values()
    (app,) = yard.apps(Install((HELLO,)))
    assert (app["changed"], app["commit"]) == (False, before.commit)
    assert yard.current() == {before.id: before}
    assert yard.observer.apps == [before.id], "once"
    assert get_object(yard.do(Resolve(HELLO)), "preview")["change"] == "none"


def test_a_reinstall_deploys_the_same_digest_again(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    (before,) = yard.current().values()
    (app,) = yard.apps(Install((HELLO,), {"reinstall": True}))
    (after,) = yard.current().values()
    assert app["changed"] is True
    assert (after.commit, after.image_digest) == (before.commit, before.image_digest)
    assert after.deployment != before.deployment
    assert after.bytes_downloaded == 0


def test_another_digest_of_the_same_reference_is_an_update(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    yard.registry.push("1", [BASE, TOP], Labels={"org.opencontainers.image.version": "2.0"})
    assert get_object(yard.do(Resolve(HELLO)), "preview")["change"] == "update"
    (app,) = yard.apps(Install((HELLO,)))
    assert (app["version"], app["previous-version"], app["changed"]) == ("2.0", "1", True)
    assert '"event": "update"' in yard.paths.history.read_text()


def test_an_error_about_an_installed_app_says_what_still_runs(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    del yard.registry.tags["1"]
    with pytest.raises(NotFound) as caught:
        yard.do(Install((HELLO,)))
    assert caught.value.data == {
        "note": "Nothing changed; 1 still runs.",
        "reference": HELLO,
        "remote": "acme",
    }


# --- which remote


def test_the_remote_that_is_named_must_be_the_one_that_covers_it(yard: Yard) -> None:
    refuses(yard, InvalidReference, {"remote": "other"}, "belongs to remote acme")
    assert yard.apps(Install((HELLO,), {"remote": "acme"}))[0]["remote"] == "acme"


def test_a_reference_of_nobody_is_not_installed(yard: Yard) -> None:
    with pytest.raises(NoRemote):
        yard.do(Install(("acme.example/y/hello:1",)))
    assert "resolve" not in yard.ops()


async def _disable(yard: Yard) -> None:
    await yard.book.modify("acme", {"enabled": "no"})


def test_a_disabled_remote_installs_nothing(yard: Yard) -> None:
    yard.run(_disable)
    refuses(yard, PolicyDenied, {}, "disabled")
    assert "resolve" not in yard.ops()


# --- several in one job


@pytest.mark.parametrize("bad", ["acme.example/x/hello:nope", "nowhere.example/x:1", "https://no reference"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_reference_stops_no_other(yard: Yard, bad: str, place: int) -> None:
    refs = [HELLO, WORLD]
    refs.insert(place, bad)
    apps = yard.apps(Install(tuple(refs)))
    assert [app["remote"] for app in apps] == ["acme", "other"]
    assert [app["changed"] for app in apps] == [True, True]
    assert [(item["id"], item["state"]) for item in yard.job.items] == [
        (name, "failed" if name == bad else "succeeded") for name in refs
    ]
    (failed,) = [item for item in yard.job.items if item["state"] == "failed"]
    assert yard.job.error is not None
    assert (failed["error"], failed["error-message"], failed["hint"]) == (
        yard.job.error.name,
        yard.job.error.message,
        yard.job.error.advice,
    )
    assert len(yard.current()) == 2


def test_of_several_failures_each_is_said_and_the_first_is_the_jobs(yard: Yard) -> None:
    wishing(yard, NETWORK)
    refs = (HELLO, "acme.example/x/hello:nope")
    assert yard.apps(Install(refs)) == []
    assert [(item["state"], item["error"]) for item in yard.job.items] == [
        ("needs-approval", "NeedsApproval"),
        ("failed", "NotFound"),
    ]
    details = cast("JsonObject", yard.job.items[0]["error-details"])
    assert details["permissions"] == ["shared=network"]
    assert yard.job.error is not None
    assert yard.job.error.name == "NeedsApproval"


FILE = "https://acme.example/acme.appctlremote"


def test_the_address_of_a_publishers_file_resolves_to_what_stands_there(yard: Yard) -> None:
    text = "[Appctl Remote]\nVersion=1\nName=new\nUrl=https://new.example/x\nGPGKey=AAAA\n"
    yard.registry.documents[FILE] = text.encode()
    assert yard.do(Resolve(FILE)) == {"file": text}


@pytest.mark.parametrize("found", [b"", b"<html>", b"[Appctl Remote]\nVersion=2\n", b"\xff"])
def test_what_stands_there_and_is_no_publishers_file_is_told_to_nobody(found: bytes, yard: Yard) -> None:
    yard.registry.documents[FILE] = found
    with pytest.raises(InvalidReference) as raised:
        yard.do(Resolve(FILE))
    assert "<html>" not in str(raised.value)
