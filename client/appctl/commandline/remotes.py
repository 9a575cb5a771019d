# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line of `appctl remote`: its commands, and what can be set about a remote."""

import argparse

from appctl.commandline.base import add_detach

_NAMES = {"add": "NAME|FILE-OR-URL.appctlremote"}
KEYS_REPLACE = (
    "--gpg-import, --cosign-key: the new keys replace the old ones of their kind, which are trusted no more."
)


def add_remote_commands(remote: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Give `remote` its commands; they are parsers of the kind that `common` is."""
    commands = remote.add_subparsers(dest="remote_command", metavar="COMMAND", parser_class=type(common))
    summaries = {
        "add": "Trust one more publisher.",
        "show": "Everything that is known about a remote.",
        "list": "List the remotes.",
        "modify": "Change a remote.",
        "enable": "Use a disabled remote again.",
        "disable": "Refuse what a remote covers, and keep it.",
        "remove": "Trust a publisher no more.",
        "refresh": "Ask remotes, or all of them, for updates of what came from there.",
        "export": "Write an .appctlremote, with which others can trust the same publisher.",
    }
    for name, summary in summaries.items():
        added = commands.add_parser(
            name, help=summary, description=summary, parents=[common], allow_abbrev=False
        )
        added.set_defaults(action=f"remotes.remotes:{name.replace('list', 'listing')}")
        if name not in {"list", "refresh"}:
            added.add_argument("name", metavar=_NAMES.get(name, "NAME"))
        _ARGUMENTS.get(name, _nothing)(added)


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="oci+https://HOST/PATH, docker:…, quay.io/acme, oci:/DIR, ostree+https:…, ostree:/DIR",
    )
    parser.add_argument("--if-not-exists", action="store_true", help="no error when it is there already")
    _remote_settings(parser)


def _modify(parser: argparse.ArgumentParser) -> None:
    _remote_settings(parser)
    parser.add_argument(
        "--keyring-update", metavar="FILE|-", help="the publisher's next keys, signed by those trusted now"
    )
    parser.epilog = KEYS_REPLACE


def _refresh(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(action="remotes.refresh:refresh")
    parser.add_argument("names", nargs="*", metavar="NAME")
    add_detach(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(action="remotes.export:export")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE|-", help="where; - by default")


def _nothing(_parser: argparse.ArgumentParser) -> None:
    """Most commands take a name and no more."""


def _remote_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gpg-import", metavar="FILE|-", action="append", default=[], help="the publisher's key"
    )
    parser.add_argument(
        "--cosign-key", metavar="FILE|-", action="append", default=[], help="the publisher's cosign.pub"
    )
    parser.add_argument(
        "--ed25519-key", metavar="FILE|-", action="append", default=[],
        help="a key of an OSTree repository: base64, or PEM",
    )  # fmt: skip
    parser.add_argument("--collection", metavar="ID", help="the collection of an OSTree repository")
    parser.add_argument(
        "--verify",
        choices=["gpg", "cosign", "gpg+cosign", "ed25519", "gpg+ed25519", "digest", "none"],
        help="how images or commits are verified",
    )
    parser.add_argument(
        "--prefix", metavar="HOST[/PATH]", help="the name under which the images of oci:/DIR are signed"
    )
    parser.add_argument(
        "--verify-commit",
        choices=["gpg", "no"],
        help="whether the OSTree commit that an image holds must be signed, too",
    )
    parser.add_argument("--lookaside", metavar="URL", help="where the signatures are")
    parser.add_argument("--identity", choices=["tag", "repository"], help="what a signature must name")
    parser.add_argument("--ca-file", metavar="FILE", help="certificates that the registry's may come from")
    parser.add_argument("--auth-realm", metavar="URL", help="a token server on another host")
    parser.add_argument(
        "--mirror", metavar="URL", action="append", default=[], help="where its layers are too; asked first"
    )
    parser.add_argument("--title", help="what people call it")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="any key of remotes.d"
    )


_ARGUMENTS = {"add": _add, "modify": _modify, "export": _export, "refresh": _refresh}
