# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One deployment as it lies here: whatever of its record, its provenance and its commit can be read.

Reading changes nothing, and what cannot be read is None: to name it is the business of who asked.
"""

from dataclasses import dataclass
from pathlib import Path

from appctld.config.remote import check_name
from appctld.errors import AppctlError
from appctld.model.commit import CommitFacts
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import describe
from appctld.model.image import ImageConfig, parse_config
from appctld.model.jsonvalue import JsonObject
from appctld.model.permissions import METADATA_FILES, metadata_in
from appctld.model.published import PublishedCommit, published_commit
from appctld.pipeline.native.verify import read_commit
from appctld.pipeline.recall import Recalled, recall
from appctld.pipeline.records.runfile import run_of
from appctld.pipeline.tools import Tools
from appctld.state.paths import Paths
from appctld.state.provenance import Provenance, read_provenance
from appctld.state.records import Record, read_record


@dataclass(frozen=True, slots=True)
class Kept:
    """`path` is the deployment's directory; `current` says whether it is the one that runs.

    `facts` are what a publisher's own commit says of itself, read from the very bytes that were signed;
    `config` is the image's, read once, and aside: it may have a megabyte.
    """

    path: Path
    current: bool
    record: Record | None
    provenance: Provenance | None
    recalled: Recalled | None
    facts: CommitFacts | None
    config: ImageConfig | None

    @property
    def id(self) -> str:
        """The app's."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """`ID/DEPLOYMENT`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def native(self) -> bool:
        """Whether it is a publisher's own commit, which no image names: then its name is its digest."""
        return self.record is not None and _is_native(self.record)

    @property
    def made_here(self) -> bool:
        """Whether its commit was, and says what the image was: else it is a publisher's own."""
        return _is_made_here(self.record)

    @property
    def held(self) -> PublishedCommit | None:
        """The publisher's commit that its image holds, if its config can be read. Raises BadManifest."""
        return published_commit(self.config) if self.config else None

    def metadata(self) -> str | None:
        """The text of the tree's own metadata file, if that is here. Raises BadManifest (of the config)."""
        paths = describe(self.config).files if self.config else METADATA_FILES
        return metadata_in(self.recalled.files, paths) if self.recalled else None

    def run(self) -> JsonObject | None:
        """What run.json must hold, if that can be told."""
        record, config = self.record, self.config
        if record is None or self.recalled is None or (config is None and not self.native):
            return None
        try:
            return run_of(record, config, self.metadata())
        except AppctlError:
            return None


def directories(paths: Paths, app_id: str) -> list[Path]:
    """Every deployment of an app, be its record readable or not."""
    found = (path for path in paths.app(app_id).iterdir() if not path.name.startswith("."))
    return sorted(path for path in found if path.is_dir() and not path.is_symlink())


async def kept(path: Path, tools: Tools) -> Kept:
    """Read one deployment."""
    record, provenance = await tools.aside(_documents, path)
    link = path.parent / "current"
    current = link.is_symlink() and str(link.readlink()) == path.name
    recalled, facts = await _recalled(path, record, tools), await _facts(record, provenance, tools)
    config = await tools.aside(_config, record, provenance, recalled)
    return Kept(path, current, record, provenance, recalled, facts, config)


def _documents(path: Path) -> tuple[Record | None, Provenance | None]:
    """What stands beside each other in its directory: the second may have megabytes."""
    return record_of(path), _provenance(path)


def record_of(path: Path) -> Record | None:
    """A deployment's record as it is now, if it can be read and names a remote that may be."""
    try:
        record = read_record(path)
        check_name(record.remote)  # it names refs
    except AppctlError:
        return None
    return record


def _provenance(path: Path) -> Provenance | None:
    try:
        return read_provenance(path)
    except AppctlError:
        return None


async def _recalled(path: Path, record: Record | None, tools: Tools) -> Recalled | None:
    """Only the commit after which the deployment is named counts as its own."""
    if record is None or not path.name.startswith(record.commit[:12]):
        return None
    try:
        return await recall(Digest(record.commit).hex, tools)
    except AppctlError:
        return None


async def _facts(record: Record | None, provenance: Provenance | None, tools: Tools) -> CommitFacts | None:
    """Only bytes whose hash is the commit's name are read: whose signatures held when it was installed."""
    if record is None or provenance is None or not _is_native(record):
        return None
    raw = provenance.manifest.raw
    if Digest.of(raw) != record.image_digest:
        return None
    try:
        return await read_commit(raw, record.image_digest, tools)
    except AppctlError:
        return None


def _config(
    record: Record | None, provenance: Provenance | None, recalled: Recalled | None
) -> ImageConfig | None:
    """The image's config, if it is here and can be read; beside a publisher's commit it is kept apart."""
    raw = _config_bytes(record, provenance, recalled)
    try:
        return parse_config(raw) if raw else None
    except AppctlError:
        return None


def _config_bytes(record: Record | None, provenance: Provenance | None, recalled: Recalled | None) -> bytes:
    if _is_made_here(record):
        return recalled.config if recalled else b""
    beside = provenance.config if provenance else None
    if beside is None or record is None or Digest.of(beside.raw) != record.config_digest:
        return b""
    return beside.raw


def _is_native(record: Record) -> bool:
    return record.image_digest.hex == record.commit


def _is_made_here(record: Record | None) -> bool:
    """An image that holds a publisher's commit and nothing above it is deployed as that."""
    if record is None:
        return True
    own = record.ostree_layers and record.ostree_layers == len(record.layers)
    return not _is_native(record) and not own
