# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How this machine reaches registries, through the CLI: certificates of the host, and proxies."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.fake_registry import loopback_identity
from support.images import Layout, Settings
from support.machine import Machine
from support.registry import Registry

APP = "org.acme.Hello"


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
    _, ca = loopback_identity(work, "127.0.0.1")
    layer = work / "layer"
    layer.mkdir()
    (layer / "hello").write_text("hello\n")
    layout = Layout(work / "images")
    layout.build("1", [layer], Settings(cmd=("/hello",), labels={"org.appctl.id": APP}))
    (work / "registry").mkdir()
    machine = Machine(work / "machine", measured=False)
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
