# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote …`: the publishers that this machine trusts.

Keys and certificates are read here and travel as bytes. To go without verification is asked of a person at a
terminal, and of nobody else: `-y` does not answer it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from appctl.actions.facts import duration
from appctl.actions.remotes.edkeys import public_keys
from appctl.actions.remotes.introduction import introduction, is_publisher_file, trust
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import UNREADABLE, Failure, usage
from appctl.programs.routes import USUAL as USUAL_ROUTE
from appctl.programs.routes import route
from appctl.scope import Scope
from appctl.talk.bus import REMOTE, Bus
from appctl.talk.wire import Json, JsonValue, get_object, get_str, get_strings
from appctl.terminal.ask import confirm_trust
from appctl.terminal.show import escape, table

KEYS_BYTES = 64 << 10  # what the daemon takes: keyrings of real publishers are below 20 KiB
UPDATE_BYTES = 1 << 20  # likewise; a keyring update has each of its signers' copies
_VERIFY = ("gpg", "cosign", "gpg+cosign", "ed25519", "gpg+ed25519", "digest", "none", "")
_FILES = {  # settings that are a file's content
    "gpg-keys": "--gpg-import FILE",
    "cosign-keys": "--cosign-key FILE",
    "ca": "--ca-file FILE",
    "keyring-update": "--keyring-update FILE",
}
_PLACES = {"ostree": "Repository", "layout": "Directory"}
_TAKEN = ("prefix", "verify", "verify_commit", "lookaside", "identity", "auth_realm", "title", "collection")


USUAL: Json = {
    "ca": False, "catalog": "appctl-catalog:latest", "identity": "tag", "insecure": False,
    "keep-blobs": False, "kind": "oci", "share": True, "strict": False, "threshold": 1, "verify-commit": "no",
}  # fmt: skip
_NOTHING = object()


def add(context: Context) -> int:
    """Add a remote and show what is trusted now."""
    options, scope = context.options, context.scope
    if options.url is None:
        return _add_introduced(context)
    if options.if_not_exists and _find(context.bus(scope), options.name):
        context.say(f"Remote {escape(options.name)} is there already.")
        if context.options.json:
            context.put_json({"changed": False, "name": options.name})
        return ExitCode.DONE
    settings = {"url": _from_here(options.url), **_settings(context)}
    _ask_about_none(context, settings)
    context.call(scope, "AddRemote", "sa{sv}", options.name, settings)
    return _told(context, _find(context.bus(scope), options.name), "Added", changed=True)


def _from_here(url: str) -> str:
    """`oci:DIR` as the daemon wants it, which is in another directory; other URLs are what they are."""
    directory = url.removeprefix("oci:")
    is_relative = directory != url and directory and not directory.startswith("/")
    return f"oci:{Path(directory).resolve()}" if is_relative else url


def _add_introduced(context: Context) -> int:
    """Add the remote that a publisher's file introduces."""
    options = context.options
    if not is_publisher_file(options.name):
        raise usage(f"where is {options.name}?", "appctl remote add NAME URL, or FILE-OR-URL.appctlremote")
    found, more = introduction(context, options.name), _settings(context)
    _ask_about_none(context, more)
    options.name = get_str(found, "remote") or get_str(found, "name")
    changed = trust(context, found, more)
    return _told(context, _find(context.bus(context.scope), options.name), "Added", changed=changed)


def modify(context: Context) -> int:
    """Change what the options name."""
    settings = _settings(context)
    if context.options.keyring_update is not None:
        if settings:
            raise usage("--keyring-update comes alone", "appctl remote modify --help")
        settings["keyring-update"] = _read(context.options.keyring_update, UPDATE_BYTES)
    if not settings:
        raise usage("nothing to change was given", "appctl remote modify --help")
    _ask_about_none(context, settings)
    return _modified(context, settings, "Modified")


def enable(context: Context) -> int:
    """Use a remote again."""
    return _modified(context, {"enabled": "yes"}, "Enabled")


def disable(context: Context) -> int:
    """Refuse what a remote covers."""
    return _modified(context, {"enabled": "no"}, "Disabled")


def remove(context: Context) -> int:
    """Forget a remote; the daemon refuses while apps from it are installed."""
    name = context.options.name
    _call(context, "RemoveRemote", {})
    if context.options.json:
        context.put_json({"changed": True, "name": name})
    context.say(f"Removed remote {escape(name)}.")
    return ExitCode.DONE


