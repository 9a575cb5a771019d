# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Records of apps, as the store leaves them, for tests that need no store."""

import json
from dataclasses import replace
from pathlib import Path

from appctld.model.context import LEAVES
from appctld.model.digest import Digest
from appctld.model.permissions import Permission
from appctld.state.paths import Paths
from appctld.state.provenance import Signed
from appctld.state.records import Record

RECORD = Record(
    id="org.example.App",
    remote="acme",
    reference="quay.io/acme/app:1",
    image_digest=Digest("1" * 64),
    index_digest="",
    config_digest=Digest("2" * 64),
    commit="3" * 64,
    layers=(Digest("4" * 64), Digest("5" * 64)),
    verify="gpg",
    signer="A" * 40,
    signer_name="Acme <acme@example.org>",
    signed_at=1_700_000_000,
    signers=(Signed("A" * 40, "Acme <acme@example.org>", 1_700_000_000),),
    threshold=1,
    identity="tag",
    verdict="gpg: 1 counted of 1 asked for, over the tag",
    checked_at=1_700_000_001,
    tag_bound=True,
    version="1.0",
    title="Éditeur",
    arch="amd64",
    installed_size=1000,
    install_time=1_700_000_002,
    bytes_downloaded=100,
    bytes_reused=10,
    deployment="333333333333.1",
    permissions=(Permission("shared", "network", LEAVES),),
    created=1_600_000_000,
    ignored=("EXPOSE",),
    dropped=("dev/console",),
)


def deploy(paths: Paths, record: Record = RECORD, *, current: bool = True) -> Path:
    """The directory of one deployment with its record; made current if asked."""
    app = paths.app(record.id)
    directory = app / record.deployment
    (directory / "files").mkdir(parents=True)
    (directory / "record.json").write_text(json.dumps(record.to_json()))
    if current:
        link = app / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(record.deployment)
    return directory


def numbered(
    number: int, *, app_id: str = RECORD.id, version: str = "", digest: Digest = RECORD.image_digest
) -> Record:
    """One of several deployments of an app, the higher the newer."""
    return replace(
        RECORD,
        id=app_id,
        image_digest=digest,
        deployment=f"333333333333.{number}",
        install_time=RECORD.install_time + number,
        version=version or f"{number}.0",
    )
