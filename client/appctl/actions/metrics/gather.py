# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What there is to count: what a scope's daemon tells the caller, and when its remotes' keys expire.

What failed is what the history holds, which is of a limited size, and shows root everything and everybody
else their own. The daemon does not tell when keys expire: that is read from the keyrings, as doctor does, and
left out where they cannot be read.
"""

import contextlib
from collections.abc import Iterator

from appctl.actions.doctor.keys import LOOKED_AT
from appctl.actions.doctor.remotes import files
from appctl.actions.metrics.exposition import Family
from appctl.context import Context
from appctl.failure import Failure
from appctl.programs.keyrings import read
from appctl.talk.bus import MANAGER, REMOTE, ROOT, Bus
from appctl.talk.wire import Json, JsonValue, get_int, get_object, get_objects, get_str, get_strings


def families(context: Context) -> list[Family]:
    """Everything there is to tell about the scope. Raises Failure."""
    bus = context.bus(context.scope)
    return [*_state(bus), *_apps(bus), *_history(bus), *_remotes(bus), _keys(context)]


def _state(bus: Bus) -> Iterator[Family]:
    told = bus.properties(ROOT, MANAGER)
    daemon = Family("appctl_daemon_info", "The daemon that answered; always 1.")
    daemon.put(1, version=get_str(told, "DaemonVersion"), api=str(get_int(told, "ApiVersion")))
    yield daemon
    updates = Family("appctl_updates_available", "Apps that the last check found an update for.")
    updates.put(get_int(told, "UpdatesAvailable"))
    yield updates
    check = Family(
        "appctl_last_update_check_timestamp_seconds", "When updates were last looked for; 0 = never."
    )
    check.put(get_int(told, "LastUpdateCheck"))
    yield check
    jobs = Family("appctl_active_jobs", "Jobs that are not finished.")
    jobs.put(len(get_strings(told, "ActiveJobs")))
    yield jobs
    yield from _automatic(get_str(told, "AutomaticUpdatePolicy"), get_object(told, "LastAutomaticUpdate"))


def _automatic(policy: str, last: Json) -> Iterator[Family]:
    """Tell how far updates go by themselves, and when the last ones went, or failed."""
    info = Family("appctl_automatic_updates_info", "How far updates go that nobody asks for; always 1.")
    info.put(1, policy=policy)
    yield info
    went = Family(
        "appctl_last_automatic_update_info",
        "How far the last one went, and what kept it from more; always 1.",
    )
    if get_int(last, "time"):
        went.put(1, extent=get_str(last, "extent"), because=" ".join(get_strings(last, "because")))
    yield went
    ended = Family("appctl_last_automatic_update_timestamp_seconds", "When one last ended; 0 = never.")
    ended.put(get_int(last, "time"))
    success = Family(
        "appctl_last_automatic_update_success_timestamp_seconds",
        "When one last went well, as far as it went; 0 = never.",
    )
    success.put(get_int(last, "success"))
    failure = Family(
        "appctl_last_automatic_update_failure_timestamp_seconds", "When one last failed; 0 = never."
    )
    failure.put(get_int(last, "failure"))
    yield from (ended, success, failure)


def _apps(bus: Bus) -> Iterator[Family]:
    apps = _listed(bus, "List")
    info = Family("appctl_app_info", "An installed app; always 1.")
    count = Family("appctl_apps", "Installed apps, runtimes and extensions among them.")
    held = Family("appctl_apps_held", "Apps that updates leave alone.")
    size = Family("appctl_installed_bytes", "Bytes of what is current of them.")
    fetched = Family("appctl_downloaded_bytes", "Bytes that were fetched for what is current of them.")
    reused = Family("appctl_reused_bytes", "Bytes of it that were here already.")
    waiting = Family("appctl_updates_waiting", "Apps whose update asks for what nobody approved.")
    held.put(sum(bool(app.get("held")) for app in apps))
    waiting.put(sum(bool(app.get("update-permissions")) for app in apps))
    for app in apps:
        remote = get_str(app, "remote")
        info.put(1, app=get_str(app, "id"), remote=remote, version=get_str(app, "version"))
        count.add(1, remote=remote)
        size.add(get_int(app, "installed-size"), remote=remote)
        fetched.add(get_int(app, "bytes-downloaded"), remote=remote)
        reused.add(get_int(app, "bytes-reused"), remote=remote)
    yield from (info, count, held, waiting, size, fetched, reused)


def _history(bus: Bus) -> Iterator[Family]:
    failures = Family(
        "appctl_history_failures", "What failed or was cancelled, as far as the history goes back."
    )
    failed = Family("appctl_history_last_failure_timestamp_seconds", "When it last did.")
    done = Family("appctl_history_last_success_timestamp_seconds", "When it last went well.")
    for entry in _listed(bus, "History"):
        event, error, time = get_str(entry, "event"), get_str(entry, "error"), get_int(entry, "time")
        if error:
            failures.add(1, event=event, error=error)
            failed.raise_to(time, event=event, error=error)
        else:
            done.raise_to(time, event=event)
    yield from (failures, failed, done)


def _remotes(bus: Bus) -> Iterator[Family]:
    enabled = Family("appctl_remote_enabled", "Whether a remote may be asked: 1, or 0.")
    for remote in bus.objects(REMOTE).values():
        enabled.put(int(bool(remote.get("Enabled"))), remote=get_str(remote, "Name"))
    yield enabled


def _keys(context: Context) -> Family:
    expiry = Family("appctl_remote_key_expiry_timestamp_seconds", "When an OpenPGP key of a remote expires.")
    for path in files(context)[:LOOKED_AT]:
        with contextlib.suppress(Failure, OSError):
            for key in read(path.with_suffix(".gpg")):
                if key.expires:
                    expiry.put(key.expires, remote=path.stem, fingerprint=key.fingerprint)
    return expiry


def _listed(bus: Bus, member: str) -> list[Json]:
    answer: JsonValue = bus.manager(member, "a{sv}", {})[0]
    return get_objects({"found": answer}, "found")
