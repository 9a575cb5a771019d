# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The two operations, with real repositories: over http and TLS, of this machine, with and without deltas."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gi.repository import GLib

from appctld.errors import (
    DigestMismatch,
    InvalidReference,
    NotFound,
    RegistryUnavailable,
    TlsUntrusted,
)
from appctld.model.jsonvalue import JsonObject, get_int
from support.publishers.ostree_remote import REF, OstreeRemote, RepoServer
from support.servers.fake_registry import loopback_identity
from support.servers.proxy import Proxy
from support.signatures.keys import Keys
from support.workers.pulling import Pull

FILES = {"bin/tool": os.urandom(50_000), "etc/conf": b"a = b\n", "empty": b""}
FIXTURE = Path(__file__).parents[3] / "fixtures" / "repo-archive.tar"
FIXTURE_COMMIT = "f1295095a4cc6d06c08199cf29e2b8b932e960031ac1cabe923f6b22c85294de"


@pytest.fixture
def remote(tmp_path: Path) -> OstreeRemote:
    return OstreeRemote(tmp_path)


@pytest.fixture
def server(remote: OstreeRemote) -> Iterator[RepoServer]:
    with RepoServer(remote.path) as running:
        yield running


@pytest.fixture
def there(tmp_path: Path, server: RepoServer) -> Pull:
    return Pull(tmp_path / "quarantine", server.url)


def whole(quarantine: Path, commit: str) -> bool:
    """Whether ostree itself finds every object of the commit there, and each as its name says."""
    argv = ["ostree", f"--repo={quarantine}", "fsck", "--quiet"]
    listed = subprocess.run(
        ["ostree", f"--repo={quarantine}", "ls", "-R", commit], check=False, stdout=subprocess.DEVNULL
    )
    return listed.returncode == 0 and subprocess.run(argv, check=False, stdout=2).returncode == 0


def deltas_taken(server: RepoServer) -> list[str]:
    """The deltas that were asked for; libostree may fetch an object beside one, whichever is first."""
    asked = [path.split("/") for path in server.paths() if path.startswith("/deltas/")]
    return [words[-2] for words in asked if words[-1] == "superblock"]


