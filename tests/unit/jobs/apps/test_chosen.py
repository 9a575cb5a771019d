# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An ID that is given at an install, and another architecture: updates and repairs keep what was chosen."""

import asyncio
import shutil
from pathlib import Path

import pytest

from appctld.errors import AppctlError, ArchMismatch, Conflict, InvalidReference, NotInstalled, Rollback
from appctld.jobs.requests import CheckUpdates, Install, Repair, Resolve, Uninstall, Update, Verify
from appctld.model.flatpak.labels import REF
from appctld.model.jsonvalue import get_object, get_objects
from support.workers.inline import layer_of
from support.worlds.world import BASE, TOP, Yard

HELLO, SECOND, MINE = "acme.example/x/hello:1", "acme.example/x/hello:2", "other.example/x/hello:1"
OWN, GIVEN = "example.acme.x.hello", "org.mine.Hello"
AS = {"as-id": GIVEN}
NEWER = layer_of({"usr/": None, "usr/newer": b"x"})
EARLY, LATE, LATER = (f"202{number}-01-01T00:00:00Z" for number in (1, 2, 3))


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE], created=EARLY)
    yard.registry.push("2", [BASE, TOP], created=LATER)
    return yard


def problems(yard: Yard) -> list[object]:
    try:
        return [*get_objects(yard.do(Verify(())), "problems")]
    except AppctlError as error:
        return [error]


# --- an ID


def test_an_image_gets_the_id_that_is_given(yard: Yard) -> None:
    preview = get_object(yard.do(Resolve(HELLO, AS)), "preview")
    assert preview["id"] == GIVEN
    (app,) = yard.apps(Install((HELLO,), AS))
    assert (app["id"], app["given-id"]) == (GIVEN, True)
    assert yard.current().keys() == {GIVEN}


