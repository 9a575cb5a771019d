# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What one call of `appctl` works with: its options, its buses (opened when first used), its two streams."""

import contextlib
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from appctl.failure import Failure, usage
from appctl.scope import Scope
from appctl.talk.wire import Json, JsonValue, get_str, underscored
from appctl.terminal.output import put
from appctl.terminal.show import Palette, note

if TYPE_CHECKING:
    from appctl.places import Places
    from appctl.talk.bus import Bus
    from appctl.talk.outcome import Outcome
    from appctl.terminal.progress import Silent


PREVIEWS = frozenset({"Resolve", "CheckUpdates", "Search"})


class Context:
    """One call. `out` and `err` say what the two streams may be coloured with."""

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.out = Palette.of(sys.stdout, allowed=not options.no_color)
        self.err = Palette.of(sys.stderr, allowed=not options.no_color)
        self.typed: list[Json] = []  # logins that a person typed, as long as this call lasts
        self._buses: dict[Scope, Bus] = {}

    @property
    def asks_for_logins(self) -> bool:
        """Whether somebody is there who can type a password, and nothing says that nobody waits."""
        from appctl.terminal.ask import can_ask

        nobody_waits = ("background", "detach")
        return can_ask(self.options) and not any(getattr(self.options, one, False) for one in nobody_waits)

    @property
    def places(self) -> "Places":
        """The caller's directories."""
        from appctl.places import Places

        return Places.of_caller()

    @property
    def scope(self) -> Scope:
        """Where changes happen: as the options say, else $APPCTL_SCOPE, else the system."""
        given = self.options.scope or os.environ.get("APPCTL_SCOPE") or Scope.SYSTEM
        try:
            return Scope(given)
        except ValueError:
            raise usage(f"APPCTL_SCOPE is {given!r}", "APPCTL_SCOPE=user or APPCTL_SCOPE=system") from None

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Where to look: the scope that the options name, else the default one and then the other."""
        if self.options.scope:
            return (self.scope,)
        return (self.scope, *(scope for scope in Scope if scope is not self.scope))

    def bus(self, scope: Scope) -> "Bus":
        """Return the scope's bus, connected. Raises Failure."""
        from appctl.talk.bus import Bus

        if scope not in self._buses:
            self._buses[scope] = Bus.open(
                scope,
                interactive=not self.options.noninteractive,
                descriptors=bool(getattr(self.options, "source", None)),
            )
        return self._buses[scope]

    def reachable(self, ask: Callable[["Bus"], list[JsonValue]]) -> dict[Scope, list[JsonValue]]:
        """Ask the daemons of every scope to look in. One that is not there has nothing to say.

        Raises Failure when none is there: the default scope's.
        """
        answers: dict[Scope, list[JsonValue]] = {}
        missing: list[Failure] = []
        for scope in self.scopes:
            try:
                answers[scope] = ask(self.bus(scope))
            except Failure as failure:
                if failure.name != "DaemonUnavailable":
                    raise
                missing.append(failure)
        if not answers:
            raise missing[0]
        return answers

    def run_job(self, scope: Scope, member: str, signature: str, *body: object) -> "Outcome":
        """Start a job and wait for its end, showing how it goes. Raises Failure without an end."""
        from appctl.talk.agent import text_agent
        from appctl.talk.bus import Manner
        from appctl.terminal.progress import display

        with text_agent(self.options, scope), display(self.options) as listener:
            typist = partial(self._type, listener)
            manner = Manner(listener, typist, self._detaches(member), listener.interrupted)
            return self._noted(self.bus(scope).run_job(manner, member, signature, *body))

    def _detaches(self, member: str) -> bool:
        """Whether a job is left running once it began; a preview is what somebody wants to see."""
        leaves = bool(getattr(self.options, "detach", False))
        return leaves and member not in PREVIEWS and not getattr(self.options, "dry_run", False)

    def _noted(self, outcome: "Outcome") -> "Outcome":
        """Say which job goes on without us."""
        if outcome.state == "detached":
            self.say(get_str(outcome.result, "job"))
        return outcome

    def _type(self, listener: "Silent", refused: Json) -> "Json | None":
        """Let a person type the login that a job waits for; None where they do not want to."""
        from appctl.terminal.typed import type_login

        listener.pause()
        login = type_login(get_str(refused, "host"), get_str(refused, "repository"))
        self.typed += [login] if login else []
        return login

    def tried_job(self, scope: Scope, member: str, signature: str, *body: object) -> "Outcome":
        """Do the same; that there was no end is the outcome then, so that other jobs are tried."""
        from appctl.talk.outcome import Outcome

        try:
            return self.run_job(scope, member, signature, *body)
        except Failure as failure:
            return Outcome.failed(failure)

    def call(self, scope: Scope, member: str, signature: str, *body: object) -> list[JsonValue]:
        """Call a method that answers at once, though perhaps after polkit's question. Raises Failure."""
        from appctl.talk.agent import text_agent

        with text_agent(self.options, scope):
            return self.bus(scope).manager(member, signature, *body)

    def say(self, *lines: str) -> None:
        """Tell a person, unless --quiet or --json: those are for programs."""
        if not self.options.quiet and not self.options.json:
            put(*lines)

    def remark(self, *lines: str) -> None:
        """Tell a person what is no result: on standard error."""
        if not self.options.quiet and not self.options.json:
            note(*lines)

    def put_json(self, value: JsonValue) -> None:
        """Print one document, its keys with underscores."""
        import json

        put(json.dumps(underscored(value), indent=2))

    def close(self) -> None:
        """Hang up everywhere."""
        for bus in self._buses.values():
            with contextlib.suppress(OSError):
                bus.close()
