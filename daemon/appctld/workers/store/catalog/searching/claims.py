# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whose an ID is, where several remotes list it: another publisher's list takes nobody's place.

Pure. An ID is installed from one remote at most, and then it is that one's; a remote whose own file says that
it uses the ID comes before those that may use any; then the remotes' names decide.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from appctld.model.jsonvalue import JsonObject, get_str, get_strings

Rank = tuple["Claim", str]


class Claim(IntEnum):
    """What speaks for a remote, the best first."""

    INSTALLED = 0
    NAMED = 1
    LISTED = 2


@dataclass(frozen=True, slots=True)
class Claims:
    """By remote the patterns of the IDs that it uses, by ID the remote that it is installed from."""

    ids: Mapping[str, Sequence[str]]
    installed: Mapping[str, str]

    @classmethod
    def of(cls, remotes: Iterable[JsonObject], installed: Iterable[JsonObject]) -> Self:
        """From a request's objects: remotes with name and ids, apps with id and remote."""
        ids = {get_str(remote, "name"): get_strings(remote, "ids") for remote in remotes}
        return cls(ids, {get_str(app, "id"): get_str(app, "remote") for app in installed})

    def rank(self, remote: str, app_id: str) -> Rank:
        """The lowest is the one whose ID it is."""
        if self.installed.get(app_id) == remote:
            return Claim.INSTALLED, remote
        named = any(_names(pattern, app_id) for pattern in self.ids.get(remote, ()))
        return Claim.NAMED if named else Claim.LISTED, remote

    def is_others(self, remote: str, app_id: str) -> bool:
        """Whether it is installed, and from elsewhere."""
        return self.installed.get(app_id, remote) != remote


def _names(pattern: str, app_id: str) -> bool:
    """Whether it means this ID; what fits every ID means none."""
    return bool(pattern.strip("*.")) and fnmatch.fnmatchcase(app_id, pattern)
