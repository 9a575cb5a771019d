# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which finished jobs are remembered: the newest of every user, within numbers and bytes.

Guarantees: what is kept stays within every bound below, however often somebody is refused; no user pushes out
another one's jobs but those of who keeps most; the job that ended last stays. When a job is too old is the
queue's decision.
"""

from appctld.jobs.job import Job

KEPT_PER_UID = 32  # as many as may be unfinished: a client that was away finds them all
KEPT = 256  # of all users; polkit's question costs nobody anything, so there is no other bound
KEPT_BYTES_PER_UID = 2 << 20  # results of some hundred apps
KEPT_BYTES = 4 << 20  # one message of the bus tells them all (GetManagedObjects), and it takes 32 MiB


class Finished:
    """The finished jobs, in the order of their ends."""

    def __init__(self) -> None:
        self._weights: dict[Job, int] = {}

    def add(self, job: Job) -> list[Job]:
        """Remember a job; what has to be forgotten for it, the oldest first."""
        self._weights[job] = job.weight
        gone: list[Job] = []
        while (victim := self._victim(job)) is not None:
            del self._weights[victim]
            gone.append(victim)
        return gone

    def discard(self, job: Job) -> None:
        """Remember a job no longer."""
        self._weights.pop(job, None)

    def _victim(self, newest: Job) -> Job | None:
        """The next to go: its own user's oldest, or the oldest of who keeps most."""
        mine = [job for job in self._weights if job.uid == newest.uid]
        if len(mine) > KEPT_PER_UID or self._bytes(mine) > KEPT_BYTES_PER_UID:
            uid = newest.uid
        elif len(self._weights) > KEPT or self._bytes(list(self._weights)) > KEPT_BYTES:
            uid = self._greediest(newest)
        else:
            return None
        return next((job for job in self._weights if job.uid == uid and job is not newest), None)

    def _bytes(self, jobs: list[Job]) -> int:
        return sum(self._weights[job] for job in jobs)

    def _greediest(self, newest: Job) -> int:
        """Who keeps most, as a share of both bounds; the first of them."""
        shares: dict[int, float] = {}
        for job, weight in self._weights.items():
            if job is not newest:
                shares[job.uid] = shares.get(job.uid, 0.0) + 1 / KEPT + weight / KEPT_BYTES
        return max(shares, key=shares.__getitem__)
