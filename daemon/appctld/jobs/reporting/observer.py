# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom the jobs tell what happens; the bus is one, and the jobs know nothing of it."""

from collections.abc import Collection
from typing import Protocol

from appctld.jobs.job import Job


class Observer(Protocol):
    """Is told, never asked; must return at once and never raise."""

    def job_added(self, job: Job) -> None:
        """A job exists."""
        ...

    def job_changed(self, job: Job) -> None:
        """Some field of it is different; may come very often."""
        ...

    def job_finished(self, job: Job) -> None:
        """It is in a final state."""
        ...

    def job_removed(self, job: Job) -> None:
        """Nobody can ask for it any more."""
        ...

    def apps_changed(self, ids: Collection[str]) -> None:
        """These apps were installed, updated, rolled back or removed."""
        ...

    def remotes_changed(self, names: Collection[str]) -> None:
        """These remotes were added, modified or removed."""
        ...

    def remote_refreshed(self, name: str) -> None:
        """This remote was asked what it has."""
        ...

    def updates_changed(self) -> None:
        """What is known about updates is different."""
        ...


class Nobody:
    """An observer that does not look."""

    def job_added(self, job: Job) -> None:
        """See `Observer`."""

    def job_changed(self, job: Job) -> None:
        """See `Observer`."""

    def job_finished(self, job: Job) -> None:
        """See `Observer`."""

    def job_removed(self, job: Job) -> None:
        """See `Observer`."""

    def apps_changed(self, ids: Collection[str]) -> None:
        """See `Observer`."""

    def remotes_changed(self, names: Collection[str]) -> None:
        """See `Observer`."""

    def remote_refreshed(self, name: str) -> None:
        """See `Observer`."""

    def updates_changed(self) -> None:
        """See `Observer`."""
