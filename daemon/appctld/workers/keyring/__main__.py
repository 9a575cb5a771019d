# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`python -m appctld.workers.keyring`: one request from the daemon, one answer.

It sees two descriptors and an empty /tmp; gpg runs without an agent and without a network.
"""

from collections.abc import Mapping

from appctld.workers.keyring.importing import import_keys
from appctld.workers.protocol import Handler, main

HANDLERS: Mapping[str, Handler] = {"import": import_keys}

if __name__ == "__main__":
    main(HANDLERS)
