# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 3½: where its remote asks for that, the commit in an image is signed by the remote's keys.

The image's own signature says which commit it is, or that it holds none, so no remote without one may ask
(config/remote.py); `verify-commit=gpg` asks whoever made the commit, too. It is judged before anything of the
image is stored, on bytes that hash to the commit's name, and again with every install: a key that counts no
more brings nothing new, whatever of it is here.
"""

import os

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import LAYER_BYTES
from appctld.pipeline.images.layer import fetch_anew, read_tar
from appctld.pipeline.native.resolve import ANSWER_BYTES, split_commit
from appctld.pipeline.parallel import two_ends
from appctld.pipeline.stages import FetchedLayer, Planned, SignedCommit
from appctld.pipeline.tools import Tools
from appctld.system.pipes import collect
from appctld.trust.evidence import Evidence
from appctld.trust.native.signatures import judge_signatures


async def check_commit(planned: Planned, tools: Tools) -> SignedCommit | None:
    """Fetch the layer of the commit and judge what is signed there; None where nobody asks.

    Raises the Untrusted leaves, and as `fetch_and_import`.
    """
    remote, published = planned.remote, planned.published
    if published is None or remote.verify_commit == "no":
        return None
    layers = planned.in_turn()[-1]
    fetched = await fetch_anew(layers[0], planned.verified, tools)
    tools.progress.stage("verifying")
    raw, evidence = await _shown(fetched, published.commit, tools)
    await judge_signatures(
        raw, evidence, planned.reference, remote.for_commits(), tools.launcher, tools.now()
    )
    return SignedCommit(fetched, raw, evidence)


async def _shown(fetched: FetchedLayer, commit: str, tools: Tools) -> tuple[bytes, Evidence]:
    """The commit's bytes, and the signatures that lie beside them in the layer."""
    request: JsonObject = {
        "op": "show-commit",
        "diff_id": str(fetched.layer.diff_id),
        "max_bytes": LAYER_BYTES,
        "commit": commit,
    }
    reading, writing = os.pipe()
    answer, data = await two_ends(
        read_tar(fetched, request, tools, out=writing),
        collect(reading, ANSWER_BYTES),
    )
    raw, openpgp, _ = split_commit(answer, data)
    where = (f"layer {fetched.layer.descriptor.digest}",)
    return raw, Evidence(Digest(commit), openpgp, looked_at=where)
