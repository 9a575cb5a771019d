# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How this machine reaches registries, through the CLI: certificates of the host, and proxies."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.images.images import Layout, Settings
from support.machines.called import Near
from support.machines.machine import Machine
from support.servers.fake_registry import loopback_identity
from support.servers.proxy import Proxy
from support.servers.registry import Registry

APP = "org.acme.Hello"
FAR = "192.0.2.1"  # RFC 5737: nowhere, but for a proxy that knows better


@dataclass
class Site:
    """A machine, and a registry with a certificate that nobody signed; `digest` is of an image in it."""

    machine: Machine
    registry: Registry
    digest: str
    ca: str

    @property
    def reference(self) -> str:
        """The image by its digest: nobody has to sign it."""
        return f"{self.registry.host}/demo/hello@{self.digest}"

    @property
    def certificates(self) -> Path:
        """Where those of the registry are looked for."""
        return self.machine.directory / "config/certs.d" / self.registry.host


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("site")
    _, ca = loopback_identity(work, "127.0.0.1", FAR)
    layer = work / "layer"
    layer.mkdir()
    (layer / "hello").write_text("hello\n")
    layout = Layout(work / "images")
    layout.build("1", [layer], Settings(cmd=("/hello",), labels={"org.appctl.id": APP}))
    (work / "registry").mkdir()
    machine = Near(work / "machine", measured=False)
    machine.altered = "governed"
    registry = Registry(work / "registry")
    registry.identity = work / "server.pem"
    with registry, machine:
        digest = registry.push(layout.source("1"), "demo/hello:1")
        machine.appctl("remote", "add", "demo", f"https://{registry.host}/demo", "--verify", "digest")
        yield Site(machine, registry, digest, ca)


@pytest.fixture(autouse=True)
def _nothing_is_left(site: Site) -> Iterator[None]:
    yield
    site.machine.appctl("uninstall", "-y", APP, code=None)


def test_a_certificate_of_the_host_counts_from_the_next_request_on(site: Site) -> None:
    site.machine.appctl("install", "-y", site.reference, code=5)
    site.certificates.mkdir(parents=True)
    (site.certificates / "site.crt").write_text(site.ca)
    site.machine.appctl("install", "-y", site.reference)
    other = site.certificates.with_name("127.0.0.1")
    site.certificates.rename(other)
    site.machine.appctl("uninstall", "-y", APP)
    site.machine.appctl("install", "-y", site.reference, code=5)
    other.rename(site.certificates)
    (site.certificates / "broken.crt").mkdir()
    assert "broken.crt" in site.machine.appctl("install", "-y", site.reference, code=1).err
    (site.certificates / "broken.crt").rmdir()


@pytest.fixture
def far(site: Site) -> Iterator[str]:
    """The image, in a registry that only a proxy can reach: a remote of that name is added and removed."""
    file = site.machine.directory / "ca.pem"
    file.write_text(site.ca)
    url = f"https://{FAR}:5000/demo"
    site.machine.appctl("remote", "add", "far", url, "--verify", "digest", "--ca-file", str(file))
    yield f"{FAR}:5000/demo/hello@{site.digest}"
    site.machine.appctl("uninstall", "-y", APP, code=None)
    site.machine.appctl("remote", "remove", "-y", "far")


def leads(site: Site) -> dict[str, tuple[str, int]]:
    host, _, port = site.registry.host.partition(":")
    return {f"{FAR}:5000": (host, int(port))}


def test_a_remotes_own_proxy(site: Site, far: str) -> None:
    with Proxy(leads(site)) as proxy:
        site.machine.appctl("remote", "modify", "far", "--set", f"proxy={proxy.url}")
        assert proxy.url in site.machine.appctl("remote", "show", "far").out
        site.machine.appctl("install", "-y", far)
        assert {*proxy.asked} == {f"{FAR}:5000"}
        refused = site.machine.appctl("remote", "modify", "far", "--set", "proxy=http://a:b@proxy:1", code=64)
        assert "without a login" in refused.err
    gone = site.machine.appctl("install", "-y", "--reinstall", far, code=75)
    assert f"proxy {proxy.host} refuses connections" in gone.err


def test_the_environments_proxy_and_its_login_in_no_log(site: Site, far: str) -> None:
    machine = site.machine
    with Proxy(leads(site), "alice:s3cr3t-word") as proxy:
        for login, code in (("alice:s3cr3t-other@", 75), ("alice:s3cr3t-word@", 0)):
            machine.stop()
            machine.environment["https_proxy"] = f"http://{login}{proxy.host}"
            machine.start()
            ran = machine.appctl("install", "-y", far, code=code)
            if code:
                assert f"proxy {proxy.host} refuses {FAR}:5000 (HTTP 407)" in ran.err
    told = [machine.log.read_text(), machine.appctl("history", "--failed", "--json").out]
    told += [machine.appctl("remote", "show", "far", "--json").out]
    by = f"TLS by the bundle, its own certificates; proxy {proxy.url}, as the daemon's environment says"
    assert f"Reached by:   {by}\n" in machine.appctl("remote", "show", "far").out
    assert f"remote far: {by}\n" in machine.appctl("doctor", code=None).out
    told += [file.read_text() for file in machine.state.glob("*.jsonl*")]
    assert not [text for text in told if "s3cr3t" in text or "YWxpY2U6" in text]
    machine.stop()
    del machine.environment["https_proxy"]
    machine.start()


def test_a_program_of_the_callers_goes_by_the_callers_environment(site: Site) -> None:
    file = site.machine.directory / "ca.pem"
    file.write_text(site.ca)
    with Proxy(leads(site), "alice:s3cr3t-word") as proxy:
        site.machine.environment["https_proxy"] = f"http://alice:s3cr3t-word@{proxy.host}"
        arguments = ("lint", f"{FAR}:5000/demo/hello:1", "--ca-file", str(file), "--json")
        ran = site.machine.appctl(*arguments, code=None)
        del site.machine.environment["https_proxy"]
    assert {*proxy.asked} == {f"{FAR}:5000"}
    assert ran.json["images"] == [f"{FAR}:5000/demo/hello:1"]
