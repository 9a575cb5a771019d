# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The examiner, `python -m appctld.workers.lint`: one request from the client, one answer (protocol.py).

It runs as the caller, with the caller's rights and logins, and without the daemon.
"""

from collections.abc import Mapping

from appctld.workers.lint.examine import lint
from appctld.workers.protocol import Handler, main

HANDLERS: Mapping[str, Handler] = {"lint": lint}

if __name__ == "__main__":
    main(HANDLERS)
