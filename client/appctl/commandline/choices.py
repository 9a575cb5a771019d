# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line of what people decide for an installed app: hold, unhold, permissions."""

import argparse
from collections.abc import Callable

HOLD = (
    "Keep an app at its version: an update of everything, and one in the background, leave it alone. "
    "To update it all the same, name it: appctl update ID. It stays held then."
)
PERMISSIONS = (
    "Show what an app asks for, what was approved and what was overridden, by whom and when; or override. "
    "A deny always wins, and updates reset nothing. For an app of the machine an ordinary user's --deny and "
    "--reset are about that user alone; --system is for everybody."
)


def add_choices(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add the commands."""
    command("hold", "lifecycle.hold:hold", HOLD).add_argument("id", metavar="ID")
    unhold = command("unhold", "lifecycle.hold:unhold", "Let an app that is held be updated with the others.")
    unhold.add_argument("id", metavar="ID")
    permissions = command("permissions", "permissions:permissions", PERMISSIONS)
    permissions.add_argument("id", metavar="ID")
    for name, text in (
        ("allow", "grant it, whatever its image asks for"),
        ("deny", "do not grant it, whatever anybody approved"),
    ):
        permissions.add_argument(
            f"--{name}", metavar="KIND=VALUE", action="append", default=[], help=f"{text}; may be repeated"
        )
    permissions.add_argument("--reset", action="store_true", help="forget what was allowed and denied")
