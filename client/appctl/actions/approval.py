# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Updates that ask for more than their app has: the question to the person, one for every such app.

It names the app and what is new. `-y` does not answer it. Nothing is granted here; the daemon does that, and
only the set that was shown: its hash goes back.
"""

from collections.abc import Sequence

from appctl.actions.apps import installed
from appctl.context import Context
from appctl.failure import Declined, Failure
from appctl.scope import Scope
from appctl.talk.wire import get_str, get_strings
from appctl.terminal.ask import grants
from appctl.terminal.show import escape


def ask_about(
    context: Context, scope: Scope, failures: Sequence[Failure], ids: Sequence[str]
) -> tuple[dict[str, str], list[Failure]]:
    """Return what was granted, permissions-hashes by app ID, and the failures that are left.

    `ids` are those of the call: one alone is what an unnamed failure is about.
    """
    versions: dict[str, str] = {}
    if any(failure.name == "NeedsApproval" for failure in failures):
        apps = [app for app in installed(context) if get_str(app, "scope") == scope.value]
        versions = {get_str(app, "id"): get_str(app, "version") for app in apps}
    granted: dict[str, str] = {}
    left: list[Failure] = []
    for failure in failures:
        app = get_str(failure.details, "app") or (ids[0] if len(ids) == 1 else "")
        if failure.name != "NeedsApproval" or not app:
            left.append(failure)
        elif grants(context.options, _question(app, versions.get(app, ""), failure)):
            granted[app] = get_str(failure.details, "permissions-hash")
        else:
            left.append(_kept(app, versions.get(app, "")))
    return granted, left


def _question(app: str, version: str, failure: Failure) -> str:
    newer = get_str(failure.details, "update-version")
    change = " -> ".join(escape(item) for item in (version, newer) if item)
    asked = get_strings(failure.details, "permissions")
    wishes = f"newly asks for {', '.join(map(escape, asked))}" if asked else escape(failure.message)
    return f"{f'{escape(app)} {change}'.rstrip()}: {wishes}. Grant that, and update?"


def _kept(app: str, version: str) -> Failure:
    kept = f"{app} {version}".rstrip()
    return Declined(f"Kept {kept}: needs approval (appctl update {app})", "NeedsApproval")
