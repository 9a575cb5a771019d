# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The man pages, made by argparse-manpage from the programs' own parsers; does scripts/man-pages' work.

Guarantees: the same pages on every Python and terminal, dated with the release; every command, exit code and
setting is in them, because none is listed here but those whose meaning must be told (a test compares).
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

from argparse_manpage.manpage import Manpage

from appctl.commandline import parser as client
from appctl.exits import MEANINGS, TABLE, ExitCode
from appctld import __main__ as daemon
from appctld.trust.clock import RELEASED, date

SETTINGS = {  # of remotes.d: what each key means
    "url": "Where its images are: oci+https://HOST/PATH (https://, docker:// or nothing mean the same),"
    " oci+http://127.0.0.1:PORT/PATH, oci:/DIRECTORY for an OCI layout, ostree+https://HOST/PATH or"
    " ostree:/DIRECTORY for an OSTree repository. It covers what is below it, by whole path components; the"
    " longest prefix of all remotes wins. Needed.",
    "prefix": "Of an OCI layout: the HOST[/PATH] under which its images are signed and asked for.",
    "title": "What people call it.",
    "enabled": "yes (the default) or no: a disabled remote still covers its images, and refuses them.",
    "verify": "gpg (the default), cosign, gpg+cosign, digest or none; of an OSTree repository gpg, ed25519,"
    " gpg+ed25519 or none. With digest nothing is signed, and only what is named by digest is installed; with"
    " none whoever answers for it decides what runs.",
    "fingerprints": "Whole fingerprints, with blanks between them: of the keys beside it only these count.",
    "threshold": "How many distinct keys must have signed; 1 by default.",
    "max-age": "How old a signature may be: 90m, 12h, 30d. By default it does not matter.",
    "identity": "tag (the default) or repository: what a signature must at least name.",
    "lookaside": "The URL below which its OpenPGP signatures are.",
    "auth-realm": "The URL of a token server on another host than the registry's.",
    "mirrors": "URLs, as of url, with blanks between them: registries that are asked for layers first, in"
    " this order. They stand for the same part of names as url does, get no login but their own, and are"
    " never trusted.",
    "ca-file": "The absolute path of certificates in PEM that the registry's may come from; else those of"
    " NAME.ca.pem beside the file.",
    "proxy": "http://HOST:PORT: all that is asked for it goes through that proxy; or none. By default the"
    " environment of the daemon decides (https_proxy, http_proxy, all_proxy, no_proxy).",
    "no-proxy": "Hosts, domains, networks or *, with blanks between them, that are asked directly.",
    "insecure": "yes or no (the default): plain HTTP beyond this machine.",
    "share": "yes (the default) or no: layers that were fetched without a login may serve other remotes,"
    " which hash them again.",
    "keep-blobs": "yes or no (the default): layers are kept as they were packed; an export is then the same"
    " bytes.",
    "strict": "yes or no (the default): devices, FIFOs, setuid files and capabilities are refused, instead of"
    " left out.",
    "ids": "Patterns of the application IDs that it may have (org.acme.*); all by default.",
    "deny-keys": "Fingerprints of keys that never count, whatever says otherwise.",
    "collection": "Of an OSTree repository: the collection ID that commits must be bound to.",
    "ed25519-keys": "Of an OSTree repository: public keys, each the base64 of its 32 bytes.",
    "verify-commit": "no (the default) or gpg: an OSTree commit that an image holds must be signed, too.",
    "catalog": "yes (the default), no, or the NAME[:TAG] of the image below url that lists its apps for"
    " search; appctl-catalog:latest with yes.",
}
POLICY = {  # of policy.d: what each key means
    "allow-remotes": "Places that remotes may be in, with blanks between them: HOST[/PATH] of a registry,"
    " ostree+https://HOST/PATH, ostree:/DIRECTORY, oci:/DIRECTORY. Each stands for what is below it. By"
    " default any may be used.",
    "require-signatures": "yes or no (the default): remotes with verify=digest or verify=none are refused.",
    "deny-permissions": "KIND=VALUE, with blanks between them, in the words of a preview: shared=network,"
    " filesystems=home, session-bus=NAME, devices=* for every value. What gives that or more is refused. A"
    " file system is named without a mode.",
    "user-scope": "yes (the default) or no: in the user scope nothing is installed or updated, and no remote"
    " added.",
    "max-size": "How large one image may be, in units of 1024: 500M, 4G. Its layers count before they are"
    " downloaded, its files before they are put in place.",
    "automatic-updates": "none, check, download or install: how far updates go by themselves; of several"
    " files the one that says least counts. By default that is for appctl automatic to say.",
}
APPS = {  # of apps.d: what each key means
    "ref": "What to install: HOST/REPOSITORY[:TAG], ...@DIGEST, REMOTE/NAME or REMOTE:REF. Needed. An app"
    " that is installed from it is as it should be; another tag in the file is another reference, and so is a"
    " tag where a digest was installed.",
    "as": "The application ID that it gets, in the place of its own: for two tags side by side.",
    "hold": "yes or no: hold it at its version, or let it be updated with the others. By default as it is.",
    "permissions-hash": "Approves exactly the set of permissions that has this hash. An image that asks for"
    " any does not install without it, and apply names the hash.",
}
_APPCTL = {
    "EXIT STATUS": "",  # from the table
    "ENVIRONMENT": r""".TP
\fBAPPCTL_SCOPE\fR
system or user: the scope where neither \-\-system nor \-\-user is given.
.TP
\fBNO_COLOR\fR
No colour, whatever its value is.
.TP
\fBXDG_DATA_HOME\fR, \fBXDG_CONFIG_HOME\fR, \fBXDG_RUNTIME_DIR\fR
Where the caller's own apps and remotes are, and what tells which apps run.
.TP
\fBDBUS_SESSION_BUS_ADDRESS\fR
The bus of the caller's own scope.""",
    "FILES": r""".TP
\fI/etc/appctl/remotes.d\fR, \fI/usr/lib/appctl/remotes.d\fR
The publishers that this machine trusts: \fBappctl\-remotes.d\fR(5).
.TP
\fI/etc/appctl/policy.d\fR
What may be installed on it: \fBappctl\-policy.d\fR(5).
.TP
\fI/etc/appctl/apps.d\fR
What appctl apply installs: \fBappctl\-apps.d\fR(5).
.TP
\fI/var/lib/appctl\fR
What is installed for all users.
.TP
\fI~/.config/appctl/remotes.d\fR, \fI~/.local/share/appctl\fR
The same of the caller's own scope.
.TP
\fI~/.config/appctl/overrides/ID\fR
What the caller denies an app: lines \fBdeny KIND=VALUE\fR.
.TP
\fI~/.var/app/ID\fR
The caller's data of an app.""",
    "SEE ALSO": r"""\fBappctld\fR(8), \fBappctl\-apps.d\fR(5), \fBappctl\-policy.d\fR(5),
\fBappctl\-remotes.d\fR(5), \fBskopeo\fR(1), \fBostree\fR(1)""",
}
_APPCTLD = {
    "EXIT STATUS": "0 after an orderly end: it was told to, or nobody needed it any more. 78 where it cannot"
    " run, so that systemd does not try again; 1 after any other end. The journal says why.",
    "ENVIRONMENT": "APPCTL_LOG: what --log-level is when nobody gives it. Of systemd: NOTIFY_SOCKET,"
    " WATCHDOG_USEC, WATCHDOG_PID, JOURNAL_STREAM.",
    "FILES": r""".TP
\fI/var/lib/appctl\fR, \fI$XDG_DATA_HOME/appctl\fR
Its state, in the system and in the user scope.
.TP
\fI/usr/share/dbus\-1/interfaces/org.appctl.Installer1.xml\fR
The interface that it serves.
.TP
\fI/usr/share/polkit\-1/actions/org.appctl.Installer1.policy\fR
What polkit is asked in the system scope.""",
    "SEE ALSO": r"""\fBappctl\fR(1), \fBappctl\-remotes.d\fR(5), \fBpolkit\fR(8), \fBbwrap\fR(1)""",
}
_POLICY = {
    "DESCRIPTION": "Each file NAME.conf in /etc/appctl/policy.d says what may not be installed on this"
    " machine, in both scopes and whoever asks. A file is INI with one section, [policy]. Each file counts by"
    " itself: what one of them refuses is refused, whatever the others say. While any file cannot be read or"
    " has an unknown key nothing is installed or updated. Changes count at once; what is installed stays. Who"
    " is refused gets PolicyDenied with the name of the file, and exit status 4.",
    "SETTINGS": "",  # from the table
    "EXAMPLE": r""".nf
[policy]
allow\-remotes = quay.io/acme registry.corp:5000
require\-signatures = yes
deny\-permissions = filesystems=home devices=*
.fi""",
    "SEE ALSO": r"""\fBappctl\fR(1), \fBappctl\-remotes.d\fR(5), \fBpolkit\fR(8)""",
}
_APPS = {
    "DESCRIPTION": "Each file NAME.conf in /etc/appctl/apps.d, whatever its name, is one app that a machine"
    " is to have; appctl apply makes it so. A file is INI with one section, [app]. Unknown keys are errors, "
    "and so are two files that name one reference or mean one app: exit status 64, and nothing is changed."
    " With --user the files are those of ~/.config/appctl/apps.d.",
    "SETTINGS": "",  # from the table
    "EXAMPLE": r""".nf
[app]
ref = quay.io/acme/editor:1
hold = no
.fi""",
    "SEE ALSO": r"""\fBappctl\fR(1), \fBappctl\-policy.d\fR(5), \fBappctl\-remotes.d\fR(5)""",
}
_REMOTES = {
    "DESCRIPTION": "Each file NAME.conf in a directory remotes.d is one publisher that this machine trusts. "
    "NAME begins with a letter a to z, has letters, digits, _ and \\- after it, and is not localhost. A file "
    "is INI with one section, [remote]; unknown keys are errors, and so is a key that is given twice. While "
    "any file is wrong nothing is installed or updated, because another remote might take its place. Changes "
    "count at once. appctl remote add, modify and remove write these files.",
    "SETTINGS": "",  # from the table
    "EXAMPLE": r""".nf
[remote]
url = quay.io/acme
title = Acme
lookaside = https://sigs.acme.example/signatures
.fi""",
    "FILES": r""".TP
\fI/etc/appctl/remotes.d/NAME.conf\fR
The administrator's; it takes the place of a whole file of the same name in /usr/lib, or masks that where it
says only enabled = no.
.TP
\fI/usr/lib/appctl/remotes.d/NAME.conf\fR
The distribution's.
.TP
\fI~/.config/appctl/remotes.d/NAME.conf\fR
The caller's own, for the user scope.
.TP
\fINAME.gpg\fR, \fINAME.cosign.pub\fR, \fINAME.ca.pem\fR
Beside a file: its OpenPGP keyring (not armored), its cosign keys, and certificates of its registry.""",
    "SEE ALSO": r"""\fBappctl\fR(1), \fBappctld\fR(8)""",
}