def test_a_commit_alone_is_its_bytes_and_nothing_else(
    remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    name = remote.commit(FILES)
    answer = there.commit()
    assert answer == {
        "commit": name,
        "size": len(there.written),
        "openpgp": [],
        "ed25519": [],
        "looked_at": [[f"{server.url}/objects/{name[:2]}/{name[2:]}.commitmeta", 404]],
    }
    assert hashlib.sha256(there.written).hexdigest() == name
    assert not [path for path in server.paths() if path.endswith((".filez", ".dirtree", ".dirmeta"))]


def test_a_commit_is_had_by_its_own_name(remote: OstreeRemote, there: Pull) -> None:
    first = remote.commit(FILES)
    remote.commit({"other": b"x"})
    assert there.commit(commit=first)["commit"] == first
    assert hashlib.sha256(there.written).hexdigest() == first


@pytest.mark.parametrize("summary", [True, False])
def test_everything_of_a_commit_comes(remote: OstreeRemote, there: Pull, *, summary: bool) -> None:
    name = remote.commit(FILES)
    if summary:
        remote.ostree("summary", "--update")
    assert there.both() == name
    assert whole(there.quarantine, name)
    assert get_int(there.commit(), "size") == len(there.written)


def test_signatures_come_after_the_commit(remote: OstreeRemote, there: Pull) -> None:
    with Keys() as keys:
        key = keys.make("publisher")
        name = remote.commit(FILES, f"--gpg-sign={key}", f"--gpg-homedir={keys.home}")
        answer = there.commit()
        size = get_int(answer, "size")
        assert hashlib.sha256(there.written[:size]).hexdigest() == name
        assert answer["openpgp"] == [len(there.written) - size]
        (keys.home / "commit").write_bytes(there.written[:size])
        (keys.home / "signature").write_bytes(there.written[size:])
        keys.gpg("--verify", str(keys.home / "signature"), str(keys.home / "commit"))
    assert answer["looked_at"][0][1] == 200  # type: ignore[index]


def test_ed25519_signatures_come_last(remote: OstreeRemote, there: Pull) -> None:
    name = remote.commit(FILES)
    remote.detach(
        name,
        {
            "ostree.sign.ed25519": GLib.Variant("aay", [b"e" * 64, b"f" * 64]),
            "ostree.gpgsigs": GLib.Variant("aay", [b"gpg"]),
            "other": GLib.Variant("s", "x"),
        },
    )
    answer = there.commit()
    assert (answer["openpgp"], answer["ed25519"]) == ([3], [64, 64])
    assert there.written.endswith(b"gpg" + b"e" * 64 + b"f" * 64)


def test_a_delta_is_used_where_it_is_offered(remote: OstreeRemote, server: RepoServer, there: Pull) -> None:
    name = remote.commit(FILES)
    remote.delta(name)
    remote.ostree("summary", "--update")
    assert there.both() == name
    assert whole(there.quarantine, name)
    assert deltas_taken(server)


def test_no_delta_is_used_where_none_is_wanted(remote: OstreeRemote, server: RepoServer, there: Pull) -> None:
    name = remote.commit(FILES)
    remote.delta(name)
    remote.ostree("summary", "--update")
    there.pull(name, deltas=False)
    assert whole(there.quarantine, name)
    assert not [path for path in server.paths() if path.startswith("/delta")]


def test_what_the_remote_gave_before_is_not_fetched_again(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    first = remote.commit(FILES)
    there.both()
    second = remote.commit({**FILES, "new": b"new"})
    server.seen.clear()
    later = Pull(tmp_path / "later", server.url)
    later.pull(second, parent=str(there.quarantine), have=first)
    assert len([path for path in server.paths() if path.endswith(".filez")]) == 1


def test_a_delta_from_what_the_remote_gave_before_is_used(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    first = remote.commit(FILES)
    there.both()
    second = remote.commit({**FILES, "bin/tool": FILES["bin/tool"] + b"more"})
    remote.delta(second, since=first)
    remote.ostree("summary", "--update")
    server.seen.clear()
    later = Pull(tmp_path / "later", server.url)
    later.pull(second, parent=str(there.quarantine), have=first)
    assert [name.count("-") for name in deltas_taken(server)] == [1], "one, and it has a beginning"


def test_signatures_are_the_remotes_own_whatever_a_parent_holds(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    name = remote.commit(FILES)
    remote.detach(name, {"ostree.gpgsigs": GLib.Variant("aay", [b"of another remote"])})
    there.both()
    remote.object(name, "commitmeta").unlink()
    later = Pull(tmp_path / "later", server.url)
    assert later.commit(ref=REF, parent=str(there.quarantine), have=name)["openpgp"] == []


@pytest.mark.parametrize("mode", ["archive", "bare-user"])
def test_a_repository_of_this_machine(tmp_path: Path, mode: str) -> None:
    remote = OstreeRemote(tmp_path, mode)
    name = remote.commit(FILES)
    local = Pull(tmp_path / "quarantine", f"file://{remote.path}")
    answer = local.commit()
    assert answer["looked_at"][0][1] == 0  # type: ignore[index]
    assert local.pull(name) > len(FILES["bin/tool"])
    assert whole(local.quarantine, name)


def test_a_tampered_object_of_this_machine_is_refused(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path, "bare-user")
    name = remote.commit(FILES)
    victim = next(path for path in remote.objects("file") if path.stat().st_size == len(FILES["etc/conf"]))
    victim.chmod(0o644)
    victim.write_bytes(b"a = c\n")
    with pytest.raises(DigestMismatch):
        Pull(tmp_path / "quarantine", f"file://{remote.path}").pull(name)


def test_over_tls_with_the_remotes_own_authority(tmp_path: Path, remote: OstreeRemote) -> None:
    name = remote.commit(FILES)
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with RepoServer(remote.path, tls=context) as server:
        pull = Pull(tmp_path / "quarantine", server.url, ca)
        assert pull.both() == name
        assert whole(pull.quarantine, name)


def test_through_a_proxy_that_alone_knows_the_way(tmp_path: Path, remote: OstreeRemote) -> None:
    name = remote.commit(FILES)
    context, ca = loopback_identity(tmp_path, "192.0.2.1")
    with (
        RepoServer(remote.path, tls=context) as server,
        Proxy({"192.0.2.1:8443": ("127.0.0.1", server.port)}, "alice:secret") as proxy,
    ):
        told: JsonObject = {"https": f"http://alice:secret@{proxy.host}"}
        pull = Pull(tmp_path / "quarantine", "https://192.0.2.1:8443", ca, told)
        assert pull.both() == name
        assert whole(pull.quarantine, name)
        assert {*proxy.asked} == {"192.0.2.1:8443"}
    assert "alice" not in (tmp_path / "quarantine/config").read_text()


def test_over_tls_without_an_authority_nothing_is_asked(tmp_path: Path, remote: OstreeRemote) -> None:
    remote.commit(FILES)
    context, _ = loopback_identity(tmp_path, "127.0.0.1")
    with RepoServer(remote.path, tls=context) as server:
        with pytest.raises(TlsUntrusted, match=f"{server.host} cannot prove who it is"):
            Pull(tmp_path / "quarantine", server.url).commit()
        assert server.seen == []


def test_an_authority_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(TlsUntrusted, match="no PEM"):
        Pull(tmp_path / "quarantine", "https://127.0.0.1:1", "rubbish").commit()


@pytest.mark.parametrize("deltas", [True, False])
def test_other_peoples_repository(tmp_path: Path, *, deltas: bool) -> None:
    subprocess.run(["tar", "-xf", str(FIXTURE), "-C", str(tmp_path)], check=True)
    with RepoServer(tmp_path / "repo-archive") as server:
        pull = Pull(tmp_path / "quarantine", server.url)
        answer = pull.commit(commit=FIXTURE_COMMIT)
        assert len(answer["openpgp"]) == 1  # type: ignore[arg-type]
        pull.pull(FIXTURE_COMMIT, deltas=deltas)
        assert whole(pull.quarantine, FIXTURE_COMMIT)
        assert bool(deltas_taken(server)) == deltas


def test_no_such_ref(remote: OstreeRemote, there: Pull) -> None:
    remote.commit(FILES)
    with pytest.raises(NotFound):
        there.commit(ref="app/other")
    remote.ostree("summary", "--update")
    with pytest.raises(NotFound):
        there.commit(ref="app/other")


def test_no_such_commit(remote: OstreeRemote, there: Pull) -> None:
    remote.commit(FILES)
    with pytest.raises(NotFound):
        there.commit(commit="0" * 64)


def test_no_repository_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Pull(tmp_path / "quarantine", f"file://{tmp_path}/nothing").commit()


@pytest.mark.parametrize(
    "ref", ["../../config", "a/../b", "/a", "a/", "a//b", "", "-a", ".a", "a b", "0" * 64, "a" * 256]
)
def test_a_ref_that_leaves_refs_is_refused(there: Pull, ref: str) -> None:
    with pytest.raises(InvalidReference):
        there.commit(ref=ref)
    with pytest.raises(InvalidReference):
        there.pull("0" * 64, ref=ref)


@pytest.mark.parametrize("commit", ["", "app/demo", "../" * 20, "A" * 64])
def test_a_commit_is_named_by_its_checksum(there: Pull, commit: str) -> None:
    with pytest.raises(InvalidReference):
        there.commit(commit=commit)
    with pytest.raises(InvalidReference):
        there.pull(commit)


def test_a_part_that_is_missing_is_the_servers_fault(remote: OstreeRemote, there: Pull) -> None:
    name = remote.commit(FILES)
    remote.objects("filez")[0].unlink()
    with pytest.raises(RegistryUnavailable, match="lacks a part"):
        there.pull(name)


@pytest.mark.parametrize("kind", ["commit", "dirtree", "dirmeta", "filez"])
def test_other_bytes_under_an_objects_name_are_refused(remote: OstreeRemote, there: Pull, kind: str) -> None:
    name = remote.commit(FILES)
    before = remote.objects(kind)
    remote.commit({"etc/conf": b"other", "bin/tool": b"other", "more": b"x"}, "--owner-uid=7", ref="x")
    fresh = [path for path in remote.objects(kind) if path not in before]
    for path in before:
        path.write_bytes(fresh[0].read_bytes())
    with pytest.raises(DigestMismatch):
        there.pull(name)
