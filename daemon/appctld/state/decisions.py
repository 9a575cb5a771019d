# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What was decided about an app's permissions: what was approved with an image, and what was overridden.

One file an app, written by the daemon and read by everybody who runs the app. Guarantees: it stays when the
app is updated; one that cannot be read is RepoCorrupt and no empty one, so that no deny is lost; it counts
for the app of the remote that it was made for. Leaves to others: forgetting it with the app.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from appctld.errors import RepoCorrupt
from appctld.model.jsonvalue import JsonError, JsonObject, get_int, get_objects, get_str, parse_object
from appctld.model.override import ALLOW, DENY, Override
from appctld.model.permissions import Permission
from appctld.state.paths import Paths
from appctld.system.durable import make_directories, remove_file, write_file

FILE_BYTES = 1 << 20  # as run.json, which holds as many permissions
APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Decision:
    """About one permission: APPROVE, ALLOW or DENY, `by` a user's number, `when` in seconds since 1970."""

    kind: str
    value: str
    decision: str
    by: int
    when: int

    @property
    def is_override(self) -> bool:
        """Whether it counts whatever the image asks for."""
        return self.decision != APPROVE

    def to_json(self) -> JsonObject:
        """As it stands in the file."""
        return {
            "kind": self.kind, "value": self.value, "decision": self.decision, "by": self.by,
            "when": self.when,
        }  # fmt: skip

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        found = cls(
            get_str(obj, "kind"), get_str(obj, "value"), get_str(obj, "decision"), get_int(obj, "by"),
            get_int(obj, "when"),
        )  # fmt: skip
        if found.decision not in {APPROVE, ALLOW, DENY}:
            raise JsonError("a decision that is none")
        return found


def decisions(paths: Paths, app_id: str, remote: str) -> tuple[Decision, ...]:
    """Those about the app of that remote. Raises RepoCorrupt."""
    path = paths.decisions_about(app_id)
    try:
        obj = parse_object(path.read_bytes(), FILE_BYTES)
        found = tuple(map(Decision.from_json, get_objects(obj, "decisions")))
        return found if get_str(obj, "remote") == remote else ()
    except FileNotFoundError:
        return ()
    except (OSError, JsonError) as error:
        raise RepoCorrupt(
            f"{path} cannot be read, which says what was decided",
            path=str(path),
            hint=f"appctl permissions {app_id} --reset    (forgets what was decided)",
        ) from error


def override(paths: Paths, app_id: str, remote: str, wanted: Iterable[Override], by: int) -> bool:
    """Put these in the place of all overrides; whether that changed anything. Raises RepoCorrupt.

    One that was there keeps who decided it. To have none repairs a file that cannot be read.
    """
    wanted = tuple(wanted)
    before = _before(paths, app_id, remote, forgiving=not wanted)
    known = {(one.kind, one.value, one.decision): one for one in before or () if one.is_override}
    now = int(time.time())
    keys = [(one.permission.kind, one.permission.value, one.decision) for one in wanted]
    after = [known.get(key) or Decision(*key, by, now) for key in sorted(keys)]
    approved = [one for one in before or () if not one.is_override]
    if before is not None and set(after) == set(known.values()):
        return False
    _write(paths, app_id, remote, [*approved, *after])
    return True


def approve(paths: Paths, app_id: str, remote: str, permissions: Iterable[Permission], by: int) -> None:
    """Note who approved what an image asks for that is installed now. Raises RepoCorrupt.

    What was approved before keeps who did; what is not asked for any more is forgotten.
    """
    before = decisions(paths, app_id, remote)
    known = {(one.kind, one.value): one for one in before if not one.is_override}
    now = int(time.time())
    asked = [(one.kind, one.value) for one in permissions]
    after = [known.get(key) or Decision(*key, APPROVE, by, now) for key in asked]
    if after != [one for one in before if not one.is_override]:
        _write(paths, app_id, remote, [*after, *(one for one in before if one.is_override)])


def forget_decisions(paths: Paths, app_id: str) -> None:
    """Nothing was decided about this app: it is not installed."""
    path = paths.decisions_about(app_id)
    if path.exists():
        remove_file(path)


def _before(paths: Paths, app_id: str, remote: str, *, forgiving: bool) -> tuple[Decision, ...] | None:
    """What is there; None for a file that cannot be read, where that may be replaced."""
    try:
        return decisions(paths, app_id, remote)
    except RepoCorrupt:
        if forgiving:
            return None
        raise


def _write(paths: Paths, app_id: str, remote: str, found: Iterable[Decision]) -> None:
    make_directories(paths.decisions)
    obj = {"remote": remote, "decisions": [one.to_json() for one in found]}
    write_file(paths.decisions_about(app_id), json.dumps(obj).encode())
