# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Makes of a directory of installed files a Debian package's; does a part of scripts/build-deb's work.

debian.py FILES SUITE RELEASE      prints the package's file name

Guarantees: what the package depends on is what packages.txt says and what its compiled parts ask for; each
unit and each bundled library that is there is known to the maintainer scripts and to the copyright file. Left
to dpkg-deb: owners, and times (SOURCE_DATE_EPOCH).
"""

import gzip
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
PARTS = TOP / "data" / "debian"
SCRIPTS = ("prerm", "postinst", "postrm")
REVISION = 1  # of the packaging, for one version of appctl
# Of packages.txt what an installed package does not ask for by name.
NOT_ASKED = {
    "gzip": "essential: every Debian has it",
    "python3": "with the versions that the environment is for",
    "python3-venv": "only makes the environment",
}
# What no line of packages.txt says: the user and the directories, and the bus of the system scope.
ALSO_ASKED = (
    "dbus | dbus-system-bus",
    "systemd | systemd-sysusers",
    "systemd | systemd-tmpfiles",
)
# Libraries that compiled parts name; their packages. Another one is an error: it would be missing somewhere.
LIBRARIES = {
    "libc.so.6": "",
    "libdl.so.2": "",
    "libm.so.6": "",
    "libpthread.so.0": "",
    "ld-linux-x86-64.so.2": "",
    "libgcc_s.so.1": "libgcc-s1",
}


class Package:
    """The files, as they will be installed, and what is said about them."""

    def __init__(self, files: Path, suite: str, release: str) -> None:
        self.files = files
        self.suite = suite
        (self.site,) = files.glob("usr/lib/appctl/venv/lib/python3.*/site-packages")
        self.version = f"{_upstream()}-{REVISION}~deb{release}u1"
        self.architecture = _said("dpkg", "--print-architecture")

    @property
    def name(self) -> str:
        """Its file's."""
        return f"appctl_{self.version}_{self.architecture}.deb"

    def filled(self, part: str) -> str:
        """A file of data/debian, with what is known of this package."""
        known: dict[str, Callable[[], str]] = {
            "ARCHITECTURE": lambda: self.architecture,
            "BUNDLED": self.bundled,
            "DEPENDS": self.depends,
            "SERVICES": lambda: self.units("system/*.service"),
            "SIZE": self.size,
            "SUITE": lambda: self.suite,
            "TIMERS": lambda: self.units("system/*.timer"),
            "USER_SERVICES": lambda: self.units("user/*.service"),
            "VERSION": lambda: self.version,
        }
        return re.sub(r"@([A-Z_]+)@", lambda word: known[word[1]](), (PARTS / part).read_text())

    def units(self, pattern: str) -> str:
        """Their names, with blanks between them."""
        return " ".join(sorted(path.name for path in (self.files / "usr/lib/systemd").glob(pattern)))

    def size(self) -> str:
        """In KiB, as dpkg-gencontrol counts: whole ones, and one for whatever is no file."""
        return str(sum(_kib(path) for path in self.files.rglob("*")))

    def depends(self) -> str:
        """One line."""
        listed = (TOP / "scripts/packages.txt").read_text().partition("\n# ---")[0]
        rows = [line.split() for line in listed.splitlines() if line and not line.startswith("#")]
        names = {row[0] for row in rows} - NOT_ASKED.keys()
        return ", ".join([*self._python(), *sorted({*names, *ALSO_ASKED, *self._libraries()})])

    def _python(self) -> tuple[str, str]:
        """Compiled parts are for one minor version alone."""
        minor = int(self.site.parent.name.partition(".")[2])
        return f"python3 (>= 3.{minor})", f"python3 (<< 3.{minor + 1})"

    def _libraries(self) -> set[str]:
        """What the compiled parts need: packages, and the oldest libc that has all they use."""
        needed: set[str] = set()
        libc = (2, 0)
        for path in self.site.rglob("*.so*"):
            content = path.read_bytes()
            libc = max([libc, *_glibc(content)])
            needed |= {LIBRARIES[library] for library in _libraries(content)}
        return {f"libc6 (>= {libc[0]}.{libc[1]})"} | needed - {""}

    def bundled(self) -> str:
        """A paragraph of the copyright file for each library of the environment."""
        within = "usr/lib/appctl/venv/lib/python*/site-packages"
        return "\n".join(
            f"Files: {' '.join(f'{within}/{name}' for name in names)}\n"
            f"Copyright: its authors; see {information}\n"
            f"License: {licence}\n"
            for information, names, licence in sorted(self._foreign())
        )

    def _foreign(self) -> Iterator[tuple[str, list[str], str]]:
        """Of each: the directory that is about it, patterns of all its files, and its licence."""
        for path in self.site.glob("*.dist-info/METADATA"):
            facts = Parser().parsestr(path.read_text(encoding="utf-8"))
            if facts["Name"] != "appctl":
                yield path.parent.name, sorted(_top_level(path.with_name("RECORD"))), licence_of(facts)


