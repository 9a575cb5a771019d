# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Desktop files (Desktop Entry Specification 1.5): what a menu shows of an app, and what it starts.

Guarantees: what is started is our own command with the app's ID; the icon is the app's own; keys are those of
keys.py, actions those that Actions names. DBusActivatable only stands where the service is exported too, and
where no files are opened: those come to an app by its command alone (docs/adr/0052).
"""

import re
from collections.abc import Mapping

from appctld.workers.store.exports.desktop import execline
from appctld.workers.store.exports.desktop.keys import ACTION_KEYS, KEYS, TRANSLATED, Reader
from appctld.workers.store.exports.desktop.values import escaped, groups_of, joined, split, unescaped, written
from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.names import Place, owns_icon

MAIN = "Desktop Entry"
ACTION = "Desktop Action "
ACTIONS = 32  # entries of a menu that opens on one app
KEYS_OF_A_GROUP = 4096  # a hundred languages, and the four keys that are translated
_ACTION_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_KEY = re.compile(r"(?P<key>[A-Za-z0-9-]+)(?:\[(?P<locale>[^\[\]]*)\])?")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:_[A-Za-z0-9]{2,8})?(?:\.[A-Za-z0-9-]{1,16})?(?:@[A-Za-z0-9]{1,16})?")
_ICON_ENDING = re.compile(r"\.(?:png|svg|xpm)\Z")  # no name of an icon has one, and GIO takes it away


def emit_desktop(place: Place, data: bytes, app: Exporter) -> Emitted:
    """A desktop file as a desktop may read it. Raises Refused."""
    groups = groups_of(data)
    main = groups.get(MAIN, {})
    if next(iter(groups), None) != MAIN:
        raise Refused(f"its first group is not [{MAIN}]")
    if main.get("Type") != "Application":
        raise Refused("its Type is not Application")
    kept = {
        "Type": "Application",
        **_kept(main, KEYS),
        **_own_icon(main, app),
        **_activation(place, main, app),
    }
    if "Name" not in kept:
        raise Refused("it has no Name that can be shown")
    needed, name = "DBusActivatable" not in kept, unescaped(kept["Name"]) or ""
    kept |= _started(main, app, name, needed=needed)
    actions = _actions(main, groups, app, name, needed=needed)
    if actions:
        kept["Actions"] = joined([*actions])
    kept["X-AppCtl"] = app.id
    all_kept = {MAIN: kept} | {ACTION + name: keys for name, keys in actions.items()}
    return Emitted(written(all_kept), tuple(_dropped(groups, all_kept)))


def opened(data: bytes) -> int:
    """How many types a desktop file opens that was written here."""
    return sum(line.count(b";") for line in data.split(b"\n") if line.startswith(b"MimeType="))


def _kept(group: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, str]:
    """The keys that are read, in all languages."""
    if len(group) > KEYS_OF_A_GROUP:
        raise Refused(f"a group has more than {KEYS_OF_A_GROUP} keys")
    kept: dict[str, str] = {}
    for key, value in group.items():
        read = _reader(key, readers)
        found = read(value) if read is not None else None
        if found is not None:
            kept[key] = found
    return kept


def _reader(key: str, readers: Mapping[str, Reader]) -> Reader | None:
    """How a key's value is read; a translation only of what people read."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    locale = found["locale"]
    if locale is not None and (found["key"] not in TRANSLATED or not _LOCALE.fullmatch(locale)):
        return None
    return readers.get(found["key"])


def _own_icon(group: Mapping[str, str], app: Exporter) -> dict[str, str]:
    name = _ICON_ENDING.sub("", group.get("Icon", ""))
    return {"Icon": name} if owns_icon(app.id, name) else {}


def _activation(place: Place, group: Mapping[str, str], app: Exporter) -> dict[str, str]:
    asked = group.get("DBusActivatable") == "true" and place.name in app.services
    return {"DBusActivatable": "true"} if asked and not execline.forwards(_command(group)) else {}


def _started(group: Mapping[str, str], app: Exporter, name: str, *, needed: bool) -> dict[str, str]:
    """The command line, if there is one. Raises Refused."""
    if "Exec" not in group and not needed:
        return {}
    ours = execline.through(app, _command({"Exec": "", **group}), name)
    return {"Exec": escaped(execline.write(ours, codes=True))}


def _command(group: Mapping[str, str]) -> list[execline.Argument]:
    """What it starts; nothing where it has no Exec. Raises Refused."""
    if "Exec" not in group:
        return []
    line = unescaped(group["Exec"])
    if line is None:
        raise Refused("its Exec holds an escape that means nothing")
    return execline.parse(line, codes=True)


def _actions(
    main: Mapping[str, str], groups: Mapping[str, dict[str, str]], app: Exporter, called: str, *, needed: bool
) -> dict[str, dict[str, str]]:
    """The actions that the main group names, which have a name and something to start. Raises Refused."""
    found: dict[str, dict[str, str]] = {}
    for name in (split(main.get("Actions", "")) or [])[:ACTIONS]:
        group = groups.get(ACTION + name)
        if group is None or not _ACTION_NAME.fullmatch(name) or (needed and "Exec" not in group):
            continue
        kept = {**_kept(group, ACTION_KEYS), **_own_icon(group, app)}
        if "Name" in kept:
            found[name] = kept | _started(group, app, called, needed=needed)
    return found


def _dropped(groups: Mapping[str, dict[str, str]], kept: Mapping[str, dict[str, str]]) -> list[str]:
    """The keys that do not stand there any more, or hold less; `[group]` where all of it is gone."""
    gone = [f"[{name}]" for name in groups if name not in kept]
    for name, keys in groups.items():
        where = "" if name == MAIN else f"[{name}] "
        mine = kept.get(name, keys)
        gone += [f"{where}{key}" for key, value in keys.items() if _lacks(key, value, mine)]
    return gone


def _lacks(key: str, value: str, kept: Mapping[str, str]) -> bool:
    """Whether a key holds less than it did; Exec always holds something else, and Icon may lose an ending."""
    return key not in kept or (key not in {"Exec", "Icon"} and kept[key].rstrip(";") != value.rstrip(";"))
