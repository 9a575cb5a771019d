# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What dpkg calls before and after it touches the files, in every order of Debian's policy (6.5 to 6.8).

The scripts are the package's own, in a directory that stands for the machine; systemd's and Debian's programs
are stand-ins that say how they were called. scripts/boot-test has the real ones.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from installing.debian import Package
from installing.place import main as place_all

SITE = "usr/lib/appctl/venv/lib/python3.11/site-packages"
MASKS = ("run/systemd/system/appctl.service", "run/systemd/user/appctl.service")
# What dpkg calls, one after the other; the word before the blank is the script.
UPGRADE = ("prerm upgrade 2", "postrm upgrade 2", "postinst configure 1")
UPGRADE_FAILS = ("prerm upgrade 2", "postrm upgrade 2", "postrm abort-upgrade 1", "postinst abort-upgrade 2")
REMOVE = ("prerm remove", "postrm remove")
REMOVE_FAILS = ("prerm remove", "postinst abort-remove")
MAKE_ROOM = ("prerm deconfigure in-favour other 1", "postinst abort-deconfigure in-favour other 1")
STAND_IN = f"""#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$(basename "$0") $*" in
    "systemctl --quiet mask --runtime appctl.service") ln -s /dev/null "$ROOT/{MASKS[0]}" ;;
    "systemctl --quiet --global mask --runtime appctl.service") ln -s /dev/null "$ROOT/{MASKS[1]}" ;;
    "systemctl --quiet unmask --runtime appctl.service") rm -f "$ROOT/{MASKS[0]}" ;;
    "systemctl --quiet --global unmask --runtime appctl.service") rm -f "$ROOT/{MASKS[1]}" ;;
    "deb-systemd-helper --quiet was-enabled"*) [ -z "$DISABLED" ] ;;
esac
"""


@dataclass
class Machine:
    """A directory that stands for a machine, and what was called on it."""

    root: Path
    scripts: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """What the scripts are started by."""

    def call(self, line: str) -> list[str]:
        """Run one script as dpkg does; return the programs that it called."""
        script, *arguments = line.split()
        text = re.sub(r"(?<![\w}])/(?=run/|var/|etc/|usr/lib/appctl/)", f"{self.root}/", self.scripts[script])
        log = self.root / "log"
        log.write_text("")
        subprocess.run(
            [*self.within, "/bin/sh", "-c", text, script, *arguments],
            env={
                "PATH": f"{self.root}/programs:/usr/bin:/bin",
                "ROOT": str(self.root),
                "LOG": str(log),
                "DISABLED": "",
                **self.environment,
            },
            check=True,
        )
        return log.read_text().splitlines()

    @property
    def masked(self) -> list[bool]:
        """Whether no call on a bus starts a daemon: the system's, users' own."""
        return [(self.root / mask).is_symlink() for mask in MASKS]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    files = tmp_path_factory.mktemp("files")
    place_all(str(files), "/usr")
    (files / SITE).mkdir(parents=True)
    package = Package(files, "bookworm", "12")
    return {name: package.filled(name) for name in ("prerm", "postinst", "postrm")}


@pytest.fixture
def machine(tmp_path: Path, scripts: dict[str, str]) -> Machine:
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "usr/lib/appctl").mkdir(parents=True)
    names = [programs / name for name in ("systemctl", "deb-systemd-invoke", "deb-systemd-helper")]
    for path in (*names, tmp_path / "usr/lib/appctl/make-state"):
        path.write_text(STAND_IN)
        path.chmod(0o755)
    for mask in MASKS:
        (tmp_path / mask).parent.mkdir(parents=True)
    return Machine(tmp_path, scripts)


@pytest.mark.parametrize("calls", [UPGRADE, UPGRADE_FAILS, REMOVE, REMOVE_FAILS, MAKE_ROOM])
def test_no_daemon_runs_or_starts_while_files_are_replaced_and_one_may_afterwards(
    machine: Machine, calls: tuple[str, ...]
) -> None:
    said = machine.call(calls[0])
    mask = said.index("systemctl --quiet mask --runtime appctl.service")
    stop = next(number for number, line in enumerate(said) if line.startswith("deb-systemd-invoke stop"))
    assert machine.masked == [True, True]
    assert mask < stop  # else the bus may start it between the two
    assert {"appctl.service", "appctl-update.timer", "appctl-update.service"} <= set(said[stop].split())
    for call in calls[1:]:
        machine.call(call)
    assert machine.masked == [False, False]


