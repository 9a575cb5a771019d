# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Everything that can go wrong, as one tree; imports nothing.

The leaves are the D-Bus names (`org.appctl.Installer1.Error.LEAF`). A caller of any room may rely on it
that what escapes is a leaf of this tree, or our own bug, which the edge reports as `Failed`::

    AppctlError
    ├── Untrusted            the publisher is not who the remote says
    │   ├── SignatureMissing, SignatureInvalid, UntrustedSigner
    ├── ContentMismatch      the bytes are not what was promised
    │   └── DigestMismatch
    ├── Refused              what the remote sent is not acceptable
    │   ├── BadManifest, UnsupportedMediaType, ArchMismatch, UnsafeArchive, LimitExceeded,
    │   │   CredentialScope, TlsUntrusted, Rollback, Expired
    ├── Transport            the network or the registry failed
    │   ├── RegistryUnavailable, RegistryAuth, RateLimited, Offline
    ├── Caller               the caller asked for what cannot be had
    │   ├── InvalidReference, NoRemote, NotFound, NotInstalled, AlreadyInstalled, AlreadyUpToDate, InUse,
    │   │   Conflict, NotAuthorized, PolkitRequired, PolicyDenied, NeedsApproval, Cancelled, Busy
    └── Storage              this machine failed
        ├── NoSpace, RepoCorrupt, Failed

No hint offers to trust a key or an authority, to weaken verification or to allow a downgrade.
"""

from string import Formatter
from typing import ClassVar


class _Filler(Formatter):
    """Fills a sentence in; a field that nobody gave stands as `?` and never raises while we report."""

    def get_value(self, key: int | str, args: object, kwargs: object) -> object:  # noqa: ARG002 - the base's signature
        return kwargs.get(key, "?") if isinstance(kwargs, dict) else "?"


class AppctlError(Exception):
    """Root of the tree.

    `detail` says what was found, `data` goes to the caller as D-Bus ErrorDetails, `hint` stands in for the
    leaf's own where that would mislead.
    """

    sentence: ClassVar[str] = "{detail}"
    hint: ClassVar[str] = ""

    def __init__(self, detail: str = "", /, *, hint: str | None = None, **data: object) -> None:
        self.detail = detail
        self.data = data
        self._hint = hint
        super().__init__(detail)

    @property
    def name(self) -> str:
        """The leaf's D-Bus name, without the prefix."""
        return type(self).__name__

    @property
    def message(self) -> str:
        """One sentence for a person."""
        template = "{detail}" if self.detail else self.sentence
        text = _Filler().vformat(template, (), {**self.data, "detail": self.detail})
        return text or self.name

    @property
    def advice(self) -> str:
        """What to type or to read next; empty when there is nothing useful to say."""
        return self._hint if self._hint is not None else _Filler().vformat(self.hint, (), self.data)

    @property
    def details(self) -> dict[str, object]:
        """The data, its keys as the bus spells them: D-Bus ErrorDetails."""
        return {key.replace("_", "-"): value for key, value in self.data.items()}

    def __str__(self) -> str:
        return self.message

    def about(self, **data: object) -> "AppctlError":
        """Add what only the caller knows (reference, remote); what is there already stays."""
        for key, value in data.items():
            self.data.setdefault(key, value)
        return self

    def to_wire(self) -> list[object]:
        """`[name, sentence, hint, data]`, as it crosses from a worker to the daemon."""
        return [self.name, self.message, self.advice, self.data]


class Untrusted(AppctlError):
    """The publisher is not who the remote says."""


class SignatureMissing(Untrusted):
    """No signature was found where the remote says they are."""

    sentence = "{reference} has no signature"
    hint = "appctl help unsigned"


class SignatureInvalid(Untrusted):
    """There is a signature, and it does not hold, or it is about something else."""

    hint = "appctl help trust"


class UntrustedSigner(Untrusted):
    """A good signature by a key that this remote does not trust."""

    sentence = "{reference} is signed by {found}, which remote {remote} does not trust"
    hint = "appctl help key-change    (ask the publisher first)"


class ContentMismatch(AppctlError):
    """The bytes are not what was promised."""


class DigestMismatch(ContentMismatch):
    """Digest, size or diffID differ from what the verified manifest says."""

    hint = "try again later; if it stays, tell the publisher: other bytes are served than were signed"


class Refused(AppctlError):
    """What the remote sent is not acceptable, whoever signed it."""


class BadManifest(Refused):
    """A manifest, index or config that breaks its specification or contradicts itself."""

    hint = "tell the publisher; nothing was changed"


class UnsupportedMediaType(Refused):
    """A type of document or layer that this version does not take."""

    hint = "is there a newer appctl? Else tell the publisher; nothing was changed"


class ArchMismatch(Refused):
    """No image for this machine's platform."""

    hint = "ask the publisher for an image that is made for this machine"


