# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The distribution's programs and libraries that the daemon's workers and running apps use: are they here?"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context

SEARCH = "/usr/local/bin:/usr/bin:/bin"  # where the daemon's children are looked for
NEEDED = {  # program: Debian's package, what does not work without it
    "gpgv": ("gpgv", "no OpenPGP signature can be judged"),
    "gpg": ("gnupg", "no publisher's key can be added"),
    "gzip": ("gzip", "gzip layers cannot be read"),
    "zstd": ("zstd", "zstd layers cannot be read"),
}
BETTER_WITH = {
    "igzip": ("isal", "gzip reads layers instead, in more than twice the time"),
    "xdg-dbus-proxy": ("xdg-dbus-proxy", "apps have no bus, so no portals"),
}

TYPELIBS = tuple(f"{place}/girepository-1.0/OSTree-1.0.typelib" for place in ("lib/*", "lib64", "lib"))


def programs(_context: Context) -> Iterator[Finding]:
    """Whether each is here."""
    for name, (package, without) in NEEDED.items():
        if shutil.which(name, path=SEARCH):
            yield ok(name, "is here")
        else:
            yield problem(name, f"{name} is missing: {without}", f"apt install {package}")
    for name, (package, without) in BETTER_WITH.items():
        if shutil.which(name, path=SEARCH):
            yield ok(name, "is here")
        else:
            yield warning(name, f"{name} is missing: {without}", f"apt install {package}")


def libostree(_context: Context) -> Iterator[Finding]:
    """Whether the workers of the repository find libostree; nothing of it is loaded here."""
    from importlib.util import find_spec

    if find_spec("gi") is None:
        yield problem("libostree", "python3-gi is missing: there is no repository without it",
                      "apt install python3-gi")  # fmt: skip
    elif not any(path for place in TYPELIBS for path in Path("/usr").glob(place)):
        yield problem("libostree", "libostree is missing: there is no repository without it",
                      "apt install gir1.2-ostree-1.0")  # fmt: skip
    else:
        yield ok("libostree", "is here")
