# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A commit that an image holds: whoever signed it is asked again, by a real gpgv, under today's keys."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote, make_remote
from appctld.jobs.audit.differences import differences
from appctld.jobs.audit.kept import Kept, kept
from appctld.jobs.audit.signatures import Standing, opinion
from appctld.state.provenance import Commit
from appctld.system.sandbox import Bubblewrap
from support.images.golden import COMMIT, FIXTURES, layers_of
from support.workers.inline import digest_of, layer_of
from support.worlds.world import World

REFERENCE = "acme.example/x/hello:1"
FINGERPRINT = "A9224799278A335FAF0F5956CEDCC28E78EBA748"
ABOVE = layer_of({"usr/": None, "usr/new": b"x"})


def remote(keys: str = "publisher", **more: str) -> Remote:
    """Of its images' own signatures none is asked for here; no file may say so."""
    words = {"url": "https://acme.example/x", "verify-commit": "gpg", **more}
    keyring = (FIXTURES / f"keys/{keys}.gpg").read_bytes()
    made = make_remote("acme", words, keyring=keyring, ca=None, origin=Path("/x"), writable=True)
    return replace(made, verify="none")


def installed(directory: Path, asking: Remote, above: list[bytes]) -> tuple[World, Kept]:
    world = World(directory)
    world.tools = replace(world.tools, launcher=Bubblewrap(()))
    layers = layers_of("ostree-plain")
    labels = {"ostree.commit": COMMIT, "ostree.final-diffid": digest_of(layers[0])}
    world.registry.push("1", [*layers, *above], Labels=labels)
    deployed = world.install(REFERENCE, asking)
    return world, asyncio.run(kept(deployed.path.parent, world.tools))


@pytest.fixture(scope="module", params=[[], [ABOVE]], ids=["alone", "derived"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Kept]:
    """A deployment of an image that holds a commit, which its remote's key signed."""
    return installed(tmp_path_factory.mktemp("held"), remote(), request.param)


def judged(whole: tuple[World, Kept], today: Remote, change: "Change | None" = None) -> tuple[Standing, str]:
    world, found = whole
    said = asyncio.run(opinion(change(found) if change else found, [today], world.tools))
    return said.standing, said.words


Change = Callable[[Kept], Kept]


def with_commit(change: Callable[[Commit], Commit | None]) -> Change:
    """What was kept of the commit is something else."""

    def changed(found: Kept) -> Kept:
        assert found.provenance is not None
        assert found.provenance.commit is not None
        provenance = replace(found.provenance, commit=change(found.provenance.commit))
        return replace(found, provenance=provenance)

    return changed


def test_the_same_keys_count_today(whole: tuple[World, Kept]) -> None:
    assert judged(whole, remote())[0] is Standing.NONE
    assert differences(whole[1]) == []


TODAY = {
    "denied": remote(**{"deny-keys": FINGERPRINT}),
    "another key": remote("other"),
    "more signatures": remote(threshold="2", fingerprints=f"{FINGERPRINT} {'B' * 40}"),
}


@pytest.mark.parametrize("today", TODAY.values(), ids=TODAY)
def test_keys_that_count_no_more_are_told(whole: tuple[World, Kept], today: Remote) -> None:
    assert judged(whole, today)[0] is Standing.NO_LONGER


def test_a_remote_that_asks_no_more_is_told_nothing(whole: tuple[World, Kept]) -> None:
    today = remote("other", **{"verify-commit": "no"})
    assert judged(whole, today)[0] is Standing.NONE


OTHERWISE: dict[str, Change] = {
    "gone": with_commit(lambda _: None),
    "another": with_commit(lambda commit: replace(commit, raw=commit.raw + b"\0")),
    "unsigned": with_commit(lambda commit: replace(commit, evidence={**commit.evidence, "openpgp": []})),
    "unreadable": with_commit(lambda commit: replace(commit, evidence={})),
}


@pytest.mark.parametrize("change", OTHERWISE.values(), ids=OTHERWISE)
def test_without_what_was_kept_nothing_counts(whole: tuple[World, Kept], change: Change) -> None:
    assert judged(whole, remote(), change)[0] is Standing.NO_LONGER


def without_config(found: Kept) -> Kept:
    """Nothing tells any more which commit the image holds."""
    assert found.provenance is not None
    provenance = replace(found.provenance, config=None)
    return replace(found, recalled=None, provenance=provenance, config=None)


def test_without_the_images_config_nothing_counts(whole: tuple[World, Kept]) -> None:
    assert judged(whole, remote(), without_config)[0] is Standing.NO_LONGER


DAMAGED: dict[str, Change] = {
    "another": OTHERWISE["another"],
    "unreadable": OTHERWISE["unreadable"],
    "about another": with_commit(
        lambda commit: replace(commit, evidence={**commit.evidence, "digest": f"sha256:{'0' * 64}"})
    ),
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_what_is_about_another_commit_is_a_fault(whole: tuple[World, Kept], change: Change) -> None:
    assert [fault for fault, _ in differences(change(whole[1]))] == ["provenance"]


def test_a_commit_beside_an_image_that_holds_none_is_a_fault(whole: tuple[World, Kept]) -> None:
    faults = [words for _, words in differences(without_config(whole[1]))]
    assert "the commit that was kept is another than the image holds" in faults


def test_a_remote_that_did_not_ask_and_does_now_is_told(tmp_path: Path) -> None:
    whole = installed(tmp_path, remote(**{"verify-commit": "no"}), [])
    assert judged(whole, remote(**{"verify-commit": "no"}))[0] is Standing.NONE
    assert judged(whole, remote())[0] is Standing.NO_LONGER


def test_a_plain_image_has_no_commit_that_anybody_must_have_signed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.registry.push("1", [ABOVE])
    deployed = world.install(REFERENCE, remote())
    found = asyncio.run(kept(deployed.path.parent, world.tools))
    assert judged((world, found), remote())[0] is Standing.NONE