class UnsafeArchive(Refused):
    """A layer that would leave its tree, or whose meaning tools disagree about."""

    hint = "tell the publisher; nothing was changed"


class LimitExceeded(Refused):
    """More than a named limit allows."""

    hint = "the limit is fixed: what is too large has to be made smaller where it comes from"

    @property
    def advice(self) -> str:
        """Where time ran out (`seconds`), nothing has to be made smaller."""
        slow = "seconds" in self.data and self._hint is None
        return "try again when this machine has less to do" if slow else super().advice


class CredentialScope(Refused):
    """A server tried to send us, or a credential, where it must not go."""

    hint = "tell who runs that registry; nothing was sent"


class TlsUntrusted(Refused):
    """The server's certificate does not verify."""

    hint = "appctl help certificates"


class Rollback(Refused):
    """Older than what was installed here before."""

    hint = "tell the publisher; what is installed still runs"


class Expired(Refused):
    """Too old to be believed, or this machine's clock is wrong."""

    hint = "tell the publisher; what is installed still runs"


class Transport(AppctlError):
    """The network or the registry failed."""


class RegistryUnavailable(Transport):
    """The registry did not answer, or answered with an error of its own."""

    hint = "try again later; what is installed still runs"


class RegistryAuth(Transport):
    """The registry wants a login, or refuses the one it was given."""

    hint = "appctl login {host}"

    @property
    def advice(self) -> str:
        """Where nobody says which registry it is, there is none to log in to."""
        known = "host" in self.data or self._hint is not None
        return super().advice if known else "appctl help credentials"


class RateLimited(Transport):
    """The registry asks us to come back later."""

    hint = "try again later; what is installed still runs"


class Offline(Transport):
    """There is no network."""

    hint = "is the network up? What is installed still runs"


class Caller(AppctlError):
    """The caller asked for what cannot be had."""


class InvalidReference(Caller):
    """A text that is no reference, ID, name or option."""

    hint = "appctl help references"


class NoRemote(Caller):
    """No remote covers this reference."""

    sentence = "no remote covers {reference}"
    hint = "appctl remote add FILE-OR-URL    (the publisher's .appctlremote; none? appctl help trust)"


class NotFound(Caller):
    """The registry, or this machine, does not know that name."""

    hint = "is the name right, and the tag?"


class NotInstalled(Caller):
    """No such app is installed."""

    hint = "appctl list"


class AlreadyInstalled(Caller):
    """That very image is installed."""


class AlreadyUpToDate(Caller):
    """Nothing newer is there."""


class InUse(Caller):
    """Something that runs, or depends on it, holds it."""

    hint = "close it first"


class Conflict(Caller):
    """It would take the place of something of another owner."""

    hint = "what is there stays: appctl list, appctl remote list"


class NotAuthorized(Caller):
    """The administrator's policy says no."""

    hint = "ask the administrator of this machine"


class PolkitRequired(Caller):
    """A question was needed and could not be asked."""

    hint = "run it where somebody can be asked, or ask the administrator for a polkit rule"


class PolicyDenied(Caller):
    """A file of the administrator forbids it."""

    hint = "ask the administrator of this machine"


class NeedsApproval(Caller):
    """The image asks for permissions that nobody granted."""

    hint = "appctl help permissions"


class Cancelled(Caller):
    """Somebody cancelled the job."""


class Busy(Caller):
    """Too much is going on at once; try again."""

    hint = "try again"


class Storage(AppctlError):
    """This machine failed."""


class NoSpace(Storage):
    """The disk is full, or would be."""

    hint = "appctl prune --dry-run"


class RepoCorrupt(Storage):
    """A stored object or record is not what it was."""

    hint = "appctl repair"

    @property
    def advice(self) -> str:
        """Another program's repository (its `mode` is told) has to go before a repair can bring back ours."""
        foreign = "mode" in self.data and self._hint is None
        return "move it away, then: appctl repair" if foreign else super().advice


class Failed(Storage):
    """Anything unforeseen; the journal has the details."""

    hint = "the journal of the daemon has the details"

    @property
    def is_echo(self) -> bool:
        """Whether it says only that the other end of a pipe is gone, which has a reason of its own."""
        return self.data.get("echo") is True


def leaves() -> dict[str, type[AppctlError]]:
    """Every leaf by its D-Bus name."""
    found: dict[str, type[AppctlError]] = {}
    waiting = list(AppctlError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        below = kind.__subclasses__()
        waiting += below
        if not below:
            found[kind.__name__] = kind
    return found


def from_wire(value: object) -> AppctlError:
    """The leaf that a worker sent as `[name, sentence, hint, data]`; anything else is `Failed`.

    A worker is not believed about its hint: ours stands beside the leaf.
    """
    match value:
        case [str(name), str(sentence), str(), dict(data)] if name in leaves():
            return leaves()[name](sentence, **{str(key): item for key, item in data.items()})
        case _:
            return Failed("a worker ended with an answer that nobody understands")
