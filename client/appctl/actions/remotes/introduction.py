# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file, `.appctlremote` or `.appctlref`: shown to a person, who says whether to trust it.

A file is read here, as the caller; an https address the daemon's fetcher reads. What either says the daemon
tells (ResolveFile). Guarantees: a person sees the URL, the prefix and every whole fingerprint, and nobody
else answers: `-y` does not; the keys that are pinned then are those that were shown; no file changes the keys
of a remote that is here.
"""

from collections.abc import Iterator, Mapping

from appctl.caller_files import read_regular
from appctl.context import Context
from appctl.failure import Failure, usage
from appctl.talk.wire import Json, get_object, get_objects, get_str, get_strings
from appctl.terminal.ask import confirm_trust
from appctl.terminal.show import escape, note

FILE_BYTES = 64 << 10  # what the daemon takes
ENDINGS = (".appctlremote", ".appctlref")
_KEYS = ("gpg-keys", "cosign-keys")
_OF_THE_FILE = frozenset({"url", "fingerprints", "ed25519-keys", "prefix", *_KEYS})


def is_publisher_file(text: str) -> bool:
    """Whether what was typed names such a file, here or at an address; no reference ends so."""
    return text.endswith(ENDINGS)


def introduction(context: Context, place: str) -> Json:
    """Return what the file says, as ResolveFile tells it. Raises Failure."""
    data = _fetched(context, place) if "://" in place else read_regular(place, FILE_BYTES)
    (found,) = context.call(context.scope, "ResolveFile", "ay", data)
    return found if isinstance(found, dict) else {}


def trust(context: Context, found: Json, more: Mapping[str, object]) -> bool:
    """Add the remote that a file introduces, once a person said so; whether anything was changed.

    `more` are settings of the command line beside the file's own. Raises Failure, Conflict for other keys.
    """
    change, name = get_str(found, "change"), get_str(found, "name")
    if change == "none":
        return False
    if change != "add":
        raise _conflict(found)
    if mine := sorted(_OF_THE_FILE & more.keys()):
        raise usage(f"{', '.join(mine)}: that is what the publisher's file is to say", "leave it out")
    settings = {**_settings(found), **more}
    note(*_lines(found, settings))
    confirm_trust(context.options, f"Trust {escape(name)}, and whatever these keys sign there?")
    context.call(context.scope, "AddRemote", "sa{sv}", name, settings)
    return True


def referred(context: Context, text: str) -> str:
    """Return the reference that is meant: an .appctlref's, once its remote is trusted. Raises Failure."""
    if not is_publisher_file(text):
        return text
    found = introduction(context, text)
    reference = get_str(found, "reference")
    if not reference:
        raise usage(f"{text} names no app", f"appctl remote add {text}")
    if context.options.dry_run and get_str(found, "change") == "add":
        raise usage(f"the publisher of {text} is not trusted here", f"appctl remote add {text}")
    if trust(context, found, {}):
        context.say(f"Added remote {escape(get_str(found, 'name'))}.")
    return reference


def _fetched(context: Context, address: str) -> bytes:
    if not address.startswith("https://"):
        raise usage(f"{address}: a publisher's file is fetched by https alone")
    outcome = context.run_job(context.scope, "Resolve", "sa{sv}", address, {})
    if outcome.failures:
        raise outcome.failures[0]
    return get_str(outcome.result, "file").encode()


def _settings(found: Json) -> dict[str, object]:
    """Return AddRemote's settings as they came; keys are bytes again."""
    settings: dict[str, object] = {**get_object(found, "settings")}
    for key in _KEYS:
        items = settings.get(key)
        if isinstance(items, list):
            settings[key] = [bytes(item) for item in items]
    return settings


def _conflict(found: Json) -> Failure:
    """Make the Failure for a file that speaks of a remote which is here and trusts others."""
    remote, strange = get_str(found, "remote"), get_strings(found, "untrusted")
    if not strange:
        return Failure(
            "Conflict",
            f"there is a remote {remote} already, and it is not {get_str(found, 'prefix')}",
            f"appctl remote show {remote}",
        )
    return Failure(
        "Conflict",
        f"remote {remote} is there already, and does not trust {', '.join(strange)}",
        "appctl help key-change    (ask the publisher first)",
        {"remote": remote, "found": [*strange]},
    )


def _lines(found: Json, settings: Mapping[str, object]) -> list[str]:
    rows = [
        ("Title", settings.get("title")),
        ("URL", settings.get("url")),
        ("Covers", get_str(found, "prefix")),
        ("Signatures", settings.get("lookaside")),
        ("App IDs", _joined(settings.get("ids")) or "any"),
        ("Homepage", get_str(found, "homepage")),
    ]
    return [
        f"A publisher wants to be called {escape(get_str(found, 'name'))} here:",
        *(f"  {name + ':':<13} {escape(str(text))}" for name, text in rows if text),
        *_keys(found),
        "Compare the fingerprints with what the publisher says elsewhere (its web site, a person).",
    ]


def _keys(found: Json) -> Iterator[str]:
    for key in get_objects(found, "keys"):
        names = "".join(f'  "{escape(name)}"' for name in get_strings(key, "names"))
        yield f"  {get_str(key, 'kind') + ' key:':<13} {escape(get_str(key, 'fingerprint'))}{names}"


def _joined(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
