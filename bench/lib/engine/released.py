# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The virtual environment that users get: appctl and what it needs, nothing for its development.

What it needs is read from the installed distributions' own metadata, and copied from the environment of this
checkout; nothing is downloaded, and what is used of it is compiled by who uses it first. It is for starting
the command, not for the daemon: it does not show the distribution's packages, so that nothing counts which a
machine lets every Python there import.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_TOP = Path(__file__).resolve().parents[3]


def released(place: Path) -> Path:
    """Make one in an empty directory; its `appctl`."""
    subprocess.run(["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", str(place)], check=True)
    (site,) = place.glob("lib/python3*/site-packages")
    for name in sorted(_needed("appctl")):
        _copy(distribution(name), site)
    stale = shutil.ignore_patterns("__pycache__")
    for package in ("client/appctl", "daemon/appctld"):
        shutil.copytree(_TOP / package, site / Path(package).name, ignore=stale, dirs_exist_ok=True)
    return _script(place)


def _needed(name: str) -> set[str]:
    """A distribution and all that it needs, without extras; what only other Pythons need is not installed."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        try:
            wanted = distribution(one).requires or []
        except PackageNotFoundError:
            continue
        if one not in found:
            found.add(one)
            waiting += [_plain(text) for text in wanted if "extra ==" not in text]
    return found


def _plain(requirement: str) -> str:
    named = _NAME.match(requirement)
    return named[0] if named else ""


def _copy(found: Distribution, site: Path) -> None:
    here = Path(sysconfig.get_path("purelib"))
    for file in found.files or ():
        source = Path(str(found.locate_file(file)))
        if source.is_relative_to(here) and source.is_file() and source.suffix not in {".pth", ".pyc"}:
            target = site / source.relative_to(here)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _script(place: Path) -> Path:
    """The command, as pip writes it."""
    _, _, rest = (Path(sys.executable).parent / "appctl").read_text().partition("\n")
    script = place / "bin/appctl"
    script.write_text(f"#!{place}/bin/python\n{rest}")
    script.chmod(0o755)
    return script