def test_daemons_of_users_are_stopped_too_once_none_starts(machine: Machine) -> None:
    said = machine.call("prerm upgrade 2")
    stop = [line.startswith("deb-systemd-invoke --user stop ") for line in said].index(True)
    assert said.index("systemctl --quiet --global mask --runtime appctl.service") < stop


@pytest.mark.parametrize("disabled", ["", "yes"])
def test_a_timer_that_the_administrator_disabled_stays_so(machine: Machine, disabled: str) -> None:
    machine.environment["DISABLED"] = disabled
    said = machine.call("postinst configure 1")
    assert ("deb-systemd-helper enable appctl-update.timer" in said) is (disabled == "")
    assert ("deb-systemd-helper update-state appctl-update.timer" in said) is (disabled != "")


def test_user_and_directories_are_made_before_anything_starts(machine: Machine) -> None:
    said = machine.call("postinst configure")
    assert said[0] == "make-state "
    assert any(line.startswith("deb-systemd-invoke start") for line in said)


@pytest.mark.parametrize("calls", [REMOVE, (*REMOVE, "postrm purge")])
def test_state_and_configuration_outlast_a_removal_and_no_purge(
    machine: Machine, calls: tuple[str, ...]
) -> None:
    kept = calls == REMOVE
    ours = [
        machine.root / path for path in ("var/lib/appctl/repo", "etc/appctl/remotes.d", "var/cache/appctl")
    ]
    others = [machine.root / path for path in ("var/lib/flatpak", "etc/containers", "var/lib/swcatalog/xml")]
    for path in (*ours, *others):
        path.mkdir(parents=True)
    (others[2] / "other.xml").touch()
    catalogue = others[2] / "appctl.xml"
    catalogue.symlink_to(machine.root / "var/lib/appctl/swcatalog/xml/appctl.xml")
    stamp = machine.root / "var/lib/systemd/timers/stamp-appctl-update.timer"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    for call in calls:
        machine.call(call)
    assert [path.exists() for path in ours] == [kept] * 3
    assert stamp.exists() is kept
    assert all(path.exists() for path in others)
    assert not catalogue.is_symlink()


def test_where_no_systemd_runs_none_is_asked(machine: Machine) -> None:
    """A container that is made from packages, say."""
    (machine.root / "run/systemd/system").rmdir()
    for call in (*UPGRADE, *REMOVE, "postrm purge"):
        assert not [
            line for line in machine.call(call) if line.startswith(("systemctl", "deb-systemd-invoke"))
        ]


def test_a_purge_needs_no_program_of_another_package(machine: Machine) -> None:
    """Policy 7.2: of what a package depends on nothing may be there any longer."""
    for program in (machine.root / "programs").iterdir():
        program.unlink()
    (machine.root / "run/systemd/system").rmdir()
    (machine.root / "var/lib/appctl").mkdir(parents=True)
    machine.environment["PATH"] = os.defpath
    machine.call("postrm purge")
    assert not (machine.root / "var/lib/appctl").exists()


@pytest.mark.parametrize("mounted", ["var/lib/appctl", "var/lib/appctl/repo"])
def test_a_purge_ends_well_where_state_is_a_file_system_of_its_own(machine: Machine, mounted: str) -> None:
    """As administrators have it who keep what is large apart: it can be emptied, and not be removed."""
    for path in ("etc/appctl/remotes.d", mounted):
        (machine.root / path).mkdir(parents=True)
    mount = str(machine.root / mounted)
    machine.within = ("bwrap", "--dev-bind", "/", "/", "--tmpfs", mount, "--dir", f"{mount}/apps", "--")
    machine.call("postrm purge")
    assert not (machine.root / "etc/appctl").exists()
