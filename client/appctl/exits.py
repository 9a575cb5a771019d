# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a caller of `appctl` gets back: the exit codes, and which error leads to which.

The table is whole: every error name of the bus stands in it (a test compares it with the daemon's tree). A
name that it does not know, from a newer daemon, is FAILED.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes (docs/rules.md, "Exit codes")."""

    DONE = 0
    FAILED = 1
    NO_UPDATES = 2  # only with --check
    NOT_FOUND = 3
    DENIED = 4
    VERIFICATION = 5
    APPROVAL = 6
    NO_SPACE = 7
    USAGE = 64  # EX_USAGE
    TRY_AGAIN = 75  # EX_TEMPFAIL
    RUN_FAILED = 125  # `run`: appctl's own failure
    CANNOT_EXECUTE = 126  # `run`: the command is there and cannot be executed
    NO_COMMAND = 127  # `run`: no such command in the app
    CANCELLED = 130  # 128 + SIGINT


_NAMES = {
    ExitCode.DONE: "AlreadyInstalled AlreadyUpToDate",
    ExitCode.NOT_FOUND: "NoRemote NotFound NotInstalled",
    ExitCode.DENIED: "NotAuthorized PolkitRequired PolicyDenied",
    ExitCode.VERIFICATION: "SignatureMissing SignatureInvalid UntrustedSigner Rollback Expired "
    "DigestMismatch BadManifest UnsafeArchive CredentialScope TlsUntrusted",
    ExitCode.APPROVAL: "NeedsApproval",
    ExitCode.NO_SPACE: "NoSpace",
    ExitCode.USAGE: "Usage InvalidReference",
    ExitCode.TRY_AGAIN: "RegistryUnavailable RateLimited Offline Busy",
    ExitCode.CANCELLED: "Cancelled",
    ExitCode.FAILED: "RegistryAuth LimitExceeded UnsupportedMediaType ArchMismatch InUse Conflict "
    "RepoCorrupt Failed DaemonUnavailable",
    ExitCode.RUN_FAILED: "RunFailed",
}
MEANINGS = {  # for who knows nothing but the code
    ExitCode.DONE: "done, or already so",
    ExitCode.FAILED: "anything else",
    ExitCode.NO_UPDATES: "`update --check`: no updates",
    ExitCode.NOT_FOUND: "no such remote, tag or app",
    ExitCode.DENIED: "not authorized",
    ExitCode.VERIFICATION: "not verified, or not acceptable",
    ExitCode.APPROVAL: "needs approval",
    ExitCode.NO_SPACE: "no space",
    ExitCode.USAGE: "the command line",
    ExitCode.TRY_AGAIN: "try again later",
    ExitCode.RUN_FAILED: "`run`: appctl could not start the app",
    ExitCode.CANNOT_EXECUTE: "`run`: the command cannot be executed",
    ExitCode.NO_COMMAND: "`run`: there is no such command in the app",
    ExitCode.CANCELLED: "cancelled",
}
TABLE = {name: code for code, names in _NAMES.items() for name in names.split()}


def exit_code(name: str) -> ExitCode:
    """The exit code for an error name of the bus (without prefix) or of the client itself."""
    return TABLE.get(name, ExitCode.FAILED)
