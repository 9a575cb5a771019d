# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What every kind of plan offers to those who show it, compare it and carry it out."""

from typing import Protocol

from appctld.config.remote import Remote
from appctld.model.digest import Digest
from appctld.model.ostreeref import AnyReference
from appctld.model.permissions import Permission
from appctld.pipeline.stages import Standing
from appctld.state.records import Record
from appctld.trust.verdict import Verdict


class Plan(Protocol):
    """What an install would do, decided on verified bytes: of an image, or of a native commit.

    `digest` is of what the reference leads to. `current` is what is installed under `id`; `given_id` says
    that what was verified does not call itself so. Of sizes in bytes,
    `bytes_to_download` is None where nobody can know it before.
    """

    @property
    def reference(self) -> AnyReference: ...  # noqa: D102
    @property
    def remote(self) -> Remote: ...  # noqa: D102
    @property
    def digest(self) -> Digest: ...  # noqa: D102
    @property
    def verdict(self) -> Verdict: ...  # noqa: D102
    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def given_id(self) -> bool: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def permissions(self) -> tuple[Permission, ...]: ...  # noqa: D102
    @property
    def ignored(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def current(self) -> Record | None: ...  # noqa: D102
    @property
    def standing(self) -> Standing: ...  # noqa: D102
    @property
    def bytes_to_download(self) -> int | None: ...  # noqa: D102
    @property
    def bytes_here(self) -> int: ...  # noqa: D102
    @property
    def layers_total(self) -> int: ...  # noqa: D102
    @property
    def layers_to_download(self) -> int: ...  # noqa: D102
