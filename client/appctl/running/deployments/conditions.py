# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""When an extension is mounted: enable-if of its extension point (flatpak-metadata(5)).

A condition that is not known here does not hold: an extension is something that can be missing.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

_NVIDIA = Path("/sys/module/nvidia/version")
_MODULES = Path("/sys/module")


def is_wanted(condition: str, at: str) -> bool:
    """Whether a condition, or one of several, holds for what is to be mounted at a place."""
    name = PurePosixPath(at).name
    return not condition or any(_holds(item, name) for item in condition.split(";") if item)


def _holds(condition: str, name: str) -> bool:
    for start, check in _CONDITIONS.items():
        if condition.startswith(start):
            return check(condition.removeprefix(start), name)
    return False


def _graphics_driver(_rest: str, name: str) -> bool:
    """The default driver always, and the one whose kernel module is loaded."""
    drivers = {"default"}
    if _NVIDIA.is_file():
        drivers.add(f"nvidia-{_NVIDIA.read_text().strip().replace('.', '-')}")
    return name in drivers


def _desktop(rest: str, _name: str) -> bool:
    return rest.lower() in os.environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":")


def _kernel_module(rest: str, _name: str) -> bool:
    return re.fullmatch(r"\w+", rest) is not None and (_MODULES / rest).is_dir()


def _intel(_rest: str, _name: str) -> bool:
    return (_MODULES / "i915").is_dir() or (_MODULES / "xe").is_dir()


_CONDITIONS: dict[str, Callable[[str, str], bool]] = {
    "active-gl-driver": _graphics_driver,
    "on-xdg-desktop-": _desktop,
    "have-kernel-module-": _kernel_module,
    "have-intel-gpu": _intel,
}
