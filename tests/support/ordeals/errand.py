# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon of a house as a process of its own, its workers inside of it, so that all can be killed at once.

    python -m support.ordeals.errand ROOT HOST DEED

It does the deed in the house at ROOT, with the stand at HOST, and ends. What its exit status is, nobody asks.
What a daemon writes aside, this one writes on its only thread, where strace counts it among its own calls.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import ParamSpec, TypeVar, cast
from unittest import mock

from appctld.system.aside import Aside
from support.ordeals.deeds import DEEDS
from support.ordeals.house import House
from support.publishers.stand import Stand

P = ParamSpec("P")
T = TypeVar("T")


async def _at_once(_aside: Aside, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return work(*args, **kwargs)


def main(root: str, host: str, deed: str) -> None:
    """Do it."""
    stand = SimpleNamespace(host=host)  # the remote is there already: nothing else of the stand is asked for
    house = House(Path(root), cast("Stand", stand))
    with mock.patch.object(Aside, "__call__", _at_once):
        house.do(DEEDS[deed].ask(house))


if __name__ == "__main__":
    main(*sys.argv[1:])
