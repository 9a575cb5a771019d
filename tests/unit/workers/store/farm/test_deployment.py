# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Exports come and go with deployments of a real repository: install, update, rollback, uninstall, kills."""

import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from appctld.errors import Conflict, NoSpace
from appctld.workers.store import disk
from appctld.workers.store.deploy import deploy
from appctld.workers.store.exports.names import FILES
from appctld.workers.store.farm import collect
from appctld.workers.store.farm import deployment as farm_deployment
from appctld.workers.store.farm import links as links_module
from appctld.workers.store.farm.deployment import altered
from appctld.workers.store.farm.links import Farm
from appctld.workers.store.ostree.kinds import Kind, loose_path
from support.repositories.exported import COMMAND, ENTRY, EXTRA, ONE, SERVICE, TWO, entry, links, shown
from support.repositories.store_state import APP, State, modes, ref


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path)
    made.desktop = {"command": COMMAND, "host": [str(tmp_path / "host")]}
    return made


def written(state: State) -> dict[str, object]:
    """What stands beside the current record."""
    found: dict[str, object] = json.loads((state.app / "current/exports.json").read_text())
    return found


def test_a_desktop_sees_what_was_deployed_as_it_was_written_anew(state: State) -> None:
    state.deploy(state.merge(*ONE))
    assert shown(state) == {ENTRY, SERVICE}
    text = (state.exports / "share" / ENTRY).read_text()
    assert "Name=One\n" in text
    assert f"Exec=/usr/bin/appctl --user run --command=app --file-forwarding {APP} -- @@u %U @@\n" in text
    found = written(state)
    digests = {
        path: sha256((state.exports / "share" / path).read_bytes()).hexdigest() for path in shown(state)
    }
    assert found.pop("sha256") == digests
    assert found == {
        "format": 4,
        "command": COMMAND,
        "files": [ENTRY, SERVICE],
        "refused": [],
        "icon": "",
    }


def test_exports_are_files_of_their_own_for_all_to_read(state: State) -> None:
    before = os.umask(0o077)
    try:
        state.deploy(state.merge(*ONE))
    finally:
        os.umask(before)
    share = state.app / "current/export/share"
    found = modes(share)
    assert {mode for path, mode in found.items() if (share / path).is_dir()} == {0o755}
    assert {mode for path, mode in found.items() if (share / path).is_file()} == {0o644}
    assert {mode for path, mode in modes(state.exports).items() if path != ".stale"} == {0o755}


def test_an_entry_is_activatable_where_the_service_is_exported_too(state: State) -> None:
    with_service = [line for line in ONE if not line.startswith(f"usr/share/{ENTRY}")]
    asks = entry(ENTRY, "One", "DBusActivatable=true").replace(" %U", "")
    state.deploy(state.merge(*with_service, asks))
    assert "DBusActivatable=true" in (state.exports / "share" / ENTRY).read_text()
    state.deploy(state.merge("./", asks))
    assert "DBusActivatable" not in (state.exports / "share" / ENTRY).read_text()


