# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Programs of the distribution that are not here: said as that, with the package that brings them."""

from appctld.errors import Failed

NOT_THERE = 127  # exit status of a shell, and of prlimit, that looked for a program and found none
PACKAGES = {"bwrap": "bubblewrap", "igzip": "isal"}  # Debian's; others are called as their program is


def missing(program: str, without: str) -> Failed:
    """Make the error for a program that is not here; `without` says what cannot be done then."""
    package = PACKAGES.get(program, program)
    named = program if package == program else f"{program} (package {package})"
    return Failed(f"{named} is missing: {without}", hint=f"apt install {package}")
