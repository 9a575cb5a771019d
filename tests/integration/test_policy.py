# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The administrator's files through the CLI, on signed images: what a policy refuses, what masks do."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.buses.bus import client
from support.images.greeter import build
from support.machines.called import Near
from support.machines.machine import Machine, Ran
from support.publishers.publisher import Publisher

METADATA = "[Application]\nname=org.appctl.Greeter\ncommand=/usr/bin/greet\n"
NETWORK = METADATA + "[Context]\nshared=network;\n"
LARGE = 2 << 20  # bytes of a file that packs to almost nothing


@dataclass
class Site:
    """A machine whose administrator writes policies, and who publishes for it."""

    machine: Machine
    publisher: Publisher
    key: str
    file: Path
    work: Path

    @property
    def directory(self) -> Path:
        """Where the policies lie."""
        return self.machine.directory / "config/policy.d"

    @contextmanager
    def policy(self, text: str, name: str = "10-site.conf") -> Iterator[None]:
        """For the length of the block this holds, from the next request on."""
        self.directory.mkdir(exist_ok=True)
        path = self.directory / name
        path.write_text(f"[policy]\n{text}\n")
        try:
            yield
        finally:
            path.unlink()

    def refuses(self, *arguments: str, says: str = "", line: str = "", name: str = "10-site.conf") -> Ran:
        """The command is refused by the policy, which is named."""
        ran = self.machine.appctl(*arguments, code=4)
        assert f"error: {self.directory / name}{line}: " in ran.err
        assert says in ran.err
        assert "hint: " in ran.err
        return ran

    def version(self) -> str:
        """Of the app that is installed."""
        return str(self.machine.appctl("info", "greeter", "--json").json["version"])