def test_an_update_switches_all_names_and_a_rollback_switches_back(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    assert links(state) == shown(state) == {ENTRY, EXTRA}
    assert "Name=Two" in (state.exports / "share" / ENTRY).read_text()
    state.activate(one)
    assert links(state) == shown(state) == {ENTRY, SERVICE}
    assert "Name=One" in (state.exports / "share" / ENTRY).read_text()


def test_an_uninstall_leaves_no_link(state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    state.remove(None, [ref(one)])
    assert links(state) == set()
    assert not state.app.exists()


PLACES = {
    "an image of its own": ({"format": 1}, "usr/share"),
    "an image on a runtime": ({"format": 1, "runtime": "org.acme.Platform", "app": "app"}, "app/share"),
    "flatpak's": ({"format": 1, "runtime": "org.acme.Platform", "app": "files"}, "export/share"),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_files_are_looked_for_where_such_images_have_them(name: str, state: State) -> None:
    run, place = PLACES[name]
    names = [f"applications/{APP}.P{number}.desktop" for number in range(len(PLACES))]
    places = [where for _, where in PLACES.values()]
    lines = [entry(path).replace("usr/share", where, 1) for path, where in zip(names, places, strict=True)]
    commit = state.merge("./", *lines)
    state.call(deploy, **state.request(commit) | {"run": run})
    assert links(state) == {names[places.index(place)]}


@pytest.mark.parametrize("own", ["", f"{APP}.symbol"])
def test_the_icon_that_is_told_is_that_of_the_entry_and_not_of_an_action(own: str, state: State) -> None:
    action = ("Actions=new;", "[Desktop Action new]", "Name=New", "Exec=app", f"Icon={APP}.new")
    state.deploy(state.merge("./", entry(ENTRY, "One", *([f"Icon={own}"] if own else []), *action)))
    assert written(state)["icon"] == own
    assert f"Icon={APP}.new\n" in (state.exports / "share" / ENTRY).read_text()


def test_a_runtime_exports_nothing_and_no_command_exports_nothing(state: State) -> None:
    commit = state.merge(*ONE)
    state.call(deploy, **state.request(commit) | {"run": {"format": 1, "kind": "runtime"}})
    assert links(state) == set()
    assert not (state.app / "current/exports.json").exists()
    state.desktop = {}
    state.deploy(state.merge(*TWO))
    assert links(state) == set()


OTHERS = (
    "applications/org.gnome.Nautilus.desktop",
    f"applications/{APP}Else.desktop",
    "applications/sub/org.example.App.desktop",
    f"icons/Adwaita/48x48/apps/{APP}.png",
    f"themes/{APP}.desktop",
)


def test_what_is_not_the_apps_own_is_not_exported(state: State) -> None:
    state.deploy(state.merge(*ONE, *map(entry, OTHERS)))
    assert links(state) == {ENTRY, SERVICE}
    assert written(state)["refused"] == []


def test_what_is_refused_is_told_and_fails_nothing(state: State) -> None:
    large = f"usr/share/applications/{APP}.Large.desktop = {'x' * (4 << 20)}"
    lines = (
        f"usr/share/applications/{APP}.Broken.desktop = no desktop file",
        f"usr/share/applications/{APP}.Link.desktop -> {APP}.desktop",
        f"usr/share/applications/{APP}.Out.desktop -> /etc/passwd",
        large,
    )
    commit = state.merge(*ONE, *lines)
    answer = state.call(deploy, **state.request(commit))
    assert links(state) == {ENTRY, SERVICE}
    told = answer["refused"]
    assert isinstance(told, list)
    assert [str(line).split(".")[3] for line in told] == ["Broken", "Large", "Link", "Out"]
    assert str(told[2]).endswith("it is a symbolic link")
    assert written(state)["refused"] == [str(line).split(": ", 1) for line in told]


def test_directories_that_are_symlinks_are_not_entered(state: State) -> None:
    away = [line.replace("usr/share", "opt", 1) for line in ONE[2:]]
    state.deploy(state.merge("./", "usr/share -> ../opt", *away))
    assert links(state) == set()


def test_an_app_with_too_many_files_exports_some_and_says_so(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "READ_FILES", 2)
    monkeypatch.setattr(collect, "REFUSED", 3)
    many = [entry(f"applications/{APP}.N{number}.desktop") for number in range(9)]
    state.deploy(state.merge("./", *many))
    assert len(links(state)) == 2
    refused = written(state)["refused"]
    assert isinstance(refused, list)
    assert len(refused) == 3
    assert FILES >= 256


def test_of_a_path_and_of_a_reason_so_much_is_told(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "TOLD_BYTES", 20)
    state.deploy(state.merge("./", f"usr/share/{ENTRY} -> nowhere"))
    assert written(state)["refused"] == [[ENTRY[:20], "it is a symbolic link"[:20]]]


def test_bytes_that_are_read_are_bounded_together(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "READ_BYTES", 100)
    state.deploy(state.merge("./", entry(ENTRY), entry(EXTRA)))
    assert len(links(state)) == 1


def test_the_exports_count_in_the_size_of_the_deployment(state: State) -> None:
    sizes = []
    for lines in (ONE[:2], ONE):
        state.deploy(state.merge(*lines))
        record = json.loads((state.app / "current/record.json").read_text())
        sizes.append(record["installed_size"] - record["content_size"])
    assert sizes[1] > sizes[0]


def test_a_disk_without_room_for_the_exports_takes_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = state.merge(*ONE)
    monkeypatch.setattr(collect.Exports, "cost", 1 << 60)
    with pytest.raises(NoSpace):
        state.deploy(commit)
    assert links(state) == set()
    assert state.current is None


# --- the host's names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ENTRY, SERVICE])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_name_that_the_host_has_is_a_conflict_before_anything_changes(
    path: str, state: State, tmp_path: Path, *, dangling: bool
) -> None:
    there = tmp_path / "host" / path
    there.parent.mkdir(parents=True)
    if dangling:
        there.symlink_to("nowhere")
    else:
        there.write_text("the host's")
    commit = state.merge(*ONE)
    with pytest.raises(Conflict, match=rf"{APP} has a .*, and so has this machine"):
        state.deploy(commit)
    assert (links(state), state.current, state.refs()) == (set(), None, {})


def test_an_update_that_adds_a_name_of_the_hosts_is_a_conflict(state: State, tmp_path: Path) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    there = tmp_path / "host" / EXTRA
    there.parent.mkdir(parents=True)
    there.write_text("the host's")
    with pytest.raises(Conflict):
        state.deploy(state.merge(*TWO))
    assert links(state) == {ENTRY, SERVICE}
    assert state.current == f"{one[:12]}.0"


def test_a_name_that_the_host_got_later_keeps_no_update_back(state: State, tmp_path: Path) -> None:
    state.deploy(state.merge(*ONE))
    there = tmp_path / "host" / ENTRY
    there.parent.mkdir(parents=True)
    there.write_text("the host's")
    state.deploy(state.merge(*TWO))
    assert links(state) == {ENTRY, EXTRA}


def test_an_icon_that_the_host_has_is_no_conflict(state: State, tmp_path: Path) -> None:
    there = tmp_path / f"host/icons/hicolor/48x48/apps/{APP}.png"
    there.parent.mkdir(parents=True)
    there.write_text("the host's")
    state.deploy(state.merge(*ONE))
    assert links(state) == {ENTRY, SERVICE}


# --- failures and kills ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["announce", "settle"])
def test_a_failure_of_the_links_before_the_commit_point_undoes_and_after_it_waits(
    name: str, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Farm, name, full)
        if name == "announce":
            with pytest.raises(NoSpace):
                state.deploy(two)
        else:
            state.deploy(two)
    done = two if name == "settle" else one
    assert state.current == f"{done[:12]}.0"
    state.recover(ref(one), ref(two))
    assert links(state) == shown(state) == ({ENTRY, EXTRA} if name == "settle" else {ENTRY, SERVICE})


def test_a_name_that_was_announced_goes_when_the_deploy_fails(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.deploy(state.merge(*ONE))

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "point", full)
    with pytest.raises(NoSpace):
        state.deploy(state.merge(*TWO))
    assert links(state) == {ENTRY, SERVICE}


# --- made again -----------------------------------------------------------------------------------------


def test_a_start_with_another_command_makes_the_exports_of_all_deployments_again(state: State) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    state.desktop = state.desktop | {"command": ["/opt/bin/appctl", "--user", "run"]}
    state.recover(ref(one), ref(two))
    assert "Exec=/opt/bin/appctl --user run" in (state.exports / "share" / ENTRY).read_text()
    state.activate(one)
    assert links(state) == shown(state) == {ENTRY, SERVICE}
    assert "Exec=/opt/bin/appctl --user run" in (state.exports / "share" / SERVICE).read_text()


def test_a_deployment_from_before_there_were_exports_gets_them_at_the_next_start(state: State) -> None:
    command, state.desktop = state.desktop, {}
    one = state.merge(*ONE)
    state.deploy(one)
    assert links(state) == set()
    state.desktop = command
    state.recover(ref(one))
    assert links(state) == shown(state) == {ENTRY, SERVICE}


def test_what_is_as_it_should_be_is_not_made_again(state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    before = (state.app / "current/export/share" / ENTRY).stat()
    state.recover(ref(one))
    after = (state.app / "current/export/share" / ENTRY).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


OLD = json.dumps({"format": 1, "command": COMMAND})


@pytest.mark.parametrize("text", ["", "{", OLD, '{"format": 4, "command": []}'])
def test_a_list_of_exports_that_cannot_be_read_is_made_again(text: str, state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    (state.app / "current/exports.json").write_text(text)
    state.recover(ref(one))
    assert written(state)["files"] == [ENTRY, SERVICE]


def test_a_list_is_written_when_what_it_names_is_on_the_disk(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    (state.app / "current/exports.json").write_text(OLD)

    def fails(_within: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(disk, "sync", fails)
        state.recover(ref(one))
    assert (state.app / "current/exports.json").read_text() == OLD
    assert not list(state.app.rglob(".staging-*"))  # a start without room is followed by the next one
    state.recover(ref(one))
    assert written(state)["files"] == [ENTRY, SERVICE]


def test_files_are_left_to_the_sync_of_all_that_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: list[int] = []
    monkeypatch.setattr(os, "fsync", alone.append)
    with disk.opened(tmp_path) as directory:
        collect.Exports((), {ENTRY: b"one", EXTRA: b"two"}, ()).write(directory)
    assert (tmp_path / collect.SHARE / EXTRA).read_bytes() == b"two"
    assert alone == []


def test_an_object_that_is_longer_than_it_was_is_not_read_to_its_end(tmp_path: Path) -> None:
    name = "ab" * 32
    path = tmp_path / loose_path(Kind.FILE, name)
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(collect.FILE_BYTES + 1))
    repository = os.open(tmp_path, os.O_RDONLY)
    assert len(collect._read(name, repository)) == collect.FILE_BYTES
    os.close(repository)


def test_what_cannot_be_made_again_keeps_nothing_from_starting(state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    (state.app / "current/exports.json").unlink()
    (state.app / "current/run.json").write_text("no JSON")
    state.recover(ref(one))
    assert links(state) == {ENTRY, SERVICE}


def test_links_that_cannot_be_made_are_told_and_keep_nothing_from_starting(state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    (state.exports / "share" / ENTRY).unlink()
    share = state.exports / "share/applications"
    share.chmod(0o555)
    assert "denied" in str(state.recover(ref(one))["exports"])
    share.chmod(0o755)
    assert "exports" not in state.recover(ref(one))
    assert links(state) == shown(state) == {ENTRY, SERVICE}


# --- verified -------------------------------------------------------------------------------------------


def damage(state: State) -> set[tuple[str, str]]:
    deployment = state.app / str(state.current)
    with disk.opened(deployment) as directory:
        return set(altered(directory))


def rewrite(share: Path) -> None:
    (share / ENTRY).write_text((share / ENTRY).read_text().replace("Name=One", "Name=Two"))


def unlink(share: Path) -> None:
    (share / ENTRY).unlink()


def link(share: Path) -> None:
    copy = share.parent.parent / "copy"
    (share / ENTRY).rename(copy)
    (share / ENTRY).symlink_to(copy)


def empty(share: Path) -> None:
    shutil.rmtree(share.parent)


def lengthen(share: Path) -> None:
    with (share / ENTRY).open("ab") as file:
        file.truncate(1 << 40)


ANOTHER = "it is not what was exported"
DAMAGE: dict[Callable[[Path], None], set[tuple[str, str]]] = {
    rewrite: {(ENTRY, ANOTHER)},
    unlink: {(ENTRY, ANOTHER)},
    link: {(ENTRY, ANOTHER)},
    empty: {(ENTRY, ANOTHER), (SERVICE, ANOTHER)},
    lengthen: {(ENTRY, ANOTHER)},
}


@pytest.mark.parametrize("change", DAMAGE)
def test_exports_that_are_not_what_was_written_are_told(change: Callable[[Path], None], state: State) -> None:
    state.deploy(state.merge(*ONE))
    assert damage(state) == set()
    change(state.app / "current/export/share")
    assert damage(state) == {(f"export/share/{path}", what) for path, what in DAMAGE[change]}


def test_no_more_of_a_file_is_read_than_one_can_have(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    state.deploy(state.merge(*ONE))
    monkeypatch.setattr(farm_deployment, "FILE_BYTES", 4)
    assert {path for path, _ in damage(state)} == {f"export/share/{ENTRY}", f"export/share/{SERVICE}"}


def test_what_became_a_link_since_it_was_looked_at_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with disk.opened(tmp_path) as share, pytest.raises(OSError, match="symbolic links"):
        farm_deployment._digest("link", links_module._FILE, share)


def test_a_file_beside_them_is_nothing_of_ours(state: State) -> None:
    state.deploy(state.merge(*ONE))
    (state.app / "current/export/share/applications/org.gnome.Nautilus.desktop").write_text("x")
    expected = ("export/share/applications/org.gnome.Nautilus.desktop", "it is nothing of ours")
    assert damage(state) == {expected}


def test_a_list_that_cannot_be_read_is_damage_and_none_is_not(state: State) -> None:
    state.deploy(state.merge(*ONE))
    (state.app / "current/exports.json").write_text("{")
    assert damage(state) == {("exports.json", "it cannot be read")}
    (state.app / "current/exports.json").unlink()
    assert damage(state) == set()
