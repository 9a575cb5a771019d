# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who may do what: polkit's answer in the system scope, the same user in the user scope.

Guarantees: any error, time-out or vanished caller is a no (CVE-2021-3560); the subject is the message's own
sender. Which action a method needs, and that its parameters are frozen before the question, is left to
manager.py.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Protocol

from appctld.bus.caller import Caller
from appctld.bus.wire.connection import Connection
from appctld.bus.wire.library import Variant
from appctld.bus.wire.paths import BUS_NAME
from appctld.bus.wire.questions import BusCallError
from appctld.bus.wire.variants import encode
from appctld.errors import NotAuthorized, PolkitRequired

QUESTION_SECONDS = 120.0  # to find and type a password; jobs wait as long in `authorizing`
ANSWER_SECONDS = 20.0  # without a question polkitd only runs its rules

POLKIT = "org.freedesktop.PolicyKit1"
AUTHORITY = "org.freedesktop.PolicyKit1.Authority"
AUTHORITY_PATH = "/org/freedesktop/PolicyKit1/Authority"
ACTIONS = frozenset(
    {
        "update",
        "refresh",
        "install",
        "uninstall",
        "rollback",
        "approve",
        "prune",
        "repair",
        "modify-remote",
        "allow-downgrade",
        "set-policy",
    }
)  # as in data/polkit/org.appctl.Installer1.policy

GONE = frozenset({"org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.ServiceUnknown"})

NO_POLKIT = "systemctl status polkit    (is it there? apt install polkitd)"

ALLOW_USER_INTERACTION = 1  # org.freedesktop.PolicyKit1.Authority, CheckAuthorizationFlags


class Authorizer(Protocol):
    """Decides about one action (the last part of its name, e.g. `install`) of one caller."""

    async def authorize(self, caller: Caller, action: str, details: Mapping[str, str]) -> None:
        """Return when the caller may; raise NotAuthorized or PolkitRequired when not."""

    async def can(self, caller: Caller, action: str) -> str:
        """`yes`, `no` or `challenge`, without asking anybody; raises PolkitRequired when polkit is gone."""


class SessionAuthorizer:
    """The user scope: the user who runs the daemon, and nobody else, not even root."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    async def authorize(self, caller: Caller, action: str, details: Mapping[str, str]) -> None:  # noqa: ARG002 - all alike
        """Refuse every other user."""
        if caller.uid != self._uid:
            raise NotAuthorized("this daemon works for another user")

    async def can(self, caller: Caller, action: str) -> str:  # noqa: ARG002 - all alike
        """Whether it is the same user."""
        return "yes" if caller.uid == self._uid else "no"


class PolkitAuthorizer:
    """The system scope: polkitd decides, except about the daemon's own user, as which the timers run."""

    def __init__(self, connection: Connection, uid: int) -> None:
        self._connection = connection
        self._uid = uid

    async def authorize(self, caller: Caller, action: str, details: Mapping[str, str]) -> None:
        """Ask polkit, which may ask the user if the message allows it."""
        if caller.uid == self._uid:
            return
        authorized, challenge, answer = await self._check(caller, action, details, ask=caller.interactive)
        if authorized:
            await self._check_present(caller)
            return
        if challenge and "polkit.dismissed" not in answer:
            raise PolkitRequired(f"somebody has to be asked about {action}, and nobody could be")
        raise NotAuthorized(f"polkit does not allow {action}")

    async def _check_present(self, caller: Caller) -> None:
        """A question takes as long as a person; polkitd looks at who asks when it begins, and never again."""
        try:
            present = await self._connection.has_owner(caller.sender)
        except OSError as error:
            raise NotAuthorized("the bus does not say whether the caller is there still") from error
        if not present:
            raise NotAuthorized("the caller left the bus while polkit was asked")

    async def can(self, caller: Caller, action: str) -> str:
        """What polkit would say."""
        if caller.uid == self._uid:
            return "yes"
        authorized, challenge, _ = await self._check(caller, action, {}, ask=False)
        return "yes" if authorized else "challenge" if challenge else "no"

    async def _check(
        self, caller: Caller, action: str, details: Mapping[str, str], *, ask: bool
    ) -> tuple[bool, bool, dict[str, str]]:
        cancellation = secrets.token_hex(8)
        body = [
            ["system-bus-name", {"name": Variant("s", caller.sender)}],
            f"{BUS_NAME}.{action}",
            {key: encode("s", value) for key, value in details.items()},
            ALLOW_USER_INTERACTION if ask else 0,
            cancellation,
        ]
        try:
            async with asyncio.timeout(QUESTION_SECONDS if ask else ANSWER_SECONDS):
                answer = await self._ask(await self._authority(), body, cancellation)
        except TimeoutError as error:
            raise PolkitRequired("nobody answered polkit's question in time") from error
        except BusCallError as error:
            raise _meaning(error) from error
        return _result(answer)

    async def _authority(self) -> str:
        try:
            return await self._connection.owner_of(POLKIT)
        except BusCallError as error:
            raise PolkitRequired(
                "polkit does not run, and nobody else says who may change anything", hint=NO_POLKIT
            ) from error

    async def _ask(self, owner: str, body: list[object], cancellation: str) -> list[object]:
        try:
            return await self._connection.call(
                owner, AUTHORITY_PATH, AUTHORITY, "CheckAuthorization", "(sa{sv})sa{ss}us", body
            )
        except asyncio.CancelledError:  # the job was cancelled, or time is up: the dialog goes away too
            self._connection.post_call(
                owner, AUTHORITY_PATH, AUTHORITY, "CancelCheckAuthorization", "s", [cancellation]
            )
            raise


def _meaning(error: BusCallError) -> NotAuthorized | PolkitRequired:
    """The bus says that polkitd went away; everything else is polkitd's own no (e.g. the caller is gone)."""
    if error.name in GONE:
        return PolkitRequired("polkit went away", hint=NO_POLKIT)
    return NotAuthorized("polkit refuses to answer")


def _result(answer: list[object]) -> tuple[bool, bool, dict[str, str]]:
    """`((bba{ss}))`; whatever else it may be is a no."""
    match answer:
        case [[bool(authorized), bool(challenge), dict(details)]]:
            return authorized, challenge, details
        case _:
            raise NotAuthorized("polkit's answer is not understood")