@pytest.fixture(scope="module")
def site(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("site")
    (work / "greeter").mkdir()
    build(publisher.layout, work / "greeter", 1)
    key, file = publisher.keys.make("acme"), work / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    machine = Near(work / "machine", measured=False)
    machine.altered = "governed"
    with machine:
        site = Site(machine, publisher, key, file, work / "layers")
        site.publisher.push_version("plain", "acme/greeter:1", METADATA, site.key, 2)
        site.publisher.push_version("network", "acme/network:1", NETWORK, site.key, 3)
        site.publisher.push_version("large", "acme/large:1", METADATA, site.key, 9, large=bytes(LARGE))
        machine.add_remote(
            "acme", f"oci+http://{publisher.registry.host}/acme", file, publisher.lookaside.url
        )
        yield site
        machine.fsck()


@pytest.fixture(autouse=True)
def _nothing_is_left(site: Site) -> Iterator[None]:
    yield
    site.machine.appctl("uninstall", "-y", "greeter", code=None)


def test_only_places_that_are_allowed(site: Site) -> None:
    host = site.publisher.registry.host
    with site.policy("allow-remotes = quay.io/acme"):
        site.refuses("install", "-y", "acme/greeter:1", says="acme")
        site.refuses(
            "remote", "add", "other", "quay.io/other", "--gpg-import", str(site.file), says="quay.io/other"
        )
        site.machine.add_remote("fine", "quay.io/acme/fine", site.file)
        site.machine.appctl("remote", "disable", "acme")
        site.refuses("remote", "enable", "acme")
    site.machine.appctl("remote", "enable", "acme")
    site.machine.appctl("remote", "remove", "-y", "fine")
    with site.policy(f"allow-remotes = quay.io {host}/acme"):
        site.machine.appctl("install", "-y", "acme/greeter:1")
    with site.policy("allow-remotes = quay.io"):
        site.refuses("update", "greeter")
        assert "Hello" in site.machine.run_app("greeter").out


def test_signatures_are_required(site: Site) -> None:
    url = f"oci+http://{site.publisher.registry.host}/elsewhere"
    with site.policy("require-signatures = yes"):
        site.refuses("remote", "add", "typed", url, "--verify", "digest", says="verify=digest")
        site.machine.appctl("install", "-y", "acme/greeter:1")
    site.machine.appctl("remote", "add", "typed", url, "--verify", "digest")
    with site.policy("require-signatures = yes"):
        site.refuses("install", "-y", f"{site.publisher.registry.host}/elsewhere/x@sha256:{'0' * 64}")
    site.machine.appctl("remote", "remove", "-y", "typed")


def test_permissions_that_no_app_may_have(site: Site) -> None:
    with site.policy("deny-permissions = shared=network filesystems=home"):
        site.refuses("install", "-y", "acme/network:1", says="shared=network")
        site.machine.appctl("install", "-y", "acme/greeter:1")
        site.publisher.push_version("wishes", "acme/greeter:1", NETWORK, site.key, 5)
        site.refuses("update", "-y", "--accept-permissions", "greeter", says="shared=network")
        assert site.version() == "plain"
        failed = site.machine.appctl("history", "--failed", "--json").json[0]
        assert (failed["event"], failed["error"]) == ("update", "PolicyDenied")
    site.machine.appctl("update", "-y", "--accept-permissions", "greeter")
    with site.policy("deny-permissions = shared=*"):
        assert "Hello" in site.machine.run_app("greeter").out
        assert site.machine.appctl("update", "-y", "--json", "greeter").json["changed"] is False
        site.machine.appctl("uninstall", "-y", "greeter")


def test_users_install_nothing_of_their_own(site: Site) -> None:
    site.machine.appctl("install", "-y", "acme/greeter:1", "--json")
    with site.policy("user-scope = no"):
        site.refuses("update", "greeter")
        site.refuses("install", "-y", "acme/network:1")
        site.refuses("remote", "add", "other", "quay.io/other", "--gpg-import", str(site.file))
        site.machine.appctl("list")
        assert "Hello" in site.machine.run_app("greeter").out
        site.machine.appctl("uninstall", "-y", "greeter")


def test_an_app_has_a_size(site: Site) -> None:
    with site.policy("max-size = 1K"):
        site.refuses("install", "-y", "acme/greeter:1", says="1024 are allowed")
    site.machine.appctl("install", "-y", "acme/greeter:1")
    size = site.machine.appctl("info", "greeter", "--json").json["installed_size"]
    site.machine.appctl("uninstall", "-y", "greeter")
    with site.policy(f"max-size = {size // 1024 + 1024}K"):
        site.machine.appctl("install", "-y", "acme/greeter:1")
        site.machine.appctl("uninstall", "-y", "greeter")
        site.refuses("install", "-y", "acme/large:1", says="bytes")
    assert site.machine.appctl("list", "--json").json == []


@pytest.mark.parametrize(
    ("text", "line"), [("max-size = much", ":2"), ("alow-remotes = quay.io", ":2"), ("[other]", "")]
)
def test_a_slip_of_the_pen_forbids_everything_and_is_named(site: Site, text: str, line: str) -> None:
    site.machine.appctl("install", "-y", "acme/greeter:1")
    with site.policy(text):
        site.refuses("install", "-y", "acme/network:1", line=line)
        site.refuses("update", "greeter", line=line)
        site.refuses("remote", "add", "other", "quay.io/other", "--gpg-import", str(site.file), line=line)
        assert "Hello" in site.machine.run_app("greeter").out
        site.machine.appctl("uninstall", "-y", "greeter")


def test_a_file_that_cannot_be_read_forbids_everything(site: Site) -> None:
    with site.policy("user-scope = yes"):
        (site.directory / "10-site.conf").chmod(0)
        site.refuses("install", "-y", "acme/greeter:1", says="Permission denied")


def test_a_later_file_lifts_nothing(site: Site) -> None:
    with site.policy("max-size = 1K"), site.policy("max-size = 9G", "99-local.conf"):
        site.refuses("install", "-y", "acme/greeter:1")
    with site.policy("max-size = 9G"), site.policy("max-size = 1K", "99-local.conf"):
        site.refuses("install", "-y", "acme/greeter:1", name="99-local.conf")


def test_a_shipped_remote_is_masked_and_comes_back_without_a_restart(site: Site) -> None:
    host, configuration = site.publisher.registry.host, site.machine.directory / "config"
    shipped, mask = configuration / "shipped", configuration / "appctl/remotes.d/shipped.conf"
    site.machine.appctl("install", "-y", f"{host}/shipped/greeter:1", code=3)
    shipped.mkdir()
    (shipped / "shipped.gpg").write_bytes(site.publisher.keys.export(site.key))
    places = f"url = oci+http://{host}/shipped\nlookaside = {site.publisher.lookaside.url}\n"
    (shipped / "shipped.conf").write_text(f"[remote]\n{places}")
    site.publisher.push_version("shipped", "shipped/greeter:1", METADATA, site.key, 10)
    site.machine.appctl("install", "-y", "--dry-run", "shipped/greeter:1")

    mask.write_text("[remote]\nenabled = no\n")
    refused = site.machine.appctl("install", "-y", "shipped/greeter:1", code=4)
    assert f"remote shipped is disabled ({mask})" in refused.err
    assert site.machine.appctl("remote", "show", "shipped", "--json").json["enabled"] is False
    site.machine.appctl("remote", "enable", "shipped")
    assert not [*mask.parent.glob("shipped.*")]  # and what is shipped counts, with its keys
    site.machine.appctl("install", "-y", "--dry-run", "shipped/greeter:1")
    for file in shipped.iterdir():
        file.unlink()
    shipped.rmdir()
    site.machine.appctl("install", "-y", f"{host}/shipped/greeter:1", code=3)


def test_an_edit_is_told_on_the_bus(site: Site) -> None:
    file = site.machine.directory / "config/appctl/remotes.d/edited.conf"

    async def scenario() -> None:
        async with client(site.machine.environment["DBUS_SESSION_BUS_ADDRESS"]) as caller:
            await caller.subscribe()
            for change in (lambda: file.write_text("[remote]\nurl = quay.io/edited\n"), file.unlink):
                change()
                (names,) = await caller.signal("RemotesChanged")
                assert "edited" in names

    asyncio.run(scenario())


def test_a_backup_as_the_document_says_is_whole(site: Site) -> None:
    text = (Path(__file__).parents[2] / "docs/administrators.md").read_text()
    keep, bring_back = re.findall(r"^    (tar .+)$", text, re.MULTILINE)
    state, kept = site.machine.state, site.work.parent / "appctl.tar"

    def typed(line: str) -> list[str]:
        here = line.replace("/var/lib/appctl", str(state)).replace("/srv/backup/appctl.tar", str(kept))
        return ["unshare", "--user", "--map-root-user", *here.split()]  # who may write to files of 0444

    site.machine.appctl("install", "-y", "acme/greeter:1")
    site.machine.stop()
    subprocess.run(typed(keep), check=True)
    shutil.rmtree(state)
    state.mkdir()
    subprocess.run(typed(bring_back), check=True)
    site.machine.start()
    site.machine.appctl("verify")
    assert "Hello" in site.machine.run_app("greeter").out
    site.machine.fsck()
