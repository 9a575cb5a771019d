# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/tools.py: what a worker that was taken over can do to who asks it."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from appctld.config.network import Network
from appctld.errors import RegistryUnavailable
from appctld.model.jsonvalue import JsonObject
from appctld.model.login import Login
from appctld.model.manifest import Platform
from appctld.model.reference import parse_reference
from appctld.pipeline import tools
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools, endpoint
from appctld.state.paths import Paths
from appctld.system.worker import Program, Report
from support.workers.inline import NoLauncher
from support.worlds.world import growing, trusting


class Holding:
    """A runner whose worker answers, lives on, and holds its descriptors."""

    def __init__(self) -> None:
        self.held: list[int] = []

    async def run(
        self, _program: Program, _request: JsonObject, _report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        self.held += fds.values()
        return {}


def test_a_fetcher_that_answers_and_holds_its_pipe_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "ANSWER_DEADLINE", 0.2)
    runner = Holding()
    asked = Tools(runner, NoLauncher(), Paths(tmp_path), Platform("linux", "amd64"), Gate())
    with pytest.raises(RegistryUnavailable, match="never came to its end"):
        asyncio.run(asyncio.wait_for(asked.fetch_bytes({"op": "resolve"}, 100), 30.0))
    for number in runner.held:
        os.close(number)


def test_a_fetcher_holds_no_lock_and_a_store_does(tmp_path: Path) -> None:
    """What it reads may be a file system that never answers, and then it never ends."""
    writing: list[bool] = []

    class Noting:
        async def run(self, program: Program, *_: object, fds: Mapping[str, int]) -> JsonObject:
            writing.append(program.writes)
            return {}

    asked = Tools(Noting(), NoLauncher(), Paths(tmp_path), Platform("linux", "amd64"), Gate())
    asyncio.run(asked.fetch({}, fds={}, report=tools.ignore))
    asyncio.run(asked.store({}))
    assert writing == [False, True]


REFERENCE = parse_reference("acme.example/x/hello:1")
LOGIN = (Login("acme.example", {"identity_token": "t"}),)


class Views(NoLauncher):
    """Tells what a worker would see."""

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        assert not writable
        return (module, "network" if network else "alone", *map(str, readable))


class Told:
    """A runner that keeps what it was asked; descriptors are closed."""

    def __init__(self) -> None:
        self.argv: tuple[str, ...] = ()
        self.fds: list[str] = []

    async def run(
        self, program: Program, _request: JsonObject, _report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        self.argv, self.fds = program.argv, sorted(fds)
        for number in fds.values():
            os.close(number)
        return {}


class File:
    """A bundle."""

    def duplicate(self) -> int:
        return os.open("/dev/null", os.O_RDONLY)


@pytest.mark.parametrize(
    ("url", "bundle", "view", "fds"),
    [
        ("https://acme.example/x", None, ("network",), []),
        ("oci:/srv/images", None, ("alone", "/srv/images"), []),
        ("https://acme.example/x", File(), ("alone",), ["bundle"]),
        ("oci:/srv/images", File(), ("alone",), ["bundle"]),
    ],
)
def test_who_reads_a_directory_or_a_bundle_has_no_network_and_sees_that_alone(
    url: str, bundle: File | None, view: tuple[str, ...], fds: list[str], tmp_path: Path
) -> None:
    runner, more = Told(), {"prefix": "acme.example/x"} if url.startswith("oci:") else {}
    made = Tools(
        runner, Views(), Paths(tmp_path), Platform("linux", "amd64"), Gate(), bundle=bundle, logins=LOGIN
    )
    remote = trusting("acme", url=url, **more)
    members = made.endpoint(remote, REFERENCE)
    asyncio.run(made.fetch({"op": "blob", **members}, fds={}, report=lambda _: None))
    assert runner.argv == ("appctld.workers.fetch", *view)
    assert runner.fds == fds
    assert (members["credential"] is None) is ("network" not in view)
    assert "identity_token" not in json.dumps(made.endpoint(remote, REFERENCE, login=False))


def test_with_a_bundle_nobody_gets_a_network_whatever_is_asked(tmp_path: Path) -> None:
    runner = Told()
    made = Tools(runner, Views(), Paths(tmp_path), Platform("linux", "amd64"), Gate(), bundle=File())
    asyncio.run(made.fetch({"op": "document"}, fds={}, report=lambda _: None))
    assert runner.argv == ("appctld.workers.fetch", "alone")


def test_whether_nobody_must_have_signed_is_told_to_who_reads_a_bundle() -> None:
    for verify, unsigned in (("none", True), ("digest", False)):
        layout = endpoint(trusting("acme", verify), REFERENCE, bundled=True)["layout"]
        assert layout == {"directory": None, "host": "acme.example", "prefix": "x", "unsigned": unsigned}


def test_a_fetcher_is_told_certificates_of_the_host_and_the_proxy(tmp_path: Path) -> None:
    (tmp_path / "acme.example").mkdir()
    (tmp_path / "acme.example/site.crt").write_text("theirs")
    network = Network(tmp_path, {"https_proxy": "http://proxy.corp:3128"})
    members = endpoint(trusting("acme"), REFERENCE, network=network)
    assert members["ca"] == "theirs"
    assert members["proxy"] == {"https": "http://proxy.corp:3128", "direct": []}
    bundled = endpoint(trusting("acme"), REFERENCE, network=network, bundled=True)
    assert (bundled["ca"], bundled["proxy"]) == (None, {})


def test_a_puller_is_told_the_same(tmp_path: Path) -> None:
    told: list[JsonObject] = []

    class Noting:
        async def run(
            self, _program: Program, request: JsonObject, _report: Report, *, fds: Mapping[str, int]
        ) -> JsonObject:
            told.append(request)
            return {}

    (tmp_path / "trees.example").mkdir()
    (tmp_path / "trees.example/site.crt").write_text("theirs")
    network = Network(tmp_path, {"https_proxy": "http://proxy.corp:3128"})
    asking = Tools(
        Noting(), NoLauncher(), Paths(tmp_path), Platform("linux", "amd64"), Gate(), network=network
    )
    asyncio.run(asking.pull(growing(), tmp_path, {"op": "commit"}))
    (request,) = told
    assert request["ca"] == "theirs"
    assert request["proxy"] == {"https": "http://proxy.corp:3128", "direct": []}
