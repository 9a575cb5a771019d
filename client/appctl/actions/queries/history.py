# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl history`: what was installed, updated, taken back and removed, what failed, and by whom."""

from appctl.actions.facts import user
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.talk.bus import Bus
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str
from appctl.terminal.show import moment, short_fingerprint, table

_DIGEST_LENGTH = len("sha256:") + 12
_HEADER = ["When", "What", "App", "Version", "Digest", "Signed", "By"]


def history(context: Context) -> int:
    """Print a table, newest first; with --json all that is known of each entry."""
    given = context.options
    options: Json = {"failed": given.failed, "since": given.since, "limit": given.limit}

    def ask(bus: Bus) -> list[JsonValue]:
        return bus.manager("History", "a{sv}", options)

    found: list[Json] = []
    for scope, answer in context.reachable(ask).items():
        found += [{"scope": scope.value, **entry} for entry in get_objects({"entries": answer[0]}, "entries")]
    found.sort(key=lambda entry: get_int(entry, "time"), reverse=True)
    found = found[: given.limit or None]  # of both scopes together
    if context.options.json:
        context.put_json(list(found))
    elif found and context.options.failed:
        context.say(*table([*_HEADER[:3], "Remote", "Why", "By"], map(_failed_row, found), context.out))
    elif found:
        context.say(*table(_HEADER, map(_row, found), context.out))
    else:
        context.remark(
            "Nothing has happened." if not any(options.values()) else "Nothing of that kind has happened."
        )
    return ExitCode.DONE


def _row(entry: Json) -> list[str]:
    signer, digest = get_str(entry, "signer"), get_str(entry, "image-digest")
    return [
        moment(get_int(entry, "time")),
        _what(entry),
        _about(entry),
        _version(entry),
        f"{digest[:_DIGEST_LENGTH]}…" if digest else "",
        short_fingerprint(signer) if signer else "",
        user(get_int(entry, "uid")),
    ]


def _failed_row(entry: Json) -> list[str]:
    return [
        moment(get_int(entry, "time")),
        _what(entry),
        _about(entry),
        get_str(entry, "remote"),
        get_str(entry, "message"),
        user(get_int(entry, "uid")),
    ]


def _what(entry: Json) -> str:
    """What was done; with an error what was tried, and of overrides what they are since then."""
    event = get_str(entry, "event")
    more = get_str(entry, "error") or (get_str(entry, "message") if event == "permissions" else "")
    return f"{event}: {more}" if more else event


def _about(entry: Json) -> str:
    return get_str(entry, "id") or get_str(entry, "reference")


def _version(entry: Json) -> str:
    before, now = get_str(entry, "previous-version"), get_str(entry, "version")
    return f"{before} -> {now}" if before else now
