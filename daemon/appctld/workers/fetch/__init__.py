# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""All HTTP of the daemon: a sandbox with network, believed about nothing."""
