# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app that desktops see, in two versions, as lines of layers.py; and which links there are to it."""

from support.repositories.store_state import APP, State

COMMAND = ["/usr/bin/appctl", "--user", "run"]
ENTRY, SERVICE = f"applications/{APP}.desktop", f"dbus-1/services/{APP}.service"
EXTRA = f"applications/{APP}.Extra.desktop"


def entry(path: str, name: str = "App", *more: str) -> str:
    """A line for a desktop file."""
    words = ["[Desktop Entry]", "Type=Application", f"Name={name}", "Exec=app %U", *more]
    return f"usr/share/{path} = " + "\n".join(words) + "\n"


def service(path: str) -> str:
    """A line for a service of the session bus."""
    name = path.rpartition("/")[2].removesuffix(".service")
    return f"usr/share/{path} = [D-BUS Service]\nName={name}\nExec=/usr/bin/app --service\n"


ONE = ("./", "usr/run = one", entry(ENTRY, "One"), service(SERVICE))
TWO = ("./", "usr/run = two", entry(ENTRY, "Two"), entry(EXTRA))


def shown(state: State) -> set[str]:
    """Paths below exports/share that lead somewhere."""
    share = state.exports / "share"
    return {str(path.relative_to(share)) for path in share.rglob("*") if path.is_symlink() and path.exists()}


def links(state: State) -> set[str]:
    """All links."""
    share = state.exports / "share"
    return {str(path.relative_to(share)) for path in share.rglob("*") if path.is_symlink()}
