# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What exports, `python -m appctld.workers.export`: one request from the client, one answer (protocol.py).

It runs as the caller, with the caller's rights and logins, and without the daemon. What each operation takes,
gives and raises stands with its handler.
"""

from collections.abc import Mapping

from appctld.workers.protocol import Handler, late, main

OPERATIONS: Mapping[str, str] = {
    "export": "image.export:export",
    "catalog": "catalog.catalog:catalog",
    "publish": "publish.publish:publish",
}
HANDLERS: Mapping[str, Handler] = {
    operation: late(f"{__package__}.{where}") for operation, where in OPERATIONS.items()
}

if __name__ == "__main__":
    main(HANDLERS)
