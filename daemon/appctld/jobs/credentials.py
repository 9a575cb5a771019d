# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry wants a login that the job's caller can still give: the one question that a job may ask.

Guarantees: a job asks once, and only who said `ask-credentials` is asked; what is given counts for the place
that was asked about, or is refused; it lives as long as the job. Without an answer the registry's refusal is
the job's error. Who may answer is the queue's.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from appctld.errors import Busy, InvalidReference, NotFound, RegistryAuth
from appctld.model.login import Login

CREDENTIALS_SECONDS = 300.0  # a person finds a password and types it; longer, and nobody sits there

Waiting = Callable[[], AbstractAsyncContextManager[None]]


class LoginQuestion:
    """Asked by the work, answered by the caller; `waiting` surrounds the time in between, or raises Busy."""

    def __init__(self, waiting: Waiting) -> None:
        self.refusal: RegistryAuth | None = None  # what is waited about, while it is
        self.given: Login | None = None
        self._waiting = waiting
        self._asked = False
        self._answered = asyncio.Event()

    async def ask(self, refusal: RegistryAuth) -> None:
        """Wait for the caller's login, which is `given` then. Raises the refusal where there is none."""
        if self._asked or not _place(refusal):
            raise refusal
        self._asked, self.refusal = True, refusal
        try:
            async with self._waiting():
                await self._answer()
        except Busy as error:
            raise refusal from error
        finally:
            self.refusal = None
        if self.given is None:
            raise refusal

    def provide(self, login: Login) -> None:
        """Answer it. Raises NotFound where nothing is asked, InvalidReference for another place's login."""
        if self.refusal is None or self.given is not None:
            raise not_asked()
        place = _place(self.refusal)
        if not login.covers(place):
            raise InvalidReference(
                f"a login for {login.place} is none for {place}", hint=f"appctl login {place}"
            )
        self.given = login
        self._answered.set()

    def stock(self, logins: Iterable[Login]) -> tuple[Login, ...]:
        """What the job has from now on: what was given takes the place of what did not open the door."""
        if self.given is None:
            return tuple(logins)
        return (self.given, *(login for login in logins if not self.given.covers(login.place)))

    async def _answer(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CREDENTIALS_SECONDS):
                await self._answered.wait()


def not_asked() -> NotFound:
    """The error for an answer that nobody waits for."""
    return NotFound("the job asks for no login, or no more", hint="appctl jobs")


def _place(refusal: RegistryAuth) -> str:
    """`host[:port]/repository` of what was refused, as the daemon named it; empty where it cannot tell."""
    match refusal.data:
        case {"host": str(host), "repository": str(repository)} if host and repository:
            return f"{host}/{repository}"
        case _:
            return ""
