# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What lies in an OCI layout, whoever wrote it: entries by name, and blobs by digest."""

import json
from pathlib import Path
from typing import Any

NAME = "org.opencontainers.image.ref.name"


def entries(layout: Path) -> list[Any]:
    """The entries of its index, in their order."""
    return list(json.loads((layout / "index.json").read_bytes())["manifests"])


def named(layout: Path) -> dict[str, Any]:
    """The entries that have a name, by it, in their order."""
    found = ((entry.get("annotations", {}).get(NAME), entry) for entry in entries(layout))
    return {name: entry for name, entry in found if name is not None}


def blob(layout: Path, digest: str) -> Path:
    """Where a blob lies."""
    return layout / "blobs/sha256" / digest.removeprefix("sha256:")


def document(layout: Path, digest: str) -> Any:  # noqa: ANN401 - JSON
    """A blob that is JSON."""
    return json.loads(blob(layout, digest).read_bytes())
