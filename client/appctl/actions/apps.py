# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the app commands share: which app a name means, where it is, and how an outcome is reported."""

from collections.abc import Sequence

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure, tell, usage
from appctl.references import expand, means, names_a_remote
from appctl.scope import Scope
from appctl.talk.bus import REMOTE, Bus
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str
from appctl.terminal.show import escape

# What --json promises of an app, whatever the daemon leaves out because it has no value.
PROMISED: Json = {
    "id": "", "remote": "", "reference": "", "image-digest": "", "commit": "", "layers": [], "signer": None,
    "signed-at": None, "version": "", "deployment": "", "installed-size": 0, "bytes-downloaded": 0,
    "bytes-reused": 0, "changed": False,
}  # fmt: skip


def installed(context: Context, options: Json | None = None) -> list[Json]:
    """Every app of the scopes to look in, with its scope. Raises Failure."""

    def ask(bus: Bus) -> list[JsonValue]:
        return bus.manager("List", "a{sv}", dict(options or {}))

    found: list[Json] = []
    for scope, answer in context.reachable(ask).items():
        found += [{"scope": scope.value, **app} for app in get_objects({"apps": answer[0]}, "apps")]
    return found


def installed_in(context: Context, scope: Scope) -> list[Json]:
    """Every app of one scope. Raises Failure."""
    return get_objects({"apps": context.bus(scope).manager("List", "a{sv}", {})[0]}, "apps")


def some_facts(context: Context, keys: Sequence[str], options: Json) -> list[Json]:
    """The same with these keys alone, in one text: a thousand apps in an instant. Raises Failure."""
    import json

    def ask(bus: Bus) -> list[JsonValue]:
        return bus.manager("ListText", "a{sv}as", dict(options), list(keys))

    found: list[Json] = []
    for scope, answer in context.reachable(ask).items():
        found += [{**app, "scope": scope.value} for app in json.loads(str(answer[0]))]
    return found


def matching(apps: Sequence[Json], name: str) -> list[Json]:
    """Find the apps that a name means: a whole ID, else a reference, else a last part (case ignored)."""
    for same in (_is_id, _is_reference, _is_last_part):
        if found := [app for app in apps if same(app, name)]:
            return found
    return []


def _is_id(app: Json, name: str) -> bool:
    return get_str(app, "id") == name


def _is_reference(app: Json, name: str) -> bool:
    return ("/" in name or ":" in name) and means(name, get_str(app, "reference"))


def _is_last_part(app: Json, name: str) -> bool:
    return get_str(app, "id").rpartition(".")[2].lower() == name.lower()


def expanded(context: Context, name: str) -> str:
    """Write `REMOTE/REST` out as a whole reference; other names stay. Raises Failure."""
    if not names_a_remote(name):
        return name

    def ask(bus: Bus) -> list[JsonValue]:
        return list(bus.objects(REMOTE).values())

    answers = context.reachable(ask).values()
    return expand(name, [remote for theirs in answers for remote in theirs if isinstance(remote, dict)])


def the_app(apps: Sequence[Json], name: str, meant: str) -> Json:
    """Return the one app that a name, `expanded` as `meant`, stands for. Raises Failure: none, or several."""
    found = matching(apps, meant)
    ids = sorted({get_str(app, "id") for app in found})
    if not found:
        raise Failure("NotInstalled", f"{name} is not installed", "appctl list")
    if len(ids) > 1:
        raise usage(f"{name} could be {', '.join(ids)}", "give the whole ID")
    if len(found) > 1:
        raise usage(f"{ids[0]} is installed in both scopes", "say --system or --user")
    return found[0]


def by_scope(context: Context, names: Sequence[str]) -> tuple[dict[Scope, list[Json]], list[Failure]]:
    """Sort the apps that the names mean by where they are; a name that means none fails for itself.

    Raises Failure when nothing can be asked.
    """
    apps = installed(context)
    found: dict[Scope, list[Json]] = {}
    failures: list[Failure] = []
    for name in names:
        try:
            app = the_app(apps, name, expanded(context, name))
        except Failure as failure:
            failures.append(failure)
            continue
        theirs = found.setdefault(scope_of(app), [])
        if app not in theirs:
            theirs.append(app)
    return found, failures


def scope_of(app: Json) -> Scope:
    """Return where an app is."""
    return Scope(get_str(app, "scope"))


def ids_of(apps: Sequence[Json]) -> list[str]:
    """Return the apps' IDs."""
    return [get_str(app, "id") for app in apps]


def with_it(app: Json) -> str:
    """Say what was installed with an app, behind its name; empty without."""
    also = ", ".join(name_of(one) for one in get_objects(app, "also"))
    return f", with {also}" if also else ""


def name_of(app: Json) -> str:
    """Return `org.acme.Editor 1.4`, escaped."""
    return f"{escape(get_str(app, 'id'))} {escape(get_str(app, 'version'))}".strip()


def failed_checks(updates: Sequence[Json]) -> list[Failure]:
    """Say of which apps it is not known whether there is an update, and why."""
    return [_failed_check(item) for item in updates if get_str(item, "error")]


def _failed_check(item: Json) -> Failure:
    name = get_str(item, "error").rpartition(".")[2]
    message = f"{get_str(item, 'id')} could not be checked: {get_str(item, 'message') or name}"
    return Failure(name, message, get_str(item, "hint"))


def result_apps(outcome: Outcome) -> list[Json]:
    """Return the apps of a result, every promised key there."""
    return [PROMISED | app for app in get_objects(outcome.result, "apps")]


def report(context: Context, outcomes: Sequence[Outcome], before: Sequence[Failure] = ()) -> ExitCode:
    """Print the result as JSON if that is wanted, and what failed. The exit code is the first failure's.

    The document is `{"changed", "apps", "errors"}`, and `freed_bytes` where something was removed; one app's
    keys also stand beside them. `before` is what failed before any job was started.
    """
    failures = [*before, *(item for outcome in outcomes for item in outcome.failures)]
    if context.options.json:
        context.put_json(_document(outcomes, failures))
    return tell_all(context, failures)


def _document(outcomes: Sequence[Outcome], failures: Sequence[Failure]) -> Json:
    apps = [app for outcome in outcomes for app in result_apps(outcome)]
    document: Json = dict(apps[0]) if len(apps) == 1 else {}
    document["changed"] = any(bool(app["changed"]) for app in apps)
    document["apps"] = list(apps)
    document["errors"] = [failure.to_json() for failure in failures]
    document |= going_on(outcomes)
    if any("freed-bytes" in outcome.result for outcome in outcomes):
        document["freed-bytes"] = sum(get_int(outcome.result, "freed-bytes") for outcome in outcomes)
    for outcome in outcomes:
        document |= {key: outcome.result[key] for key in ("automatic", "because") if key in outcome.result}
    return document


def going_on(outcomes: Sequence[Outcome]) -> Json:
    """Return what --json says of jobs that go on without us: their paths; nothing without any."""
    jobs = [get_str(outcome.result, "job") for outcome in outcomes if outcome.state == "detached"]
    return {"jobs": list(jobs)} if jobs else {}


def tell_all(context: Context, failures: Sequence[Failure]) -> ExitCode:
    """Print what failed. The exit code is the first failure's, or 0."""
    import sys

    for failure in failures:
        tell(failure, sys.stderr, context.err, verbose=context.options.verbose)
    return failures[0].code if failures else ExitCode.DONE
