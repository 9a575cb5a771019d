# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""scripts/setup on a distribution that is not Debian, which bubblewrap makes of this machine."""

import os
import subprocess
from pathlib import Path

TOP = Path(__file__).parents[3]


def setup_elsewhere(
    tmp_path: Path, *options: str, hidden: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run scripts/setup where os-release says Fedora and the programs `hidden` are not executable."""
    release = tmp_path / "os-release"
    release.write_text("ID=fedora\n")
    view = ["--ro-bind", "/", "/", "--dev", "/dev", "--ro-bind", str(release), "/usr/lib/os-release"]
    view += [word for path in hidden for word in ("--ro-bind", "/dev/null", path)]
    command = ["bwrap", "--unshare-all", *view, "--", str(TOP / "scripts/setup"), *options]
    # Everything is read-only there, what would measure Python's part too
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_elsewhere_it_names_what_is_missing_and_stops(tmp_path: Path) -> None:
    run = setup_elsewhere(tmp_path, hidden=("/usr/bin/skopeo", "/usr/bin/igzip"))
    assert run.returncode == 1
    error, hint = run.stderr.splitlines()
    assert error.endswith("missing, by Debian's package names: isal (igzip), skopeo (skopeo)")
    assert hint.startswith("hint: install ")


def test_what_only_tests_need_is_asked_for_with_dev_alone(tmp_path: Path) -> None:
    hidden = ("/usr/bin/zsh",)
    assert setup_elsewhere(tmp_path, hidden=hidden).returncode == 0
    run = setup_elsewhere(tmp_path, "--dev", hidden=hidden)
    assert run.returncode == 1
    assert "missing, by Debian's package names: zsh (zsh)\n" in run.stderr


def test_elsewhere_it_goes_on_when_nothing_is_missing(tmp_path: Path) -> None:
    run = setup_elsewhere(tmp_path)
    assert (run.returncode, run.stderr) == (0, "")


def test_an_unknown_argument_is_a_usage_error() -> None:
    run = subprocess.run([TOP / "scripts/setup", "--all"], capture_output=True, check=False)
    assert run.returncode == 64
