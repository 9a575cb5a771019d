# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is made of a directory, as other people's programs see it: umoci, skopeo."""

import json
import subprocess
from pathlib import Path

import pytest

from support.workers.publishing import METADATA, NAME, directory, published

FORMS = ["ostree", "plain"]


def skopeo(*arguments: str) -> str:
    command = ["skopeo", "--insecure-policy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def unpacked(layout: Path, to: Path) -> Path:
    command = ["umoci", "unpack", "--rootless", "--image", f"{layout}:{NAME}", str(to)]
    subprocess.run(command, capture_output=True, check=True)
    return to / "rootfs"


def listing(root: Path) -> dict[str, tuple[int, str]]:
    """Every path with its mode, and its content or target."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            str(path.readlink()) if path.is_symlink() else "" if path.is_dir() else path.read_bytes().hex(),
        )
        for path in root.rglob("*")
    }


@pytest.mark.parametrize("chunked", [False, True])
def test_umoci_unpacks_a_plain_image_to_what_the_directory_was(
    tree: Path, tmp_path: Path, *, chunked: bool
) -> None:
    published(directory(tree), tmp_path / "out", "plain", chunked=chunked)
    assert listing(unpacked(tmp_path / "out", tmp_path / "to")) == listing(tree)


@pytest.mark.parametrize("chunked", [False, True])
def test_umoci_shows_the_commits_files(tree: Path, tmp_path: Path, *, chunked: bool) -> None:
    published(directory(tree), tmp_path / "out", chunked=chunked)
    found = listing(unpacked(tmp_path / "out", tmp_path / "to"))
    assert {path: found[path] for path in listing(tree)} == listing(tree)


@pytest.mark.parametrize("form", FORMS)
def test_skopeo_copies_it_and_says_what_it_is(tree: Path, tmp_path: Path, form: str) -> None:
    answer = published(directory(tree), tmp_path / "out", form, chunked=True, entrypoint=["/usr/bin/hello"])
    source = f"oci:{tmp_path / 'out'}:{NAME}"
    skopeo("copy", "--preserve-digests", source, f"dir:{tmp_path / 'copy'}")
    config = json.loads(skopeo("inspect", "--config", source))
    assert config["created"] == "2023-11-14T22:13:20Z"
    assert config["config"]["Entrypoint"] == ["/usr/bin/hello"]
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == "1.0"
    assert config["config"]["Labels"]["org.appctl.metadata"] == METADATA
    assert json.loads(skopeo("inspect", source))["Digest"] == answer["digest"]
