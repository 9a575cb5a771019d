# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The store's own part: what bounds it, what it takes from outside, and what `mend` never removes."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonObject
from appctld.system.child import LINE_BYTES
from appctld.workers.store import disk
from appctld.workers.store.audit import audit as module
from appctld.workers.store.audit import files, findings
from appctld.workers.store.audit.audit import audit
from appctld.workers.store.audit.findings import Fault, Findings
from appctld.workers.store.audit.mend import mend
from appctld.workers.store.audit.recall import recall
from appctld.workers.store.audit.stored_refs import stored_refs
from appctld.workers.store.checkout import LINKS
from appctld.workers.store.merge import merge
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from support.layers.layers import commit_layer
from support.repositories.store_state import APP, State, ref

LINES = ("usr/", "usr/data = some text", "usr/run 0755 = #!/bin/sh", "usr/link -> data")


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    state.deploy(state.merge(*LINES))
    return state


def layer(state: State) -> dict[str, str]:
    (found,) = state.repo.glob("refs/heads/appctl/layer/acme/*")
    return {"ref": f"appctl/layer/acme/{found.name}", "commit": found.read_text().strip()}


def asked(state: State, **more: object) -> dict[str, Any]:
    """What a daemon would ask about the one deployment."""
    name = str(state.current)
    commit = Repository.open(state.repo).refs()[f"appctl/app/acme/{APP}/{name}"]
    deployment = {
        "id": APP,
        "deployment": name,
        "ref": ref(commit),
        "commit": commit,
        "layers": [layer(state)["ref"]],
        "metadata": {},
        "digests": {},
        "run": {"format": 1},
        **more,
    }
    return {"deployments": [deployment], "layers": [layer(state)]}


def faults(state: State, **more: object) -> list[str]:
    answer = state.call(audit, **asked(state, **more))
    return [cast("dict[str, str]", found)["fault"] for found in cast("list[object]", answer["findings"])]


def test_what_was_deployed_is_well(state: State) -> None:
    answer = state.call(audit, **asked(state))
    assert (answer["findings"], answer["more"], answer["refs"]) == ([], 0, {})


def test_a_copy_in_the_place_of_a_link_is_as_good_if_its_bytes_and_mode_are(state: State) -> None:
    """Beyond the links that an inode may have, a checkout has copies."""
    assert LINKS == 65_000
    path = state.app / str(state.current) / "files/usr/run"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o555)
    assert faults(state) == []
    path.chmod(0o755)
    assert faults(state) == ["files"]
    path.chmod(0o755)
    path.write_bytes(data + b"x")
    path.chmod(0o555)
    assert faults(state) == ["files"]


def test_a_copy_that_cannot_be_read_is_not_as_good(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    path = state.app / str(state.current) / "files/usr/run"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o555)

    def refused(*_arguments: object) -> bool:
        raise PermissionError

    monkeypatch.setattr(files, "_same_bytes", refused)
    assert faults(state) == ["files"]


def test_a_deployment_that_is_not_there_is_told(state: State) -> None:
    request = asked(state)
    disk.remove_tree(str(request["deployments"][0]["deployment"]), os.open(state.app, os.O_RDONLY))
    (found,) = cast("list[dict[str, object]]", state.call(audit, **request)["findings"])
    assert (found["fault"], found["owners"]) == ("files", [0])
    assert "cannot be read" in str(found["what"])


def test_layers_that_are_not_known_or_not_whole_are_not_held_against_the_commit(state: State) -> None:
    """They were named already; that the rest makes up another tree says nothing."""
    unknown = f"appctl/layer/acme/{'0' * 64}"
    assert faults(state, layers=[unknown]) == []
    assert faults(state, layers=[layer(state)["ref"], unknown]) == []
    request = asked(state, layers=[unknown, layer(state)["ref"]])
    path = state.object_of(state.app / str(state.current) / "files/usr/data")
    path.unlink()
    found = cast("list[dict[str, object]]", state.call(audit, **request)["findings"])
    assert [(one["fault"], one["owners"]) for one in found] == [("object", [0])]
    tree = Repository.open(state.repo).commit(layer(state)["commit"]).tree
    (state.repo / loose_path(Kind.DIRTREE, tree)).unlink()
    assert "union" not in faults(state)


