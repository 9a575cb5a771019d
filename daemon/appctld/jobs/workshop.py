# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What every kind of job works with, and the way several apps in one job are tried one after the other."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from appctld.errors import AppctlError, Cancelled, Failed, NeedsApproval, RegistryAuth
from appctld.jobs.approval import accepted
from appctld.jobs.automatic.deciding import Decide
from appctld.jobs.job import Job
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.chronicle import failure_facts
from appctld.jobs.reporting.journaling import log_done, log_failed
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.reporting.progress import JobProgress
from appctld.jobs.requests import AnyRequest, flag, logins
from appctld.model.appid import is_app_id
from appctld.model.jsonvalue import Json, JsonObject
from appctld.pipeline.tools import Tools
from appctld.state.history import record_event
from appctld.state.paths import Paths
from appctld.state.records import Installed, installed, installed_app
from appctld.system.durable import storage_failure

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workshop:
    """One job's surroundings: `tools` already tell this job's progress and hold its logins."""

    scope: str
    tools: Tools
    book: RemoteBook
    observer: Observer
    job: Job
    decide: Decide
    """How far an update goes that nobody asked for."""

    async def installed(self) -> dict[str, Installed]:
        """Every installed app, read anew."""
        return await self.tools.aside(installed, self.tools.paths)

    def app(self, app_id: str) -> Installed:
        """One of them, read anew. Raises NotInstalled."""
        return installed_app(self.tools.paths, app_id)

    async def record(
        self, event: str, facts: JsonObject, also: Callable[[Paths], None] = lambda _paths: None
    ) -> None:
        """Write one line of history, and in one piece with it, though the job is cancelled, what `also` does.

        What cannot be written ends no job that is done.
        """
        if "error" not in facts:  # which is told at the job's end
            log_done(self.job, event, facts)
        line: JsonObject = {"event": event, "uid": self.job.uid, "background": self.job.background, **facts}
        try:
            await self.tools.aside(_record, self.tools.paths, line, also)
        except OSError:
            logger.exception("the history could not be written")

    @asynccontextmanager
    async def attempt(self, subject: str) -> AsyncIterator[None]:
        """For the length of the block the job works on `subject`; how that fails is history too.

        Raises leaves of errors.AppctlError alone, and CancelledError.
        """
        try:
            with self.foreseen(subject):
                yield
        except AppctlError as error:
            await self.failed(subject, error)
            raise
        except asyncio.CancelledError:
            await self.failed(subject, Cancelled("the job was cancelled"))
            raise

    @contextmanager
    def foreseen(self, subject: str) -> Iterator[None]:
        """What fails in the block is a leaf, so that the job goes on; the journal has the rest."""
        try:
            yield
        except AppctlError:
            raise
        except OSError as error:
            logger.exception("%s of %s failed", self.job.kind, subject)
            raise storage_failure(error) from error
        except Exception as error:
            logger.exception("%s of %s failed", self.job.kind, subject)
            raise Failed(f"unexpected {type(error).__name__}") from error

    async def failed(self, subject: str, error: AppctlError) -> None:
        """Write down what was tried with `subject`, of which remote, and how it ended."""
        await self.record(self.job.kind, failure_facts(subject, error, self._known(subject)))

    def _known(self, subject: str) -> dict[str, str]:
        """What an app that is here, or a reference that a remote covers, is."""
        try:
            if is_app_id(subject):
                current = self.app(subject).current
                return {"reference": current.reference, "remote": current.remote}
            remote, reference = self.book.find(subject)
        except (AppctlError, OSError):
            return {}
        return {"reference": str(reference), "remote": remote.name}


def _record(paths: Paths, line: JsonObject, also: Callable[[Paths], None]) -> None:
    try:
        also(paths)
    finally:
        record_event(paths, line)


def workshop(
    scope: str,
    base: Tools,
    book: RemoteBook,
    observer: Observer,
    job: Job,
    request: AnyRequest,
    decide: Decide,
) -> Workshop:
    """The surroundings of one job; its caller's logins come before those that `base` has."""
    tools = replace(
        base,
        remote=book.vouching,
        shares=book.shared_names,
        logins=(*logins(request), *base.logins),
        allow_downgrade=flag(request, "allow-downgrade"),
        accepted=accepted(request),
        progress=JobProgress(job, observer),
    )
    return Workshop(scope, tools, book, observer, job, decide)


async def each(
    shop: Workshop, names: Iterable[str], work: Callable[[str], Awaitable[JsonObject]]
) -> list[Json]:
    """Try every name, as history; the results of those that worked."""

    async def one(name: str) -> JsonObject:
        async with shop.attempt(name):
            return await work(name)

    return [*await one_by_one(shop, names, one)]


async def one_by_one(
    shop: Workshop, names: Iterable[str], work: Callable[[str], Awaitable[JsonObject]]
) -> list[JsonObject]:
    """Try every name; the results of those that worked. The first failure becomes the job's error.

    One name alone fails the whole job, so that its error arrives as it is.
    """
    names = list(names)
    if len(names) == 1:
        return [await work(names[0])]
    results: list[JsonObject] = []
    for number, name in enumerate(names):
        shop.job.part = number, len(names)
        try:
            with shop.foreseen(name):
                result = await work(name)
        except AppctlError as error:
            note_failure(shop, name, error)
        else:
            shop.job.items.append({"id": name, "state": "succeeded"})
            results.append(result)
        shop.observer.job_changed(shop.job)
    return results


async def asking(shop: Workshop, work: Callable[[Workshop], Awaitable[T]]) -> T:
    """Do the work; where a registry wants a login that the caller can still give, do it anew with that.

    Anew from the reference on: what a login opens is kept apart from what anybody may have (R5).
    """
    try:
        return await work(_stocked(shop))
    except RegistryAuth as refusal:
        if shop.job.question is None:
            raise
        await shop.job.question.ask(refusal)
    return await work(_stocked(shop))


def _stocked(shop: Workshop) -> Workshop:
    """The same with the login that was given meanwhile, if one was."""
    if shop.job.question is None:
        return shop
    return replace(shop, tools=replace(shop.tools, logins=shop.job.question.stock(shop.tools.logins)))


def note_failure(shop: Workshop, name: str, error: AppctlError) -> None:
    """One of several failed: the others are tried, and the first failure becomes the job's error."""
    state = "needs-approval" if isinstance(error, NeedsApproval) else "failed"
    shop.job.items.append(
        {
            "id": name,
            "state": state,
            "error": error.name,
            "error-message": error.message,
            "hint": error.advice,
            "error-details": cast("JsonObject", error.details),
        }
    )
    log_failed(shop.job, name, error)
    shop.job.error = shop.job.error or error
