# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`python -m appctld.workers.pull`: fetches from one native OSTree remote into a quarantine repository.

Two operations, each about one repository (source.py):

- `commit`: the commit that a ref names, or that is named itself, with its signatures, and nothing else;
- `pull`: everything that a commit names.

Nothing that leaves here or lies in the quarantine is verified, and nobody believes it: the daemon hashes and
parses commit and signatures, the store hashes every object again.
"""

import os
from collections.abc import Mapping
from dataclasses import replace

from appctld.errors import NotFound
from appctld.model.jsonvalue import JsonObject, get_bool, get_int, get_str
from appctld.workers.detached import DETACHED_BYTES, Signatures, parse_signatures
from appctld.workers.protocol import Handler, Report, descriptor, main
from appctld.workers.pull.bounds import bound_memory
from appctld.workers.pull.pulling import Wanted
from appctld.workers.pull.pulling import pull as run
from appctld.workers.pull.repository import Kind
from appctld.workers.pull.source import check_commit, check_ref, parse_source

COMMIT_BYTES = 10 << 20  # what ostree-ext takes of a metadata object; a commit with an app's label has KiB
SUMMARY_BYTES = 64 << 20  # beside the commit comes the summary; the largest known have some 10 MB


def commit(request: JsonObject, report: Report) -> JsonObject:
    """Write the commit's bytes, then each OpenPGP signature, then each ed25519 signature.

    -> {"commit": HEX, "size": n, "openpgp": [sizes], "ed25519": [sizes], "looked_at": [[url, status]]}, with
    the address of the signatures; status 0 where no server was asked. Raises NotFound, LimitExceeded,
    BadManifest, and what pulling.py raises.
    """
    with os.fdopen(descriptor(request, "out"), "wb") as output:
        source, wanted = parse_source(request), _wanted(request)
        source = replace(source, parent=None, have=None)  # of an earlier commit nothing is asked
        repository = run(source, wanted, SUMMARY_BYTES, report).repository
        name = wanted.commit or repository.resolve(wanted.ref)
        raw = repository.read(Kind.COMMIT, name, COMMIT_BYTES)
        detached = repository.read(Kind.COMMITMETA, name, DETACHED_BYTES)
        signatures = parse_signatures(detached) if detached is not None else Signatures()
        if raw is None:
            raise NotFound(f"{source.place} has no commit {name}")
        for part in (raw, *signatures.openpgp, *signatures.ed25519):
            output.write(part)
    return {
        "commit": name,
        "size": len(raw),
        "openpgp": [len(signature) for signature in signatures.openpgp],
        "ed25519": [len(signature) for signature in signatures.ed25519],
        "looked_at": [list(source.looked_at(Kind.COMMITMETA.path(name), there=detached is not None))],
    }


def pull(request: JsonObject, report: Report) -> JsonObject:
    """Bring everything of a commit into the quarantine; -> {"bytes": n that came}.

    The quarantine holds at most `limit` bytes meanwhile. Raises what pulling.py raises.
    """
    source = parse_source(request)
    wanted = Wanted(
        ref=check_ref(get_str(request, "ref")),
        commit=check_commit(get_str(request, "commit")),
        whole=True,
        deltas=get_bool(request, "deltas", default=True),
    )
    return {"bytes": run(source, wanted, get_int(request, "limit"), report).received}


def _wanted(request: JsonObject) -> Wanted:
    """One commit alone: that of a ref, or the one that is named."""
    if "commit" in request:
        return Wanted(commit=check_commit(get_str(request, "commit")))
    return Wanted(ref=check_ref(get_str(request, "ref")))


HANDLERS: Mapping[str, Handler] = {"commit": commit, "pull": pull}

if __name__ == "__main__":
    bound_memory()
    main(HANDLERS)
