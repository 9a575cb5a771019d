# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caches that desktops read instead of every file: made anew by the host's own programs, in the sandbox.

Guarantees: these parsers, which read what publishers wrote, see the links and what they lead to, and write in
one directory that the store then takes caches out of, and nothing else; each is bounded in time, memory, and
what a file may hold. Whatever they do, the job that they follow is done: a failure is a warning. Hold the
gate: what they read must not change meanwhile.
"""

import logging
import shutil
from pathlib import Path

from appctld.errors import AppctlError
from appctld.model.jsonvalue import get_str, get_strings
from appctld.pipeline.answers import understood
from appctld.pipeline.tools import Tools
from appctld.system.capture import capture

logger = logging.getLogger(__name__)

DEADLINE = 20.0  # seconds for one program; real ones take 0.05
OUTPUT_BYTES = 64 << 10  # what they say, which nobody reads
LIMITS = (
    "prlimit",
    "--cpu=10",  # seconds
    f"--as={1 << 30}",  # bytes; gdk-pixbuf maps its libraries and the machine's icons
    f"--fsize={8 << 20}",  # bytes of a file: what the store takes of one
    "--nofile=256",
    "--",
)
PROGRAMS = {
    "applications/": ("update-desktop-database", "--quiet", "applications"),
    "icons/hicolor/": (
        *("gtk-update-icon-cache", "--force", "--quiet"),
        *("--ignore-theme-index", "--index-only", "icons/hicolor"),
    ),
    "mime/packages/": ("update-mime-database", "mime"),
}
"""By what they make caches of; the last word is a directory below the one that they write in."""


async def refresh_caches(tools: Tools) -> None:
    """Make them anew if something was exported, or is no longer."""
    if not tools.desktop.command:
        return
    try:
        answer = await tools.store({"op": "prepare-caches"})
        with understood("store"):
            scratch, sources = get_str(answer, "scratch"), get_strings(answer, "sources")
        if scratch:
            tools.progress.stage("exporting")
            for source in sources:
                await _run(PROGRAMS[source], Path(scratch), tools)
            await tools.store({"op": "take-caches", "scratch": scratch})
    except AppctlError as error:
        logger.warning("desktops' caches are not what is installed: %s: %s", error.name, error.message)


async def _run(program: tuple[str, ...], scratch: Path, tools: Tools) -> None:
    """One program, where the host has it."""
    *words, below = program
    if shutil.which(words[0]) is None:
        return
    command = tools.launcher.stock(
        *LIMITS, *words, str(scratch / below), writable=(scratch,), readable=(tools.paths.apps,)
    )
    try:
        done = await capture(
            command,
            deadline=DEADLINE,
            max_output=OUTPUT_BYTES,
            status=False,
            environment=tools.launcher.environment,
            what=words[0],
        )
    except AppctlError as error:
        logger.warning("%s", error.message)
        return
    if done.returncode:
        logger.warning("%s ended with %d; its cache is left out", words[0], done.returncode)
