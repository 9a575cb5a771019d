# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Services that the session bus starts (D-Bus specification, "Message Bus Starting Services").

Guarantees: two keys: the name of the file, which is the app's own, and a command line of ours that both
dbus-daemon, which reads escapes in values, and dbus-broker, which does not, read alike. No unit of systemd,
no user, no label is ever named.
"""

from appctld.workers.store.exports.desktop import execline
from appctld.workers.store.exports.desktop.values import groups_of, unescaped, written
from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.names import Place

GROUP = "D-BUS Service"
_KEYS = ("Name", "Exec")
_READ_DIFFERENTLY = frozenset('"\\$`')


def emit_service(place: Place, data: bytes, app: Exporter) -> Emitted:
    """A service as the session bus may read it. Raises Refused."""
    groups = groups_of(data)
    keys = groups.get(GROUP, {})
    if keys.get("Name") != place.name:
        raise Refused(f"its Name is not that of the file, {place.name}")
    arguments = execline.parse(unescaped(keys.get("Exec", "")) or "", codes=False)
    ours = execline.through(app, arguments)
    if any(not _READ_DIFFERENTLY.isdisjoint(argument.text) for argument in ours):
        raise Refused("its Exec holds a character that not every session bus reads alike")
    line = execline.write(ours, codes=False)
    kept = {"Name": place.name, "Exec": line}
    dropped = (*(key for key in keys if key not in _KEYS), *(f"[{name}]" for name in groups if name != GROUP))
    return Emitted(written({GROUP: kept}), dropped)
