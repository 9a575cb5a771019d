# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/images/mirrors.py: layers come from a mirror that has them, all else from the remote."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from appctld.config.network import Network
from appctld.config.remotes import CA_BYTES
from appctld.errors import AppctlError, CredentialScope, Failed, NotFound, RegistryUnavailable
from appctld.jobs.requests import Install
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.login import Login
from appctld.model.reference import Reference, parse_reference
from appctld.pipeline.images.mirrors import is_private
from appctld.pipeline.images.mirrors import mirrored as mirrors_of
from appctld.pipeline.tools import Bundle
from appctld.workers.protocol import Report, descriptor
from support.workers.inline import digest_of
from support.worlds.world import BASE, TOP, Yard, trusting

HELLO, MINE = "acme.example/x/hello:1", "other.example/x/mine:1"
HERE, THERE = "https://acme.example", "https://mirror.corp"
LAYERS = {digest_of(BASE), digest_of(TOP)}


class Mirrored:
    """A yard whose remote acme has a mirror; `lie` is what that does, `asked` who was asked for layers."""

    def __init__(self, directory: Path) -> None:
        self.yard = Yard(directory)
        self.yard.registry.push("1", [BASE, TOP])
        asyncio.run(self.yard.book.modify("acme", {"mirrors": f"{THERE}/cache"}))
        self.lie: AppctlError | bytes | None = None
        self.asked: list[tuple[str, str, object]] = []
        self._real = dict(self.yard.registry.handlers())["blob"]
        self.yard.runner.instead["blob"] = self._blob

    def _blob(self, request: JsonObject, report: Report) -> JsonObject:
        registry, digest = get_str(request, "registry"), get_str(request, "digest")
        if digest in LAYERS:
            self.asked.append((registry, get_str(request, "repository"), request["credential"]))
        if registry != THERE or self.lie is None:
            return self._real(request, report)
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            if isinstance(self.lie, AppctlError):
                raise self.lie
            return {"size": out.write(self.lie)}

    def use(self, network: Network) -> None:
        """Reach servers so."""
        self.yard.tools = replace(self.yard.tools, network=network)

    def install(self, what: str = HELLO, logins: object = ()) -> JsonObject:
        (app,) = self.yard.apps(Install((what,), {"registry-auth": logins}))
        return app


@pytest.fixture
def mirrored(tmp_path: Path) -> Mirrored:
    return Mirrored(tmp_path)


def test_layers_come_from_the_mirror_and_nothing_else_does(mirrored: Mirrored) -> None:
    assert mirrored.install()["changed"] is True
    assert set(mirrored.asked) == {(THERE, "cache/hello", None)}
    others = {get_str(one, "registry") for one in mirrored.yard.runner.requests
              if "registry" in one and one.get("digest") not in LAYERS}  # fmt: skip
    assert others == {HERE}


@pytest.mark.parametrize(
    "lie",
    [
        NotFound("it has none"),
        RegistryUnavailable("it does not answer"),
        CredentialScope("it leads elsewhere"),
        b"",
        b"other bytes",
        BASE + b"more",
        BASE[:-1],
    ],
    ids=["absent", "down", "redirect", "nothing", "lies", "long", "short"],
)
def test_a_mirror_that_does_not_serve_it_costs_a_try(lie: AppctlError | bytes, mirrored: Mirrored) -> None:
    mirrored.lie = lie
    assert mirrored.install()["changed"] is True
    assert {registry for registry, _, _ in mirrored.asked} == {HERE, THERE}
    assert not list(mirrored.yard.paths.blobs.glob("**/.unverified-*"))


def break_certificates(directory: Path, *hosts: str) -> Network:
    """A network that has certificates for these hosts, which cannot be read."""
    for host in hosts:
        (directory / host).parent.mkdir(parents=True, exist_ok=True)
        (directory / host).write_text("no directory")
    return Network(directory)


