# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line: every command with its options.

Options that belong to every command may stand before or after it. Long options are never guessed from a part.
"""

import argparse
from collections.abc import Callable, Sequence

from appctl.commandline.apps import add_app_commands
from appctl.commandline.base import Parser, Unasked, add_detach
from appctl.commandline.choices import add_choices
from appctl.commandline.commands import ALIASES, plain_words, refuse_unknown
from appctl.commandline.fleet import add_fleet_commands
from appctl.commandline.names import check_names
from appctl.commandline.publish import LINT, PUBLISH, TRY, add_lint, add_publish, add_try, alone
from appctl.commandline.remotes import add_remote_commands
from appctl.failure import Failure, usage

_CWD = "--cwd=\0"  # stands for `--cwd` alone while argparse looks; no argument of a process holds a NUL
_ALIASES_OF = {
    name: [alias for alias, target in ALIASES.items() if target == name] for name in ALIASES.values()
}
_DIGITS = 20  # of the largest number of a job
VERBOSE = "say more on standard error: each step, what errors were made of; of run the sandbox's command line"
RUN = (
    "Run an installed app. The exit code is the app's; 125 when it could not be started, 126 or 127 when its "
    "command could not be; 64, and nothing was run, for a command line that makes no sense."
)

VERIFY = (
    "Check that what is installed is still what was verified; without the network, and nothing is changed. "
    "The exit code is 0 when all is well, 1 when something is damaged, 5 when only a signature counts no "
    "more."
)
REPAIR = (
    "Bring back what is damaged, from here or from its registry at the digest that was recorded. The exit "
    "code is that of verify afterwards."
)
DOCTOR = "Look what is wrong on this machine, and what to type. Exit code 1: something does not work."

COMPLETION = (
    'Print a script that completes command lines. To use it: eval "$(appctl completion bash)", the same with '
    "zsh, or appctl completion fish | source."
)


LOGIN = (
    "Keep your login for a registry, where podman keeps it. With --system, as root: the machine's, which "
    "root's jobs and the timers use."
)

EXPORT = (
    "Bring installed images to a directory, an archive or a registry, as their publishers made them and with "
    "their signatures."
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line. Raises Failure (Usage); --help and --version leave by themselves.

    Returns all options of the command, `command`, and `action` as `module:function` of appctl.actions.
    """
    words = plain_words(arguments)
    refuse_unknown(words)
    options = argparse.Namespace(
        scope=None, json=False, progress="", quiet=False, yes=False, no_color=False,
        noninteractive=False, propagate=False, verbose=False,
    )  # fmt: skip
    runs = words[:1] in (["run"], ["try"])
    mine, theirs = _for_the_app(arguments) if runs else (alone(arguments), None)
    _, unknown = build(*words[:1]).parse_known_args(mine, options)
    if unknown:
        raise usage(f"unrecognized arguments: {' '.join(unknown)}", help_of(options))
    if not runs and says(mine, "--system") and says(mine, "--user"):  # one of them before the command
        raise usage("--system or --user, not both", help_of(options))
    check_names(options)
    if words[:1] == ["run"]:
        _finish_run(options, theirs)
    elif words[:1] == ["try"]:
        options.arguments = theirs or []
    return options


def says(arguments: Sequence[str], option: str) -> bool:
    """Whether a command line that could not be read has an option that takes no value."""
    until = list(arguments).index("--") if "--" in arguments else len(arguments)
    return option in arguments[:until]


def help_of(options: argparse.Namespace | None) -> str:
    """What to type to be told how a command is used."""
    words = ("appctl", *(getattr(options, name, None) for name in ("command", "remote_command")), "--help")
    return " ".join(word for word in words if word)


def _finish_run(options: argparse.Namespace, theirs: list[str] | None) -> None:
    """Put back what the app gets, and read our own options. Raises Failure."""
    options.arguments = ["--cwd" if item == _CWD else item for item in options.arguments]
    if theirs is not None:
        options.arguments = [*options.arguments, "--", *theirs] if options.arguments else theirs
    if options.cwd == "":
        raise usage("--cwd= names no directory", "--cwd alone is the current one")
    if options.cwd == "\0":
        options.cwd = ""
    if options.command_instead == "":
        raise usage("--command= names no command", "appctl run --help")


