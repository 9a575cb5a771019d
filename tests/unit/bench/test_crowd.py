# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""State that was written directly is what the store would have left."""

import subprocess
from pathlib import Path

from appctld.state.layers import recorded_refs
from appctld.state.records import installed, roots
from appctld.workers.store.ostree.repository import Repository
from engine.crowd import Crowd


def test_libostree_and_the_daemon_agree_with_what_was_written(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    layers = crowd.layers(3)
    crowd.apps(2, layers)
    subprocess.run(["ostree", "fsck", f"--repo={crowd.paths.repo}"], check=True, capture_output=True)
    assert len(installed(crowd.paths)) == 2
    refs = Repository.open(crowd.paths.repo).refs()
    assert set(refs) == roots(crowd.paths)
    assert recorded_refs(crowd.paths) == {ref for ref in refs if ref.startswith("appctl/layer/")}
    assert len(layers) == 3
