# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the files of policy.d say together, and the questions that are asked of them.

Pure. Guarantees: each file counts by itself, so that none lifts what another says and their order does not
matter; who is refused is told by which file. Leaves to others: to ask, before anything is fetched (resolve),
with the plan, again under the gate, and once the size of the files is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appctld.config.remote import UNSIGNED, Remote
from appctld.config.repository import Repository
from appctld.config.urls import Prefix
from appctld.errors import PolicyDenied
from appctld.model.automatic import Extent, least
from appctld.model.denial import Denial
from appctld.model.permissions import Permission

ADMINISTRATOR = "ask the administrator of this machine"
Place = Prefix | Repository | Path
"""A registry or a part of it, an OSTree repository, a directory of images; each stands for what is below."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file. `places` None means every remote, `max_size` 0 any size, `automatic` None nothing."""

    path: Path
    places: tuple[Place, ...] | None = None
    signatures: bool = False
    denials: tuple[Denial, ...] = ()
    user_scope: bool = True
    max_size: int = 0
    automatic: Extent | None = None

    def refused(self, what: str, **about: object) -> PolicyDenied:
        """The error that names this file."""
        return PolicyDenied(f"{self.path}: {what}", path=str(self.path), hint=ADMINISTRATOR, **about)


@dataclass(frozen=True, slots=True)
class Policy:
    """All files, for the scope `scope`: system or user."""

    files: tuple[PolicyFile, ...] = ()
    scope: str = ""

    def check_remote(self, remote: Remote) -> None:
        """Raise PolicyDenied where nothing may be installed from a remote."""
        for file in self.files:
            if self.scope == "user" and not file.user_scope:
                raise file.refused("users install nothing of their own here")
            if file.places is not None and not any(_is_below(remote, place) for place in file.places):
                raise file.refused(f"remote {remote.name} ({_place(remote)}) is none of those allowed",
                                   remote=remote.name)  # fmt: skip
            if file.signatures and remote.verify in UNSIGNED:
                raise file.refused(
                    f"remote {remote.name} has verify={remote.verify}, and signatures are required",
                    remote=remote.name,
                )

    def check_app(self, app_id: str, permissions: Iterable[Permission], size: int) -> None:
        """Raise PolicyDenied where an app may not have what it asks for, or `size` bytes."""
        asked = tuple(permissions)
        for file in self.files:
            denied = [one.text for one in asked if _is_denied(one, file.denials)]
            if denied:
                raise file.refused(
                    f"{app_id} asks for {', '.join(denied)}, which no app may have here",
                    app=app_id,
                    permissions=denied,
                )
            if file.max_size and size > file.max_size:
                raise file.refused(f"{app_id} has {size} bytes, and {file.max_size} are allowed", app=app_id)

    def automatic(self) -> Extent | None:
        """How far updates go by themselves; None where that is left to whoever may decide it here."""
        said = [file.automatic for file in self.files if file.automatic is not None]
        return least(said) if said else None

    def check_automatic(self) -> None:
        """Raise PolicyDenied where a file says how far updates go by themselves."""
        for file in self.files:
            if file.automatic is not None:
                raise file.refused(f"it says automatic-updates = {file.automatic}, and nobody else does")


def _is_denied(asked: Permission, denials: Iterable[Denial]) -> bool:
    return any(denial.refuses(asked) for denial in denials)


def _place(remote: Remote) -> Place:
    """Where its images come from: of a directory that, and not the name that it stands for."""
    return remote.directory or remote.prefix


def _is_below(remote: Remote, allowed: Place) -> bool:
    place = _place(remote)
    if isinstance(place, Prefix) and isinstance(allowed, Prefix):
        return allowed.holds(place.host, place.path)
    if isinstance(place, Repository) and isinstance(allowed, Repository):
        return f"{place.url}/".startswith(f"{allowed.url}/")
    return isinstance(place, Path) and isinstance(allowed, Path) and place.is_relative_to(allowed)
