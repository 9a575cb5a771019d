# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The real polkitd on a private bus, as an ordinary user, with this repository's actions.

polkitd becomes user polkitd and gives up its groups. Here user polkitd, and user appctl, who owns the
actions, are the test's own: it sees an /etc/passwd of ours. And setgroups(2), which nobody unprivileged may
do, is answered by a filter as if it had been done. Nothing else is other than in a system.

Its first rule asks the file `answers`, where a test says what it wants; with SILENT there the rules of
`administrators` say it, which stand where an administrator's do. Who is in which group, a test says, too. To
let a right password through is root's alone: scripts/boot-test does it.
"""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import seccomp

from support.buses.bus import has_owner, wait_for_owner
from support.buses.bus_service import INTERFACES

NAME = "org.freedesktop.PolicyKit1"
PROGRAM = "/usr/lib/polkit-1/polkitd"
ACTIONS = INTERFACES.parent / "polkit"

START_SECONDS = 60.0  # only ends a polkitd that does not come to serve

SILENT = "nobody=asked"
# The first word that fits counts: ACTION=RESULT, ACTION@REMOTE=RESULT, or *=RESULT.
RULE = """
polkit.addAdminRule(function (action, subject) { return ["unix-user:root"]; });
polkit.addRule(function (action, subject) {
    var words = polkit.spawn(["/bin/cat", "%s"]).trim().split(" ");
    var name = action.id.replace("org.appctl.Installer1.", "");
    for (var i = 0; i < words.length; i++) {
        var word = words[i].split("=");
        if (["*", name, name + "@" + action.lookup("remote")].indexOf(word[0]) >= 0) return word[1];
    }
});
"""


class Polkitd:
    """Runs, or not."""

    def __init__(self, directory: Path, address: str, administrators: str) -> None:
        self._directory = directory
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self.answers = directory / "answers"
        self._prepare(administrators)

    def say(self, answers: str) -> None:
        """What the rule says from now on, e.g. `install=yes *=no`."""
        self.answers.unlink(missing_ok=True)
        self.answers.write_text(answers)

    def join(self, *groups: str) -> None:
        """Let whoever calls be in these groups, and in no others.

        polkit 122 asks who is listed, 126 which groups the caller's process has: that is the last of these.
        """
        numbers = [*range(60_000, 60_000 + len(groups) - 1), os.getgid()]
        lines = [
            f"{group}:x:{number}:{self._caller}\n" for group, number in zip(groups, numbers, strict=False)
        ]
        (self._directory / "group").write_text("".join(["root:x:0:\n", *lines]))

    def wait_to_be_asked(self) -> "Path":
        """The rule waits from now on until somebody writes what it says; gives the pipe."""
        self.answers.unlink(missing_ok=True)
        os.mkfifo(self.answers)
        return self.answers

    def start(self) -> None:
        """Start it and wait until it is on the bus."""
        with _unprivileged_groups() as filter_:
            self._process = subprocess.Popen(
                [*self._sandbox(), "--seccomp", str(filter_), "--", PROGRAM, "--no-debug"],
                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self._address},
                pass_fds=[filter_],
                start_new_session=True,
            )
        wait_for_owner(self._address, NAME, self._process, START_SECONDS)

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None
            while has_owner(self._address, NAME):
                time.sleep(0.01)

    def _prepare(self, administrators: str) -> None:
        rules = self._directory / "rules"
        rules.mkdir()
        (rules / "10-test.rules").write_text(RULE % self.answers)
        (self._directory / "administrators").mkdir()
        (self._directory / "administrators/50-appctl.rules").write_text(administrators)
        me = f"{os.getuid()}:{os.getgid()}::/nonexistent:/bin/false"
        known = [f"{user.pw_name}:x:{user.pw_uid}:{user.pw_gid}::/:/bin/false" for user in pwd.getpwall()]
        others = [line for line in known if not line.startswith(("polkitd:", "appctl:"))]
        lines = [*others, f"polkitd:x:{me}", f"appctl:x:{me}"]
        (self._directory / "passwd").write_text("".join(f"{line}\n" for line in lines))
        self._caller = next(
            line.partition(":")[0] for line in lines if line.split(":")[2] == str(os.getuid())
        )
        self.join()

    def _sandbox(self) -> list[str]:
        views = {
            self._directory / "passwd": "/etc/passwd",
            self._directory / "group": "/etc/group",
            self._directory / "rules": "/usr/share/polkit-1/rules.d",
            self._directory / "administrators": "/etc/polkit-1/rules.d",
            ACTIONS: "/usr/share/polkit-1/actions",
        }
        binds = [word for ours, theirs in views.items() for word in ("--ro-bind", str(ours), theirs)]
        return ["bwrap", "--die-with-parent", "--dev-bind", "/", "/", *binds]


@contextmanager
def _unprivileged_groups() -> Iterator[int]:
    """A filter that lets setgroups(2) succeed without doing it."""
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    rules.add_rule(seccomp.ERRNO(0), "setgroups")
    descriptor = os.memfd_create("setgroups")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            rules.export_bpf(file)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def real_polkitd(directory: Path, address: str, administrators: str = "") -> Iterator[Polkitd]:
    """Run one on that bus; nobody may do anything until `say` says so, or the administrators' rules."""
    directory.mkdir(exist_ok=True)
    polkitd = Polkitd(directory, address, administrators)
    polkitd.say("*=no")
    try:
        polkitd.start()
        yield polkitd
    finally:
        polkitd.stop()