def show(context: Context) -> int:
    """Print what is known about one remote."""

    def ask(bus: Bus) -> list[JsonValue]:
        return [_find(bus, context.options.name)]

    found = [
        (scope, remote)
        for scope, [remote] in context.reachable(ask).items()
        if isinstance(remote, dict) and remote
    ]
    if not found:
        raise Failure("NoRemote", f"there is no remote {context.options.name}", "appctl remote list")
    scope, remote = found[0]
    keys, whom = _trusted(context, remote)
    if context.options.json:
        context.put_json({**_json(remote, scope), **keys})
    context.say(*_lines(remote, scope, whom))
    return ExitCode.DONE


def listing(context: Context) -> int:
    """Print a table of the remotes."""

    def ask(bus: Bus) -> list[JsonValue]:
        return list(bus.objects(REMOTE).values())

    found = [
        (scope, remote)
        for scope, remotes in context.reachable(ask).items()
        for remote in sorted((item for item in remotes if isinstance(item, dict)), key=_name)
    ]
    if context.options.json:
        context.put_json([_json(remote, scope) for scope, remote in found])
    elif found:
        rows = [
            [_name(remote), get_str(remote, "Title"), get_str(remote, "Url"), get_str(remote, "Verify"),
             "yes" if remote.get("Enabled") else "no", scope.value]
            for scope, remote in found
        ]  # fmt: skip
        context.say(*table(["Name", "Title", "URL", "Verify", "Enabled", "Scope"], rows, context.out))
    else:
        context.remark("There is no remote: appctl remote add NAME URL")
    return ExitCode.DONE


def _modified(context: Context, settings: dict[str, object], done: str) -> int:
    bus, name = context.bus(context.scope), context.options.name
    before = _find(bus, name)
    _call(context, "ModifyRemote", settings)
    after = _find(bus, name)
    gone = sorted({*get_strings(before, "Fingerprints")} - {*get_strings(after, "Fingerprints")})
    changed = before != after or not settings.keys().isdisjoint(_FILES)  # what is in those is not shown
    return _told(context, after, done, changed=changed, gone=gone)


def _call(context: Context, member: str, settings: dict[str, object]) -> None:
    """Change the remote that the command line names. Raises Failure."""
    name = context.options.name
    try:
        context.call(context.scope, member, "sa{sv}", name, settings)
    except Failure as failure:
        if failure.name == "NoRemote":  # the daemon's hint is about references
            raise Failure(failure.name, f"there is no remote {name}", "appctl remote list") from failure
        raise


def _settings(context: Context) -> dict[str, object]:
    """Return the keys of remotes.d that the options give, files read. Raises Failure."""
    options = context.options
    settings: dict[str, object] = {}
    for item in options.set:
        key, equals, value = map(str.strip, item.partition("="))
        if not key or not equals:
            raise usage(f"--set {item!r} is no KEY=VALUE")
        _check_setting(key, value)
        settings[key] = value
    for name in _TAKEN:
        value = getattr(options, name)
        if value is not None:
            settings[name.replace("_", "-")] = value
    if options.gpg_import:
        settings["gpg-keys"] = [_read(name) for name in options.gpg_import]
    if options.cosign_key:
        settings["cosign-keys"] = [_read(name) for name in options.cosign_key]
    if options.ed25519_key:
        keys = [key for name in options.ed25519_key for key in public_keys(_read(name), name)]
        settings["ed25519-keys"] = " ".join(keys)
    if options.mirror:
        settings["mirrors"] = " ".join(options.mirror)
    if options.ca_file is not None:
        settings["ca"] = _read(options.ca_file)
    return settings


def _check_setting(key: str, value: str) -> None:
    """Refuse what --set cannot say, before a person is asked about it. Raises Failure."""
    if key in _FILES:
        raise usage(f"--set {key} takes no file: {_FILES[key]} reads one", "appctl remote modify --help")
    if key == "verify" and value not in _VERIFY:
        raise usage(f"--set verify: {value!r} is none of {', '.join(_VERIFY[:-1])}")