def test_a_fault_of_a_layer_alone_is_its_apps(state: State) -> None:
    request = asked(state, layers=[f"appctl/layer/acme/{'0' * 64}", layer(state)["ref"]])
    (state.repo / loose_path(Kind.COMMIT, layer(state)["commit"])).unlink()
    found = cast("list[dict[str, object]]", state.call(audit, **request)["findings"])
    assert [(one["fault"], one["owners"]) for one in found] == [("object", [0])]


@pytest.mark.parametrize("name", ["data", "run", "link"])
def test_no_fifo_is_opened(state: State, name: str) -> None:
    path = state.app / str(state.current) / "files/usr" / name
    path.unlink()
    os.mkfifo(path)
    assert faults(state) == ["files"]


def test_a_fifo_among_the_objects_is_named_without_a_library_that_would_open_it(state: State) -> None:
    path = state.object_of(state.app / str(state.current) / "files/usr/data")
    path.unlink()
    os.mkfifo(path)
    (found,) = cast("list[dict[str, str]]", state.call(audit, **asked(state))["findings"])
    assert found["what"].endswith("is no regular file")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "../x"),
        ("deployment", ".."),
        ("ref", "appctl/app/x/../y"),
        ("commit", "x" * 64),
        ("layers", ["appctl/layer/acme/1"]),
    ],
)
def test_a_name_that_is_none_is_refused(state: State, key: str, value: object) -> None:
    with pytest.raises(Failed):
        faults(state, **{key: value})


def test_commit_metadata_is_held_against_the_record(tmp_path: Path) -> None:
    state = State(tmp_path)
    commits = [commit_layer(state.repo, LINES)]
    metadata = {"appctl.remote": "acme", "ostree.manifest": "e30="}
    commit = str(state.call(merge, layers=commits, metadata=metadata, timestamp=0)["commit"])
    state.deploy(commit)
    right = {"ostree.manifest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}"}
    assert faults(state, metadata={"appctl.remote": "acme"}, digests=right) == []
    assert faults(state, metadata={"appctl.remote": "other"}) == ["record"]
    assert faults(state, digests={"ostree.manifest": f"sha256:{'0' * 64}"}) == ["record"]
    assert faults(state, digests={"absent": right["ostree.manifest"]}) == ["record"]


def test_a_commit_that_was_not_merged_here_has_no_layers(state: State) -> None:
    assert faults(state, layers=[]) == []


def test_however_much_is_wrong_the_answer_fits_into_a_line() -> None:
    found = Findings()
    for _ in range(findings.FINDINGS + 5):
        found.add(Fault.FILES, "é" * 4096, range(1000), obj=f"{'f' * 64}.dirtree", path="\udcff" * 4096)
    assert (len(found.kept), found.more) == (findings.FINDINGS, 5)
    numbers = range(module.OTHER_REFS)
    refs = {f"appctl/app/{'r' * 64}/{'i' * 255}/{number:012}.0": "f" * 64 for number in numbers}
    assert len(json.dumps({"findings": found.kept}).encode()) + len(json.dumps(refs)) < LINE_BYTES


def test_refs_are_read_as_they_lie(state: State) -> None:
    heads = state.repo / "refs/heads"
    top = heads / "appctl/layer/acme"
    one = layer(state)
    (top / ("1" * 64)).write_text("garbage")
    (top / ("2" * 64)).symlink_to(heads / one["ref"])
    (heads / "theirs").write_text("f" * 64)
    (heads / "appctl/other").write_text("f" * 64)
    found = stored_refs(state.repo)
    assert found[f"appctl/layer/acme/{'1' * 64}"] is None
    assert found[f"appctl/layer/acme/{'2' * 64}"] is None
    assert found[one["ref"]] == one["commit"]
    assert len(found) == 4


def mended(state: State, *refs: dict[str, str], drop: tuple[str, ...] = ()) -> JsonObject:
    return state.call(mend, refs=list(refs), drop_refs=list(drop))


def test_what_is_right_is_left_alone(state: State) -> None:
    before = sorted(state.repo.rglob("*"))
    told = mended(state, layer(state))
    assert told == {"removed": 0, "mended": 0, "dropped": [], "written": []}
    assert sorted(state.repo.rglob("*")) == before


