# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What others do with one layer: `ostree commit --tree=tar` and `tar xzf`, each as its manual says."""

from pathlib import Path

from measure.cost import Cost, command


def ostree_commit(layer: Path, place: Path) -> Cost:
    """Into a new bare-user repository; ostree syncs once, at the end."""
    return command(ostree_commit_command(layer, place))


def ostree_commit_command(layer: Path, place: Path) -> list[str]:
    """The command, its repository made."""
    repository = place / "repo"
    command(["ostree", "init", f"--repo={repository}", "--mode=bare-user"])
    words = ["--branch=layer", f"--tree=tar={layer}", "--tar-autocreate-parents", "--no-bindings"]
    return ["ostree", "commit", f"--repo={repository}", *words, "--timestamp=@0", "--subject="]


def tar(layer: Path, place: Path) -> Cost:
    """Into an empty directory; nothing is synced, and devices, which only root may make, are left out."""
    return command(
        ["tar", "--extract", "--gzip", f"--file={layer}", f"--directory={place}", "--exclude=dev/*"]
    )
