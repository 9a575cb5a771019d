# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Repositories that lie, stall, send without end, or send us elsewhere; and what a pull leaves behind."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gi.repository import GLib

import appctld
from appctld.errors import (
    AppctlError,
    CredentialScope,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NotFound,
    RegistryUnavailable,
)
from appctld.model.jsonvalue import JsonObject
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Processes, Program
from appctld.workers.detached import DETACHED_BYTES, SIGNATURE_BYTES
from appctld.workers.net import pace
from appctld.workers.pull import __main__ as program_module
from support.publishers.ostree_remote import REF, OstreeRemote, RepoServer
from support.repositories.oracle_writer import of_bytes
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.workers.pulling import LIMIT, Pull

FILES = {"bin/tool": os.urandom(50_000), "etc/conf": b"a = b\n"}
BOMB = {"zeros": bytes(8 << 20)}
SMALL = 4 << 20
MODULE = "appctld.workers.pull"
LONG = 60.0


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


def address(remote: OstreeRemote, name: str, kind: str) -> str:
    return "/" + str(remote.object(name, kind).relative_to(remote.path))


@pytest.mark.parametrize("path", ["/summary", f"/refs/heads/{REF}"])
def test_a_document_without_end(remote: OstreeRemote, server: RepoServer, there: Pull, path: str) -> None:
    remote.commit(FILES)
    server.on(path, Reply(endless=True))
    with pytest.raises(LimitExceeded):
        there.commit()


