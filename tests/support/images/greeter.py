# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The demo's app: a small shell program in an image of its own, with this machine's shell and libraries.

Three layers: a minimal root with a first draft of the words; the program, with a whiteout for the draft and
an opaque directory that replaces the languages; the words of version 1. Later versions add a layer of words.
The program fails when whiteout or opaque directory did not work: running it shows more than that it starts.
"""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

from support.images.images import CREATED, Layout, Settings

APP_ID = "org.appctl.Greeter"
PROGRAMS = ("/bin/sh", "/bin/cat", "/usr/bin/id", "/usr/bin/basename")

_SHARE = "usr/share/greeter"
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")  # a line of ldd(1)

GREET = """\
#!/bin/sh
set -eu
cd /usr/share/greeter
echo "$(cat words). This is greeter $(cat version), user $(id -u)."
languages=
for file in languages/*; do languages="$languages $(basename "$file")"; done
[ "$languages" = " eo" ] || { echo "not opaque:$languages"; exit 1; }
[ ! -e draft ] || { echo "a draft, which a whiteout had removed"; exit 1; }
[ $# = 0 ] || echo "You said: $*"
"""


def build(layout: Layout, work: Path, version: int) -> str:
    """Build version 1, or a later one on top of the one before it, as tag `v<version>`; return the digest.

    `work` is an empty directory for the layers of this version.
    """
    tag = f"v{version}"
    if version == 1:
        layers = [_base(work / "base"), _program(work / "program"), _words(work / "words", version)]
        return layout.build(tag, layers, _settings(version))
    return layout.build(tag, [_words(work / "words", version)], _settings(version), base=f"v{version - 1}")


def minimal_root(root: Path, programs: tuple[str, ...] = PROGRAMS) -> Path:
    """Make a root with `programs` of this machine, their libraries, merged /usr and nothing else."""
    for name in ("bin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for program in programs:
        _copy(program, root)
        for library in _libraries(program):
            _copy(library, root)
    for name in ("etc", "tmp", "var"):
        (root / name).mkdir()
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return root


def _base(root: Path) -> Path:
    minimal_root(root)
    languages = root / _SHARE / "languages"
    languages.mkdir(parents=True)
    (languages / "la").write_text("salve\n")
    (languages / "vo").write_text("glidis\n")
    (root / _SHARE / "draft").write_text("Helo wrold\n")
    return root


def _program(root: Path) -> Path:
    languages = root / _SHARE / "languages"
    languages.mkdir(parents=True)
    (languages / ".wh..wh..opq").touch()
    (languages / "eo").write_text("saluton\n")
    (root / _SHARE / ".wh.draft").touch()
    program = root / "usr/bin/greet"
    program.parent.mkdir()
    program.write_text(GREET)
    program.chmod(0o755)
    return root


def _words(root: Path, version: int) -> Path:
    share = root / _SHARE
    share.mkdir(parents=True)
    greeting = "Hello, world" if version == 1 else f"Hello again, {'wide ' * (version - 1)}world"
    (share / "words").write_text(f"{greeting}\n")
    (share / "version").write_text(f"{version}.0\n")
    return root


def _settings(version: int) -> Settings:
    labels = {
        "org.appctl.id": APP_ID,
        "org.opencontainers.image.title": "Greeter",
        "org.opencontainers.image.version": f"{version}.0",
    }
    return Settings(
        entrypoint=("/usr/bin/greet",),
        env={"PATH": "/usr/bin"},
        labels=labels,
        created=CREATED + timedelta(days=version),
    )


def _copy(path: str, root: Path) -> None:
    """Copy one file to where merged /usr has it; `/lib64/ld.so` and `/usr/lib64/ld.so` are one."""
    relative = path.removeprefix("/").removeprefix("usr/")
    target = root / "usr" / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    target.chmod(0o755)


def _libraries(program: str) -> list[str]:
    """The files that the dynamic loader maps for `program`, the loader itself among them."""
    output = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return _LIBRARY.findall(output)
