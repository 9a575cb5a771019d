# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the daemon knows, asked and shown: apps, lists of remotes, jobs, and what happens as it happens."""
