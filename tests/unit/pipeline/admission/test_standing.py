# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""standing.py through the sentence: when R9 is judged, what it is judged by, when it is written."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote, make_remote
from appctld.errors import AppctlError, Expired, NoSpace, RepoCorrupt, Rollback, SignatureInvalid
from appctld.model.order import Place, Seen
from appctld.model.reference import parse_reference
from appctld.pipeline.images import verify
from appctld.pipeline.images.resolve import resolve
from appctld.state.records import installed
from appctld.state.seen import recall
from appctld.trust.clock import RELEASED
from appctld.trust.verdict import Signer, Verdict
from support.workers.inline import layer_of
from support.worlds.world import BASE, World, trusting

NOW = RELEASED + 1_000_000
REFERENCE = "acme.example/x/hello:1"
PLACE = Place("acme.example/x", REFERENCE, "linux/amd64", "example.acme.x.hello")
OLD, NEW = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.tools = replace(world.tools, now=lambda: NOW)
    return world


def push(world: World, version: str, created: str = "") -> str:
    return world.registry.push("1", [BASE, layer_of({"version": version.encode()})], created=created)


def seen(world: World) -> tuple[Seen, ...]:
    return recall(world.paths, PLACE)


def signed(remote: str = "acme", **settings: str) -> Remote:
    """A remote with signatures, about which `signing` says what they are."""
    words = {"url": f"https://{remote}.example/x", "lookaside": "https://sigs.example", **settings}
    return make_remote(remote, words, keyring=b"k", ca=None, origin=Path("/x"), writable=True)


