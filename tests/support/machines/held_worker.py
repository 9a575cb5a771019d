# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A worker that waits where held.py's `Hold` says: python -m support.machines.held_worker PLACE MODULE."""

import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from appctld.workers import protocol


def main(place: str, module: str) -> None:
    """Serve as the module does."""
    serve = protocol._serve

    def serving(handlers: Any, line: bytes, descriptors: Any, answers: Any) -> None:  # noqa: ANN401 - as it is
        call, number = _wanted(place, module, json.loads(line)["op"])
        if not call:
            serve(handlers, line, descriptors, answers)
            return
        owner, name = _owner(call)
        real = getattr(owner, name)
        setattr(owner, name, _waiting(real, number, place, os.rename))
        try:
            serve(handlers, line, descriptors, answers)
        finally:
            setattr(owner, name, real)

    protocol._serve = serving  # not by unittest.mock, which takes long to import
    runpy.run_module(module, run_name="__main__")


def _wanted(place: str, module: str, operation: str) -> tuple[str, int]:
    """The function to wait before, and the number of its call; none where this is not to be held."""
    try:
        wanted, of, call, number = json.loads(Path(place, "armed").read_text())
    except FileNotFoundError:
        return "", 0
    return (call, number) if (wanted, of) == (module, operation) else ("", 0)


def _owner(call: str) -> tuple[object, str]:
    """Of `os:rename` or `socket:socket.connect`: what has the function, and its name there."""
    module, _, path = call.partition(":")
    owner: object = import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    return owner, name


def _waiting(
    real: Callable[..., Any], number: int, place: str, rename: Callable[[str, str], None]
) -> Callable[..., Any]:
    left = number

    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as it is
        nonlocal left
        left -= 1
        if left == 0:
            rename(f"{place}/armed", f"{place}/held")
            while os.path.exists(f"{place}/held"):  # noqa: PTH110 - Path may be what is held
                time.sleep(0.01)
        return real(*args, **kwargs)

    return call


if __name__ == "__main__":
    main(*sys.argv[1:])
