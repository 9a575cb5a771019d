# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""flatpak's OCI install, which takes the application's files alone; not there yet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from inputs.layer import Layer
from measure.turns import Contender


def contender(_name: str, _layers: Sequence[Layer], _place: Path) -> Mapping[str, Contender]:
    """None."""
    return {}