def test_both_tags_are_here_and_each_follows_its_own(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    yard.do(Install((SECOND,), AS))
    yard.registry.push("1", [BASE, NEWER], created=LATE)
    apps = yard.apps(Update(()))
    assert {app["id"]: app["changed"] for app in apps} == {OWN: True, GIVEN: False}
    assert {name: record.reference for name, record in yard.current().items()} == {OWN: HELLO, GIVEN: SECOND}
    assert yard.current()[OWN].given_id is False


def test_what_was_given_is_updated_under_that_id(yard: Yard) -> None:
    yard.do(Install((HELLO,), AS))
    yard.registry.push("1", [BASE, NEWER], created=LATE)
    (update,) = get_objects(yard.do(CheckUpdates()), "updates")
    assert update["id"] == GIVEN
    (app,) = yard.apps(Update(()))
    assert (app["id"], app["changed"], app["given-id"]) == (GIVEN, True, True)
    assert yard.current().keys() == {GIVEN}


def test_its_order_is_kept_under_that_id(yard: Yard) -> None:
    yard.do(Install((SECOND,), AS))
    yard.do(Uninstall((GIVEN,)))
    with pytest.raises(Rollback):
        yard.do(Install((HELLO,), AS))


def test_its_own_id_is_no_given_one(yard: Yard) -> None:
    (app,) = yard.apps(Install((HELLO,), {"as-id": OWN}))
    assert (app["id"], app["given-id"]) == (OWN, False)


def test_the_id_of_another_remotes_app_is_not_given(yard: Yard) -> None:
    yard.do(Install((MINE,)))
    before = yard.current()
    with pytest.raises(Conflict, match="is installed from remote other"):
        yard.do(Install((HELLO,), {"as-id": "example.other.x.hello"}))
    assert yard.current() == before


@pytest.mark.parametrize(
    ("ids", "fits"), [(f"{OWN}", False), ("org.mine.*", False), (f"{OWN} org.mine.*", True)]
)
def test_an_id_outside_what_the_remote_may_use_is_not_given(ids: str, yard: Yard, *, fits: bool) -> None:
    """And the image's own must lie within, too: a name does not open what is closed to the publisher."""
    asyncio.run(yard.book.modify("acme", {"ids": ids}))
    if fits:
        yard.do(Install((HELLO,), AS))
        return
    with pytest.raises(Conflict, match="may not install"):
        yard.do(Install((HELLO,), AS))


def test_a_runtime_keeps_its_id(yard: Yard) -> None:
    ref = "runtime/org.acme.Platform/x86_64/1"
    metadata = "[Runtime]\nname=org.acme.Platform\n"
    layer = layer_of({"files/": None, "files/x": b"x", "metadata": metadata.encode()})
    yard.registry.push("1", [layer], Labels={REF: ref})
    with pytest.raises(Conflict, match="is a runtime"):
        yard.do(Install((HELLO,), AS))


def test_one_id_is_for_one_image(yard: Yard) -> None:
    yard.do(Install((HELLO, SECOND), AS))
    assert [item["error"] for item in yard.job.items] == [InvalidReference.__name__] * 2
    assert yard.current() == {}


def test_an_update_that_calls_itself_otherwise_is_a_conflict_unless_the_id_was_given(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    yard.do(Install((SECOND,), AS))
    for tag in ("1", "2"):
        yard.registry.push(
            tag, [BASE, NEWER], created="2024-01-01T00:00:00Z", Labels={"org.appctl.id": "a.b.C"}
        )
    apps = {app["id"]: app["changed"] for app in yard.apps(Update(()))}
    assert apps == {GIVEN: True}
    assert [item["error"] for item in yard.job.items if item["state"] == "failed"] == ["Conflict"]
    assert yard.current().keys() == {OWN, GIVEN}


def test_nothing_is_wrong_with_it_and_it_comes_back_under_that_id(yard: Yard) -> None:
    yard.do(Install((HELLO,), AS))
    assert problems(yard) == []
    record = yard.current()[GIVEN]
    shutil.rmtree(yard.paths.app(GIVEN) / record.deployment / "files" / "usr")
    assert problems(yard)
    yard.do(Repair())
    assert problems(yard) == []
    assert yard.current()[GIVEN].given_id is True
    assert (yard.paths.app(GIVEN) / yard.current()[GIVEN].deployment / "files/usr/old").exists()


@pytest.mark.parametrize("options", [{}, AS], ids=["own", "given"])
def test_a_record_that_lies_about_who_chose_the_id_is_found(options: dict[str, object], yard: Yard) -> None:
    (app,) = yard.apps(Install((HELLO,), options))
    record = yard.current()[str(app["id"])]
    path = yard.paths.app(record.id) / record.deployment / "record.json"
    text = path.read_text()
    changed = text.replace('"given_id": true', '"given_id": false')
    if changed == text:
        changed = text.replace('"given_id": false', '"given_id": true')
    path.chmod(0o644)
    path.write_text(changed)
    assert problems(yard)


# --- an architecture

ARM = {"arch": "arm64"}


@pytest.fixture
def foreign(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE], arch="arm64", created=EARLY)
    return yard


def test_another_architecture_is_installed_where_it_is_asked_for(foreign: Yard) -> None:
    with pytest.raises(ArchMismatch):
        foreign.do(Install((HELLO,)))
    (app,) = foreign.apps(Install((HELLO,), ARM))
    assert app["arch"] == "arm64"


@pytest.mark.parametrize("arch", ["amd64", "riscv64"])
def test_an_architecture_that_is_not_there_is_not_installed(foreign: Yard, arch: str) -> None:
    with pytest.raises(ArchMismatch, match=arch):
        foreign.do(Install((HELLO,), {"arch": arch}))
    assert foreign.current() == {}


def test_what_is_of_another_architecture_is_updated_to_the_same(foreign: Yard) -> None:
    foreign.do(Install((HELLO,), ARM))
    foreign.registry.push("1", [BASE, NEWER], arch="arm64", created=LATE)
    assert [update["id"] for update in get_objects(foreign.do(CheckUpdates()), "updates")] == [OWN]
    (app,) = foreign.apps(Update(()))
    assert (app["arch"], app["changed"]) == ("arm64", True)
    assert problems(foreign) == []


def test_an_update_of_this_machines_architecture_is_none_of_another(foreign: Yard) -> None:
    foreign.do(Install((HELLO,), ARM))
    foreign.registry.push("1", [BASE, NEWER], created=LATE)
    with pytest.raises(ArchMismatch):
        foreign.do(Update((OWN,)))


def test_what_is_of_another_architecture_is_repaired_as_such(foreign: Yard) -> None:
    foreign.do(Install((HELLO,), ARM))
    record = foreign.current()[OWN]
    shutil.rmtree(foreign.paths.app(OWN) / record.deployment / "files" / "usr")
    foreign.do(Repair())
    assert problems(foreign) == []
    assert foreign.current()[OWN].arch == "arm64"


# --- uninstall


def test_what_is_not_there_is_no_failure_where_that_is_said(yard: Yard) -> None:
    yard.do(Install((HELLO,)))
    apps = yard.apps(Uninstall((GIVEN, OWN), {"ignore": True}))
    assert {app["id"]: app["changed"] for app in apps} == {OWN: True, GIVEN: False}
    assert yard.apps(Uninstall((OWN,), {"ignore": True}))[0]["changed"] is False
    with pytest.raises(NotInstalled):
        yard.do(Uninstall((OWN,)))
