# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people and scripts were promised: each command, option, alias, column and exit code is there.

A table that is written by hand: whoever renames something in the parser finds it here, and in the man page.
"""

import argparse
import re
from functools import cache

import pytest

from appctl.actions.queries.listing import _COLUMNS
from appctl.commandline.parser import build
from appctl.exits import MEANINGS, TABLE, ExitCode
from man_pages import pages

PROMISED = {
    "install": "-y --allow-downgrade --no-pull --no-deploy --or-update --reinstall --dry-run --arch --remote"
    " --as --from --detach",
    "update": "--allow-downgrade --check --background --accept-permissions --detach",
    "uninstall": "--delete-data --ignore --detach",
    "rollback": "--to --detach",
    "hold": "",
    "unhold": "",
    "run": "--command --filesystem --cwd --share --env",
    "permissions": "--allow --deny --reset",
    "list": "--updates --columns --json",
    "info": "",
    "search": "--remote --cached",
    "history": "--failed",
    "ps": "",
    "kill": "",
    "remote add": "--gpg-import --cosign-key --lookaside --verify --identity --ca-file --auth-realm --mirror"
    " --if-not-exists",
    "remote show": "",
    "remote list": "",
    "remote modify": "--gpg-import --cosign-key --lookaside --verify --identity --ca-file --auth-realm"
    " --mirror --set --keyring-update",
    "remote enable": "",
    "remote disable": "",
    "remote remove": "",
    "remote refresh": "--detach",
    "remote export": "",
    "login": "--system",
    "logout": "",
    "jobs": "",
    "cancel": "",
    "monitor": "--json",
    "export": "--recompress",
    "publish": "--to --catalog --chunked --plain --flatpak --sign-gpg --sign-cosign",
    "lint": "",
    "try": "",
    "apply": "--prune --dry-run",
    "automatic": "",
    "verify": "--detach",
    "repair": "--detach",
    "prune": "--dry-run --detach",
    "doctor": "",
    "metrics": "",
    "completion": "",
    "help": "",
    "version": "",
}
EVERYWHERE = "--system --user --json --progress -q -y --yes --assumeyes --no-color --noninteractive -v"
ALIASES = {
    "upgrade": "update", "remove": "uninstall", "rm": "uninstall", "ls": "list", "override": "permissions",
}  # fmt: skip
COLUMNS = ["Name", "Application ID", "Version", "Tag", "Remote", "Signed", "Scope", "Size"]
EXIT_CODES = {
    0: "AlreadyInstalled AlreadyUpToDate",
    2: "",
    3: "NoRemote NotFound NotInstalled",
    4: "NotAuthorized PolkitRequired PolicyDenied",
    5: "SignatureMissing SignatureInvalid UntrustedSigner Rollback Expired DigestMismatch BadManifest"
    " UnsafeArchive CredentialScope TlsUntrusted",
    6: "NeedsApproval",
    7: "NoSpace",
    64: "Usage InvalidReference",
    75: "RegistryUnavailable RateLimited Offline Busy",
    125: "RunFailed",
    126: "",
    127: "",
    130: "Cancelled",
}


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Every command by its name, those of `remote` by two words, aliases too."""
    return dict(_below(build(), ""))


def _below(parser: argparse.ArgumentParser, before: str) -> list[tuple[str, argparse.ArgumentParser]]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                found += [(f"{before}{name}", below), *_below(below, f"{before}{name} ")]
    return found


KNOWN = parsers()


@cache
def manual() -> str:
    """The page of all commands, without roff's own characters."""
    text = re.sub(r"\\f[BIR]", "", pages()["appctl.1"])
    return text.replace("\\-", "-").replace("\\,", "").replace("\\/", "")


@pytest.mark.parametrize("command", sorted(PROMISED))
def test_a_command_is_there_and_in_the_manual(command: str) -> None:
    assert command in KNOWN
    assert f"appctl {command}" in manual()


@pytest.mark.parametrize(
    ("command", "option"),
    [(command, option) for command, options in PROMISED.items() for option in options.split()],
)
def test_an_option_is_there_and_in_the_manual(command: str, option: str) -> None:
    assert option in KNOWN[command]._option_string_actions
    assert option in manual()


@pytest.mark.parametrize("option", sorted(EVERYWHERE.split()))
def test_every_command_takes_what_all_take(option: str) -> None:
    assert not [name for name, parser in KNOWN.items() if option not in parser._option_string_actions]
    assert option in manual()


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_is_there(alias: str) -> None:
    assert KNOWN[alias] is KNOWN[ALIASES[alias]]


def test_the_columns_of_a_list_are_those_and_in_that_order() -> None:
    assert [header for header, _ in _COLUMNS.values()][: len(COLUMNS)] == COLUMNS


@pytest.mark.parametrize("code", sorted(EXIT_CODES))
def test_an_exit_code_means_that_and_stands_in_the_manual(code: int) -> None:
    names = EXIT_CODES[code].split()
    assert sorted(name for name, its in TABLE.items() if its == code) == sorted(names)
    assert re.search(rf"^{code}\n.*{', '.join(names[:1])}", manual(), re.MULTILINE)
    assert MEANINGS[ExitCode(code)]


def test_there_is_no_other_exit_code() -> None:
    assert {int(code) for code in ExitCode} == {*EXIT_CODES, 1}
