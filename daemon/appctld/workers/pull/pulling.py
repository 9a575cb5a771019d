# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One pull by libostree, with all that holds it: the tunnel, the bounds, and a leaf for whatever goes wrong.

Guarantees: local repositories are never taken at their word (UNTRUSTED), no HTTP server is either; the ref
binding is not judged here, because nobody verified the commit yet (R7 is the daemon's).
"""

from dataclasses import dataclass

from gi.repository import Gio, GLib, OSTree

from appctld.errors import AppctlError
from appctld.workers.net.peers import Peers
from appctld.workers.protocol import Report
from appctld.workers.pull.bounds import Watch, bounded_files
from appctld.workers.pull.failures import translated
from appctld.workers.pull.repository import Repository
from appctld.workers.pull.source import Source
from appctld.workers.pull.tunnel import Direct, Tunnel


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is pulled: `commit`, or else what `ref` names there; alone, or `whole` with all that it names.

    With both, static deltas can start from what the ref named before.
    """

    ref: str = ""
    commit: str | None = None
    whole: bool = False
    deltas: bool = False


@dataclass(frozen=True, slots=True)
class Pulled:
    """The quarantine after a pull, and how many bytes came."""

    repository: Repository
    received: int


def pull(source: Source, wanted: Wanted, limit: int, report: Report) -> Pulled:
    """Pull; the quarantine holds at most `limit` bytes.

    Raises NotFound (no such ref or commit), the leaves of Transport, TlsUntrusted, CredentialScope,
    DigestMismatch, LimitExceeded, NoSpace.
    """
    with _tunnel(source) as tunnel:
        with translated(source, whole=wanted.whole, secret=tunnel.password):
            repository = Repository.create(source, tunnel.proxy)
            if wanted.ref:
                repository.point(wanted.ref, source.have)  # what was asked before is no place to start from
        cancellable = Gio.Cancellable()
        watch = Watch(
            source.quarantine,
            limit,
            host=source.place if source.server else None,
            received=lambda: tunnel.received,
            stop=lambda: _stop(cancellable, tunnel),
            report=report,
        )
        with bounded_files(source.quarantine, limit), watch:
            try:
                with translated(source, whole=wanted.whole, secret=tunnel.password):
                    repository.pull(_options(wanted), cancellable)
            except AppctlError as error:  # what was seen closer to the cause says more
                raise (watch.failure or tunnel.failure or error) from error.__cause__
    return Pulled(repository, tunnel.received if source.server else watch.stored)


def _tunnel(source: Source) -> Tunnel | Direct:
    if source.server is None:
        return Direct()
    origin = source.server.origin
    return Tunnel(origin, Peers(origin, insecure=False, proxies=source.proxies))


def _stop(cancellable: Gio.Cancellable, tunnel: Tunnel | Direct) -> None:
    cancellable.cancel()
    tunnel.cut()


def _options(wanted: Wanted) -> GLib.Variant:
    flags = OSTree.RepoPullFlags.UNTRUSTED
    if not wanted.whole:
        flags |= OSTree.RepoPullFlags.COMMIT_ONLY
    options = {
        "flags": GLib.Variant("i", flags),
        "depth": GLib.Variant("i", 0),
        "refs": GLib.Variant("as", [wanted.ref or wanted.commit]),
        "disable-static-deltas": GLib.Variant("b", not wanted.deltas),
        "disable-verify-bindings": GLib.Variant("b", True),  # noqa: FBT003 - GLib's signature
    }
    if wanted.ref and wanted.commit:
        options["override-commit-ids"] = GLib.Variant("as", [wanted.commit])
    return GLib.Variant("a{sv}", options)
