# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon of a house as a process of its own, its workers inside of it, so that all can be killed at once.

    python -m support.errand ROOT HOST DEED

It does the deed in the house at ROOT, with the stand at HOST, and ends. What its exit status is, nobody asks.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from support.deeds import DEEDS
from support.house import House
from support.stand import Stand


def main(root: str, host: str, deed: str) -> None:
    """Do it."""
    stand = SimpleNamespace(host=host)  # the remote is there already: nothing else of the stand is asked for
    house = House(Path(root), cast("Stand", stand))
    house.do(DEEDS[deed].ask(house))


if __name__ == "__main__":
    main(*sys.argv[1:])