def _for_the_app(arguments: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Cut at the first `--`: argparse's own treatment of it differs between Python versions.

    `--cwd` alone takes no value: argparse would give it the app's name.
    """
    cut = list(arguments).index("--") if "--" in arguments else len(arguments)
    mine = [_CWD if item == "--cwd" else item for item in arguments[:cut]]
    return mine, list(arguments[cut + 1 :]) if "--" in arguments else None


def _common() -> Parser:
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("options of every command")
    scope = group.add_mutually_exclusive_group()
    scope.add_argument("--system", dest="scope", action="store_const", const="system", help="for all users")
    scope.add_argument("--user", dest="scope", action="store_const", const="user", help="for the caller only")
    group.add_argument("--json", action="store_true", help="result as JSON on standard output")
    group.add_argument("--progress", choices=["json"], help="progress as JSON lines on standard error")
    group.add_argument("-q", "--quiet", action="store_true", help="only errors")
    group.add_argument("-v", "--verbose", action="store_true", help=VERBOSE)
    group.add_argument(
        "-y", "--yes", "--assumeyes", dest="yes", action="store_true",
        help="answer appctl's questions with yes; never one about trust, never polkit's",
    )  # fmt: skip
    group.add_argument("--no-color", action="store_true", help="no colour (as NO_COLOR)")
    group.add_argument("--noninteractive", action="store_true", help="no questions; a needed answer fails")
    group.add_argument("--propagate", action="store_true", help="show the traceback of what is unforeseen")
    return common


def build(only: str = "") -> argparse.ArgumentParser:
    """Make the one parser, of which help, completion and man pages are made too; `only` for that command."""
    common = _common()
    top = Parser(
        prog="appctl",
        description="Install applications that are published as signed OCI images.",
        parents=[common],
        allow_abbrev=False,
    )
    top.add_argument("--version", dest="action", action="store_const", const="help.version:version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=False, parser_class=Parser)
    top.set_defaults(action="help.help:overview")

    def command(name: str, action: str, summary: str) -> argparse.ArgumentParser:
        if only and name != ALIASES.get(only, only):
            return Unasked()
        added = commands.add_parser(
            name, aliases=_ALIASES_OF.get(name, []), help=summary, description=summary, parents=[common],
            allow_abbrev=False,
        )  # fmt: skip
        added.set_defaults(action=action)
        return added

    add_app_commands(command)
    add_choices(command)
    _run(command("run", "run:run", RUN))
    remote = command("remote", "help.help:remote", "The publishers that this machine trusts.")
    if not isinstance(remote, Unasked):
        add_remote_commands(remote, common)
    _upkeep(command)
    add_fleet_commands(command)
    _export(command("export", "export:export", EXPORT))
    add_publish(command("publish", "publishing.publish:publish", PUBLISH))
    add_lint(command("lint", "publishing.lint:lint", LINT))
    add_try(command("try", "tryout:try_image", TRY))
    return top


_Command = Callable[[str, str, str], argparse.ArgumentParser]


def _run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--command", dest="command_instead", metavar="C", help="run this instead of the app's own command"
    )
    run.add_argument(
        "--filesystem", metavar="PATH[:ro]", action="append", default=[], help="show it a path, once"
    )
    run.add_argument("--share", choices=["network"], action="append", default=[], help="let it use it, once")
    run.add_argument("--env", metavar="K=V", action="append", default=[], help="set a variable, once")
    run.add_argument(
        "--cwd", metavar="[=DIR]", help="start in the directory where you are; --cwd=DIR: in that one"
    )
    run.add_argument(
        "--file-forwarding",
        action="store_true",
        help="between @@ and @@ (@@u and @@ for URIs) stand files that the document portal gives it",
    )
    run.add_argument("id", metavar="ID")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="[--] ARGS")


def _upkeep(command: _Command) -> None:
    command("ps", "instances:ps", "List the apps that you run.")
    kill = command("kill", "instances:kill", "End apps that you run.")
    kill.add_argument("names", nargs="+", metavar="ID|PID", help="as ps shows them")
    login = command("login", "logins:login", LOGIN)
    login.add_argument("host", metavar="HOST[:PORT]")
    login.add_argument("--username", metavar="NAME", help="instead of asking for it")
    login.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    logout = command("logout", "logins:logout", "Forget a login for a registry; with --system the machine's.")
    logout.add_argument("host", metavar="HOST[:PORT]")
    command("jobs", "queries.jobs:jobs", "List what the daemon works on.")
    cancel = command("cancel", "queries.jobs:cancel", "Stop a job.")
    cancel.add_argument("job", metavar="JOB", type=_job_number, help="its number, as jobs shows it")
    prune = command("prune", "lifecycle.prune:prune", "Remove what no installed app needs.")
    prune.add_argument("--dry-run", action="store_true", help="count only")
    add_detach(prune)
    verify = command("verify", "lifecycle.verify:verify", VERIFY)
    verify.add_argument("ids", nargs="*", metavar="ID")
    verify.add_argument("--background", action="store_true", help="nobody waits for it")
    add_detach(verify)
    repair = command("repair", "lifecycle.verify:repair", REPAIR)
    repair.add_argument("--dry-run", action="store_true", help="only say what would be done")
    add_detach(repair)
    command("doctor", "doctor.examine:doctor", DOCTOR)
    command("version", "help.version:version", "Say which versions these are.")
    shell = command("completion", "help.completion:completion", COMPLETION)
    shell.add_argument("shell", choices=["bash", "zsh", "fish"])
    topic = command("help", "help.help:help_topic", "Explain a topic, or list the commands.")
    topic.add_argument("topic", nargs="*", metavar="TOPIC")


def _export(export: argparse.ArgumentParser) -> None:
    export.add_argument("ids", nargs="+", metavar="ID|REF")
    export.add_argument(
        "to", metavar="PLACE", help="oci:DIR, oci-archive:FILE or docker://HOST/REPOSITORY:TAG"
    )
    export.add_argument(
        "--recompress",
        action="store_true",
        help="where layers cannot be had as they were published: pack them anew; no signature holds then",
    )
    export.add_argument(
        "--compression", choices=["gzip", "zstd"], default="gzip", help="how, with --recompress"
    )
    export.add_argument("--auth-realm", metavar="URL", help="a token server on another host")
    export.add_argument("--ca-file", metavar="FILE", help="certificates that the registry's may come from")


def _job_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise argparse.ArgumentTypeError(f"{text[:_DIGITS]!r} is no job number (appctl jobs)")
    return int(text)


def help_text(*command: str) -> str:
    """Return what `--help` prints for the whole program, or one of its commands (`remote`, `add`)."""
    parser = build()
    if not command:
        return parser.format_help()
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit, Failure):
        parser.parse_args([*command, "--help"])
    return text.getvalue()