def test_what_comes_beside_a_commit_is_bounded(
    remote: OstreeRemote, there: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.commit(FILES)
    there.commit()
    monkeypatch.setattr(program_module, "SUMMARY_BYTES", 100)
    with pytest.raises(LimitExceeded):
        there.commit()


def test_a_configuration_without_end(remote: OstreeRemote, server: RepoServer, there: Pull) -> None:
    name = remote.commit(FILES)
    server.on("/config", Reply(endless=True))
    with pytest.raises(LimitExceeded):
        there.pull(name)


@pytest.mark.parametrize("kind", ["commit", "commitmeta"])
def test_a_commit_without_end(remote: OstreeRemote, server: RepoServer, there: Pull, kind: str) -> None:
    name = remote.commit(FILES)
    server.on(address(remote, name, kind), Reply(endless=True))
    with pytest.raises(LimitExceeded):
        there.commit()


def test_an_object_without_end(remote: OstreeRemote, server: RepoServer, there: Pull) -> None:
    name = remote.commit(FILES)
    path = "/" + str(remote.objects("filez")[0].relative_to(remote.path))
    server.on(path, Reply(endless=True))
    with pytest.raises(LimitExceeded):
        there.pull(name, limit=SMALL)


@pytest.mark.parametrize("deltas", [True, False])
def test_what_unpacks_to_more_than_it_may(remote: OstreeRemote, there: Pull, *, deltas: bool) -> None:
    name = remote.commit(BOMB)
    if deltas:
        remote.delta(name)
        remote.ostree("summary", "--update")
    with pytest.raises(LimitExceeded):
        there.pull(name, limit=SMALL, deltas=deltas)


def test_many_small_files_that_are_too_much(remote: OstreeRemote, there: Pull) -> None:
    name = remote.commit({str(number): os.urandom(50_000) for number in range(30)})
    with pytest.raises(LimitExceeded):
        there.pull(name, limit=1_000_000)
    assert there.pull(name, limit=SMALL)


@pytest.mark.parametrize("path", ["/summary", f"/refs/heads/{REF}"])
def test_silence_is_given_up(
    remote: OstreeRemote, server: RepoServer, there: Pull, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(pace, "FLOOR_SECONDS", 0.05)
    remote.commit(FILES)
    server.on(path, Reply(body=b"x", stall=True))
    with pytest.raises(RegistryUnavailable, match=f"{server.host} is too slow"):
        there.commit()


def test_over_tls_nothing_leads_to_plain_http(tmp_path: Path, remote: OstreeRemote) -> None:
    name = remote.commit(FILES)
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer() as plain, RepoServer(remote.path, tls=context) as server:
        path = address(remote, name, "commit")
        plain.on(path, Reply(200, {}, remote.object(name, "commit").read_bytes()))
        server.on(path, Reply(307, {"Location": plain.url + path}))
        with pytest.raises(CredentialScope, match="plain HTTP"):
            Pull(tmp_path / "quarantine", server.url, ca).commit()
        assert plain.seen == []


@pytest.mark.parametrize("target", ["file://{file}", "/x#{file}", "rubbish:"])
def test_a_redirect_leads_to_no_file_and_no_other_protocol(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, there: Pull, target: str
) -> None:
    name = remote.commit(FILES)
    file = tmp_path / "secret"
    file.write_bytes(remote.object(name, "commit").read_bytes())
    server.on(address(remote, name, "commit"), Reply(307, {"Location": target.format(file=file)}))
    with pytest.raises((RegistryUnavailable, NotFound)):
        there.commit()


def test_the_servers_own_configuration_leads_nowhere(
    remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    with FakeServer() as elsewhere:
        lines = (
            "[core]\nrepo_version=1\nmode=archive\nparent=/\n"
            f'[remote "origin"]\nurl={elsewhere.url}\ncontenturl={elsewhere.url}\nproxy={elsewhere.url}\n'
        )
        server.on("/config", Reply(200, {}, lines.encode()))
        name = remote.commit(FILES)
        assert there.both() == name
        assert elsewhere.seen == []


def test_what_lay_in_the_quarantine_configures_nothing(remote: OstreeRemote, there: Pull) -> None:
    name = remote.commit(FILES)
    there.commit()
    config = there.quarantine / "config"
    config.write_text(config.read_text() + "gpg-verify=true\ncontenturl=https://127.0.0.1:1/\n[x]\n")
    assert there.pull(name)
    assert "contenturl" not in config.read_text()


def test_no_keyring_and_no_verdict_of_libostree(remote: OstreeRemote, there: Pull) -> None:
    remote.commit(FILES)
    there.commit()
    lines = (there.quarantine / "config").read_text().splitlines()
    for key in ("gpg-verify", "gpg-verify-summary", "sign-verify", "sign-verify-summary"):
        assert f"{key}=false" in lines
    assert (there.quarantine / "config").stat().st_mode & 0o077 == 0, "it held the proxy's password"
    assert not list(there.quarantine.glob("*.gpg"))


def test_another_commit_of_a_ref_is_told_as_what_it_is(
    remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    """A ref is not signed: whose commit it is, the daemon reads in the commit."""
    other = remote.commit({"x": b"y"}, ref="app/other")
    remote.commit(FILES)
    server.on(f"/refs/heads/{REF}", Reply(200, {}, other.encode() + b"\n"))
    assert there.commit()["commit"] == other


@pytest.mark.parametrize("rubbish", [b"", b"../../config\n", b"\xff" * 64, b"0" * 63])
def test_a_ref_that_names_no_commit(
    remote: OstreeRemote, server: RepoServer, there: Pull, rubbish: bytes
) -> None:
    remote.commit(FILES)
    server.on(f"/refs/heads/{REF}", Reply(200, {}, rubbish))
    with pytest.raises(AppctlError) as raised:
        there.commit()
    assert there.written == b""
    assert isinstance(raised.value, DigestMismatch | NotFound | Failed)


def test_a_commit_that_is_not_what_its_name_says(
    remote: OstreeRemote, server: RepoServer, there: Pull
) -> None:
    first = remote.commit(FILES)
    second = remote.commit({"x": b"y"})
    server.on(address(remote, second, "commit"), Reply(200, {}, remote.object(first, "commit").read_bytes()))
    with pytest.raises(DigestMismatch):
        there.commit()
    assert there.written == b""


@pytest.mark.parametrize("rubbish", [b"\xff" * 1000, b"ostree.gpgsigs\0", b""])
def test_detached_metadata_that_is_rubbish_holds_no_signature(
    remote: OstreeRemote, there: Pull, rubbish: bytes
) -> None:
    name = remote.commit(FILES)
    remote.object(name, "commitmeta").write_bytes(rubbish)
    assert there.commit()["openpgp"] == []


def test_detached_metadata_that_is_too_large(remote: OstreeRemote, there: Pull) -> None:
    name = remote.commit(FILES)
    remote.detach(name, {"x": GLib.Variant("s", "x" * DETACHED_BYTES)})
    with pytest.raises(LimitExceeded):
        there.commit()
    remote.detach(
        name, {"ostree.gpgsigs": GLib.Variant.new_array(None, [of_bytes(bytes(SIGNATURE_BYTES + 1))])}
    )
    with pytest.raises(LimitExceeded):
        there.commit()
    assert there.written == b""


@pytest.mark.parametrize("name", ["superblock", "0"])
def test_a_delta_that_lies(remote: OstreeRemote, there: Pull, name: str) -> None:
    commit = remote.commit({"a": os.urandom(100_000)})
    remote.delta(commit)
    for file in remote.path.glob(f"deltas/*/*/{name}"):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
    with pytest.raises(AppctlError) as raised:
        there.pull(commit)
    assert not isinstance(raised.value, NotFound)


# --- in the sandbox ------------------------------------------------------------------------------


def program(launcher: Bubblewrap, quarantine: Path, *readable: Path) -> Program:
    argv = launcher.worker(MODULE, network=True, writable=(quarantine,), readable=readable)
    return Program(MODULE, argv, LONG, launcher.environment)


@pytest.fixture
def launcher() -> Bubblewrap:
    return Bubblewrap(code=(Path(appctld.__file__).parent.parent, Path(sys.prefix)))


def asked(quarantine: Path, url: str, commit: str) -> JsonObject:
    quarantine.mkdir(exist_ok=True)
    return {
        "op": "pull",
        "quarantine": str(quarantine),
        "url": url,
        "ca": None,
        "parent": None,
        "ref": REF,
        "commit": commit,
        "limit": LIMIT,
        "deltas": True,
    }


@pytest.mark.parametrize("local", [True, False])
def test_it_works_in_its_sandbox(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, launcher: Bubblewrap, *, local: bool
) -> None:
    name = remote.commit(FILES)
    quarantine = tmp_path / "quarantine"
    url, readable = (f"file://{remote.path}", [remote.path]) if local else (server.url, [])
    request = asked(quarantine, url, name)
    answer = asyncio.run(
        Processes().run(program(launcher, quarantine, *readable), request, lambda _: None, fds={})
    )
    assert int(str(answer["bytes"])) > len(FILES["bin/tool"])
    assert (quarantine / "objects" / name[:2] / f"{name[2:]}.commit").is_file()


def test_where_libostree_gives_itself_up_the_pull_fails(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, launcher: Bubblewrap
) -> None:
    """A redirect to a protocol that it does not know ends the process (an assertion of libostree's)."""
    name = remote.commit(FILES)
    server.on(address(remote, name, "commit"), Reply(307, {"Location": "gopher://127.0.0.1/"}))
    quarantine = tmp_path / "quarantine"
    with pytest.raises(AppctlError):
        asyncio.run(
            Processes().run(
                program(launcher, quarantine), asked(quarantine, server.url, name), lambda _: None, fds={}
            )
        )


def test_a_pull_that_is_stopped_leaves_nothing_outside(
    tmp_path: Path, remote: OstreeRemote, server: RepoServer, launcher: Bubblewrap
) -> None:
    name = remote.commit(FILES)
    path = "/" + str(remote.objects("filez")[0].relative_to(remote.path))
    server.on(path, Reply(body=b"x", stall=True))
    quarantine = tmp_path / "quarantine"
    quarantine.mkdir()
    before = set(tmp_path.iterdir())

    async def stopped() -> None:
        running = asyncio.ensure_future(
            Processes().run(
                program(launcher, quarantine), asked(quarantine, server.url, name), lambda _: None, fds={}
            )
        )
        while not server.asked(path) and not running.done():  # noqa: ASYNC110 - the server's thread knows no loop
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(stopped())
    assert set(tmp_path.iterdir()) == before
