# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The store worker: `python -m appctld.workers.store`, one request from the daemon, one answer.

It sees the state directory and no network. What each operation takes, gives and raises stands with its
handler.
"""

from collections.abc import Mapping

from appctld.workers.protocol import Handler, main
from appctld.workers.store.audit.audit import audit
from appctld.workers.store.audit.mend import mend
from appctld.workers.store.audit.recall import recall
from appctld.workers.store.deploy import activate, deploy, remove
from appctld.workers.store.layer import adopt_layer, import_layer
from appctld.workers.store.merge import merge
from appctld.workers.store.native.describe import describe_commit
from appctld.workers.store.native.discard import discard
from appctld.workers.store.native.importing import import_commit
from appctld.workers.store.native.lend import lend
from appctld.workers.store.prune import prune
from appctld.workers.store.receive import receive, recheck
from appctld.workers.store.recover import recover

HANDLERS: Mapping[str, Handler] = {
    "receive": receive,
    "recheck": recheck,
    "import-layer": import_layer,
    "adopt-layer": adopt_layer,
    "merge": merge,
    "describe-commit": describe_commit,
    "import-commit": import_commit,
    "lend": lend,
    "discard": discard,
    "deploy": deploy,
    "activate": activate,
    "remove": remove,
    "prune": prune,
    "recover": recover,
    "audit": audit,
    "recall": recall,
    "mend": mend,
}

if __name__ == "__main__":
    main(HANDLERS)