def large_certificates(directory: Path, *hosts: str) -> Network:
    """One that has more of them than are read."""
    for host in hosts:
        (directory / host).mkdir(parents=True)
        for name in ("a.crt", "b.crt"):
            (directory / host / name).write_bytes(b"#" * (CA_BYTES // 2 + 1))
    return Network(directory)


@pytest.mark.parametrize("spoil", [break_certificates, large_certificates])
def test_certificates_of_a_mirror_that_cannot_be_read_cost_a_try(
    spoil: Callable[..., Network], mirrored: Mirrored, tmp_path: Path
) -> None:
    mirrored.use(spoil(tmp_path / "certs.d", "mirror.corp"))
    assert mirrored.install()["changed"] is True
    assert {registry for registry, _, _ in mirrored.asked} == {HERE}


def test_certificates_of_the_remote_itself_that_cannot_be_read_are_its_error(
    mirrored: Mirrored, tmp_path: Path
) -> None:
    mirrored.use(break_certificates(tmp_path / "certs.d", "acme.example"))
    with pytest.raises(Failed, match=r"acme\.example"):
        mirrored.install()


def test_where_nobody_has_it_the_remotes_own_answer_counts(mirrored: Mirrored) -> None:
    mirrored.lie = RegistryUnavailable("it does not answer")
    mirrored.yard.registry.blobs.pop(digest_of(TOP))
    with pytest.raises(NotFound):
        mirrored.install()


def test_a_mirror_gets_no_login_but_its_own(mirrored: Mirrored) -> None:
    both = [
        {"host": "acme.example", "username": "a", "password": "origin"},
        {"host": "mirror.corp/cache", "username": "m", "password": "mirror"},
    ]
    mirrored.install(logins=both[:1])
    assert set(map(repr, mirrored.asked)) == {repr((THERE, "cache/hello", None))}
    other = Mirrored(mirrored.yard.paths.root.parent / "second")
    other.install(logins=both)
    secret = {"username": "m", "password": "mirror"}
    assert all(one == (THERE, "cache/hello", secret) for one in other.asked)


def test_what_a_mirrors_login_opened_is_offered_to_no_other_remote(mirrored: Mirrored) -> None:
    """R5, though the remote itself needed none."""
    login = {"host": "mirror.corp", "username": "m", "password": "p"}
    mirrored.install(logins=[login])
    assert [path.name for path in mirrored.yard.paths.blobs.iterdir()] == ["acme.login"]
    assert mirrored.install(MINE)["bytes-reused"] == 0


def test_what_somebody_brought_is_read_from_there_alone(mirrored: Mirrored) -> None:
    class Brought:
        def duplicate(self) -> int:
            raise AssertionError

    remote, reference = mirrored.yard.book.find(HELLO)
    assert isinstance(reference, Reference)
    assert len(mirrors_of(remote, reference, mirrored.yard.tools)) == 1
    assert mirrors_of(remote, reference, replace(mirrored.yard.tools, bundle=Brought())) == []


def test_what_a_mirror_gave_to_anybody_is_shared(mirrored: Mirrored) -> None:
    mirrored.install()
    assert mirrored.install(MINE)["bytes-downloaded"] == 0


LOGIN = Login("acme.example", {"identity_token": "t"})
BUNDLE = cast("Bundle", object())


@pytest.mark.parametrize(
    ("url", "bundle", "logins", "private"),
    [
        ("https://acme.example/x", None, (), False),
        ("https://acme.example/x", None, (LOGIN,), True),
        ("https://acme.example/x", BUNDLE, (), True),
        ("oci:/srv/images", None, (LOGIN,), False),
        ("oci:/srv/images", BUNDLE, (), True),
    ],
)
def test_what_may_need_a_login_or_was_brought_is_private(
    url: str,
    bundle: Bundle | None,
    logins: tuple[Login, ...],
    private: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    more = {"prefix": "acme.example/x"} if url.startswith("oci:") else {}
    tools = replace(Yard(tmp_path).tools, bundle=bundle, logins=logins)
    assert is_private(trusting("acme", url=url, **more), parse_reference(HELLO), tools) is private
