# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the workers with a network share: addresses, rules about peers, failures of a connection.

No program; it knows no worker.
"""
