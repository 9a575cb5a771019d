# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Two apps worth listing."""

from pathlib import Path

import pytest

from support.workers.cataloguing import ICON, TOOL
from support.workers.specimen import ID, File, Specimen, png


@pytest.fixture
def greeter(tmp_path: Path) -> Specimen:
    """An app with metainfo and icons."""
    specimen = Specimen(tmp_path / "greeter")
    specimen.files[ICON.format("64x64", ID)] = File(png(64, 64))
    return specimen


@pytest.fixture
def tool(tmp_path: Path) -> Specimen:
    """An app with labels alone."""
    specimen = Specimen(tmp_path / "tool")
    specimen.name = specimen.identity = "registry.example.org/apps/deep/tool:2"
    specimen.labels = {
        "org.appctl.id": TOOL,
        "org.opencontainers.image.title": "Tool & <Die>",
        "org.opencontainers.image.description": "Turns\nscrews\x01.",
        "org.opencontainers.image.version": "2.0",
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.url": "https://example.org/tool",
    }
    specimen.created = "2023-11-14T22:13:20Z"
    specimen.run = {"Entrypoint": ["/usr/bin/tool"]}
    specimen.files = {"usr/bin/tool": File(b"#!/bin/sh\n", 0o755)}
    return specimen