def _top_level(record: Path) -> set[str]:
    """Patterns of what a library has here (PEP 376): a module may be called otherwise than it is."""
    paths = [line.partition(",")[0].split("/") for line in record.read_text(encoding="utf-8").splitlines()]
    own = [path for path in paths if path[0] not in {"..", "__pycache__"}]
    return {path[0] if len(path) == 1 else f"{path[0]}/*" for path in own}


def licence_of(facts: Message) -> str:
    """What a wheel's metadata say, in one line."""
    known = facts["License-Expression"] or facts["License"] or ""
    classified = [value.rpartition(" :: ")[2] for key, value in facts.items()
                  if key == "Classifier" and value.startswith("License :: ")]  # fmt: skip
    return known if known and "\n" not in known else " and ".join(classified)


def _kib(path: Path) -> int:
    return -(-path.lstat().st_size // 1024) if path.is_file() and not path.is_symlink() else 1


def _glibc(content: bytes) -> Iterator[tuple[int, int]]:
    for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", content):
        yield int(major), int(minor)


def _libraries(content: bytes) -> set[str]:
    """Names in the table of strings that its dynamic section uses."""
    return {
        name.decode() for name in re.findall(rb"\0((?:lib[\w+-]+|ld-linux-[\w-]+)\.so\.\d+)(?=\0)", content)
    }


def _upstream() -> str:
    text = (TOP / "daemon/appctld/__init__.py").read_text()
    (version,) = re.findall(r'^__version__ = "([0-9.]+)"$', text, re.MULTILINE)
    return str(version)


def _said(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file that everybody may read."""
    for directory in (path.parent.parent, path.parent):
        directory.mkdir(mode=0o755, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def lintian_overrides(suite: str) -> str:
    """Those of all suites, and that suite's own."""
    lines = (PARTS / "lintian-overrides").read_text().splitlines(keepends=True)
    own = [line.removeprefix(f"@{suite} ") for line in lines]
    return "".join(line for line in own if not line.startswith("@"))


def documents(package: Package) -> None:
    """What Debian's policy asks for: compressed manual, changelog, copyright; and lintian's exceptions."""
    for page in (package.files / "usr/share/man").rglob("*.[1-9]"):
        write(page.with_name(page.name + ".gz"), gzip.compress(page.read_bytes(), 9, mtime=0))
        page.unlink()
    doc = package.files / "usr/share/doc/appctl"
    write(doc / "copyright", package.filled("copyright.in").encode())
    changelog = gzip.compress(package.filled("changelog.in").encode(), 9, mtime=0)
    write(doc / "changelog.Debian.gz", changelog)
    overrides = package.files / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    write(overrides / "appctl", lintian_overrides(package.suite).encode())


def control(package: Package) -> None:
    """The directory DEBIAN."""
    directory = package.files / "DEBIAN"
    files = sorted(path for path in package.files.rglob("*") if path.is_file() and not path.is_symlink())
    sums = [f"{_md5(path)}  {path.relative_to(package.files)}\n" for path in files]
    kept = [
        f"/{path.relative_to(package.files)}\n" for path in files if (package.files / "etc") in path.parents
    ]
    write(directory / "control", package.filled("control.in").encode())
    write(directory / "md5sums", "".join(sums).encode())
    if kept:
        write(directory / "conffiles", "".join(kept).encode())
    for script in SCRIPTS:
        write(directory / script, package.filled(script).encode(), 0o755)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def main(files: str, suite: str, release: str) -> None:
    """Add to the files what makes them a package."""
    package = Package(Path(files), suite, release)
    documents(package)
    control(package)
    print(package.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
