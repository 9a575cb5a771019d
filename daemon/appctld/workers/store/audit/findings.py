# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a check found: one line a fault, and whose deployments it touches.

Guarantees: however much is wrong, the answer fits into one line of the worker protocol; what is left out is
counted. Leaves to others: what is to be done about it.
"""

import enum
import os
from collections.abc import Collection
from dataclasses import dataclass, field

from appctld.model.jsonvalue import Json

FINDINGS = 128  # of 3 KiB each at most, in JSON that escapes everything, a third of the protocol's line
TEXT_LENGTH = 250  # characters of a sentence
PATH_LENGTH = 120  # characters of a path in a finding: enough to find it
OWNERS = 100  # deployments that one finding names


class Fault(enum.StrEnum):
    """What kind of fault; the words stand on the bus."""

    OBJECT = "object"  # missing, or not what its name says
    ATTRIBUTES = "attributes"  # the content is right; its mode or time is not as we leave them
    REF = "ref"  # missing, or it names another commit
    UNION = "union"  # the layers do not make up the commit
    FILES = "files"  # the checkout is not what the commit says
    RUN = "run"  # run.json is not what the image says
    RECORD = "record"  # record.json is not what the store wrote, or not what the commit says


@dataclass
class Findings:
    """Faults in the order in which they were met; `owners` are numbers of the request's deployments."""

    kept: list[Json] = field(default_factory=list)
    more: int = 0

    def add(self, fault: Fault, what: str, owners: Collection[int], *, obj: str = "", path: str = "") -> None:
        """Note one fault; `obj` is `<checksum>.<kind>`, `path` lies inside a deployment."""
        if len(self.kept) >= FINDINGS:
            self.more += 1
            return
        self.kept.append(
            {
                "fault": fault.value,
                "what": what[:TEXT_LENGTH],
                "owners": list[Json](sorted(owners)[:OWNERS]),
                "object": obj,
                "path": shown(path),
            }
        )


def shown(path: str) -> str:
    """A path from a file system as text that JSON can carry, cut to what a person needs."""
    return os.fsencode(path).decode("utf-8", "replace")[:PATH_LENGTH]