def freezing(**settings: str) -> Remote:
    return signed(**{"max-age": "1h", **settings})


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the next verdict be that somebody signed at these times."""

    def sign(*times: int) -> None:
        async def judge(**_question: object) -> Verdict:
            signers = tuple(Signer(f"{number:040X}", "", time) for number, time in enumerate(times))
            return Verdict("gpg", signers, tag_bound=True, checked_at=NOW)

        monkeypatch.setattr(verify, "judge", judge)

    return sign


def test_a_preview_is_judged_and_writes_nothing(world: World) -> None:
    push(world, "2", NEW)
    world.plan(REFERENCE)
    assert seen(world) == ()
    world.install(REFERENCE)
    assert [one.newest.digest for one in seen(world)] == [world.plan(REFERENCE).verified.resolved.digest] * 2
    push(world, "1", OLD)
    with pytest.raises(Rollback):
        world.plan(REFERENCE)


def test_it_is_written_before_it_is_deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    push(world, "1", OLD)
    found: list[tuple[Seen, ...]] = []
    run = world.runner.run

    async def watched(program: object, request: dict[str, object], *rest: object, **more: object) -> object:
        if request["op"] == "deploy":
            found.append(seen(world))
            raise NoSpace
        return await run(program, request, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(world.runner, "run", watched)
    with pytest.raises(NoSpace):
        world.install(REFERENCE)
    assert [len(records) for records in found] == [2]
    monkeypatch.undo()
    world.install(REFERENCE)


def test_what_could_not_be_written_down_is_not_deployed(world: World) -> None:
    push(world, "1", OLD)
    planned = world.plan(REFERENCE)
    (world.paths.seen_below(PLACE.prefix)).parent.mkdir()
    (world.paths.seen_below(PLACE.prefix)).write_text("")
    with pytest.raises(RepoCorrupt):
        world.go_on(planned)
    assert not installed(world.paths)


def test_a_damaged_record_refuses(world: World) -> None:
    push(world, "1", OLD)
    world.install(REFERENCE)
    push(world, "2", NEW)
    for path in world.paths.seen_below(PLACE.prefix).glob("id-*"):
        path.write_bytes(b"")
    with pytest.raises(RepoCorrupt):
        world.plan(REFERENCE)


def test_under_the_gate_it_is_judged_again(world: World) -> None:
    """Another ID from the same reference, which confirms by itself, was newer."""
    push(world, "1", OLD)
    old = world.plan(REFERENCE)
    world.registry.push("1", [BASE], created=NEW, Labels={"org.appctl.id": "org.acme.Hello"})
    world.install(REFERENCE)
    with pytest.raises(Rollback, match="is older than"):
        world.go_on(old)
    assert set(installed(world.paths)) == {"org.acme.Hello"}


def test_what_was_no_downgrade_when_it_was_shown_does_not_become_one(world: World) -> None:
    world.tools = replace(world.tools, allow_downgrade=True)
    test_under_the_gate_it_is_judged_again(world)


def test_an_allowed_downgrade_says_what_it_is_older_than(world: World) -> None:
    new = push(world, "2", NEW)
    assert not world.plan(REFERENCE).standing.downgrade
    world.install(REFERENCE)
    known = seen(world)
    old = push(world, "1", OLD)
    world.tools = replace(world.tools, allow_downgrade=True)
    planned = world.plan(REFERENCE)
    assert new in planned.standing.downgrade
    assert old in planned.standing.downgrade
    world.go_on(planned)
    assert [(one.newest, one.highest) for one in seen(world)] == [(one.newest, one.highest) for one in known]
    assert str(installed(world.paths)[PLACE.id].current.image_digest) == old


def test_a_clock_from_before_the_release_stops_everything_before_the_network(world: World) -> None:
    push(world, "1", OLD)
    world.tools = replace(world.tools, now=lambda: RELEASED - 1)
    with pytest.raises(Expired):
        asyncio.run(resolve(parse_reference(REFERENCE), trusting("acme"), world.tools))
    assert "resolve" not in world.ops()


def test_an_image_from_the_future_is_refused_and_never_seen(world: World) -> None:
    world.tools = replace(world.tools, now=lambda: 1_800_000_000)
    push(world, "1", "2027-01-16T08:00:00Z")
    world.plan(REFERENCE)
    push(world, "1", "2027-01-16T08:00:01Z")
    for allowed in (False, True):
        world.tools = replace(world.tools, allow_downgrade=allowed)
        with pytest.raises(SignatureInvalid, match="dated in the future"):
            world.install(REFERENCE)
    assert seen(world) == ()


def test_an_installed_image_from_the_future_is_refused_too(world: World) -> None:
    push(world, "1", "2026-12-04T00:00:00Z")
    world.install(REFERENCE)
    world.tools = replace(world.tools, now=lambda: RELEASED)
    with pytest.raises(SignatureInvalid, match="dated in the future"):
        world.plan(REFERENCE)


def test_where_the_image_tells_no_time_who_signed_it_does(world: World, signing: Callable[..., None]) -> None:
    for created, time, told_by in ((NEW, 1_793_577_600, "created"), ("", NOW - 5, "signature")):
        push(world, "1", created)
        signing(NOW - 5)
        moment = world.plan(REFERENCE, signed()).standing.moment
        assert (moment.time, moment.told_by) == (time, told_by)


def test_one_of_two_needed_signers_does_not_make_an_image_younger(
    world: World, signing: Callable[..., None]
) -> None:
    push(world, "1")
    signing(NOW - 100, NOW)
    assert world.plan(REFERENCE, signed(threshold="2")).standing.moment.time == NOW - 100
    assert world.plan(REFERENCE, signed()).standing.moment.time == NOW


@pytest.mark.parametrize(("age", "error"), [(3600, None), (3601, Expired)])
def test_a_signature_may_be_as_old_as_the_remote_says(
    world: World, signing: Callable[..., None], age: int, error: type[AppctlError] | None
) -> None:
    push(world, "1", OLD)
    signing(NOW - age)
    if error is None:
        world.install(REFERENCE, freezing())
    else:
        with pytest.raises(error):
            world.plan(REFERENCE, freezing())


def test_the_installed_image_expires_too(world: World, signing: Callable[..., None]) -> None:
    """That is what a freeze looks like: the same good image, for ever."""
    push(world, "1", OLD)
    signing(NOW)
    world.install(REFERENCE, freezing())
    world.tools = replace(world.tools, now=lambda: NOW + 3601, allow_downgrade=True)
    with pytest.raises(Expired, match="longer ago than the remote allows"):
        world.plan(REFERENCE, freezing())


def test_the_needed_signers_must_all_be_recent(world: World, signing: Callable[..., None]) -> None:
    push(world, "1", OLD)
    signing(NOW, NOW - 3601)
    world.plan(REFERENCE, freezing())
    with pytest.raises(Expired):
        world.plan(REFERENCE, freezing(threshold="2"))