def main() -> int:
    """Write the pages into a directory; the exit code."""
    parser = argparse.ArgumentParser(prog="man-pages")
    parser.add_argument("directory", metavar="DIRECTORY", type=Path)
    directory = parser.parse_args().directory
    for name, text in pages().items():
        place = directory / f"man{name[-1]}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return 0


@patch.dict(os.environ, COLUMNS="80")  # argparse wraps at the terminal's
def pages() -> dict[str, str]:
    """Every page by its file's name."""
    top = client.build()
    for command in _commands(top):
        _condense(command, _common(top))
    top.usage = "appctl [OPTION...] COMMAND [ARGUMENT...]"
    for group in top._action_groups:  # noqa: SLF001 - argparse has no other list
        group.title = {"positional arguments": "commands", "options": "options"}.get(
            group.title or "", group.title
        )
    own = daemon.command_line()
    own.usage = "appctld --system|--user [--log-level LEVEL]"
    settings, rules, apps = (
        argparse.ArgumentParser(prog=f"appctl-{name}.d", add_help=False)
        for name in ("remotes", "policy", "apps")
    )
    return {
        "appctl.1": _page(top, 1, "install signed OCI images as apps", {**_APPCTL, "EXIT STATUS": _exits()}),
        "appctld.8": _page(own, 8, "the daemon that installs apps for appctl", _APPCTLD),
        "appctl-remotes.d.5": _page(
            settings, 5, "publishers that appctl trusts", {**_REMOTES, "SETTINGS": _listed(SETTINGS)}
        ),
        "appctl-apps.d.5": _page(
            apps, 5, "apps that a machine is to have", {**_APPS, "SETTINGS": _listed(APPS)}
        ),
        "appctl-policy.d.5": _page(
            rules, 5, "what may be installed by appctl", {**_POLICY, "SETTINGS": _listed(POLICY)}
        ),
    }