def test_a_layer_goes_before_what_is_wrong_in_it(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    path = state.object_of(state.app / str(state.current) / "files/usr/data")
    path.chmod(0o644)
    path.write_bytes(b"SOME TEXT")
    there: list[bool] = []
    real = Repository.drop_ref

    def watched(self: Repository, name: str) -> None:
        there.append(path.exists())
        real(self, name)

    monkeypatch.setattr(Repository, "drop_ref", watched)
    one = layer(state)
    told = mended(state, one)
    assert (told["removed"], told["dropped"]) == (1, [one["ref"]])
    assert there == [True]
    assert not path.exists()


def test_a_ref_is_written_only_when_its_commit_is_whole(state: State) -> None:
    one = layer(state)
    (state.repo / "refs/heads" / one["ref"]).unlink()
    assert mended(state, one)["written"] == [one["ref"]]
    (state.repo / "refs/heads" / one["ref"]).unlink()
    state.object_of(state.app / str(state.current) / "files/usr/data").unlink()
    assert mended(state, one)["written"] == []
    assert not (state.repo / "refs/heads" / one["ref"]).exists()


def test_an_apps_ref_stays_though_its_commit_is_not_whole(state: State) -> None:
    name = str(state.current)
    commit = Repository.open(state.repo).refs()[f"appctl/app/acme/{APP}/{name}"]
    state.object_of(state.app / name / "files/usr/data").unlink()
    assert mended(state, {"ref": ref(commit), "commit": commit})["dropped"] == []
    assert ref(commit) in state.refs()


def test_what_is_to_be_dropped_is_not_written_again(state: State) -> None:
    one = layer(state)
    for _ in range(2):  # the second time it is not there to begin with
        told = mended(state, one, drop=(one["ref"],))
        assert (told["dropped"], told["written"]) == ([one["ref"]], [])
        assert not (state.repo / "refs/heads" / one["ref"]).exists()


def test_what_is_no_ref_is_refused_before_anything_is_removed(state: State) -> None:
    path = state.object_of(state.app / str(state.current) / "files/usr/data")
    path.chmod(0o644)
    path.write_bytes(b"SOME TEXT")
    with pytest.raises(Failed):
        mended(state, layer(state), {"ref": "appctl/../x", "commit": "0" * 64})
    assert path.exists()


def test_what_is_removed_is_gone_before_anything_is_written(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = state.object_of(state.app / str(state.current) / "files/usr/data")
    path.chmod(0o644)
    path.write_bytes(b"SOME TEXT")
    synced: list[bool] = []
    monkeypatch.setattr(disk, "sync", lambda _: synced.append(path.exists()))
    mended(state, layer(state))
    assert synced == [False]


def test_what_is_needed_often_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of two hundred levels, each twice in the one above, would else take for ever."""
    state = State(tmp_path)
    state.deploy(state.merge("./", "a/", "a/f = x", "b/", "b/f = x"))
    request = asked(state)
    read: list[str] = []
    for name in ("tree", "meta"):
        real = getattr(Repository, name)

        def noting(self: Repository, checksum: str, real: Callable[..., object] = real) -> object:
            read.append(checksum)
            return real(self, checksum)

        monkeypatch.setattr(Repository, name, noting)
    state.call(audit, **{**request, "deployments": []})
    assert len(read) == len(set(read)) == 3


def test_nobody_prunes_while_it_is_looked_at(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_self: Repository) -> None:
        raise ZeroDivisionError

    request = asked(state)
    monkeypatch.setattr(Repository, "shared", never)
    with pytest.raises(ZeroDivisionError):
        state.call(audit, **request)


def test_nobody_works_in_the_repository_while_it_is_mended(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_self: Repository, *, wait: bool) -> None:
        assert not wait, "who waits does so before it takes the gate"
        raise ZeroDivisionError

    monkeypatch.setattr(Repository, "exclusive", never)
    with pytest.raises(ZeroDivisionError):
        mended(state)


def test_a_commit_tells_what_it_carries(tmp_path: Path) -> None:
    state = State(tmp_path)
    layers = [commit_layer(state.repo, ("app/", "app/metadata = [Application]"))]
    metadata: JsonObject = {
        "appctl.remote": "acme",
        "appctl.signer": ["A", "B"],
        "ostree.manifest": "e30=",
        "ostree.container.image-config": "{}",
    }
    commit = str(state.call(merge, layers=layers, metadata=metadata, timestamp=0)["commit"])
    reading, writing = os.pipe()
    told = state.call(recall, commit=commit, fds={"out": writing})
    with os.fdopen(reading, "rb") as out:
        assert out.read() == b"{}{}"
    assert told == {
        "texts": {"appctl.remote": "acme"},
        "lists": {"appctl.signer": ["A", "B"]},
        "sizes": [2, 2],
        "files": {"app/metadata": "[Application]"},
    }
