# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl permissions`: what an app asks for and what was decided, by whom; allow more, deny, or reset.

Who decides for all users is polkit's to say. Of an app of the machine a user denies things to himself alone,
in a file of his own, unless --system is given; root has no such file, as no app is run as root.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from appctl.actions.apps import expanded, installed, matching, name_of, the_app
from appctl.actions.facts import user
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure, usage
from appctl.running.grants.denials import Word, check
from appctl.running.grants.overrides import own_denials, own_file, write_own
from appctl.running.grants.wishes import wish
from appctl.scope import Scope
from appctl.talk.wire import Json, get_int, get_objects, get_str
from appctl.terminal.show import date, escape, table
from appctl.terminal.wishes import wish as words

_HEADER = ["Permission", "Asked", "Approved", "Override", "Counts", "By", "When"]


@dataclass(frozen=True)
class _App:
    """Which app, and what the caller denies it."""

    id: str
    scope: Scope
    name: str
    own: frozenset[Word]


def permissions(context: Context) -> int:
    """Change what the options say, and show what is decided then."""
    options = context.options
    allowed, denied = (frozenset(map(wish, words)) for words in (options.allow, options.deny))
    if options.reset and allowed | denied:
        raise usage("--reset forgets everything that was decided: give it alone")
    if both := sorted(allowed & denied):
        raise usage(f"{'='.join(both[0])} cannot be both allowed and denied")
    app = _app(context)
    if not (options.reset or allowed or denied):
        return _show(context, app, changed=False)
    if allowed or _is_for_all(context, app):
        changed = _decide(context, app, allowed, denied)
    else:
        changed = _decide_for_me(context, app, denied)
    return _show(context, replace(app, own=_own(context, app.id)), changed=changed)


def _app(context: Context) -> _App:
    apps = installed(context)
    meant = expanded(context, context.options.id)
    found = matching(apps, meant)
    mine = [app for app in found if get_str(app, "scope") == context.scope.value]
    app = the_app(mine or found, context.options.id, meant)
    app_id = get_str(app, "id")
    return _App(app_id, Scope(get_str(app, "scope")), name_of(app), _own(context, app_id))


def _own(context: Context, app_id: str) -> frozenset[Word]:
    try:
        return own_denials(context.places, app_id)
    except Failure as failure:  # `run` has exit codes of its own
        raise Failure("Failed", failure.message, failure.hint) from failure


def _is_for_all(context: Context, app: _App) -> bool:
    """Whether what is denied is denied to everybody."""
    return context.options.scope == Scope.SYSTEM.value or app.scope is Scope.USER or _is_root()


def _is_root() -> bool:
    return os.geteuid() == 0


def _decide(context: Context, app: _App, allowed: frozenset[Word], denied: frozenset[Word]) -> bool:
    """Let the scope's daemon write it down."""
    before = _overridden(context, app)
    changes = {**dict.fromkeys(allowed, "allow"), **dict.fromkeys(denied, "deny")}
    after = {**before, **changes} if changes else {}
    asked = [(*word, decision) for word, decision in sorted(after.items())]
    context.call(app.scope, "SetPermissions", "sa(sss)", app.id, asked)
    return after != before


def _overridden(context: Context, app: _App) -> dict[Word, str]:
    """What the scope's daemon says is overridden; a file that cannot be read can only be reset."""
    try:
        rows = _rows(context, app)
    except Failure as failure:
        if failure.name != "RepoCorrupt" or not context.options.reset:
            raise
        return {("", ""): ""}
    found = {(get_str(row, "kind"), get_str(row, "value")): get_str(row, "override") for row in rows}
    return {word: decision for word, decision in found.items() if decision}


def _decide_for_me(context: Context, app: _App, denied: frozenset[Word]) -> bool:
    """Write the caller's own file, which can only deny."""
    after = app.own | frozenset(map(_deniable, denied)) if denied else frozenset()
    write_own(context.places, app.id, after)
    file = escape(str(own_file(context.places, app.id)))
    context.remark(f"For you alone, in {file}; --system decides for all users.")
    return after != app.own


def _deniable(word: Word) -> Word:
    try:
        return check(*word)
    except ValueError as error:
        raise usage(str(error), "appctl help permissions") from error


def overridden(context: Context, app: Json) -> list[tuple[str, str]]:
    """Say what of an app's permissions is allowed and denied beside what its image asks for. Escaped.

    What cannot be told is said, too: that nothing is denied is not.
    """
    app_id, scope = get_str(app, "id"), Scope(get_str(app, "scope"))
    try:
        mine = _App(app_id, scope, name_of(app), own_denials(context.places, app_id))
        rows = [*_with_own(_rows(context, mine), mine.own)]
    except Failure as failure:
        return [("Overridden", escape(failure.message))]
    found = [(_override_of(row), words(get_str(row, "kind"), get_str(row, "value"))) for row in rows]
    return [
        (name, "; ".join(text for override, text in found if override == decision))
        for name, decision in (("Allowed", "allow"), ("Denied", "deny"), ("Denied by you", "own"))
    ]


def _override_of(row: Json) -> str:
    return "own" if get_str(row, "own") and get_str(row, "override") != "deny" else get_str(row, "override")


def _rows(context: Context, app: _App) -> list[Json]:
    rows = context.bus(app.scope).manager("GetPermissions", "s", app.id)[0]
    return get_objects({"rows": rows}, "rows")


def _show(context: Context, app: _App, *, changed: bool) -> int:
    rows = [*_with_own(_rows(context, app), app.own)]
    if context.options.json:
        context.put_json(
            {"changed": changed, "id": app.id, "scope": app.scope.value, "permissions": list(rows)}
        )
    elif rows:
        context.say(*table(_HEADER, map(_row, rows), context.out))
    else:
        context.say(f"{app.name} asks for nothing beyond its sandbox.")
    return ExitCode.DONE


def _with_own(rows: Iterable[Json], own: frozenset[Word]) -> Iterable[Json]:
    """Say of each whether the caller denies it, and add what else he denies."""
    left = set(own)
    for row in rows:
        word = get_str(row, "kind"), get_str(row, "value")
        yield {**row, "own": "deny" if word in left else ""}
        left.discard(word)
    for kind, value in sorted(left):
        yield {"kind": kind, "value": value, "risk": "", "asked": False, "approved": False, "override": "",
               "own": "deny"}  # fmt: skip


def _row(row: Json) -> list[str]:
    own, override = get_str(row, "own"), get_str(row, "override")
    return [
        f"{get_str(row, 'kind')}={get_str(row, 'value')}",
        "yes" if row.get("asked") else "no",
        "yes" if row.get("approved") else "no",
        " ".join(filter(None, (override, own and f"{own} (yours)"))),
        "no" if "deny" in {own, override} else "yes",
        user(get_int(row, "by")) if "by" in row else "",
        date(get_int(row, "when")) if row.get("when") else "",
    ]
