# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""ostree-ext: `container image pull` of one layer above an ostree-structured base that is there already.

It refuses plain images (`No ostree.final-diffid label found`), so the layer is put above a base that its own
`container encapsulate` made of an empty commit. Any `ostree-ext-cli` in PATH is taken; Debian has none.
"""

import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from inputs.layer import Layer
from inputs.layout import Layout
from measure.cost import Cost, command
from measure.report import say
from measure.turns import Contender

PROGRAM = "ostree-ext-cli"


def contender(name: str, layout: Layout, place: Path) -> Mapping[str, Contender]:
    """The contender of that name, for the layers of the layout's image "1"; none where it cannot run."""
    if not shutil.which(PROGRAM):
        return {}
    try:
        return {name: partial(_pull, _derived(layout, place))}
    except (OSError, RuntimeError, LookupError, ValueError) as error:
        say(f"{name} is left out: {error}")
        return {}


def _derived(layout: Layout, place: Path) -> Layout:
    """A layout with two images, `base` and `derived`."""
    repository, empty, made = place / "ext-repo", place / "ext-empty", Layout(place / "ext-layout")
    (empty / "usr").mkdir(parents=True)
    command(["ostree", "init", f"--repo={repository}", "--mode=bare-user"])
    words = ["--branch=base", "--owner-uid=0", "--owner-gid=0", "--no-xattrs", str(empty)]
    command(["ostree", "commit", f"--repo={repository}", *words])
    command(
        [PROGRAM, "container", "encapsulate", f"--repo={repository}", "base", f"oci:{made.directory}:base"]
    )
    config = json.loads(made.blob(made.manifest("base")["config"]["digest"]).read_bytes())
    layers = [Layer(layer.blob, layer.diff_id, 0, 0) for layer in (*made.layers("base"), *layout.layers("1"))]
    made.add("derived", layers, labels=config["config"]["Labels"])
    return made


def _pull(derived: Layout, place: Path) -> Cost:
    """The derived layer alone; the base is there."""
    repository = place / "repo"
    command(["ostree", "init", f"--repo={repository}", "--mode=bare-user"])
    pull = [PROGRAM, "container", "image", "pull", str(repository)]
    command([*pull, f"ostree-unverified-image:oci:{derived.directory}:base"])
    return command([*pull, f"ostree-unverified-image:oci:{derived.directory}:derived"])
