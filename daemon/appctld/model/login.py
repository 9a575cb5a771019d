# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A login for a registry, bound to where it may be used."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from appctld.errors import InvalidReference
from appctld.model.jsonvalue import JsonObject
from appctld.model.reference import Reference


@dataclass(frozen=True, slots=True)
class Login:
    """`place` is `host[:port]` or `host[:port]/path`; `secret` is in the fetcher's words, and never shown."""

    place: str
    secret: JsonObject = field(repr=False)

    def covers(self, name: str) -> bool:
        """Whether it may be used for that `host[:port]/repository`: whole path components only."""
        return f"{name}/".startswith(f"{self.place}/")


def read_login(item: object) -> Login:
    """A login as callers write it (`registry-auth`, `Provide`). Raises InvalidReference."""
    match item:
        case {"host": str(host), "identity-token": str(token)} if host:
            return Login(host, {"identity_token": token})
        case {"host": str(host), "username": str(user), "password": str(password)} if host:
            return Login(host, {"username": user, "password": password})
        case _:
            raise InvalidReference(
                "a login needs host, and username with password or identity-token",
                hint="docs/software-centers.md    (each method's arguments)",
            )


def login_for(logins: Iterable[Login], reference: Reference) -> JsonObject | None:
    """The secret for a repository: that of the longest place which covers it."""
    found = [login for login in logins if login.covers(reference.name)]
    return max(found, key=lambda login: len(login.place)).secret if found else None
