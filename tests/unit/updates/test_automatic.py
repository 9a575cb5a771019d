# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who says how far updates go by themselves: the administrator's files, else a person, else the default."""

import asyncio
from pathlib import Path

import pytest

from appctld.config.policy.files import read_policy
from appctld.config.policy.rules import Policy
from appctld.errors import PolicyDenied, RepoCorrupt
from appctld.model.automatic import Decision, Extent, Why
from appctld.model.manifest import Platform
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state.paths import Paths
from appctld.system.worker import Processes
from appctld.updates.automatic import AutomaticUpdates
from appctld.updates.surroundings import Surroundings
from support.workers.inline import NoLauncher


class Place:
    """A state directory, the administrator's files, and the machine around it."""

    def __init__(self, directory: Path) -> None:
        self.paths = Paths(directory)
        self.policy: Policy | PolicyDenied | OSError = Policy()
        self.around: Surroundings | None = Surroundings()
        self.there: set[str] = set()
        self.files = directory / "policy.d"
        tools = Tools(
            runner=Processes(),
            launcher=NoLauncher(),
            paths=self.paths,
            platform=Platform("linux", "amd64"),
            gate=Gate(),
            policy=self.rules,
        )
        self.automatic = AutomaticUpdates(tools, self.files, self, self.has_owner)

    def say(self, text: str) -> None:
        """Write the one file."""
        self.files.mkdir(parents=True, exist_ok=True)
        (self.files / "x.conf").write_text(text)
        self.policy = Policy((read_policy(Path("/policy.d/x.conf"), f"[policy]\n{text}\n".encode()),))

    def take_back(self) -> None:
        """Remove that file."""
        (self.files / "x.conf").unlink()
        self.policy = Policy()

    def rules(self) -> Policy:
        if isinstance(self.policy, PolicyDenied | OSError):
            raise self.policy
        return self.policy

    async def surroundings(self) -> Surroundings:
        assert self.around is not None, "asked in vain"
        return self.around

    async def has_owner(self, sender: str) -> bool:
        return sender in self.there

    def extent(self) -> Extent:
        """As it is shown soon after whatever was written."""
        asyncio.run(self.automatic.stamp())
        return self.automatic.extent

    def decision(self) -> Decision:
        return asyncio.run(self.automatic.decide())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_by_default_they_are_installed(place: Place) -> None:
    assert place.decision() == Decision(Extent.INSTALL)
    assert place.extent() is Extent.INSTALL


def test_what_somebody_decided_outlives_the_daemon(place: Place) -> None:
    asyncio.run(place.automatic.set(Extent.DOWNLOAD))
    assert Place(place.paths.root).decision() == Decision(Extent.DOWNLOAD, (Why.POLICY,))


def test_the_administrators_word_counts_before_and_after_what_anybody_decides(place: Place) -> None:
    asyncio.run(place.automatic.set(Extent.NONE))
    place.say("automatic-updates = check")
    assert place.extent() is Extent.CHECK
    with pytest.raises(PolicyDenied, match=r"x\.conf"):
        asyncio.run(place.automatic.set(Extent.INSTALL))
    place.take_back()
    assert place.extent() is Extent.NONE


def test_a_policy_that_is_not_understood_lets_nothing_be_done(place: Place) -> None:
    place.policy = PolicyDenied("a slip of the pen")
    assert place.extent() is Extent.NONE
    with pytest.raises(PolicyDenied):
        place.decision()
    with pytest.raises(PolicyDenied):
        asyncio.run(place.automatic.set(Extent.CHECK))
    assert not place.paths.automatic.exists()


def test_a_decision_that_cannot_be_read_lets_nothing_be_done_until_it_is_made_anew(place: Place) -> None:
    place.paths.automatic.write_bytes(b"{")
    assert place.extent() is Extent.NONE
    with pytest.raises(RepoCorrupt):
        place.decision()
    asyncio.run(place.automatic.set(Extent.CHECK))
    assert place.extent() is Extent.CHECK


def test_where_nothing_may_be_done_nobody_is_asked_how_it_is(place: Place) -> None:
    place.around = None
    place.say("automatic-updates = none")
    assert place.decision() == Decision(Extent.NONE, (Why.POLICY,))


def test_what_is_around_and_who_is_there_is_asked_each_time(place: Place) -> None:
    place.around = Surroundings(metered=True)
    assert place.decision().because == (Why.METERED,)
    place.around = Surroundings()
    place.there.add(":1.7")
    asyncio.run(place.automatic.register(":1.7", 1000, handles=True))
    assert place.decision().because == (Why.CLIENT,)
    asyncio.run(place.automatic.register(":1.7", 1000, handles=False))
    assert place.decision().because == ()


def test_nothing_went_by_itself_so_far(place: Place) -> None:
    assert place.automatic.last["time"] == 0


def test_that_a_file_of_the_policy_was_written_is_seen(place: Place) -> None:
    stamp = asyncio.run(place.automatic.stamp())
    place.files.mkdir()
    (place.files / "x.conf").write_text("[policy]\nautomatic-updates = none\n")
    assert asyncio.run(place.automatic.stamp()) != stamp


def test_however_often_it_is_shown_nothing_is_read_until_somebody_writes(place: Place) -> None:
    place.say("automatic-updates = check")
    assert place.extent() is Extent.CHECK
    place.policy = PolicyDenied("that is read again")
    assert [place.extent() for _ in range(3)] == [Extent.CHECK] * 3
    (place.files / "y.conf").write_text("")
    assert place.extent() is Extent.NONE


def test_what_could_not_be_read_is_read_at_the_next_look(place: Place) -> None:
    place.say("automatic-updates = check")
    said, place.policy = place.policy, OSError("no descriptor is left")
    with pytest.raises(OSError, match="no descriptor"):
        place.extent()
    place.policy = said
    assert place.extent() is Extent.CHECK
