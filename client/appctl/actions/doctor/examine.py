# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl doctor`: every check in turn, about one scope. The exit code is 1 when there is a problem.

Guarantees: a check that cannot be made is a finding of its own and does not hide the others.
"""

from collections.abc import Callable, Iterator

from appctl.actions.doctor import (
    buses,
    clock,
    keys,
    leftovers,
    menus,
    network,
    policy,
    programs,
    remotes,
    sandbox,
    session,
    space,
)
from appctl.actions.doctor.finding import Finding, Level, problem
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.talk.wire import JsonValue
from appctl.terminal.show import escape, note

Check = Callable[[Context], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    buses.daemon, buses.polkit, sandbox.bubblewrap, sandbox.seccomp, programs.programs,
    programs.libostree, network.authorities, network.proxy, network.routes, clock.clock, space.state,
    space.space, remotes.remotes, policy.policy, keys.keys, leftovers.leftovers, session.session,
    session.portal, menus.menus,
)  # fmt: skip
_NAMES = 18  # columns for the longest name of a check, runtime-directory


def doctor(context: Context) -> int:
    """Look, and tell what was found."""
    findings = [finding for check in CHECKS for finding in _made(check, context)]
    bad = [finding for finding in findings if finding.level is Level.PROBLEM]
    if context.options.json:
        checks: list[JsonValue] = [finding.to_json() for finding in findings]
        context.put_json({"changed": False, "scope": context.scope.value, "well": not bad, "checks": checks})
    elif context.options.quiet:
        note(*(line for finding in bad for line in _lines(context, finding)))
    context.say(*(line for finding in findings for line in _lines(context, finding)))
    context.say("", _summary(context, findings))
    return ExitCode.FAILED if bad else ExitCode.DONE


def _made(check: Check, context: Context) -> Iterator[Finding]:
    name = check.__name__
    try:
        yield from check(context)
    except Failure as failure:
        yield problem(name, failure.message, failure.hint)
    except OSError as error:
        yield problem(name, f"this could not be looked at: {error}", "look as somebody who may")


def _lines(context: Context, finding: Finding) -> list[str]:
    level = finding.level.value
    shown = level.ljust(8) if finding.level is Level.OK else _stressed(context, finding.level)
    lines = [f"{shown} {finding.check:<{_NAMES}} {escape(finding.message)}"]
    if finding.hint:
        lines.append(f"{'':<{9 + _NAMES}} hint: {escape(finding.hint)}")
    return lines


def _stressed(context: Context, level: Level) -> str:
    colour = context.out.red if level is Level.PROBLEM else context.out.bold
    return colour(level.value) + " " * (8 - len(level.value))


def _summary(context: Context, findings: list[Finding]) -> str:
    where = f"in the {context.scope.value} scope"
    counts = [(level, sum(finding.level is level for finding in findings)) for level in Level]
    told = [
        f"{count} {level.value}{'s' if count > 1 else ''}"
        for level, count in counts
        if count and level is not Level.OK
    ]
    return f"{', '.join(told)} {where}." if told else f"All is well {where}."
