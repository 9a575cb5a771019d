# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What can be asked of the queue: frozen values, so that nothing changes between authorization and work.

Options are the interface's dictionaries, their types already checked by who received them; a key that a kind
does not know is not acted on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from appctld.model.login import Login, read_login
from appctld.system.foreign import Handed

Options = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """Common to all: `kind` as the Job object shows it, and what it is about."""

    kind: ClassVar[str]

    @property
    def about(self) -> tuple[str, ...]:
        """References or IDs, as the caller wrote them."""
        return ()

    @property
    def title(self) -> str:
        """For people."""
        return " ".join((self.kind.capitalize(), *self.about))


@dataclass(frozen=True, slots=True)
class Install(Request):
    """What to bring here, or to bring up to date.

    Options: accept-permissions s, expected-digest s, reinstall b, allow-downgrade b, remote s, arch s,
    as-id s, no-pull b, no-deploy b, background b, registry-auth aa{sv}, ask-credentials b, bundle h.
    """

    kind: ClassVar[str] = "install"
    refs: tuple[str, ...]
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return self.refs


@dataclass(frozen=True, slots=True)
class Update(Request):
    """No IDs means every app.

    Options: accept-permissions s or as, allow-downgrade b, background b, registry-auth aa{sv},
    ask-credentials b.
    """

    kind: ClassVar[str] = "update"
    ids: tuple[str, ...]
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return self.ids


@dataclass(frozen=True, slots=True)
class Uninstall(Request):
    """Options: ignore b."""

    kind: ClassVar[str] = "uninstall"
    ids: tuple[str, ...]
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return self.ids


@dataclass(frozen=True, slots=True)
class Rollback(Request):
    """Options: to s (a version, digest or commit that is kept here; absent: the one before the current)."""

    kind: ClassVar[str] = "rollback"
    id: str
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return (self.id,)


@dataclass(frozen=True, slots=True)
class Approve(Request):
    """An update that asks for more than was approved.

    Options: accept-permissions s, expected-digest s (absent: what was found waiting), registry-auth aa{sv},
    ask-credentials b.
    """

    kind: ClassVar[str] = "approve"
    id: str
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return (self.id,)


@dataclass(frozen=True, slots=True)
class Resolve(Request):
    """A preview.

    Options: remote s, arch s, as-id s, cached-only b, allow-downgrade b (nothing is installed),
    registry-auth aa{sv}, ask-credentials b, bundle h.
    """

    kind: ClassVar[str] = "resolve"
    reference: str
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return (self.reference,)


@dataclass(frozen=True, slots=True)
class CheckUpdates(Request):
    """What newer images there are; downloads no layer.

    Options: ids as, registry-auth aa{sv}, ask-credentials b.
    """

    kind: ClassVar[str] = "check-updates"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refresh(Request):
    """What the remotes have of newer images; no names means all. Options as of CheckUpdates, without ids."""

    kind: ClassVar[str] = "refresh"
    remotes: tuple[str, ...]
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return self.remotes


@dataclass(frozen=True, slots=True)
class Search(Request):
    """What the remotes list. Options: remote s, locale s, cached-only b."""

    kind: ClassVar[str] = "search"
    term: str
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return (self.term,)


@dataclass(frozen=True, slots=True)
class Prune(Request):
    """Remove what nothing needs. Options: dry-run b."""

    kind: ClassVar[str] = "prune"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verify(Request):
    """Whether what is installed is still what was verified; no IDs means everything.

    Options: background b.
    """

    kind: ClassVar[str] = "verify"
    ids: tuple[str, ...]
    options: Options = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """See `Request.about`."""
        return self.ids


@dataclass(frozen=True, slots=True)
class Repair(Request):
    """Bring back what is damaged.

    Options: dry-run b, background b, registry-auth aa{sv}, ask-credentials b.
    """

    kind: ClassVar[str] = "repair"
    options: Options = field(default_factory=dict)


AnyRequest = (
    Install
    | Update
    | Approve
    | Uninstall
    | Rollback
    | Resolve
    | CheckUpdates
    | Refresh
    | Search
    | Prune
    | Verify
    | Repair
)


def serves(running: AnyRequest, request: AnyRequest) -> bool:
    """Whether who asks for `request` can as well have what is done for `running`.

    All is the same but whether a person may be asked for a login: whoever cannot be asked waits for nobody.
    """
    if type(running) is not type(request) or running.about != request.about:
        return False  # as it nearly always is; a flood of calls is compared with every job of its user
    if flag(running, "ask-credentials") and not flag(request, "ask-credentials"):
        return False
    return _unasked(running) == _unasked(request)


def _unasked(request: AnyRequest) -> AnyRequest:
    options = {key: value for key, value in request.options.items() if key != "ask-credentials"}
    return replace(request, options=options)


def flag(request: AnyRequest, name: str) -> bool:
    """A boolean option; absent is false."""
    return request.options.get(name) is True


def by_itself(request: Update) -> bool:
    """Whether nobody asked for this update: nobody waits for it, and no app is named."""
    return flag(request, "background") and not request.ids


def text(request: AnyRequest, name: str) -> str:
    """A string option; absent is empty."""
    value = request.options.get(name)
    return value if isinstance(value, str) else ""


def texts(request: AnyRequest, name: str) -> tuple[str, ...]:
    """A list of strings; absent is empty."""
    value = request.options.get(name)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def logins(request: AnyRequest) -> tuple[Login, ...]:
    """The registry logins that came with the request. Raises InvalidReference for one that is not whole."""
    given = request.options.get("registry-auth")
    return tuple(map(read_login, given)) if isinstance(given, list | tuple) else ()


def bundle(request: AnyRequest) -> Handed | None:
    """The descriptor that the image is to be read from, if one came with the request."""
    found = request.options.get("bundle")
    return found if isinstance(found, Handed) else None
