# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where state lives. One directory a scope; every name below it is made here and nowhere else."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appctld.model.digest import Digest
from appctld.model.published import Reading, readings
from appctld.system.durable import make_directories


@dataclass(frozen=True, slots=True)
class Paths:
    """The state directory of one scope. IDs, remote names and deployments were checked by who made them."""

    root: Path

    @property
    def repo(self) -> Path:
        """The OSTree repository that all remotes share."""
        return self.root / "repo"

    def ref(self, name: str) -> Path:
        """The file of one ref of ours: only to look whether it is there, everything else is the store's."""
        return self.repo / "refs/heads" / name

    @property
    def blobs(self) -> Path:
        """A directory a remote: verified blobs under their digest, `.unverified-*` while they arrive."""
        return self.root / "blobs"

    @property
    def kept(self) -> Path:
        """A directory a remote: blobs of layers that are here, as they were packed, `<diffID>.<digest>`."""
        return self.root / "kept"

    @property
    def tar_split(self) -> Path:
        """What layers' tars hold beside files, one file a diffID, so that they can be made again."""
        return self.root / "tar-split"

    @property
    def apps(self) -> Path:
        """One directory an app."""
        return self.root / "apps"

    @property
    def exports(self) -> Path:
        """In `share` below it the links through which desktops see apps."""
        return self.root / "exports"

    @property
    def quarantine(self) -> Path:
        """A directory a native pull, of random hex digits; what is in it is hostile."""
        return self.root / "quarantine"

    @property
    def remotes(self) -> Path:
        """A directory a remote: the records of the layers that it has here."""
        return self.root / "remotes"

    @property
    def catalogs(self) -> Path:
        """A directory a remote: `current` is what it lists, for everybody to read."""
        return self.root / "catalogs"

    def catalog(self, remote: str) -> Path:
        """The AppStream file of one remote's catalogue."""
        return self.catalogs / remote / "current" / "catalog.xml"

    @property
    def swcatalog(self) -> Path:
        """What libappstream reads: `xml/appctl.xml`, of all remotes."""
        return self.root / "swcatalog"

    @property
    def united_catalogs(self) -> Path:
        """Which catalogues libappstream's file was made of; the store writes it."""
        return self.swcatalog / "united.json"

    @property
    def known_catalogs(self) -> Path:
        """What is known of each remote's catalogue."""
        return self.root / "catalogs.json"

    @property
    def history(self) -> Path:
        """The log of what was done, one JSON object a line."""
        return self.root / "history.jsonl"

    @property
    def failures(self) -> Path:
        """The log of what failed."""
        return self.root / "failures.jsonl"

    @property
    def last_check(self) -> Path:
        """What the last check for updates found."""
        return self.root / "last-check.json"

    @property
    def damaged(self) -> Path:
        """What the last checks of what is installed found."""
        return self.root / "damaged.json"

    @property
    def skipped(self) -> Path:
        """The images that somebody went back from."""
        return self.root / "skipped.json"

    @property
    def held(self) -> Path:
        """Which apps somebody holds."""
        return self.root / "held.json"

    @property
    def automatic(self) -> Path:
        """How far updates go by themselves."""
        return self.root / "automatic.json"

    @property
    def last_automatic(self) -> Path:
        """How the last of them went."""
        return self.root / "last-automatic.json"

    @property
    def decisions(self) -> Path:
        """A file an app: what was decided about its permissions."""
        return self.root / "decisions"

    def decisions_about(self, app_id: str) -> Path:
        """That of one app."""
        return self.decisions / f"{app_id}.json"

    @property
    def seen(self) -> Path:
        """A directory a prefix: what was installed from there (R9)."""
        return self.root / "seen"

    @property
    def lock(self) -> Path:
        """Held by the daemon and by every worker of it."""
        return self.root / "lock"

    def app(self, app_id: str) -> Path:
        """The directory of one app: `DEPLOYMENT/` and `current`."""
        return self.apps / app_id

    def blobs_of(self, remote: str, *, private: bool) -> Path:
        """Where one remote's blobs arrive; those that a login opened lie apart (R5)."""
        return self.blobs / (f"{remote}.login" if private else remote)

    def kept_of(self, remote: str, *, private: bool) -> Path:
        """Where one remote's blobs are kept; those that a login opened apart."""
        return self.kept / self.blobs_of(remote, private=private).name

    def layers(self, remote: str, reading: Reading = Reading.PLAIN) -> Path:
        """The records of one remote's layers that were read so."""
        return self.remotes / remote / _RECORDS[reading]

    def layer_records(self, reading: Reading) -> Iterator[Path]:
        """The record files of all remotes' layers that were read so: `REMOTE/…/<diffID hex>.json`."""
        return self.remotes.glob(f"*/{_RECORDS[reading]}/*.json")

    def pulled(self, remote: str) -> Path:
        """What is written about one remote's images that wait to be deployed."""
        return self.remotes / remote / _PULLED

    def all_pulled(self) -> Iterator[Path]:
        """That directory of every remote."""
        return self.remotes.glob(f"*/{_PULLED}")

    def written(self) -> Iterator[Path]:
        """The directories in which the daemon itself puts whole files in the place of others."""
        yield self.root
        yield self.decisions
        for name in _RECORDS.values():
            yield from self.remotes.glob(f"*/{name}")
        yield from self.all_pulled()
        yield from self.seen.glob("*")

    def seen_below(self, prefix: str) -> Path:
        """What was seen of the publisher at one prefix, whatever its remote is called."""
        return self.seen / hashlib.sha256(prefix.encode()).hexdigest()

    def serial(self, prefix: str) -> Path:
        """Which keyring update of the publisher at one prefix was the last."""
        return self.seen_below(prefix) / "keyring.json"

    def create(self) -> None:
        """Make the directories that every later step expects."""
        for path in (
            self.root,
            self.blobs,
            self.kept,
            self.tar_split,
            self.apps,
            self.quarantine,
            self.remotes,
        ):
            make_directories(path)


_RECORDS = {Reading.PLAIN: "layers", Reading.OSTREE: "ostree"}
_PULLED = "pulled"


def layer_ref(remote: str, diff_id: Digest, reading: Reading = Reading.PLAIN) -> str:
    """The ref that keeps one remote's layer commit."""
    return f"appctl/{reading}/{remote}/{diff_id.hex}"


def layer_refs(remote: str, diff_ids: Sequence[Digest], ostree: int) -> tuple[str, ...]:
    """The refs of an image's layers, of which the first `ostree` hold objects."""
    how = readings(len(diff_ids), ostree)
    return tuple(layer_ref(remote, *layer) for layer in zip(diff_ids, how, strict=True))


def commit_ref(remote: str, commit: str) -> str:
    """The ref that keeps a publisher's own commit until a deployment's does."""
    return f"appctl/commit/{remote}/{commit}"


def app_ref(remote: str, app_id: str, deployment: str) -> str:
    """The ref that keeps one deployment's merged commit."""
    return f"appctl/app/{remote}/{app_id}/{deployment}"
