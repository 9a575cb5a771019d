# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line of apps: install, update, uninstall, rollback, list, info, search, history."""

import argparse
from collections.abc import Callable

from appctl.commandline.base import add_detach
from appctl.commandline.fleet import add_history

DOWNGRADE = "take an image although something newer was installed here before; an action of its own"
SEARCH = (
    "Find apps by name, ID, keyword or description: what is installed, and what remotes list in a catalogue. "
    "A remote without one cannot be searched."
)


def add_app_commands(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add the commands."""
    _install(
        command(
            "install", "lifecycle.install:install", "Install images, or update what is installed from them."
        )
    )
    _update(command("update", "lifecycle.update:update", "Bring installed apps up to date."))
    uninstall = command(
        "uninstall", "lifecycle.uninstall:uninstall", "Remove apps and what only they needed."
    )
    uninstall.add_argument("ids", nargs="+", metavar="ID")
    uninstall.add_argument("--delete-data", action="store_true", help="remove your data of them too")
    uninstall.add_argument("--ignore", action="store_true", help="what is not installed is no failure")
    add_detach(uninstall)
    rollback = command("rollback", "lifecycle.rollback:rollback", "Go back to a version that is still kept.")
    rollback.add_argument("id", metavar="ID")
    rollback.add_argument("--to", metavar="VERSION|DIGEST|COMMIT", help="which one, if not the one before")
    add_detach(rollback)
    listing = command("list", "queries.listing:listing", "List what is installed.")
    listing.add_argument("--updates", action="store_true", help="only apps with a known update")
    listing.add_argument(
        "--columns", metavar="NAME,…", help="name,id,version,tag,remote,signed,scope,size,kind,held,update"
    )
    command("info", "queries.info:info", "Everything that is known about an app.").add_argument(
        "id", metavar="ID"
    )
    _search(command("search", "queries.search:search", SEARCH))
    add_history(command("history", "queries.history:history", "What was done and what failed, newest first."))


def _search(search: argparse.ArgumentParser) -> None:
    search.add_argument("terms", nargs="+", metavar="TERM", help="words, all of which must be found")
    search.add_argument("--remote", metavar="NAME", help="only apps of this remote")
    search.add_argument("--cached", action="store_true", help="ask nobody: look in what is here")


def _install(install: argparse.ArgumentParser) -> None:
    install.add_argument(
        "refs", nargs="+", metavar="REF", help="HOST/REPOSITORY[:TAG], …@DIGEST, REMOTE/NAME, or REMOTE:REF"
    )
    install.add_argument("--reinstall", action="store_true", help="deploy again although it is installed")
    install.add_argument(
        "--or-update",
        action="store_true",
        help="does nothing: install updates what is installed; accepted for scripts",
    )
    install.add_argument("--allow-downgrade", action="store_true", help=DOWNGRADE)
    install.add_argument("--dry-run", action="store_true", help="only show what would be installed")
    install.add_argument("--remote", metavar="NAME", help="the remote that must cover the reference")
    install.add_argument("--no-pull", action="store_true", help="fetch nothing: install what is here already")
    install.add_argument("--no-deploy", action="store_true", help="bring it here, and do not install it yet")
    install.add_argument(
        "--arch", metavar="ARCH", help="another architecture than this machine's, e.g. arm64"
    )
    install.add_argument(
        "--as", dest="as_id", metavar="ID", help="the ID that it gets here, instead of its own"
    )
    install.add_argument(
        "--from", dest="source", metavar="oci:DIR|oci-archive:FILE|docker-archive:FILE",
        help="read the one image from there; it is verified as if it came from its registry",
    )  # fmt: skip
    add_detach(install)


def _update(update: argparse.ArgumentParser) -> None:
    add_detach(update)
    update.add_argument("ids", nargs="*", metavar="ID")
    update.add_argument("--check", action="store_true", help="only look; exit code 2 when there is nothing")
    update.add_argument("--background", action="store_true", help="nobody waits for it")
    update.add_argument(
        "--accept-permissions", action="store_true", help="grant what the updates newly ask for"
    )
    update.add_argument("--allow-downgrade", action="store_true", help=DOWNGRADE)