def _read(name: str, limit: int = KEYS_BYTES) -> bytes:
    """Read a key or certificate file of the caller; `-` is standard input. Raises Failure."""
    try:
        if name == "-":
            data = sys.stdin.buffer.read(
                limit + 1
            )  # and it stays open: a question asks whether it is a terminal
        else:
            with Path(name).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise usage(f"{name}: {error.strerror}", UNREADABLE) from error
    if not data or len(data) > limit:
        raise usage(f"{name} is empty, or larger than {limit} bytes")
    return data


def _ask_about_none(context: Context, settings: dict[str, object]) -> None:
    """Raise Failure unless verification stays on, or a person says that it shall not."""
    if str(settings.get("verify", "")).strip().lower() == "none":
        name = escape(context.options.name)
        confirm_trust(
            context.options, f"Whoever can answer as {name}'s registry can then replace its apps. Go on?"
        )


def _find(bus: Bus, name: str) -> Json:
    return next((item for item in bus.objects(REMOTE).values() if _name(item) == name), {})


def _told(context: Context, remote: Json, done: str, *, changed: bool, gone: Sequence[str] = ()) -> int:
    """Print what a remote is now; `gone` are the fingerprints that it does not trust any more."""
    scope, name = context.scope, escape(context.options.name)
    keys, whom = _trusted(context, remote)
    if context.options.json:
        more: Json = {"no-longer-trusted": list(gone)} if gone else {}
        context.put_json({"changed": changed, **_json(remote, scope), **keys, **more})
    context.say(f"{done} remote {name}." if changed else f"Remote {name} is so already.")
    context.say(*(f"  No longer trusted: {escape(fingerprint)}" for fingerprint in gone))
    context.say(*_lines(_telling(remote), scope, whom, USUAL_ROUTE)[1:])
    return ExitCode.DONE


def _telling(remote: Json) -> Json:
    """A remote without what is so of nearly every one; `remote show` tells that too."""
    settings = get_object(remote, "Settings")
    own: Json = {key: value for key, value in settings.items() if USUAL.get(key, _NOTHING) != value}
    left = {key: value for key, value in remote.items() if key != "Enabled" or not value}
    title = get_str(remote, "Title")
    return {**left, "Settings": own, "Title": "" if title == _name(remote) else title}


def _lines(remote: Json, scope: Scope, whom: Sequence[str], unspoken: str = "") -> list[str]:
    """What is known of a remote; `whom` it trusts, and its route, unless that is the `unspoken` one."""
    settings = {**get_object(remote, "Settings")}
    age = settings.pop("max-age", 0)
    for told_elsewhere in ("ca", "ed25519-keys", "no-proxy", "proxy"):
        settings.pop(told_elsewhere, None)
    rows = [
        ("Title", get_str(remote, "Title")),
        (_PLACES.get(get_str(settings, "kind"), "Prefix"), get_str(remote, "Url")),
        ("Verify", get_str(remote, "Verify")),
        *(("" if row else "Trusts", text) for row, text in enumerate(whom)),
        ("Max-age", duration(age) if isinstance(age, int) and age else ""),
        *((key.capitalize(), _text(value)) for key, value in sorted(settings.items())),
        ("Reached by", "" if (reached := route(remote)) == unspoken else reached),
        ("AppStream", get_str(remote, "AppStreamPath")),
        ("Enabled", _text(remote["Enabled"]) if "Enabled" in remote else ""),
        ("Scope", scope.value),
        ("File", get_str(remote, "Origin") + ("" if remote.get("Writable") else " (read only)")),
    ]
    return [
        escape(_name(remote)),
        *(f"  {name + ':' if name else '':<13} {escape(text)}" for name, text in rows if text),
    ]


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _json(remote: Json, scope: Scope) -> Json:
    return {"scope": scope.value, **{key.lower(): value for key, value in remote.items()}}


def _trusted(context: Context, remote: Json) -> tuple[Json, list[str]]:
    """Say whom it trusts, for programs and for people; no key is read where nobody is told.

    For programs there is nothing where keys cannot be read: an empty list would say that there is none.
    """
    if context.options.quiet and not context.options.json:
        return {}, []
    from appctl.actions.remotes.trusted import told, trusted

    keys = trusted(remote)
    return {} if keys is None else {"keys": [one.to_json() for one in keys]}, told(remote, keys)


def _name(remote: Json) -> str:
    return get_str(remote, "Name")