def _page(parser: argparse.ArgumentParser, section: int, what: str, more: Mapping[str, str]) -> str:
    page = Manpage(
        parser,
        {
            "project_name": "appctl", "manual_title": "appctl", "manual_section": section,
            "description": what, "date": date(RELEASED)[:10],
        },
        format="single-commands-section",
    )  # fmt: skip
    if section == 5:  # noqa: PLR2004 - a file's page; there is nothing to type
        page.synopsis = []
    for heading, content in more.items():
        page.add_section(heading, "=", content)
    title, _, rest = str(page).partition("\n")
    return "\n".join([title.replace("\\-", "-"), rest])  # no escapes in a date


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command below a parser, those of commands too."""
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for command in dict.fromkeys(action.choices.values()):
                yield command
                yield from _commands(command)


def _common(top: argparse.ArgumentParser) -> set[str]:
    """What every command takes, and the page says once."""
    return {action.dest for action in top._actions if action.option_strings}  # noqa: SLF001 - as above


def _condense(command: argparse.ArgumentParser, common: set[str]) -> None:
    """Leave a command with what it alone has, and a usage that is the same everywhere."""
    words = [_usage(action) for action in command._actions if not action.option_strings]  # noqa: SLF001
    command.description = None  # its summary says the same
    for group in command._action_groups:  # noqa: SLF001
        group.title = None
        group._group_actions = [  # noqa: SLF001
            action
            for action in group._group_actions  # noqa: SLF001
            if not (action.option_strings and action.dest in common)
        ]
    options = any(
        action.option_strings
        for group in command._action_groups  # noqa: SLF001
        for action in group._group_actions  # noqa: SLF001
    )
    command.usage = " ".join([command.prog, *(["[OPTION...]"] if options else []), *words])


def _usage(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    if action.choices is not None and not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
        name = "|".join(map(str, action.choices))
    return {"+": f"{name}...", "*": f"[{name}...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _exits() -> str:
    rows = {}
    for code in ExitCode:
        names = ", ".join(name for name, its in TABLE.items() if its is code)
        rows[str(code.value)] = MEANINGS[code].replace("`", "") + (f": {names}" if names else "")
    after = (
        "\n.PP\nWith several apps all are tried, and the code is the first failure's. appctl run ends with"
        " the app's own code once the app was started."
    )
    return _listed(rows) + after.replace("-", "\\-")


def _listed(rows: Mapping[str, str]) -> str:
    return "\n".join(f".TP\n\\fB{_plain(name)}\\fR\n{_plain(text)}" for name, text in rows.items())


def _plain(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


if __name__ == "__main__":
    sys.exit(main())
