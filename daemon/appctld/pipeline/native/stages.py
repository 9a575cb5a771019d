# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The values of the native pipeline, with the promises of `pipeline/stages.py`.

OstreeRef -> ResolvedCommit -> VerifiedCommit -> PlannedCommit -> PulledCommit -> ImportedCommit -> Deployed.
"""

from dataclasses import dataclass
from pathlib import Path

from appctld.config.remote import Remote
from appctld.model.commit import CommitFacts
from appctld.model.digest import Digest
from appctld.model.ostreeref import OstreeRef
from appctld.model.permissions import Permission
from appctld.pipeline.stages import Standing
from appctld.state.records import Record
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ResolvedCommit:
    """The bytes of the commit that a ref leads to, and what was found over them. Nothing of it was read yet.

    `digest` was computed here; its hexadecimal digits are the commit's name.
    """

    reference: OstreeRef
    remote: Remote
    raw: bytes
    digest: Digest
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class VerifiedCommit:
    """A commit that this remote's keys vouch for, and that is for this ref."""

    resolved: ResolvedCommit
    facts: CommitFacts
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """What a preview shows and an install does. Made of verified bytes only. See `plans.Plan`."""

    verified: VerifiedCommit
    id: str
    version: str
    permissions: tuple[Permission, ...]
    current: Record | None
    standing: Standing
    given_id: bool = False

    @property
    def reference(self) -> OstreeRef:
        """What was asked for."""
        return self.verified.resolved.reference

    @property
    def remote(self) -> Remote:
        """Under whose keys it was verified."""
        return self.verified.resolved.remote

    @property
    def digest(self) -> Digest:
        """The commit's."""
        return self.verified.resolved.digest

    @property
    def verdict(self) -> Verdict:
        """Why it may be installed."""
        return self.verified.verdict

    @property
    def title(self) -> str:
        """A commit has none."""
        return ""

    @property
    def ignored(self) -> tuple[str, ...]:
        """A commit asks for nothing that appctl does not do."""
        return ()

    @property
    def bytes_to_download(self) -> int | None:
        """A commit does not say."""
        return None

    @property
    def bytes_here(self) -> int:
        """See `bytes_to_download`."""
        return 0

    @property
    def layers_total(self) -> int:
        """A commit has none."""
        return 0

    @property
    def layers_to_download(self) -> int:
        """A commit has none."""
        return 0


@dataclass(frozen=True, slots=True)
class PulledCommit:
    """Whatever the remote sent for a commit, in a quarantine. Hostile: nothing of it was looked at.

    What is missing may be found below `parent`, a commit that the same remote gave; empty for none.
    """

    planned: PlannedCommit
    quarantine: Path
    downloaded: int
    parent: str


@dataclass(frozen=True, slots=True)
class ImportedCommit:
    """A commit in the repository, every object hashed, with this remote's ref on it.

    `metadata` is the text of the tree's own metadata file, if it has one; `permissions` are what it asks for,
    by its label or else by that file, and somebody approved.
    """

    planned: PlannedCommit
    commit: str
    downloaded: int
    installed_size: int
    metadata: str | None
    permissions: tuple[Permission, ...]

    @property
    def id(self) -> str:
        """The app's."""
        return self.planned.id

    @property
    def version(self) -> str:
        """The commit's."""
        return self.planned.version
