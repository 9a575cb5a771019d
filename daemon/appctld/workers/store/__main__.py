# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The store worker: `python -m appctld.workers.store`, one request from the daemon, one answer.

It sees the state directory and no network. What each operation takes, gives and raises stands with its
handler, which is imported when it is asked for: what only moves bytes starts without libostree.
"""

from collections.abc import Mapping

from appctld.workers.protocol import Handler, late, main

HANDLERS: Mapping[str, Handler] = {
    operation: late(f"{__package__}.{where}")
    for operation, where in {
        "receive": "receive:receive",
        "recheck": "receive:recheck",
        "import-layer": "layer:import_layer",
        "adopt-layer": "layer:adopt_layer",
        "rebuild-layer": "tarsplit.rebuild:rebuild_layer",
        "import-objects": "ostree_ext.importing:import_objects",
        "import-commit-layer": "ostree_ext.importing:import_commit_layer",
        "show-commit": "ostree_ext.showing:show_commit",
        "merge": "merge:merge",
        "describe-commit": "native.describe:describe_commit",
        "import-commit": "native.importing:import_commit",
        "lend": "native.lend:lend",
        "discard": "native.discard:discard",
        "deploy": "deploy:deploy",
        "activate": "deploy:activate",
        "remove": "deploy:remove",
        "prepare-caches": "farm.caches:prepare",
        "take-caches": "farm.caches:take",
        "prune": "prune:prune",
        "quiet": "prune:quiet",
        "room": "room:room",
        "recover": "recover:recover",
        "store-catalog": "catalog.store:store_catalog",
        "store-hints": "catalog.hints:store_hints",
        "show-catalog": "catalog.store:show_catalog",
        "keep-catalogs": "catalog.store:keep_catalogs",
        "search-catalogs": "catalog.searching.search:search_catalogs",
        "audit": "audit.audit:audit",
        "recall": "audit.recall:recall",
        "mend": "audit.mend:mend",
    }.items()
}

if __name__ == "__main__":
    main(HANDLERS)
