# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether what the app starts is there, and may be started."""

from appctld.workers.images.image import Image
from appctld.workers.images.tree import Node
from appctld.workers.lint.findings import Findings
from appctld.workers.store.archive.entry import Type

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what engines give without one
RUNTIME_PATH = "/app/bin:/usr/bin"  # of an app on a runtime
_EXECUTABLE = 0o111


def check_command(image: Image, found: Findings) -> None:
    """Look at `command=`, else Entrypoint and Cmd."""
    command = _command(image)
    if not command:
        found.add("no-command", "Entrypoint", "nothing says what to start: `appctl run` needs --command")
        return
    node = _program(image, command)
    on_runtime = bool(image.metadata and image.metadata.runtime)
    if node is None and on_runtime and not command.startswith("/app/"):
        found.add("command-in-runtime", command, "it is not in the image, and must be in the runtime")
    elif node is None or node.entry.type is not Type.FILE:
        found.add("command-missing", command, "the image has no such file")
    elif not node.entry.mode & _EXECUTABLE:
        found.add("command-not-executable", command, f"its mode is {node.entry.mode:04o}")


def _command(image: Image) -> str:
    if image.metadata and image.metadata.command:
        return image.metadata.command
    words = (*image.config.entrypoint, *image.config.cmd)
    return words[0] if words else ""


def _program(image: Image, command: str) -> Node | None:
    """The file that is started, as a shell would look for it."""
    if "/" in command:
        below = "" if command.startswith("/") else image.config.working_dir
        return image.tree.find(f"{below}/{command}")
    default = RUNTIME_PATH if image.metadata and image.metadata.runtime else PATH
    for directory in dict(image.config.env).get("PATH", default).split(":"):
        node = image.tree.find(f"{directory}/{command}")
        if node is not None and node.entry.type is Type.FILE:
            return node
    return None
