# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A list that says how often it was gone through."""

from collections.abc import Iterator


class Counted(list[str]):
    """`rounds` is that number."""

    rounds = 0

    def __iter__(self) -> Iterator[str]:
        self.rounds += 1
        return super().__iter__()

    def __contains__(self, key: object) -> bool:
        self.rounds += 1
        return super().__contains__(key)
